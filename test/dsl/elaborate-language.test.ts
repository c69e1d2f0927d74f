// The forms of the language, each by the numbers it computes.
import { describe, expect, it } from "vitest";
import { codes, compile } from "./compile.ts";
import { evaluate, Trainer } from "./run.ts";

const six = { "x: [2, 3]": [1, 2, 3, 4, 5, 6] };
const near = (actual: readonly number[], wanted: readonly number[]): void => {
  expect(actual).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, 10);
};

describe("expressions", () => {
  const table: readonly (readonly [string, readonly number[]])[] = [
    ["1 + 2 * 3 - 4 / 8", [6.5]],
    ["-2 ** 2", [-4]],
    ["2 ** 3 ** 2", [512]],
    ["-7 % 3", [2]],
    ["7 % -3", [-2]],
    ["if 1 < 2 then 10 else 20", [10]],
    ["if not (1 < 2 and 2 == 3) then 1 else 0", [1]],
    ["sqrt(784)", [28]],
    ["max(3, 4) + min([5, 2, 9])", [6]],
    ["sum([1, 2, 3]) + prod([2, 5]) + len([0:4])", [20]],
    ["([1, 2] + [3])[2]", [3]],
    ["[10, 20, 30, 40][1:3][-1]", [30]],
    ["pi - pi + exp(0)", [1]],
    ["f32(3 == 3)", [1]],
  ];
  for (const [expr, wanted] of table) it(expr, () => near(evaluate(`x * 0 + (${expr})`), wanted));

  const tensors: readonly (readonly [string, readonly number[]])[] = [
    ["x.T", [1, 4, 2, 5, 3, 6]],
    ["x[1]", [4, 5, 6]],
    ["x[:, -1]", [3, 6]],
    ["x[.., 0:2]", [1, 2, 4, 5]],
    ["x[0, 1:][0]", [2]],
    ["sum(x)", [21]],
    ["sum(x, axis=0)", [5, 7, 9]],
    ["mean(x, axis=-1)", [2, 5]],
    ["max(x, axis=[0, 1])", [6]],
    ["max(x, 3)", [3, 3, 3, 4, 5, 6]],
    ["argmax(x, axis=1)", [2, 2]],
    ["cumsum(x)", [1, 3, 6, 4, 9, 15]],
    ["x |> sum(axis=1) |> sqrt", [Math.sqrt(6), Math.sqrt(15)]],
    ["x @ tensor([1, 0, 2])", [7, 16]],
    ["tensor([1, 1]) @ x", [5, 7, 9]],
    ["x @ x.T", [14, 32, 32, 77]],
    ["reshape(x, [3, -1])[2]", [5, 6]],
    ["transpose(x, [1, 0])[0]", [1, 4]],
    ["concat([x, 2 * x], axis=1)[0]", [1, 2, 3, 2, 4, 6]],
    ["stack([x[0], x[1]], axis=1)", [1, 4, 2, 5, 3, 6]],
    ["split(x, 3)[1]", [2, 5]],
    ["split(x, [1, 2])[1]", [2, 3, 5, 6]],
    ["split(x, 2, axis=0)[1]", [4, 5, 6]],
    ["pad(x[0], [[1, 2]], value=9)", [9, 1, 2, 3, 9, 9]],
    ["flip(x, axis=1)[0]", [3, 2, 1]],
    ["pick(x, argmax(x, axis=1))", [3, 6]],
    ["gather(x, i32(tensor([1, 0, 1])))[:, 0]", [4, 1, 4]],
    ["one_hot(argmax(x, axis=1), 3)", [0, 0, 1, 0, 0, 1]],
    ["iota(3) + 1", [1, 2, 3]],
    ["iota(3) + 0.5", [0.5, 1.5, 2.5]],
    ["where(x > 2, x, 0)", [0, 0, 3, 4, 5, 6]],
    ["if x > 2 then x else 0", [0, 0, 3, 4, 5, 6]],
    ["i32(x) % 2 == 0 and x > 2", [0, 0, 0, 1, 0, 1]],
    ["sum(x > 2)", [4]],
    ['einsum("ij,kj->ik", x, x)', [14, 32, 32, 77]],
    ['einsum("ij->j", x)', [5, 7, 9]],
    ['einsum("...j,j->...", x, tensor([1, 0, 0]))', [1, 4]],
    ['einsum("ij,jk", x, x.T)', [14, 32, 32, 77]],
    ["clip(x, 2, 4)", [2, 2, 3, 4, 4, 4]],
    ["broadcast(x[0], [2, 3])[1]", [1, 2, 3]],
    ["reshape(x, [2, 1, 3]) @ reshape(x, [1, 3, 2])", [22, 28, 49, 64]],
    ["zeros([2]) + ones([2])", [1, 1]],
    ["size(x) + size(x, axis=0) + rank(x) + len(shape(x)) + 0 * sum(x)", [12]],
  ];
  for (const [expr, wanted] of tensors) it(expr, () => near(evaluate(expr, six), wanted));
});

