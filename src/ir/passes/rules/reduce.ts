// Rules of sums: over values that are the same along the summed axes, over factors, over what adds up to a known number.
import type { Node, NodeId } from "../../graph.ts";
import { droppedShape, keptShape } from "../../ops/build.ts";
import { full } from "../../ops/layout.ts";
import { type Dim, productOf, type Shape, sameDim, sameShape } from "../../types.ts";
import { axesOf, constantOf, isFloat, isSameAlong, isScalar, mean, reductionAgainst, sameAxes } from "../patterns.ts";
import type { Rewrite, Rewriter } from "../rewrite.ts";

const shapeOf = (r: Rewriter, id: NodeId): Shape => r.type(id).shape;
const keepsDims = (node: Node): boolean => node.attrs["keepdims"] === true;

/** A reduction's result of any keeping, in the shape that `node` has. */
const inShape = (r: Rewriter, id: NodeId, node: Node): NodeId =>
  sameShape(shapeOf(r, id), node.type.shape) ? id : r.node("reshape", [id], { shape: node.type.shape });

/** A size as an f32 scalar. */
const sizeNode = (r: Rewriter, size: Dim): NodeId =>
  typeof size === "number"
    ? r.node("const", [], { value: size, dtype: "f32" })
    : r.node("rows", [], { multiple: size.perRow });

/** A product taken apart: what varies along the axes, and what multiplies or divides it and does not. */
interface Split {
  readonly varying: NodeId;
  readonly factors: readonly { readonly id: NodeId; readonly divides: boolean }[];
}

/** At most this many factors of a product are looked at. */
const maxFactors = 8;

/** Splits a product by whether its factors are the same along the axes; undefined where there is nothing to split. */
function splitProduct(r: Rewriter, id: NodeId, axes: readonly number[]): Split | undefined {
  const { shape } = r.at(id).type;
  const same: { id: NodeId; divides: boolean }[] = [];
  const varying: { id: NodeId; divides: boolean }[] = [];
  const work = [{ id, divides: false }];
  for (let next = work.pop(); next; next = work.pop()) {
    const node = r.at(next.id);
    const open = same.length + varying.length + work.length < maxFactors;
    // A scalar product stays whole: it is one number of the host's.
    if (isSameAlong(r, next.id, shape, axes)) same.push(next);
    else if (open && node.op === "neg") {
      same.push({ id: r.node("const", [], { value: -1, dtype: "f32" }), divides: false });
      work.push({ id: node.inputs[0]!, divides: next.divides });
    } else if (open && (node.op === "mul" || node.op === "div")) {
      const second = node.op === "div" ? !next.divides : next.divides;
      work.push({ id: node.inputs[1]!, divides: second }, { id: node.inputs[0]!, divides: next.divides });
    } else varying.push(next);
  }
  if (same.length === 0 || varying.length === 0 || varying[0]!.divides) return undefined;
  const product = varying.reduce<NodeId | undefined>(
    (left, { id: right, divides }) => (left === undefined ? right : r.node(divides ? "div" : "mul", [left, right])),
    undefined,
  )!;
  // Where the varying part is smaller than the whole, the rest was spread along an axis by the product itself.
  return sameShape(shapeOf(r, product), shape) ? { varying: product, factors: same } : undefined;
}

/** Whether the sum over the axes is 0: x - mean(x), times anything that is the same along the axes. */
function sumsToZero(r: Rewriter, id: NodeId, axes: readonly number[]): boolean {
  const split = splitProduct(r, id, axes);
  const centred = r.is(split ? split.varying : id, "sub");
  const centre = centred && mean(r, centred.inputs[1]!, reductionAgainst);
  return centre !== undefined && centre.of === centred!.inputs[0] && sameAxes(centre.axes, axes);
}

