// Which values are numbers of the host: of rank 0 and made of constants, run-time numbers and N alone. They are computed in
// float64. Knows op names, and no target.
import type { Graph } from "../ir/graph.ts";

const leaves: ReadonlySet<string> = new Set(["const", "scalar", "rows"]);
const elementwise: ReadonlySet<string> = new Set(
  "add sub mul div mod pow maximum minimum neg abs exp expm1 log log1p sqrt rsqrt tanh sin cos erf floor sign sigmoid softplus eq ne lt le gt ge and or not where cast".split(
    " ",
  ),
);

/** By node. */
export function isHost(graph: Graph): readonly boolean[] {
  const host: boolean[] = [];
  for (const { op, inputs, type } of graph.nodes) {
    host.push(type.shape.length === 0 && (leaves.has(op) || (elementwise.has(op) && inputs.every((id) => host[id]))));
  }
  return host;
}
