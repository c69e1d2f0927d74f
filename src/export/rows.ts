// How a scalar depends on the rows of a batch: the question of whether K processes, each with its share of the rows, can
// compute it together. Knows op names, and no target.
import type { Graph, Node, NodeId } from "../ir/graph.ts";
import { isStatic } from "../ir/types.ts";

/**
 * alone: the same whatever the rows are. row: each row's own, rows along axis 0. count: a multiple of N.
 * sum: a sum over rows of what is each row's own. mean: such a sum over N, plus what is alone. mixed: anything else.
 */
export type RowDependence = "alone" | "row" | "count" | "sum" | "mean" | "mixed";

const linear: ReadonlySet<string> = new Set(["neg", "stop_gradient", "variable", "reshape", "transpose", "cast"]);
const additive: ReadonlySet<string> = new Set(["add", "sub"]);

const hasRows = ({ type }: Node): boolean => type.shape.some((dim) => !isStatic(dim));
const rowsFirst = ({ type: { shape } }: Node): boolean =>
  shape.length > 0 && !isStatic(shape[0]!) && shape.slice(1).every(isStatic);

/** The dependence of every node. */
export function rowDependence(graph: Graph): readonly RowDependence[] {
  const found: RowDependence[] = [];
  for (const node of graph.nodes) found.push(dependence(node, graph.nodes, found));
  return found;
}

function dependence(node: Node, nodes: readonly Node[], found: readonly RowDependence[]): RowDependence {
  const of = (k: number): RowDependence => found[node.inputs[k]!]!;
  const all = node.inputs.map((id) => found[id]!);
  if (node.inputs.length === 0) {
    if (node.op === "rows") return "count";
    // `iota(N)` counts the rows of a share from 0.
    return hasRows(node) ? (node.op === "iota" || !rowsFirst(node) ? "mixed" : "row") : "alone";
  }
  if (all.includes("mixed")) return "mixed";
  // What a sum over rows has to do with one row's value is that row's own.
  if (node.op === "grad" && of(0) === "sum" && of(1) === "row") return "row";
  if (all.every((each) => each === "alone"))
    return hasRows(node) && !rowsFirst(node) ? "mixed" : hasRows(node) ? "row" : "alone";
  if (all.every((each) => each === "alone" || each === "row")) return ofRows(node, nodes, all);
  if (all.length === 1 && linear.has(node.op)) return of(0);
  if (node.op === "div" && of(0) === "sum" && of(1) === "count") return "mean";
  if (node.op === "div" && of(1) === "alone") return of(0);
  if (node.op === "mul" && all.includes("alone")) return all.find((each) => each !== "alone")!;
  if (additive.has(node.op)) {
    if (all.every((each) => each === "sum")) return "sum";
    if (all.every((each) => each === "mean" || each === "alone")) return "mean";
  }
  return "mixed";
}

/** Of values that are each row's own: they stay so, or are summed. */
function ofRows(node: Node, nodes: readonly Node[], all: readonly RowDependence[]): RowDependence {
  const carriesRows = (k: number): boolean => all[k] === "row";
  const aligned = node.inputs.every((id, k) => !carriesRows(k) || rowsFirst(nodes[id]!));
  if (!aligned) return "mixed";
  if (node.op === "sum" && (node.attrs["axes"] as readonly number[]).includes(0)) return "sum";
  if (node.op === "einsum") return einsumOfRows(node, all);
  const touchesRows =
    (["prod", "max", "min", "argmax", "argmin", "logsumexp", "softmax", "log_softmax", "flip"].includes(node.op) &&
      (node.attrs["axes"] as readonly number[]).includes(0)) ||
    ((node.op === "cumsum" || node.op === "concat") && node.attrs["axis"] === 0) ||
    (node.op === "transpose" && (node.attrs["perm"] as readonly number[])[0] !== 0) ||
    (node.op === "gather" && all[0] === "row") ||
    node.op === "scatter_add" ||
    node.op === "grad";
  return touchesRows || !rowsFirst(node) ? "mixed" : "row";
}

/** Rows go through a contraction under one label that no other label meets. */
function einsumOfRows(node: Node, all: readonly RowDependence[]): RowDependence {
  const { inputs: terms, output } = node.attrs as { inputs: readonly string[]; output: string };
  const labels = new Set(terms.flatMap((term, k) => (all[k] === "row" ? [term[0]!] : [])));
  if (labels.size !== 1) return "mixed";
  const [row] = labels;
  const elsewhere = terms.some((term, k) => (all[k] === "row" ? term.slice(1) : term).includes(row!));
  if (elsewhere) return "mixed";
  if (!output.includes(row!)) return "sum";
  return output[0] === row ? "row" : "mixed";
}

/** How the processes' gradients make that of the whole batch. */
export const dependenceOf = (graph: Graph, id: NodeId): RowDependence => rowDependence(graph)[id]!;
