// The same model spelled in another way: operands the other way round, detours that lead back. Its numbers must not change.
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { type Shape, sameShape } from "../../src/ir/types.ts";
import type { Choices } from "../ir/random-graphs.ts";
import type { RandomModel } from "./graphs.ts";

/** Ways to say x. */
const detours: readonly ((b: Builder, x: NodeId, shape: Shape) => NodeId | undefined)[] = [
  (b, x) => b.node("neg", [b.node("neg", [x])]),
  (b, x) => b.node("sub", [x, b.node("const", [], { value: 0, dtype: "f32" })]),
  (b, x) =>
    b.node("mul", [
      b.node("const", [], { value: 2, dtype: "f32" }),
      b.node("mul", [x, b.node("const", [], { value: 0.5, dtype: "f32" })]),
    ]),
  (b, x, shape) => {
    const perm = shape.map((_, axis) => shape.length - 1 - axis);
    return b.node("transpose", [b.node("transpose", [x], { perm })], { perm });
  },
  (b, x, shape) => b.node("reshape", [b.node("reshape", [x], { shape: [1, ...shape] })], { shape }),
  (b, x, shape) => {
    const axes = shape.map((_, axis) => axis);
    return b.node("flip", [b.node("flip", [x], { axes })], { axes });
  },
  (b, x, shape) => {
    if (shape.length === 0) return undefined;
    const twice = b.tryNode("concat", [b.node("tanh", [x]), x], { axis: 0 });
    if (typeof twice !== "number") return undefined;
    const part = b.tryNode("slice", [twice], { starts: [shape[0]!, ...shape.slice(1).map(() => 0)], sizes: shape });
    return typeof part === "number" ? part : undefined;
  },
  (b, x, shape) => {
    const pairs = shape.map((size) => (typeof size === "number" ? [1, 2] : [0, 0]));
    const padded = b.node("pad", [x], { pairs, value: 3 });
    return b.node("slice", [padded], { starts: pairs.map(([low]) => low!), sizes: shape });
  },
  (b, x, shape) => {
    const mask = b.node("lt", [
      b.node("iota", [], { count: shape.at(-1) ?? 1 }),
      b.node("const", [], { value: 1_000_000, dtype: "i32" }),
    ]);
    return shape.length === 0 ? undefined : b.node("where", [mask, x, b.node("tanh", [x])]);
  },
  (b, x, shape) => {
    const grown = b.node("broadcast", [x], { shape: [2, ...shape] });
    const half = b.node("mul", [grown, b.node("const", [], { value: 0.5, dtype: "f32" })]);
    return b.node("sum", [half], { axes: [0], keepdims: false });
  },
];

const commutes: ReadonlySet<string> = new Set(["add", "mul"]);
const leaves: ReadonlySet<string> = new Set(["input", "param", "state", "scalar", "const", "rows"]);

export function respelled({ b: from, leaves: given, loss, results }: RandomModel, c: Choices): RandomModel {
  const b = new Builder(opTable);
  const place: NodeId[] = [];
  const nodes = new Map<string, NodeId>();
  for (const { op, inputs, attrs, type } of from.nodes) {
    const moved = inputs.map((id) => place[id]!);
    const turned = commutes.has(op) && c.below(2) === 0 ? moved.toReversed() : moved;
    let made = b.node(op, turned, attrs);
    if (typeof attrs["name"] === "string") nodes.set(attrs["name"], made);
    if (!leaves.has(op) && type.dtype === "f32" && c.below(4) === 0) {
      const detour = c.of(detours)(b, made, type.shape);
      if (detour !== undefined && sameShape(b.type(detour).shape, type.shape)) made = detour;
    }
    place.push(made);
  }
  return { b, leaves: given, nodes, loss: place[loss]!, results: results.map((id) => place[id]!) };
}
