// Rules of arithmetic: constants, neutral elements, signs and scales, common factors. Elementwise ops only.
import type { Node, NodeId } from "../../graph.ts";
import { runOp } from "../../interpret.ts";
import { full } from "../../ops/layout.ts";
import { sameShape, sameType } from "../../types.ts";
import { constantOf, elementwiseOps, isConstant, isFloat, isScalar } from "../patterns.ts";
import type { Rewrite, Rewriter } from "../rewrite.ts";
import {
  combine,
  isOrdinary,
  isPlain,
  magnitude,
  one,
  putTogether,
  type Scaled,
  takeApart,
  withSign,
} from "../scale.ts";

/** x as the node's whole value, spread if the node is larger. */
const spreadTo = (r: Rewriter, x: NodeId, node: Node): NodeId | undefined => {
  if (r.type(x).dtype !== node.type.dtype) return undefined;
  return sameShape(r.type(x).shape, node.type.shape) ? x : r.node("broadcast", [x], { shape: node.type.shape });
};

/** Ops whose elements are finite whatever goes in, and parameters, which are finite until a run has failed. */
const finiteOps: ReadonlySet<string> = new Set(["param", "one_hot", "sigmoid", "tanh", "erf", "sin", "cos"]);

/** x ** k as multiplications and roots. */
const powers: ReadonlyMap<number, (r: Rewriter, x: NodeId) => NodeId> = new Map([
  [1, (_, x) => x],
  [2, (r, x) => r.node("mul", [x, x])],
  [3, (r, x) => r.node("mul", [r.node("mul", [x, x]), x])],
  [0.5, (r, x) => r.node("sqrt", [x])],
  [-0.5, (r, x) => r.node("rsqrt", [x])],
  [-1, (r, x) => r.node("div", [r.node("const", [], { value: 1, dtype: "f32" }), x])],
]);

/** a OP b as b OP a. */
const mirrored: ReadonlyMap<string, string> = new Map([
  ["lt", "gt"],
  ["gt", "lt"],
  ["le", "ge"],
  ["ge", "le"],
  ["eq", "eq"],
  ["ne", "ne"],
]);

export const arithmeticRules: readonly Rewrite[] = [
  {
    name: "arithmetic of constants",
    before: "grad(-sum(x), x)",
    after: "-ones([3, 4])",
    ops: elementwiseOps,
    apply(r, { op, inputs, attrs, type }) {
      if (inputs.length === 0 || !inputs.every((id) => r.at(id).op === "const")) return undefined;
      // Scalars are computed in float64, here as at run time: nothing is rounded before it meets a tensor.
      const given = inputs.map((id) => ({ type: r.type(id), values: [constantOf(r, id)!] }));
      const [value] = runOp(r.b.ops.get(op)!, given, attrs).data;
      return r.node("const", [], { value: value!, dtype: type.dtype });
    },
  },
  {
    name: "x + 0",
    before: "x + 0",
    after: "x",
    ops: ["add", "sub"],
    apply(r, node) {
      const [left, right] = node.inputs as readonly [NodeId, NodeId];
      if (isConstant(r, right, 0)) return spreadTo(r, left, node);
      if (!isConstant(r, left, 0)) return undefined;
      return spreadTo(r, node.op === "add" ? right : r.node("neg", [right]), node);
    },
  },
  {
    name: "x * 1",
    before: "x * 1",
    after: "x",
    ops: ["mul", "div"],
    apply(r, node) {
      const [left, right] = node.inputs as readonly [NodeId, NodeId];
      if (isConstant(r, right, 1)) return spreadTo(r, left, node);
      return node.op === "mul" && isConstant(r, left, 1) ? spreadTo(r, right, node) : undefined;
    },
  },
  {
    name: "0 times a finite value",
    before: "0 * tanh(x)",
    after: "zeros([3, 4])",
    ops: ["mul"],
    apply(r, node) {
      const [left, right] = node.inputs as readonly [NodeId, NodeId];
      const isZero = (a: NodeId, b: NodeId) => isConstant(r, a, 0) && finiteOps.has(r.at(b).op);
      return isZero(left, right) || isZero(right, left) ? full(r.b, 0, node.type) : undefined;
    },
  },
  {
    name: "powers as products and roots",
    before: "x ** 2",
    after: "x * x",
    ops: ["pow"],
    apply(r, { inputs: [x, exponent], type }) {
      const power = constantOf(r, exponent!);
      const write = power === undefined || !sameType(r.type(x!), type) ? undefined : powers.get(power);
      return write?.(r, x!);
    },
  },
  {
    name: "a number to the right of a comparison",
    before: "where(0 >= x, y, z)",
    after: "where(x <= 0, y, z)",
    ops: [...mirrored.keys()],
    apply(r, { op, inputs: [left, right], type }) {
      const isTurned = constantOf(r, left!) !== undefined && constantOf(r, right!) === undefined;
      return isTurned && sameShape(r.type(right!).shape, type.shape)
        ? r.node(mirrored.get(op)!, [right!, left!])
        : undefined;
    },
  },
  {
    name: "where both sides are one",
    before: "where(c, x, x)",
    after: "x",
    ops: ["where"],
    apply(r, node) {
      const [condition, a, b] = node.inputs as readonly [NodeId, NodeId, NodeId];
      if (a === b) return spreadTo(r, a, node);
      const known = constantOf(r, condition);
      return known === undefined ? undefined : spreadTo(r, known !== 0 ? a : b, node);
    },
  },
  {
    name: "signs and scales in one place",
    before: "-(2 * x) / 3 * -y",
    after: "x * (2 / 3) * y",
    ops: ["neg", "mul", "div"],
    apply(r, node) {
      if (!isFloat(r, node.id)) return undefined;
      const product = r.at(node.id).op !== "neg" && !isScalar(r, node.id) ? liftFactors(r, node) : undefined;
      if (product !== undefined) return product;
      const scaled = takeApart(r, node.id);
      return isOrdinary(scaled.factor) ? putTogether(r, scaled) : undefined;
    },
  },
  {
    name: "scales after movement",
    before: "reshape(-x * 3, [2, 6])",
    after: "-3 * reshape(x, [2, 6])",
    ops: ["reshape", "transpose"],
    apply(r, node) {
      const [x] = node.inputs as readonly [NodeId];
      if (!isFloat(r, x) || isScalar(r, x) || r.isShared(x)) return undefined;
      const { core, factor } = takeApart(r, x);
      if (core === null || (isPlain(factor) && factor.top > 0) || !isOrdinary(factor)) return undefined;
      return putTogether(r, { core: r.node(node.op, [core], node.attrs), factor });
    },
  },
  {
    name: "a common factor of a sum",
    before: "x * 3 - y * 3",
    after: "(x - y) * 3",
    ops: ["add", "sub"],
    apply(r, node) {
      if (!isFloat(r, node.id)) return undefined;
      if (isScalar(r, node.id)) return withoutSigns(r, node);
      const [left, right] = node.inputs.map((id) => takeTerm(r, id)) as [Scaled, Scaled];
      if (left.core === null && right.core === null) return undefined;
      if (magnitude(left.factor) !== magnitude(right.factor)) return withoutSigns(r, node);
      const first = Math.sign(left.factor.top);
      const second = Math.sign(right.factor.top) * (node.op === "sub" ? -1 : 1);
      if (isPlain(left.factor) && first > 0 && Math.sign(right.factor.top) > 0) return undefined;
      const coreOf = ({ core }: Scaled) => core ?? r.node("const", [], { value: 1, dtype: "f32" });
      const [a, b] = [coreOf(left), coreOf(right)];
      const sameSign = first === second;
      const inner = sameSign ? r.node("add", [a, b]) : r.node("sub", first > 0 ? [a, b] : [b, a]);
      const whole = putTogether(r, { core: inner, factor: withSign(left.factor, sameSign ? first : 1) });
      return sameType(r.type(whole), node.type) ? whole : undefined;
    },
  },
];

