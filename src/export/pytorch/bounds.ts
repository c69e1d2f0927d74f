// Bounds of the numbers that schedules are made of: they tell where Python's own operators cannot raise, which at 1 / 0 or
// exp(1000) they do and ours do not. Knows op names.
import type { Graph, Node } from "../../ir/graph.ts";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

const anything: Bounds = { low: -Infinity, high: Infinity };

/** By node; tensors may be anything. */
export function boundsOf(graph: Graph): readonly Bounds[] {
  const found: Bounds[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => found[id]!);
    const bounds = node.type.shape.length === 0 ? bound(node, inputs) : anything;
    found.push(Number.isNaN(bounds.low) || Number.isNaN(bounds.high) ? anything : bounds);
  }
  return found;
}

function bound({ op, attrs }: Node, [a, b, c]: readonly Bounds[]): Bounds {
  switch (op) {
    case "const":
      return { low: Number(attrs["value"]), high: Number(attrs["value"]) };
    case "rows":
      return { low: 1, high: Infinity };
    case "scalar": {
      const name = attrs["name"];
      return name === "step" || name === "epoch" || name === "steps" ? { low: 0, high: Infinity } : anything;
    }
    case "add":
      return { low: a!.low + b!.low, high: a!.high + b!.high };
    case "sub":
      return { low: a!.low - b!.high, high: a!.high - b!.low };
    case "mul":
      return a!.low >= 0 && b!.low >= 0 ? { low: a!.low * b!.low, high: a!.high * b!.high } : anything;
    case "div":
      return a!.low >= 0 && b!.low > 0 ? { low: 0, high: a!.high / b!.low } : anything;
    case "maximum":
      return { low: Math.max(a!.low, b!.low), high: Math.max(a!.high, b!.high) };
    case "minimum":
      return { low: Math.min(a!.low, b!.low), high: Math.min(a!.high, b!.high) };
    case "pow":
      return a!.low >= 0 && a!.high <= 1 && b!.low >= 0 ? { low: 0, high: a!.high ** b!.low } : anything;
    case "sqrt":
      return { low: Math.sqrt(a!.low), high: Math.sqrt(a!.high) };
    case "where":
      return { low: Math.min(b!.low, c!.low), high: Math.max(b!.high, c!.high) };
    default:
      return anything;
  }
}
