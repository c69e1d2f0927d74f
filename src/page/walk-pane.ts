// A walk through one real step: batch, forward, loss, backward, update. Each stop says in one sentence what happened, shows the
// numbers, and selects what they come from everywhere else.
import { programOf } from "../inspect/costs.ts";
import type { Origin } from "../ir/graph.ts";
import { byId, el } from "./dom.ts";
import { keysOf } from "./keys.ts";
import type { Walk } from "./messages.ts";
import { inkImage, signedImage } from "./pictures.ts";
import type { Store } from "./store.ts";
import type { Training } from "./training.ts";

interface Stop {
  readonly title: string;
  readonly sentence: string;
  readonly pictures: readonly HTMLElement[];
  readonly origins: readonly Origin[];
}

export function mountWalk(store: Store, training: Training): void {
  const pane = byId("walk");
  let stops: readonly Stop[] = [];
  let at = 0;
  const show = (next: number): void => {
    at = Math.max(0, Math.min(stops.length - 1, next));
    const stop = stops[at];
    if (!stop) return;
    const back = el("button", { type: "button", disabled: at === 0 }, "‹ back");
    back.addEventListener("click", () => show(at - 1));
    const isLast = at === stops.length - 1;
    const on = el("button", { type: "button", id: "walk-next" }, isLast ? "close" : "next ›");
    on.addEventListener("click", () => (isLast ? close() : show(at + 1)));
    pane.replaceChildren(
      el(
        "header",
        {},
        el(
          "div",
          {},
          el("b", {}, stop.title),
          " ",
          el("small", {}, `${at + 1} of ${stops.length}, step ${training.walk?.step ?? ""}`),
        ),
        back,
        on,
      ),
      el("p", { "aria-live": "polite" }, stop.sentence),
      el("div", { class: "images" }, ...stop.pictures),
    );
    pane.hidden = false;
    on.focus();
    store.select({ label: stop.title, keys: new Set(keysOf(stop.origins, store.model.path)) });
  };
  const close = (): void => {
    pane.hidden = true;
    store.select(undefined);
  };
  pane.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(at + 1);
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "Escape") close();
  });
  training.on((kind) => {
    if (kind === "reset") pane.hidden = true;
    if (kind !== "walk" || !training.walk) return;
    stops = stopsOf(store, training.walk);
    show(0);
  });
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const short = (value: number): string =>
  Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : value.toExponential(2);

function stopsOf(store: Store, walk: Walk): Stop[] {
  const { compiled } = store;
  if (!compiled) return [];
  const { module, textbook } = compiled;
  const nodes = textbook.nodes;
  const ofRole = (role: string): Origin[] =>
    nodes.flatMap((node) => node.origins.filter((origin) => origin.role === role));
  const ofOutput = (name: string): readonly Origin[] => {
    const id = textbook.outputs.get(name);
    return id === undefined ? [] : nodes[id]!.origins;
  };
  const step = programOf(compiled.unit, "step");
  const updates = step ? step.procedures.flatMap(({ origins }) => origins.filter(({ role }) => role === "update")) : [];
  const labels = walk.labels.length > 0 ? ` Their classes are ${walk.labels.join(" ")}.` : "";
  const width = walk.output.values.length / walk.rows;
  const first = Array.from(walk.output.values.subarray(0, Math.min(width, 10)), short).join("  ");
  const truth = walk.labels[0];
  return [
    {
      title: "batch",
      sentence: `${walk.rows} rows were copied into the inputs${walk.images.length > 0 ? `; here are the first ${walk.images.length}.${labels}` : "."}`,
      pictures: walk.images.map((image) => inkImage(image, walk.side)),
      origins: module.columns.map(({ origin }) => origin),
    },
    {
      title: "forward",
      sentence: `The model made ${walk.output.name} [${walk.output.shape.join(", ")}] of them. Its first row is ${first}.`,
      pictures: [matrixImage(walk.output.values, walk.rows, width)],
      origins: ofRole("forward").filter(({ span }) => span !== undefined),
    },
    {
      title: "loss",
      sentence: `One number says how wrong that is: ${short(walk.loss)}.${truth !== undefined && width > truth ? ` For the first row, whose class is ${truth}, the model gave ${short(walk.output.values[truth]!)}.` : ""}`,
      pictures: [],
      origins: ofOutput("loss"),
    },
    ...walk.gradients.map(
      ({ name, shape, values }): Stop => ({
        title: `backward: d${name}`,
        sentence: `How the loss changes with each number of ${name} [${shape.join(", ")}]: the gradient, of length ${short(norm(values))}.`,
        pictures: tensorImages(values, shape),
        origins: ofOutput(`grad.${name}`),
      }),
    ),
    ...walk.updates.map(({ name, shape, before, after }): Stop => {
      const change = after.map((value, k) => value - before[k]!);
      return {
        title: `update: ${name}`,
        sentence: `The optimizer moved ${name} by ${short(norm(change))}, from length ${short(norm(before))} to ${short(norm(after))}. Before, after, and the difference (drawn stronger).`,
        pictures: [before, after, change].flatMap((values) => tensorImages(values, shape).slice(0, 10)),
        origins: [...updates, ...module.slots.filter((slot) => slot.name === name).map(({ origin }) => origin)],
      };
    }),
  ];
}

const largest = (values: Float32Array): number => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);

const matrixImage = (values: Float32Array, rows: number, columns: number): HTMLCanvasElement =>
  signedImage(values, (pixel) => pixel, columns, Math.min(rows, 64), largest(values));

/** Square images where a size is a square, else the tensor as rows and columns. */
function tensorImages(values: Float32Array, shape: readonly number[]): HTMLElement[] {
  const most = largest(values);
  const [rows = 1, columns = 1] = shape;
  const sideOf = (size: number): number | undefined =>
    size >= 16 && Number.isInteger(Math.sqrt(size)) ? Math.sqrt(size) : undefined;
  if (shape.length === 2) {
    const byColumn = sideOf(rows);
    const byRow = sideOf(columns);
    if (byColumn !== undefined && columns <= 32) {
      return Array.from({ length: columns }, (_, unit) =>
        signedImage(values, (pixel) => pixel * columns + unit, byColumn, byColumn, most),
      );
    }
    if (byRow !== undefined) {
      return Array.from({ length: Math.min(rows, 20) }, (_, unit) =>
        signedImage(values, (pixel) => unit * columns + pixel, byRow, byRow, most),
      );
    }
    return [signedImage(values, (pixel) => pixel, columns, rows, most)];
  }
  if (shape.length === 4) {
    const [, , h = 1, w = 1] = shape;
    return Array.from({ length: Math.min(rows, 16) }, (_, unit) =>
      signedImage(values, (pixel) => (unit * values.length) / rows + pixel, w, h, most),
    );
  }
  return [signedImage(values, (pixel) => pixel, values.length, 1, most)];
}