describe("functions", () => {
  it("infer sizes, runs, and check multiples", () => {
    const text = "fn halves(x: [.., 2 * n], w: [n]) = x[.., 0:n] * w + n";
    near(evaluate("halves(x, tensor([1, 2]))", { "x: [2, 4]": [1, 2, 3, 4, 5, 6, 7, 8] }, text), [3, 6, 7, 14]);
    const heads = "fn heads(q: [.., t, d], k) = shape(reshape(q, [.., t, k, d / k]))[-1] * q";
    near(evaluate("heads(x, 3)[0, 0]", six, heads), [1]);
  });

  it("have defaults that use earlier parameters and sizes, and named arguments", () => {
    const text = "fn f(x: [.., n], k = n, j = 2 * k) = x[0] * 0 + k + j";
    near(evaluate("f(x)", six, text), [9, 9, 9]);
    near(evaluate("f(x, j = 1)", six, text), [4, 4, 4]);
  });

  it("take functions, partials and holes in order", () => {
    const text = "fn apply(f, x) = f(x)\nfn sub3(a, b, c) = 100 * a + 10 * b + c\n";
    near(evaluate("apply(sub3(_, 2, 3), x)", { "x: []": [1] }, text), [123]);
    near(evaluate("x |> sub3(1, _, 3)", { "x: []": [2] }, text), [123]);
    near(evaluate("sub3(_, _, 3)(_, 2)(x)", { "x: []": [1] }, text), [123]);
    near(evaluate("apply(sub3(a = _, b = 2, c = 3), x)", { "x: []": [1] }, text), [123]);
  });

  it("of the file shadow the library's for that file only", () => {
    // cross_entropy keeps calling the library's log_softmax.
    const text = "fn log_softmax(z) = 1000 + z";
    near(evaluate("cross_entropy(x, i32(tensor([0, 0])))", { "x: [2, 2]": [0, 0, 0, 0] }, text), [Math.log(2)]);
    near(evaluate("log_softmax(x)", { "x: []": [1] }, text), [1001]);
  });

  it("unroll for over ranges and lists, with rebinding and new shapes", () => {
    near(evaluate("h = x\n for i in 1:4 { h = h * i }\n h", { "x: []": [1] }), [6]);
    near(evaluate("h = x\n for k in [2, 1] { h = h[.., 0:k] }\n h", six), [1, 4]);
    near(evaluate("h = x\n for i in [0:2, 5] { t = h + i\n h = t }\n h", { "x: []": [0] }), [6]);
  });

  it("return several values", () => {
    const text = "fn both(x) -> (a: [..], b: [..]) = (x + 1, x * 2)";
    near(evaluate("a, b = both(x)\n a - b", { "x: [2]": [5, 7] }, text), [-4, -6]);
  });

  it("know whether they train", () => {
    const text = "fn f(x) = if training then x else 10 * x\n";
    const module = compile(`${text}model m(x: []) { f(x) + f(x, training = false) }\nloss(out) = out\n`);
    const t = new Trainer(module, { x: [1] }, 1);
    expect(t.train().get("loss")).toEqual([11]);
    expect(t.evaluate().get("loss")).toEqual([20]);
  });
});

describe("the batch", () => {
  it("counts in means, sums and sizes, and equals no number", () => {
    const text = "fn f(x: [n, d]) = sum(x) / n + size(x) / d + n / 2\n";
    near(evaluate("f(x)", { "x: [N, 2]": [1, 2, 3, 4, 5, 6] }, text, 3), [7 + 3 + 1.5]);
    near(evaluate("mean(x)", { "x: [N, 2]": [1, 2, 3, 4, 5, 6] }, "", 3), [3.5]);
    near(evaluate("mean(x @ x.T)", { "x: [N, 1]": [1, 2] }, "", 2), [9 / 4]);
    near(evaluate("reshape(x, [2 * N])[..]", { "x: [N, 2]": [1, 2] }, "", 1), [1, 2]);
    near(evaluate("reshape(x, [-1, 2]) @ tensor([1, 1])", { "x: [2 * N]": [1, 2, 3, 4] }, "", 2), [3, 7]);
    expect(codes("model m(x: [N, 3]) { x + iota(64) * 1.0 |> reshape([64, 1]) }\ntrain { batch = 64 }\n")).toContain(
      "shape/broadcast",
    );
  });
});

