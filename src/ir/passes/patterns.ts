// What rules look for: constants in any spelling, reductions with or without kept axes, means, products taken apart.
// Reads nodes and makes none, except where a name says so.
import type { Node, NodeId } from "../graph.ts";
import { keptShape } from "../ops/build.ts";
import { opTable } from "../ops/table.ts";
import { type Dim, productOf, type Shape, sameDim, sameShape } from "../types.ts";
import type { Rewriter } from "./rewrite.ts";

/** Ops that work element by element, as their records say. */
export const elementwiseOps: readonly string[] = [...opTable.values()]
  .filter((op) => op.elementwise)
  .map((op) => op.name);

/** The number that every element is, if that is known: a constant, or one spread over a shape. */
export function constantOf(r: Rewriter, id: NodeId): number | undefined {
  let node = r.at(id);
  while (node.op === "broadcast" || node.op === "reshape") node = r.at(node.inputs[0]!);
  return node.op === "const" ? (node.attrs["value"] as number) : undefined;
}

export const isConstant = (r: Rewriter, id: NodeId, value: number): boolean => constantOf(r, id) === value;

export const isScalar = (r: Rewriter, id: NodeId): boolean => r.type(id).shape.length === 0;

export const isFloat = (r: Rewriter, id: NodeId): boolean => r.type(id).dtype === "f32";

/** The other input, if one input of a commutative node passes the test; both orders are tried. */
export function other<T>(node: Node, test: (one: NodeId) => T | undefined): { found: T; rest: NodeId } | undefined {
  const [a, b] = node.inputs as readonly [NodeId, NodeId];
  const first = test(a);
  if (first !== undefined) return { found: first, rest: b };
  const second = test(b);
  return second === undefined ? undefined : { found: second, rest: a };
}

export const axesOf = (node: Node): readonly number[] => node.attrs["axes"] as readonly number[];
export const sameAxes = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((axis, i) => axis === b[i]);

export interface Reduction {
  readonly node: Node;
  readonly of: NodeId;
  readonly axes: readonly number[];
}

/** A reduction by `op`, however its axes are kept: itself, or reshaped to keep or to drop them. */
export function reduction(r: Rewriter, id: NodeId, op: string): Reduction | undefined {
  let node = r.at(id);
  if (node.op === "reshape") {
    const inner = r.at(node.inputs[0]!);
    const { shape } = node.type;
    if (inner.op !== op) return undefined;
    const from = r.type(inner.inputs[0]!).shape;
    const axes = axesOf(inner);
    const dropped = from.filter((_, axis) => !axes.includes(axis));
    if (!sameShape(shape, keptShape(from, axes)) && !sameShape(shape, dropped)) return undefined;
    node = inner;
  }
  return node.op === op ? { node, of: node.inputs[0]!, axes: axesOf(node) } : undefined;
}

/** A reduction of some x whose result, as it stands, broadcasts against x: axes kept, or all of them leading. */
export function reductionAgainst(r: Rewriter, id: NodeId, op: string): Reduction | undefined {
  const spread = r.is(id, "broadcast");
  const found = reduction(r, spread ? spread.inputs[0]! : id, op);
  if (!found) return undefined;
  const from = r.type(found.of).shape;
  const here = r.type(id).shape;
  if (spread) return sameShape(here, from) ? found : undefined;
  const leading = found.axes.every((axis, i) => axis === i) && sameShape(here, from.slice(found.axes.length));
  return leading || sameShape(here, keptShape(from, found.axes)) ? found : undefined;
}

/** Number of elements that a reduction over `axes` folds, or undefined for N * N. */
export const countOver = (shape: Shape, axes: readonly number[]): Dim | undefined =>
  productOf(axes.map((axis) => shape[axis]!));

/** Whether the scalar is the size `count`: a constant, or `rows`. */
export function isCount(r: Rewriter, id: NodeId, count: Dim): boolean {
  const node = r.at(id);
  if (node.op === "rows") return sameDim({ perRow: node.attrs["multiple"] as number }, count);
  return constantOf(r, id) === count;
}

/** `sum(x, axes) / n` with n the number of elements summed: the mean, by the node of its sum. */
export function mean(r: Rewriter, id: NodeId, find: typeof reduction = reduction): Reduction | undefined {
  const node = r.at(id);
  if (node.op !== "div" && node.op !== "mul") return undefined;
  const total = node.op === "div" ? find(r, node.inputs[0]!, "sum") : other(node, (one) => find(r, one, "sum"))?.found;
  if (!total) return undefined;
  const by = node.inputs.find((input) => find(r, input, "sum") === undefined);
  const count = countOver(r.type(total.of).shape, total.axes);
  if (by === undefined || count === undefined) return undefined;
  if (node.op === "div") return isCount(r, by, count) ? total : undefined;
  const factor = constantOf(r, by);
  return factor !== undefined && typeof count === "number" && factor === 1 / count ? total : undefined;
}

/** x, if the node is x ** 2 or x * x. */
export function squareOf(r: Rewriter, id: NodeId): NodeId | undefined {
  const node = r.at(id);
  if (node.op === "mul" && node.inputs[0] === node.inputs[1]) return node.inputs[0];
  if (node.op === "pow" && isConstant(r, node.inputs[1]!, 2)) return node.inputs[0];
  return undefined;
}

/** Whether the node, broadcast against `shape`, is the same along every one of the axes. */
export function isSameAlong(r: Rewriter, id: NodeId, shape: Shape, axes: readonly number[]): boolean {
  const own = r.type(id).shape;
  const lead = shape.length - own.length;
  return axes.every((axis) => axis < lead || own[axis - lead] === 1);
}
