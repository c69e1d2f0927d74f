// Between which numbers the elements of a whole-number node lie, where its ops tell. Looks a few nodes deep: what is not known so is
// checked when it is used.
import type { Node, NodeId } from "./graph.ts";
import { isStatic } from "./types.ts";

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Whoever has nodes by id: a graph or a builder. */
export type NodeAt = (id: NodeId) => Node;

/** Nodes on the way to a known one. */
const deepest = 12;

/** Undefined where nothing less than all of i32 is known. */
export function rangeOf(at: NodeAt, id: NodeId, depth = 0): Range | undefined {
  const node = at(id);
  const of = (k: number): Range | undefined =>
    depth < deepest && node.inputs[k] !== undefined ? rangeOf(at, node.inputs[k], depth + 1) : undefined;
  const found = ranges.get(node.op)?.(node, of, at);
  return found && found.low >= -(2 ** 31) && found.high < 2 ** 31 ? found : undefined;
}

type Rule = (node: Node, of: (k: number) => Range | undefined, at: NodeAt) => Range | undefined;

const upTo = (count: unknown): Range | undefined =>
  typeof count === "number" ? { low: 0, high: count - 1 } : undefined;

const hull = (...parts: readonly (Range | undefined)[]): Range | undefined =>
  parts.reduce((a, b) => (a && b ? { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) } : undefined));

const ofFirst: Rule = (_, of) => of(0);

const both =
  (combine: (a: Range, b: Range) => Range): Rule =>
  (_, of) => {
    const [a, b] = [of(0), of(1)];
    return a && b ? combine(a, b) : undefined;
  };

/** The place of an extreme, within the axes that are reduced. */
const place: Rule = ({ inputs, attrs }, _, at) => {
  const { shape } = at(inputs[0]!).type;
  const sizes = (attrs["axes"] as readonly number[]).map((axis) => shape[axis]!);
  return sizes.every(isStatic) ? upTo(sizes.reduce((a, b) => a * b, 1)) : undefined;
};

const ranges: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["input", ({ attrs }) => upTo(attrs["classes"])],
  ["iota", ({ attrs }) => upTo(attrs["count"])],
  ["within", ({ attrs }) => upTo(attrs["count"])],
  ["const", ({ attrs }) => ({ low: Number(attrs["value"]), high: Number(attrs["value"]) })],
  [
    "tensor",
    ({ attrs }) => {
      const values = attrs["values"] as readonly number[];
      return hull(...values.map((value) => ({ low: value, high: value })));
    },
  ],
  ["argmax", place],
  ["argmin", place],
  [
    "mod",
    (_, of) => {
      const divisor = of(1);
      return divisor && divisor.low > 0 ? { low: 0, high: divisor.high - 1 } : undefined;
    },
  ],
  ["add", both((a, b) => ({ low: a.low + b.low, high: a.high + b.high }))],
  ["sub", both((a, b) => ({ low: a.low - b.high, high: a.high - b.low }))],
  [
    "mul",
    both((a, b) => {
      const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
      return { low: Math.min(...corners), high: Math.max(...corners) };
    }),
  ],
  [
    "maximum",
    (_, of) => {
      const [a, b] = [of(0), of(1)];
      if (a && b) return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
      return a || b ? { low: (a ?? b)!.low, high: 2 ** 31 - 1 } : undefined;
    },
  ],
  [
    "minimum",
    (_, of) => {
      const [a, b] = [of(0), of(1)];
      if (a && b) return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
      return a || b ? { low: -(2 ** 31), high: (a ?? b)!.high } : undefined;
    },
  ],
  ["where", (_, of) => hull(of(1), of(2))],
  [
    "cast",
    ({ inputs }, of, at) => {
      const { op, type } = at(inputs[0]!);
      if (type.dtype === "bool" || type.dtype === "u8") return upTo(type.dtype === "u8" ? 256 : 2);
      // Arithmetic of floats is not followed; numbers as they are written are cut to whole ones.
      const known = type.dtype === "i32" || op === "const" || op === "tensor" ? of(0) : undefined;
      return known && { low: Math.trunc(known.low), high: Math.trunc(known.high) };
    },
  ],
  ...[
    "reshape",
    "transpose",
    "broadcast",
    "slice",
    "flip",
    "max",
    "min",
    "stop_gradient",
    "variable",
    "gather",
    "pick",
  ].map((op) => [op, ofFirst] as const),
  ["concat", ({ inputs }, of) => hull(...inputs.map((_, k) => of(k)))],
]);