/** a + -b as a - b, and the like. */
function withoutSigns(r: Rewriter, { op, inputs }: Node): NodeId | undefined {
  const [left, right] = inputs as readonly [NodeId, NodeId];
  const [minusLeft, minusRight] = [r.is(left, "neg")?.inputs[0], r.is(right, "neg")?.inputs[0]];
  if (minusRight !== undefined) return r.node(op === "add" ? "sub" : "add", [left, minusRight]);
  if (minusLeft === undefined) return undefined;
  return op === "add" ? r.node("sub", [right, minusLeft]) : r.node("neg", [r.node("add", [minusLeft, right])]);
}

/** A term of a sum: taken apart only if nothing else reads it, but for a sign. */
const takeTerm = (r: Rewriter, id: NodeId): Scaled =>
  r.isShared(id) && r.at(id).op !== "neg" ? { core: id, factor: one } : takeApart(r, id);

/**
 * The product or quotient of two tensors with their scales taken out: the sign before it, the rest on the smaller of
 * the two, or after it where they are equally large. Undefined where neither is scaled.
 */
function liftFactors(r: Rewriter, { op, inputs, type }: Node): NodeId | undefined {
  const [left, right] = inputs.map((id) => takeTerm(r, id)) as [Scaled, Scaled];
  if (left.core === null || right.core === null) return undefined;
  const isBare = ({ factor }: Scaled) => isPlain(factor) && factor.top > 0;
  if (isBare(left) && isBare(right)) return undefined;
  const factor = combine(r, left.factor, right.factor, op === "div");
  if (!isOrdinary(factor)) return undefined;
  const cores = [left.core, right.core] as const;
  const small = cores.findIndex((id) => !sameShape(r.type(id).shape, type.shape));
  if (small === -1 || isPlain(factor)) return putTogether(r, { core: r.node(op, cores), factor });
  const size = withSign(factor, 1);
  const onSmall = small === 1 && op === "div" ? combine(r, one, size, true) : size;
  const scaled = putTogether(r, { core: cores[small]!, factor: onSmall });
  const product = r.node(op, small === 0 ? [scaled, cores[1]] : [cores[0], scaled]);
  return factor.top < 0 ? r.node("neg", [product]) : product;
}
