// Before: reads and writes by any number. After: by numbers that are there. A typed array read past its end is silently
// undefined, and past a tensor's end it is another tensor: a computed number that is out of range reads nan, at which training
// stops, or the nearest row of whole numbers. Stays true: what is in range reads and writes what it did.
import { type Graph, type NodeId, type OpTable, rebuild } from "../graph.ts";
import { indexUse, isInRange, madeBy } from "../index-bounds.ts";
import { words } from "../ops/build.ts";

export function guardIndexes(graph: Graph, ops: OpTable): Graph {
  return rebuild(graph, ops, (b, node, inputs) => {
    const use = indexUse(graph, node);
    // `within` ends the run at a number that is out of range, and names its row.
    if (use && graph.nodes[node.inputs[use.place]!]!.op === "within") return undefined;
    if (!use || madeBy(graph, node.inputs[use.place]!).every((maker) => isInRange(graph, maker, use.size)))
      return undefined;
    const { and, ge, int, cast, where, num } = words(b);
    const ids = inputs[use.place]!;
    const last =
      typeof use.size === "number"
        ? int(use.size - 1)
        : b.node("sub", [cast(b.node("rows", [], { multiple: use.size.perRow }), "i32"), int(1)]);
    const nearest = b.node("minimum", [b.node("maximum", [ids, int(0)]), last]);
    const whole = b.node(node.op, inputs.with(use.place, nearest), node.attrs);
    if (use.place === 0 || node.type.dtype !== "f32") return whole;
    const isThere = and(ge(ids, int(0)), b.node("le", [ids, last]));
    const rank = b.type(ids).shape.length;
    const { shape } = node.type;
    const lined: NodeId =
      rank === shape.length
        ? isThere
        : b.node("reshape", [isThere], { shape: shape.map((size, axis) => (axis < rank ? size : 1)) });
    return where(lined, whole, num(Number.NaN));
  });
}
