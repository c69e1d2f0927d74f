// A small model whose numbers can be followed by hand, for the tests of debug builds.
export const debugModel = `# Two layers, to be looked into.
fn nll(logp, target) = -mean(pick(logp, target))

model small(x: [N, 4]) -> [N, 3] {
  param w: [4, 5] = normal() / 2
  param v: [5, 3] = normal() / 2
  scores = x @ w
  h = tanh(scores)
  log_softmax(h @ v)
}

loss(out, target: class[N] < 3) = nll(out, target)
metric accuracy(out, target)

train {
  batch     = 6
  optimizer = sgd(lr = 0.1)
}
`;

/** The number, from 1, of the line that holds a text. */
export const lineOf = (text: string, model = debugModel): number =>
  model.split("\n").findIndex((line) => line.includes(text)) + 1;
