// Reads and writes by number: where a graph makes them, and which of the numbers are right whatever is computed.
import type { Graph, Node, NodeId } from "./graph.ts";
import { type Dim, isStatic, productOf, sameDim } from "./types.ts";

/** A place where elements are named by number, 0 to size - 1. */
export interface IndexUse {
  /** Which input holds the numbers. */
  readonly place: number;
  readonly size: Dim;
}

export function indexUse({ nodes }: Graph, { op, inputs, type }: Node): IndexUse | undefined {
  const table = nodes[inputs[0]!]?.type.shape;
  if (op === "gather") return { place: 1, size: table![0]! };
  if (op === "pick") return { place: 1, size: table!.at(-1)! };
  return op === "scatter_add" ? { place: 0, size: type.shape[0]! } : undefined;
}

/** Ops that only move the elements of their inputs, or look at them. */
const moves: ReadonlySet<string> = new Set(["within", "reshape", "transpose", "broadcast", "slice", "concat", "flip"]);

/** Where the elements of a value were made, before they were moved about. */
export function madeBy({ nodes }: Graph, value: NodeId): readonly Node[] {
  const seen = new Set([value]);
  const makers: Node[] = [];
  for (const id of seen) {
    const node = nodes[id]!;
    if (!moves.has(node.op)) makers.push(node);
    else for (const input of node.inputs) seen.add(input);
  }
  return makers;
}

/** Whether a node holds numbers from 0 to size - 1 only. Those of inputs are looked at when data is loaded. */
export function isInRange({ nodes }: Graph, { op, inputs, attrs }: Node, size: Dim): boolean {
  const least = isStatic(size) ? size : size.perRow;
  const fits = (count: Dim | undefined): boolean =>
    count !== undefined && (sameDim(count, size) || (isStatic(count) && count <= least));
  const isNumber = (value: number): boolean => value >= 0 && value < least;
  switch (op) {
    case "input":
      return isStatic(size);
    case "const":
      return isNumber(Number(attrs["value"]));
    case "tensor":
      return (attrs["values"] as readonly number[]).every(isNumber);
    case "iota":
      return fits(attrs["count"] as Dim);
    case "argmax":
    case "argmin": {
      const { shape } = nodes[inputs[0]!]!.type;
      return fits(productOf((attrs["axes"] as readonly number[]).map((axis) => shape[axis]!)));
    }
    case "mod": {
      // The remainder has the sign of the divisor.
      const divisor = nodes[inputs[1]!]!;
      return divisor.op === "const" && Number(divisor.attrs["value"]) > 0 && fits(Number(divisor.attrs["value"]));
    }
    default:
      return false;
  }
}
