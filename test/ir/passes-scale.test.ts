// Depth and size: passes are near-linear, nothing recurses over the graph, adjoints of diamonds stay linear,
// and the gradient of a matmul is two matmuls. Counts of nodes, not seconds.
import { describe, expect, it } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type Graph, type NodeId } from "../../src/ir/graph.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { dimAt, productOf, rows } from "../../src/ir/types.ts";

const N = rows();

/** A training step of a perceptron with `layers` layers of `width`. */
function perceptron(layers: number, width = 8): Graph {
  const b = new Builder(opTable);
  const n = (op: string, inputs: NodeId[], attrs: Attrs = {}) => b.node(op, inputs, attrs);
  let h = n("input", [], { name: "x", dtype: "f32", shape: [N, width] });
  const params: NodeId[] = [];
  for (let i = 0; i < layers; i++) {
    const weight = n("param", [], { name: `${i}.weight`, dtype: "f32", shape: [width, width] });
    const bias = n("param", [], { name: `${i}.bias`, dtype: "f32", shape: [width] });
    const wT = n("transpose", [weight], { perm: [1, 0] });
    h = n("tanh", [n("add", [n("einsum", [h, wT], { inputs: ["nk", "km"], output: "nm" }), bias])]);
    params.push(weight, bias);
  }
  const loss = n("div", [n("sum", [h], { axes: [0, 1], keepdims: false }), n("rows", [], { multiple: width })]);
  const lr = n("scalar", [], { name: "lr" });
  const updates = params.map((slot) => ({ slot, next: n("sub", [slot, n("mul", [lr, n("grad", [loss, slot])])]) }));
  return b.graph(new Map([["loss", loss]]), updates);
}

describe("size", () => {
  it("a perceptron's step grows by the same number of nodes for each layer, up to a thousand", () => {
    const sizes = [10, 20, 1000].map((layers) => optimise(perceptron(layers), opTable).graph.nodes.length);
    const perLayer = (sizes[1]! - sizes[0]!) / 10;
    expect(sizes[2]).toBe(sizes[0]! + perLayer * 990);
    expect(perLayer).toBeLessThan(20);
  });

  it("thirty chained diamonds have a gradient of a few nodes each", () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [] });
    let y = x;
    for (let i = 0; i < 30; i++) y = b.node("mul", [b.node("sin", [y]), b.node("add", [y, y])]);
    const [dx] = gradient(b, y, [x]);
    expect(b.graph(new Map([["dx", dx!]])).nodes.length).toBeLessThan(30 * 12);
  });

  it.each(["neg", "sin", "reshape"])("a chain of 20,000 %s neither overflows the stack nor hangs", (op) => {
    const b = new Builder(opTable);
    let y = b.node("input", [], { name: "x", dtype: "f32", shape: [2, 3] });
    const x = y;
    for (let i = 0; i < 20_000; i++) {
      if (op === "reshape") y = b.node(op, [y], { shape: i % 2 === 0 ? [3, 2] : [2, 3] });
      else y = b.node(op, [i % 2 === 0 ? y : b.node("add", [y, x])]);
    }
    const loss = b.node("sum", [y], { axes: [0, 1], keepdims: false });
    const graph = b.graph(new Map([["dx", b.node("grad", [loss, x])]]));
    const { nodes } = optimise(graph, opTable).graph;
    expect(nodes.length).toBeGreaterThan(0);
    if (op === "reshape") expect(nodes.length).toBeLessThan(4);
  });

  it("no gradient of x @ W holds m * n * k elements", () => {
    const [m, k, n] = [48, 64, 56];
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [m, k] });
    const w = b.node("param", [], { name: "W", dtype: "f32", shape: [n, k] });
    const wT = b.node("transpose", [w], { perm: [1, 0] });
    const y = b.node("tanh", [b.node("einsum", [x, wT], { inputs: ["nk", "km"], output: "nm" })]);
    const loss = b.node("sum", [b.node("mul", [y, y])], { axes: [0, 1], keepdims: false });
    const [dx, dw] = [x, w].map((v) => b.node("grad", [loss, v])) as [NodeId, NodeId];
    // A gradient of a gradient, too.
    const again = b.node("sum", [b.node("mul", [dw, dw])], { axes: [0, 1], keepdims: false });
    const outputs = new Map([
      ["dx", dx],
      ["dw", dw],
      ["ddw", b.node("grad", [again, w])],
    ]);
    const { nodes } = optimise(b.graph(outputs), opTable).graph;
    const largest = Math.max(...nodes.map((node) => dimAt(productOf(node.type.shape)!, 1)));
    expect(largest).toBe(Math.max(m * k, k * n, m * n));
    expect(nodes.filter(({ op }) => op === "transpose")).toEqual([]);
  });
});
