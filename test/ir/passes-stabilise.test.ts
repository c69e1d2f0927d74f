// Safe forms: each spelling is recognised, is finite where the written form is not, and equals it elsewhere.
import { describe, expect, it } from "vitest";
import { Builder, type Graph, type NodeId } from "../../src/ir/graph.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { stabilise } from "../../src/ir/passes/stabilise.ts";
import { evaluate, expectClose } from "./differentiate-helpers.ts";

type Make = (op: string, inputs: NodeId[], attrs?: Attrs) => NodeId;
/** An expression over x and y, both [2, 3], and the constant 1. */
type Spelling = (n: Make, x: NodeId, y: NodeId, one: NodeId) => NodeId;

const rows = { axes: [1], keepdims: true };
const sumExp = (n: Make, x: NodeId, attrs = rows) => n("sum", [n("exp", [x])], attrs);
const top = (n: Make, x: NodeId) => n("max", [x], rows);
const mean = (n: Make, x: NodeId, keepdims = false) =>
  n("div", [n("sum", [x], { axes: [1], keepdims }), n("const", [], { value: 3, dtype: "f32" })]);
const sigmoid = (n: Make, x: NodeId, one: NodeId) => n("div", [one, n("add", [one, n("exp", [n("neg", [x])])])]);
const two = (n: Make) => n("const", [], { value: 2, dtype: "f32" });

const spellings: readonly [text: string, becomes: string, Spelling][] = [
  ["log(sum(exp(x)))", "logsumexp", (n, x) => n("log", [sumExp(n, x)])],
  ["log(sum(exp(x))), axes dropped", "logsumexp", (n, x) => n("log", [sumExp(n, x, { axes: [1], keepdims: false })])],
  [
    "log(reshape(sum(exp(x))))",
    "logsumexp",
    (n, x) => n("log", [n("reshape", [sumExp(n, x, { axes: [1], keepdims: false })], { shape: [2, 1] })]),
  ],
  [
    "log(sum(exp(x - max(x)))) + max(x)",
    "logsumexp",
    (n, x) => n("add", [n("log", [sumExp(n, n("sub", [x, top(n, x)]))]), top(n, x)]),
  ],
  [
    "max(x) + log(sum(exp(x - stop_gradient(max(x)))))",
    "logsumexp",
    (n, x) =>
      n("add", [
        n("stop_gradient", [top(n, x)]),
        n("log", [sumExp(n, n("sub", [x, n("stop_gradient", [top(n, x)])]))]),
      ]),
  ],
  ["x - log(sum(exp(x)))", "log_softmax", (n, x) => n("sub", [x, n("log", [sumExp(n, x)])])],
  [
    "x - max(x) - log(sum(exp(x - max(x))))",
    "log_softmax",
    (n, x) => {
      const shifted = n("sub", [x, top(n, x)]);
      return n("sub", [shifted, n("log", [sumExp(n, shifted)])]);
    },
  ],
  ["log(exp(x) / sum(exp(x)))", "log_softmax", (n, x) => n("log", [n("div", [n("exp", [x]), sumExp(n, x)])])],
  ["exp(x) / sum(exp(x))", "softmax", (n, x) => n("div", [n("exp", [x]), sumExp(n, x)])],
  [
    "exp(x - max(x)) / sum(exp(x - max(x)))",
    "softmax",
    (n, x) => {
      const grown = n("exp", [n("sub", [x, top(n, x)])]);
      return n("div", [grown, n("sum", [grown], rows)]);
    },
  ],
  ["exp(x - log(sum(exp(x))))", "softmax", (n, x) => n("exp", [n("sub", [x, n("log", [sumExp(n, x)])])])],
  ["log(1 + exp(x))", "softplus", (n, x, _, one) => n("log", [n("add", [one, n("exp", [x])])])],
  ["log(exp(x) + 1)", "softplus", (n, x, _, one) => n("log", [n("add", [n("exp", [x]), one])])],
  ["log1p(exp(x))", "softplus", (n, x) => n("log1p", [n("exp", [x])])],
  [
    "max(x, 0) + log1p(exp(-abs(x)))",
    "softplus",
    (n, x) =>
      n("add", [
        n("maximum", [x, n("const", [], { value: 0, dtype: "f32" })]),
        n("log1p", [n("exp", [n("neg", [n("abs", [x])])])]),
      ]),
  ],
  ["1 / (1 + exp(-x))", "sigmoid", (n, x, _, one) => sigmoid(n, x, one)],
  ["exp(x) / (1 + exp(x))", "sigmoid", (n, x, _, one) => n("div", [n("exp", [x]), n("add", [one, n("exp", [x])])])],
  ["1 - sigmoid(x)", "sigmoid", (n, x, _, one) => n("sub", [one, sigmoid(n, x, one)])],
  ["log(sigmoid(x))", "softplus", (n, x, _, one) => n("log", [sigmoid(n, x, one)])],
  ["log(1 - sigmoid(x))", "softplus", (n, x, _, one) => n("log", [n("sub", [one, sigmoid(n, x, one)])])],
  [
    "y * log(s(x)) + (1 - y) * log(1 - s(x))",
    "softplus",
    (n, x, y, one) => {
      const s = sigmoid(n, x, one);
      return n("add", [n("mul", [y, n("log", [s])]), n("mul", [n("sub", [one, y]), n("log", [n("sub", [one, s])])])]);
    },
  ],
  [
    "-y * log(s(x)) - (1 - y) * log(1 - s(x))",
    "softplus",
    (n, x, y, one) => {
      const s = sigmoid(n, x, one);
      return n("sub", [
        n("mul", [n("neg", [y]), n("log", [s])]),
        n("mul", [n("sub", [one, y]), n("log", [n("sub", [one, s])])]),
      ]);
    },
  ],
  [
    "max(x, 0) - x * y + log1p(exp(-abs(x)))",
    "softplus",
    (n, x, y) =>
      n("add", [
        n("sub", [n("maximum", [n("const", [], { value: 0, dtype: "f32" }), x]), n("mul", [x, y])]),
        n("log1p", [n("exp", [n("neg", [n("abs", [x])])])]),
      ]),
  ],
  ["log(exp(x))", "input", (n, x) => n("log", [n("exp", [x])])],
];

