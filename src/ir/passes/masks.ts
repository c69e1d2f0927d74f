// Before: x <= 0 beside max(0, x), as a derivative of relu asks. After: max(0, x) <= 0. Stays true: every bit, not-a-numbers
// too, where x is rounded to float32: one of 1e-50 that is not is above 0 and its stored max(0, x) is 0.
// The result is kept for the backward pass anyway; x then need not be.
import { type Graph, type NodeId, type OpTable, rebuild } from "../graph.ts";

/** Comparisons with 0 that max(0, x) answers as x does, by which of their inputs is x. */
const asked: ReadonlyMap<string, 0 | 1> = new Map([
  ["le", 0],
  ["gt", 0],
  ["ge", 1],
  ["lt", 1],
]);

export function masks(graph: Graph, ops: OpTable): Graph {
  const isZero = (id: NodeId): boolean => {
    const { op, attrs } = graph.nodes[id]!;
    return op === "const" && attrs["value"] === 0;
  };
  /** x -> which input of max(0, x) it is. */
  const rectified = new Map<NodeId, number>();
  for (const { op, inputs, type } of graph.nodes) {
    const x = op === "maximum" && type.dtype === "f32" ? inputs.findIndex((id) => !isZero(id)) : -1;
    if (x >= 0 && isZero(inputs[1 - x]!)) rectified.set(inputs[x]!, x);
  }
  return rebuild(graph, ops, (b, node, inputs) => {
    const at = asked.get(node.op);
    const x = at !== undefined && isZero(node.inputs[1 - at]!) ? rectified.get(node.inputs[at]!) : undefined;
    if (at === undefined || x === undefined) return undefined;
    const [value, zero] = [inputs[at]!, inputs[1 - at]!];
    // The one that is there already: its origins stay what they are.
    const result = b.withOrigins([], () => b.node("maximum", x === 0 ? [value, zero] : [zero, value]));
    return b.node(node.op, at === 0 ? [result, zero] : [zero, result]);
  });
}
