// The driver of differentiation and its pass: what is cut, what is a variable of its own, gradients of gradients,
// one sweep for many gradients, and where backward nodes say they come from.
import { describe, expect, it } from "vitest";
import type { Source } from "../../src/base/span.ts";
import { differentiate, gradient } from "../../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import type { Dim } from "../../src/ir/types.ts";
import { evaluate } from "./differentiate-helpers.ts";

function setup() {
  const b = new Builder(opTable);
  const n = (op: string, inputs: NodeId[], attrs: Attrs = {}) => b.node(op, inputs, attrs);
  const input = (name: string, shape: Dim[] = []) => n("input", [], { name, dtype: "f32", shape });
  const run = (outputs: Record<string, NodeId>, columns: Record<string, number[]>) => {
    const graph = differentiate(b.graph(new Map(Object.entries(outputs))), opTable);
    const found = evaluate(graph, new Map(Object.entries(columns)));
    return Object.fromEntries([...found].map(([name, values]) => [name, [...values]]));
  };
  return { b, n, input, run };
}

describe("gradient", () => {
  it("of a gradient of a gradient: x ** 4", () => {
    const { n, input, run } = setup();
    const x = input("x");
    const y = n("pow", [x, n("const", [], { value: 4, dtype: "f32" })]);
    const d1 = n("grad", [y, x]);
    const d2 = n("grad", [d1, x]);
    const d3 = n("grad", [d2, x]);
    expect(run({ d1, d2, d3 }, { x: [3] })).toEqual({ d1: [108], d2: [108], d3: [72] });
  });

  it("is zeros for what the value does not depend on, before it or after it", () => {
    const { n, input, run } = setup();
    const early = input("early", [2]);
    const y = n("exp", [input("x")]);
    const late = input("late", [3]);
    const unreached = { early: n("grad", [y, early]), late: n("grad", [y, late]) };
    expect(run(unreached, { x: [1], early: [1, 1], late: [1, 1, 1] })).toEqual({ early: [0, 0], late: [0, 0, 0] });
  });

  it("does not pass stop_gradient, and passes around it", () => {
    const { n, input, run } = setup();
    const x = input("x");
    const y = n("mul", [x, n("stop_gradient", [x])]);
    expect(run({ d: n("grad", [y, x]), dd: n("grad", [n("stop_gradient", [y]), x]) }, { x: [5] })).toEqual({
      d: [5],
      dd: [0],
    });
  });

  it("of a variable counts its own uses and not those of an equal expression", () => {
    const { n, input, run } = setup();
    const x = input("x");
    const h = n("variable", [n("exp", [x])], { key: "h" });
    const y = n("add", [n("mul", [h, h]), n("exp", [x])]);
    const e = Math.exp(0.5);
    const found = run({ dh: n("grad", [y, h]), dx: n("grad", [y, x]) }, { x: [0.5] });
    expect(found["dh"]![0]).toBeCloseTo(2 * e, 12);
    expect(found["dx"]![0]).toBeCloseTo(2 * e * e + e, 12);
  });

  it("of a value and of what it is made of, asked together", () => {
    const { n, input, run } = setup();
    const x = input("x");
    const h = n("variable", [n("mul", [x, x])], { key: "h" });
    const y = n("mul", [h, x]);
    expect(run({ dh: n("grad", [y, h]), dx: n("grad", [y, x]) }, { x: [3] })).toEqual({ dh: [3], dx: [27] });
  });

  it("of itself is 1", () => {
    const { n, input, run } = setup();
    const x = input("x");
    expect(run({ d: n("grad", [x, x]) }, { x: [3] })).toEqual({ d: [1] });
  });

  it("sums over what was broadcast, once", () => {
    const { n, input, run } = setup();
    const [a, c] = [input("a", [2, 3]), input("c", [3])];
    const y = n("sum", [n("mul", [a, n("add", [c, c])])], { axes: [0, 1], keepdims: false });
    expect(run({ dc: n("grad", [y, c]) }, { a: [1, 2, 3, 4, 5, 6], c: [1, 1, 1] })).toEqual({ dc: [10, 14, 18] });
  });

  it("refuses a tensor: the elaborator must have told the user", () => {
    const { b, input } = setup();
    const x = input("x", [2]);
    expect(() => gradient(b, x, [x])).toThrow("f32 scalars");
  });
});

describe("the pass", () => {
  it("differentiates a value once, however many gradients are asked of it", () => {
    const sizes = [1, 20].map((asked) => {
      const { b, n, input } = setup();
      const xs = Array.from({ length: 20 }, (_, i) => input(`x${i}`));
      const y = xs.map((x) => n("sin", [x])).reduce((sum, x) => n("mul", [sum, x]));
      const outputs = xs.slice(0, asked).map((x, i) => [`d${i}`, n("grad", [y, x])] as const);
      return differentiate(b.graph(new Map(outputs)), opTable).nodes.length;
    });
    // The other gradients cost a few nodes each: each is a factor of the chain and one cosine.
    expect(sizes[1]! - sizes[0]!).toBeLessThan(20 * 4);
  });

  it("leaves no markers", () => {
    const { b, n, input } = setup();
    const x = n("variable", [input("x")], { key: "x" });
    const y = n("mul", [n("stop_gradient", [x]), x]);
    const { nodes } = differentiate(b.graph(new Map([["d", n("grad", [y, x])]])), opTable);
    expect(nodes.map(({ op }) => op).filter((op) => ["grad", "variable", "stop_gradient"].includes(op))).toEqual([]);
  });

  it("says of backward nodes where their forward nodes stand, and of whole gradients what they are of", () => {
    const source: Source = { path: "m.nn", text: "h = exp(x)\ny = sin(h)" };
    const { b, n, input } = setup();
    const span = (start: number, end: number) => ({ source, start, end });
    const x = input("x");
    const h = b.withOrigins([{ role: "forward", span: span(4, 10), label: "h" }], () => n("exp", [x]));
    const y = b.withOrigins([{ role: "forward", span: span(15, 21) }], () => n("sin", [h]));
    const { nodes, outputs } = differentiate(b.graph(new Map([["dx", n("grad", [y, x])]])), opTable);
    const dx = nodes[outputs.get("dx")!]!;
    expect(dx.origins).toContainEqual({ role: "backward", span: span(4, 10) });
    expect(dx.origins).toContainEqual({ role: "backward", label: "x" });
    const cosine = nodes.find(({ op }) => op === "cos")!;
    expect(cosine.origins).toEqual([{ role: "backward", span: span(15, 21) }]);
    const labelled = nodes.filter(({ origins }) => origins.some((o) => o.label === "h" && o.role === "backward"));
    expect(labelled).toHaveLength(1);
  });
});