function graphOf(spelling: Spelling): Graph {
  const b = new Builder(opTable);
  const n: Make = (op, inputs, attrs) => b.node(op, inputs, attrs ?? {});
  const [x, y] = ["x", "y"].map((name) => n("input", [], { name, dtype: "f32", shape: [2, 3] })) as [NodeId, NodeId];
  const out = spelling(n, x, y, n("const", [], { value: 1, dtype: "f32" }));
  const axes = b.type(out).shape.map((_, axis) => axis);
  const loss = n("sum", [out], { axes, keepdims: false });
  return b.graph(
    new Map([
      ["out", out],
      ["dx", n("grad", [loss, x])],
    ]),
  );
}

const off = new Set(["stabilise", "simplify"]);
const mild = new Map([
  ["x", [0.3, -1.2, 2, 0.7, 0.1, -0.4]],
  ["y", [1, 0, 0.25, 0.5, 1, 0]],
]);
const wild = new Map([
  ["x", [1e4, -1e4, 9999, 1200, -800, 30]],
  ["y", [1, 0, 0.25, 0.5, 1, 0]],
]);

describe.each(spellings)("%s", (_, becomes, spelling) => {
  it(`is ${becomes}, and the same as written`, () => {
    const graph = graphOf(spelling);
    const { graph: safe, applied } = stabilise(graph, opTable);
    expect(applied.length).toBeGreaterThan(0);
    expect(safe.nodes.map(({ op }) => op)).toContain(becomes);
    const wanted = evaluate(optimise(graph, opTable, off).graph, mild);
    const found = evaluate(optimise(graph, opTable).graph, mild);
    for (const [name, values] of wanted) expectClose(found.get(name)!, values, 1e-11, name);
  });

  it("is finite at logits of +-10,000, and so is its gradient", () => {
    const found = evaluate(optimise(graphOf(spelling), opTable).graph, wild);
    for (const [name, values] of found) expect([...values].every(Number.isFinite), `${name}: ${values}`).toBe(true);
  });
});

describe("stabilise", () => {
  it("meets forms that the written form gets wrong: without it they are not finite", () => {
    const broken = spellings.filter(([, , spelling]) => {
      const found = evaluate(optimise(graphOf(spelling), opTable, off).graph, wild);
      return [...found.values()].some((values) => !values.every(Number.isFinite));
    });
    expect(broken.length).toBeGreaterThan(12);
  });

  it("computes a variance of an offset row without losing its digits", () => {
    const graph = graphOf((n, x) => n("sub", [mean(n, n("pow", [x, two(n)])), n("pow", [mean(n, x), two(n)])]));
    expect(stabilise(graph, opTable).applied.map(({ name }) => name)).toEqual(["variance as a difference of means"]);
    const offset = new Map([
      ["x", [1e8 + 1, 1e8 + 2, 1e8 + 3, 0, 3, 6]],
      ["y", [0, 0, 0, 0, 0, 0]],
    ]);
    const found = evaluate(optimise(graph, opTable).graph, offset);
    expectClose(found.get("out")!, [2 / 3, 6], 1e-9, "variance");
    expect(evaluate(optimise(graph, opTable, off).graph, offset).get("out")![0]).not.toBeCloseTo(2 / 3, 3);
  });

  it("does not look through a variable, whose own gradient is asked for", () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [3] });
    const p = b.node("variable", [b.node("exp", [x])], { key: "p" });
    const y = b.node("log", [b.node("sum", [p], { axes: [0], keepdims: false })]);
    const { graph } = stabilise(b.graph(new Map([["dp", b.node("grad", [y, p])]])), opTable);
    expect(graph.nodes.map(({ op }) => op)).toContain("variable");
    expect(graph.nodes.map(({ op }) => op)).not.toContain("logsumexp");
  });

  it.each([
    [
      "sums over another axis",
      (n: Make, x: NodeId) => n("div", [n("exp", [x]), n("sum", [n("exp", [x])], { axes: [0], keepdims: true })]),
    ],
    ["another value", (n: Make, x: NodeId, y: NodeId) => n("sub", [x, n("log", [sumExp(n, y)])])],
  ])("gets the axes right: %s", (_, spelling) => {
    const graph = graphOf(spelling);
    const wanted = evaluate(optimise(graph, opTable, off).graph, mild);
    const found = evaluate(optimise(graph, opTable).graph, mild);
    for (const [name, values] of wanted) expectClose(found.get(name)!, values, 1e-11, name);
  });

  it("takes a sum over rows of a square for what it is, where its axis was dropped", () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [3, 3] });
    const total = b.node("log", [b.node("sum", [b.node("exp", [x])], { axes: [1], keepdims: false })]);
    // [3, 3] - [3]: column j loses the sum of row j, which is no log_softmax.
    const graph = b.graph(new Map([["out", b.node("sub", [x, total])]]));
    const columns = new Map([["x", [1, 2, 3, 0, 0.5, -1, 2, 2, 0]]]);
    const wanted = evaluate(optimise(graph, opTable, off).graph, columns).get("out")!;
    expectClose(evaluate(optimise(graph, opTable).graph, columns).get("out")!, wanted, 1e-12, "out");
  });
});