describe("state", () => {
  it("reads the old value, changes at the end of the step, and not in evaluation", () => {
    const module = compile(`model m(x: []) {
  state a = 1.0
  state b = 2.0
  a <- b
  b <- a
  x + 10 * a + b
}
loss(out) = out
`);
    const t = new Trainer(module, { x: [0] }, 1);
    expect(t.evaluate().get("out")).toEqual([12]);
    expect(t.train().get("out")).toEqual([12]);
    expect(t.train().get("out")).toEqual([21]);
    expect(t.evaluate().get("out")).toEqual([12]);
    expect(module.evaluate.updates).toEqual([]);
  });

  it("under a run-time if changes only where its side is chosen", () => {
    const module = compile(`model m(x: []) {
  state seen = 0.0
  state other = 5.0
  if step % 2 == 0 then { seen <- seen + 1 } else { other <- other + 1 }
  x + seen + 100 * other
}
loss(out) = out
`);
    const t = new Trainer(module, { x: [0] }, 1);
    expect([0, 1, 2, 3].map(() => t.train().get("out")![0])).toEqual([500, 501, 601, 602]);
  });

  it("that nothing reads is dropped", () => {
    const module = compile("model m(x: []) {\n  state v = 0.0\n  v <- x\n  x\n}\nloss(out) = out\n");
    expect(module.slots).toEqual([]);
    expect(module.step.updates).toEqual([]);
  });
});

describe("start values", () => {
  const start = (text: string): number[] => new Trainer(compile(text), {}, 1).read("w");
  it("broadcast, take the declared shape, and may use other parameters", () => {
    expect(start("model m(x: [N, 2]) {\n  param w: [2] = 3\n  x @ w\n}\n")).toEqual([3, 3]);
    expect(
      start("model m(x: [N, 2]) {\n  param v: [2] = tensor([1, 2])\n  param w: [2] = 2 * v\n  x @ w + x @ v\n}\n"),
    ).toEqual([2, 4]);
    expect(
      start("fn fill() = ones() * shape()[0]\nmodel m(x: [N, 2]) {\n  param w: [2] = fill()\n  x @ w\n}\n"),
    ).toEqual([2, 2]);
  });
  it("draw different numbers for different parameters, and the same each time", () => {
    const text = "model m(x: [N, 3]) {\n  param w: [3] = randn()\n  param v: [3] = randn()\n  x @ w + x @ v\n}\n";
    const t = new Trainer(compile(text), {}, 1);
    expect(t.read("w")).not.toEqual(t.read("v"));
    expect(start(text)).toEqual(t.read("w"));
  });
});

describe("gradients", () => {
  it("of scalars by inputs, parameters and earlier names", () => {
    near(evaluate("grad(sum(x ** 3), x)", six), [3, 12, 27, 48, 75, 108]);
    near(evaluate("h = 2 * x\n e = sum(h ** 2)\n grad(e, h)", six), [4, 8, 12, 16, 20, 24]);
    near(evaluate("g = grad(sum(x ** 3), x)\n grad(sum(g), x)", six), [6, 12, 18, 24, 30, 36]);
    near(evaluate("a = x * 2\n b = x * 3\n gs = grad(sum(a * b), [a, b])\n gs[0] - gs[1]", { "x: [1]": [1] }), [1]);
  });
  it("take a name as a variable of its own, even where an equal expression stands elsewhere", () => {
    near(evaluate("h = 2 * x\n k = 2 * x\n grad(sum(h * k), h)", { "x: [1]": [3] }), [6]);
    const text = "fn slope(f, x, y) = grad(sum(f(x) * y), x)\nfn square(x) = x ** 2\n";
    near(evaluate("slope(square, x, x)", { "x: [1]": [3] }, text), [18]);
  });
  it("are cut by stop_gradient", () => {
    near(evaluate("grad(sum(x * stop_gradient(x)), x)", { "x: [1]": [3] }), [3]);
    const module = compile(
      "model m(x: [1]) {\n  f = linear(_, 1, use_bias=false)\n  f(x) * stop_gradient(f)(x)\n}\nloss(out) = sum(out)\n",
      { grads: true },
    );
    const t = new Trainer(module, { x: [3] }, 1);
    const w = t.read("f.weight")[0]!;
    near(t.train().get("grad.f.weight")!, [9 * w]);
  });
  it("of every parameter and float input are outputs on request", () => {
    const text =
      "model m(x: [2, 2], k: i32[2], unused: [3]) {\n  param w: [2] = 1\n  x @ w + k\n}\nloss(out, cot: [2]) = sum(out * cot)\n";
    const module = compile(text, { grads: true, training: false });
    expect([...module.step.outputs.keys()]).toEqual(["loss", "out", "grad.w", "grad.x", "grad.unused"]);
    const t = new Trainer(module, { x: [1, 2, 3, 4], k: [5, 6], unused: [0, 0, 0], cot: [1, 10] }, 1);
    const out = t.train();
    expect(out.get("grad.w")).toEqual([31, 42]);
    expect(out.get("grad.unused")).toEqual([0, 0, 0]);
  });
});