export const reduceRules: readonly Rewrite[] = [
  {
    name: "sum over axes of size 1, or none",
    before: "sum(reshape(x, [3, 1, 4]), axis=1)",
    after: "x",
    ops: ["sum", "prod", "max", "min"],
    apply(r, node) {
      const [x] = node.inputs as readonly [NodeId];
      if (r.type(x).dtype !== node.type.dtype) return undefined;
      return axesOf(node).every((axis) => shapeOf(r, x)[axis] === 1) ? inShape(r, x, node) : undefined;
    },
  },
  {
    name: "kept axes without a reshape",
    before: "reshape(sum(x, axis=1), [3, 1])",
    after: "sum(x, axis=1, keepdims=true)",
    ops: ["reshape"],
    apply(r, { inputs, type }) {
      const inner = r.at(inputs[0]!);
      if (!["sum", "prod", "max", "min", "logsumexp"].includes(inner.op) || r.isShared(inner.id)) return undefined;
      const axes = axesOf(inner);
      const from = shapeOf(r, inner.inputs[0]!);
      const keepdims = sameShape(type.shape, keptShape(from, axes));
      const fits = keepdims || sameShape(type.shape, droppedShape(from, axes));
      return fits && keepdims !== keepsDims(inner) ? r.node(inner.op, inner.inputs, { axes, keepdims }) : undefined;
    },
  },
  {
    name: "sum of a sum",
    before: "sum(sum(x, axis=1))",
    after: "sum(x)",
    ops: ["sum"],
    apply(r, node) {
      const inner = r.is(node.inputs[0]!, "sum");
      if (!inner || r.isShared(inner.id)) return undefined;
      const from = shapeOf(r, inner.inputs[0]!);
      const left = from.flatMap((_, axis) => (keepsDims(inner) || !axesOf(inner).includes(axis) ? [axis] : []));
      const axes = [...new Set([...axesOf(inner), ...axesOf(node).map((axis) => left[axis]!)])].sort((a, b) => a - b);
      return inShape(r, r.node("sum", inner.inputs, { axes, keepdims: false }), node);
    },
  },
  {
    name: "sum of a broadcast",
    before: "sum(broadcast(x, [5, 3, 4]), axis=0)",
    after: "x * 5",
    ops: ["sum"],
    apply(r, node) {
      const spread = r.is(node.inputs[0]!, "broadcast");
      if (!spread || !isFloat(r, spread.id)) return undefined;
      const small = shapeOf(r, spread.inputs[0]!);
      const lead = spread.type.shape.length - small.length;
      const axes = axesOf(node);
      const repeated = axes.filter((axis) => axis < lead || !sameDim(small[axis - lead]!, spread.type.shape[axis]!));
      const count = productOf(repeated.map((axis) => spread.type.shape[axis]!));
      if (repeated.length === 0 || count === undefined) return undefined;
      // Sum what is really there with its axes kept, put the leading axes back as 1, and multiply by the repeats.
      const own = axes.filter((axis) => axis >= lead).map((axis) => axis - lead);
      const summed = r.node("sum", [spread.inputs[0]!], { axes: own, keepdims: true });
      const full = [...spread.type.shape.slice(0, lead).map((): Dim => 1), ...shapeOf(r, summed)];
      const kept = keptShape(spread.type.shape, axes);
      const aligned = sameShape(full, shapeOf(r, summed)) ? summed : r.node("reshape", [summed], { shape: full });
      const spreadAgain = sameShape(full, kept) ? aligned : r.node("broadcast", [aligned], { shape: kept });
      return inShape(r, r.node("mul", [spreadAgain, sizeNode(r, count)]), node);
    },
  },
  {
    name: "factors out of a sum",
    before: "sum(x * y[:, 0:1], axis=1)",
    after: "sum(x, axis=1) * y[:, 0]",
    ops: ["sum"],
    apply(r, node) {
      const [x] = node.inputs as readonly [NodeId];
      if (!isFloat(r, x) || isScalar(r, x)) return undefined;
      const axes = axesOf(node);
      const split = splitProduct(r, x, axes);
      if (!split) return undefined;
      // Numbers multiply the sum in its own shape; a factor that varies along the other axes needs them in place.
      const keepdims = keepsDims(node) || !split.factors.every(({ id }) => isScalar(r, id));
      const inner = r.node("sum", [split.varying], { axes, keepdims });
      // A product that others read too is computed anyway: then only a sum that comes to nothing is worth it.
      if (r.isShared(x) && constantOf(r, inner) === undefined) return undefined;
      const whole = split.factors.reduce((left, { id, divides }) => r.node(divides ? "div" : "mul", [left, id]), inner);
      return sameShape(shapeOf(r, whole), shapeOf(r, inner)) ? inShape(r, whole, node) : undefined;
    },
  },
  {
    name: "the sum of a one-hot row",
    before: "sum(grad(sum(pick(x, i)), x), axis=1)",
    after: "ones([3])",
    ops: ["sum"],
    apply(r, node) {
      const rows = r.is(node.inputs[0]!, "one_hot");
      // Only where the id is known to be one of the places: `pick` has seen it.
      if (rows?.attrs["picked"] !== true || !sameAxes(axesOf(node), [rows.type.shape.length - 1])) return undefined;
      return full(r.b, 1, node.type);
    },
  },
  {
    name: "the sum of what is centred",
    before: "sum(y + (x - mean(x, axis=1, keepdims=true)), axis=1)",
    after: "sum(y, axis=1)",
    ops: ["sum"],
    apply(r, node) {
      const axes = axesOf(node);
      const [x] = node.inputs as readonly [NodeId];
      if (!isFloat(r, x)) return undefined;
      if (sumsToZero(r, x, axes)) return full(r.b, 0, node.type);
      const inner = r.at(x);
      if (inner.op !== "add" && inner.op !== "sub") return undefined;
      const [left, right] = inner.inputs as readonly [NodeId, NodeId];
      const isWhole = (id: NodeId) => sameShape(shapeOf(r, id), inner.type.shape);
      if (isWhole(left) && sumsToZero(r, right, axes)) return r.node("sum", [left], node.attrs);
      if (!isWhole(right) || !sumsToZero(r, left, axes)) return undefined;
      const rest = r.node("sum", [right], node.attrs);
      return inner.op === "add" ? rest : r.node("neg", [rest]);
    },
  },
];
