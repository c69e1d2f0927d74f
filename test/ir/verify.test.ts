// verify: every way a graph can be unsound, planted one at a time in a sound one.
import { describe, expect, test } from "vitest";
import { Builder, type Graph, type Node } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { f32 } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";

function sound(): Graph {
  const b = new Builder(opTable);
  const x = b.node("input", [], { name: "x", dtype: "f32", shape: [2, 3] });
  const w = b.node("param", [], { name: "w", dtype: "f32", shape: [3] });
  const y = b.node("mul", [x, w]);
  const next = b.node("sum", [y], { axes: [0], keepdims: false });
  return b.graph(new Map([["y", y]]), [{ slot: w, next }]);
}

const withNode = (graph: Graph, id: number, change: Partial<Node>): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...change } : node)),
});

describe("verify", () => {
  test("passes a sound graph on", () => {
    const graph = sound();
    expect(verify(graph, opTable)).toBe(graph);
  });

  const [x, w, y, next] = [0, 1, 2, 3];
  test.each<[string, (graph: Graph) => Graph, string]>([
    ["a node at another's place", (g) => withNode(g, y, { id: 7 }), "node 7 stands at place 2"],
    [
      "an unknown op",
      (g) => withNode(g, y, { op: "toString" }),
      "node 2 has the op toString, which is not in the table",
    ],
    [
      "a later input",
      (g) => withNode(g, y, { inputs: [x, next] }),
      "%2 mul reads node 3, which does not come before it",
    ],
    ["its own input", (g) => withNode(g, y, { inputs: [x, y] }), "%2 mul reads node 2"],
    ["a wrong type", (g) => withNode(g, y, { type: f32(2, 4) }), "%2 mul of [2, 3], [3] {} is [2, 3], and says [2, 4]"],
    ["a refused application", (g) => withNode(g, next, { attrs: { axes: [5], keepdims: false } }), "shape/axis"],
    ["a missing output", (g) => ({ ...g, outputs: new Map([["y", 9]]) }), "output y is node 9, which does not exist"],
    ["an update of no slot", (g) => ({ ...g, updates: [{ slot: x, next: y }] }), "%0 input, which is no slot"],
    [
      "an update of another type",
      (g) => ({ ...g, updates: [{ slot: w, next: y }] }),
      "%1 param is [3] and becomes [2, 3]",
    ],
    ["two updates of a slot", (g) => ({ ...g, updates: [...g.updates, ...g.updates] }), "%1 param is updated twice"],
    ["a missing next value", (g) => ({ ...g, updates: [{ slot: w, next: 44 }] }), "node 44, which does not exist"],
    [
      "two slots of one name",
      (g) => withNode(g, x, { op: "state", attrs: { name: "w", dtype: "f32", shape: [2, 3] } }),
      "%0 state and %1 param are both called w",
    ],
  ])("refuses %s", (_, plant, message) => {
    expect(() => verify(plant(sound()), opTable)).toThrow(message);
  });
});
