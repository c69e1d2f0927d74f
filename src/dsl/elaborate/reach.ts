// What a graph's outputs depend on: which parameters a loss can train, and which states are read at all.
import type { Builder, NodeId } from "../../ir/graph.ts";

/** Everything that nodes are computed from, themselves included; `follow` may leave an input out. */
export function reach(
  b: Builder,
  from: Iterable<NodeId>,
  follow: (node: NodeId, input: NodeId) => boolean = () => true,
): Set<NodeId> {
  const seen = new Set(from);
  for (const id of seen) {
    for (const input of b.at(id).inputs) if (!seen.has(input) && follow(id, input)) seen.add(input);
  }
  return seen;
}

/** What the gradient of `loss` reaches: through differentiable ops and floats. */
export const differentiableReach = (b: Builder, loss: NodeId, throughStops: boolean): Set<NodeId> =>
  reach(b, [loss], (node, input) => {
    const { op } = b.at(node);
    if (b.type(input).dtype !== "f32") return false;
    if (op === "stop_gradient") return throughStops;
    return b.ops.get(op)!.vjp !== "not-differentiable";
  });
