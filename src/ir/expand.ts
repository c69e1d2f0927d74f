// Before: any graph. After: no op that is only a name for other ops (safe forms, einsum of many). Same outputs and updates.
import { type Graph, type OpTable, rebuild } from "./graph.ts";

/** Replaces ops that lower to other ops, until none is left. */
export function expand(graph: Graph, ops: OpTable): Graph {
  let current = graph;
  for (;;) {
    let found = false;
    current = rebuild(current, ops, (b, node, inputs) => {
      const types = inputs.map((id) => b.type(id));
      const lowering = ops.get(node.op)!.lower(types, node.attrs, node.type);
      if (lowering.kind !== "expand") return undefined;
      found = true;
      // The whole keeps the name; its parts have none.
      const unnamed = node.origins.map(({ label: _, ...origin }) => origin);
      const whole = b.withOrigins(unnamed, () => lowering.build(b, inputs));
      const named = node.origins.find((o) => o.label !== undefined);
      if (named) b.label(whole, named.label!, named.path ?? []);
      return whole;
    });
    if (!found) return current;
  }
}
