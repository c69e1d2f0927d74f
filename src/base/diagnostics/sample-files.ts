// Small whole files for the pages of the catalogue.

const lines = (body: readonly string[]): string => body.map((line) => `  ${line}\n`).join("");

/** A model over x: [N, 4] with this body. */
export const net = (...body: readonly string[]): string => `model net(x: [N, 4]) {\n${lines(body)}}\n`;

/** A function, and a model that calls it. */
export const withFn = (fn: string, ...body: readonly string[]): string => `${fn}\n\n${net(...body)}`;

/** A model that can be trained, and its `train` block. */
export const trained = (...entries: readonly string[]): string =>
  `model net(x: [N, 4]) { linear(x, 2) }\nloss(out, y: [N, 2]) = mse(out, y)\ntrain {\n${lines(entries)}}\n`;