describe("top level", () => {
  it("has dims that --dim overrides, hypers, and known bindings", () => {
    const text =
      "dim width = 2\nhyper beta = 3\nsizes = [width, 2 * width]\nmodel m(x: [N, 1]) { linear(x, sizes[1]) * beta }\n";
    expect(compile(text).slots[0]!.type.shape).toEqual([4, 1]);
    expect(compile(text, { dims: new Map([["width", 5]]) }).slots[0]!.type.shape).toEqual([10, 1]);
    expect(codes(text, { dims: new Map([["widht", 5]]) })).toEqual(["name/no-dim"]);
    expect(compile(text).scalars.map(({ name, value }) => [name, value])).toEqual([["beta", 3]]);
  });

  it("imports files, with and without an alias", () => {
    const files: Record<string, string> = {
      "a.nn": 'import "b.nn"\nfn f(x) = g(x) + 1\n',
      "b.nn": "fn g(x) = 2 * x\n",
      "ring.nn": 'import "ring.nn"\nfn r(x) = x\n',
    };
    const importFile = (path: string) => ({ path, text: files[path]! });
    const run = (text: string): string[] => codes(text, { importFile });
    expect(run('import "a.nn"\nmodel m(x: [N]) { f(x) }\n')).toEqual([]);
    expect(run('import "a.nn" as a\nmodel m(x: [N]) { a.f(x) }\n')).toEqual([]);
    expect(run('import "a.nn" as a\nmodel m(x: [N]) { f(x) }\n')).toEqual(["name/unknown"]);
    expect(run('import "a.nn" as a\nmodel m(x: [N]) { a.ff(x) }\n')).toEqual(["name/no-member"]);
    expect(run('import "a.nn"\nfn f(x) = x\nmodel m(x: [N]) { f(x) }\n')).toEqual(["name/import-clash"]);
    expect(run('import "ring.nn"\nmodel m(x: [N]) { r(x) }\n')).toEqual(["name/import-cycle"]);
    expect(codes('import "a.nn"\nmodel m(x: [N]) { x }\n')).toEqual(["name/no-imports"]);
  });

  it("loads constants whose type is read when compiled", () => {
    const tensorFile = () => ({ dtype: "f32" as const, shape: [3, 3] });
    const module = compile('adjacency = load("a.npy")\nmodel m(x: [N, 3]) { x @ adjacency }\n', { tensorFile });
    expect(module.predict.nodes.find(({ op }) => op === "load")!.attrs).toMatchObject({ file: "a.npy", shape: [3, 3] });
  });
});

describe("random numbers", () => {
  it("differ between calls, between training and evaluation, and between start values", () => {
    const module = compile(
      "model m(x: [N, 2]) {\n  f = dropout(_, 0.5)\n  f(f(x)) + dropout(x) + x * uniform(shape(x))\n}\nloss(out) = mean(out)\n",
    );
    const keys = module.step.nodes.filter(({ op }) => op === "uniform").map(({ attrs }) => attrs["key"]);
    expect(new Set(keys).size).toBe(4);
    const kept = module.evaluate.nodes.filter(({ op }) => op === "uniform").map(({ attrs }) => attrs["key"]);
    expect(kept).toHaveLength(1);
    expect(keys).not.toContain(kept[0]);
  });
});
