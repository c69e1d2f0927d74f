// Layout: ops that move elements and compute nothing. All but reshape are views: affine reads of their input.
// Errors: shape/reshape {from, to}; shape/transpose {perm, shape}; shape/broadcast, shape/axis, type/operand as in build.ts.
import type { Builder, NodeId } from "../graph.ts";
import type { OpDef } from "../op-def.ts";
import { at, fixed } from "../stage.ts";
import {
  bool,
  type Dim,
  dimText,
  f32,
  i32,
  isStatic,
  rows,
  type Shape,
  sameDim,
  sameShape,
  shapeText,
  type TensorType,
} from "../types.ts";
import { checkAxes, checkOperands, given, movable } from "./build.ts";
import { multipleOf, place, refuse, sameCount } from "./dims.ts";

/** Whether `axes` names each of 0..rank-1 at most once. */
const areAxes = (axes: readonly number[], rank: number): boolean =>
  new Set(axes).size === axes.length && axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);

export const reshape: OpDef<{ readonly shape: readonly Dim[] }> = {
  name: "reshape",
  doc: {
    summary: "The same elements in the same row-major order under another shape of equally many elements.",
    math: "y[j] = x[i] where i and j have the same row-major position",
    derivative: "dx = reshape(ct, shape(x))",
    example: "reshape(x, [2, 6])",
    conventions: "One size may be -1 and is worked out; N stays a factor: [N, 28, 28] may become [28 * N, 28].",
  },
  infer([x], { shape }) {
    const wrong = checkOperands("reshape", [x!], movable);
    if (wrong) return wrong;
    if (!sameCount(x!.shape, shape))
      return refuse("shape/reshape", { from: shapeText(x!.shape), to: shapeText(shape) }, 0);
    return { dtype: x!.dtype, shape };
  },
  // f(x) = reshape(x);  f'(x) = reshape back
  vjp: (b, ct, { inputs }) => [b.node("reshape", [ct], { shape: b.type(inputs[0]!).shape })],
  lower: () => ({ kind: "reshape" }),
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { shape: [3, 2] }, expect: [1, 2, 3, 4, 5, 6] },
    { inputs: [given(f32(), 7)], attrs: { shape: [1, 1] }, expect: [7] },
    {
      inputs: [given(i32(rows(), 2), 1, 2, 3, 4)],
      attrs: { shape: [rows(2)] },
      rows: 2,
      expect: [1, 2, 3, 4],
    },
    {
      inputs: [given(f32(rows(6)), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)],
      attrs: { shape: [3, rows(), 2] },
      rows: 2,
      expect: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    },
  ],
  errors: [
    { inputs: [f32(2, 3)], attrs: { shape: [4, 2] }, code: "shape/reshape" },
    { inputs: [f32(rows(), 3)], attrs: { shape: [3] }, code: "shape/reshape" },
  ],
};

export const transpose: OpDef<{ readonly perm: readonly number[] }> = {
  name: "transpose",
  doc: {
    summary: "Dimensions in another order: result dimension i is input dimension perm[i].",
    math: "y[i_perm[0], i_perm[1], …] = x[i_0, i_1, …]",
    derivative: "dx = transpose(ct, the inverse of perm)",
    example: "transpose(x, [1, 0])",
    conventions: "`x.T` swaps the last two dimensions.",
  },
  infer([x], { perm }) {
    const wrong = checkOperands("transpose", [x!], movable);
    if (wrong) return wrong;
    if (perm.length !== x!.shape.length || !areAxes(perm, x!.shape.length))
      return refuse("shape/transpose", { perm: `[${perm.join(", ")}]`, shape: shapeText(x!.shape) }, 0);
    return { dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) };
  },
  // f(x) = transpose(x, p);  f'(x) = transpose by the inverse of p
  vjp: (b, ct, { attrs }) => [
    b.node("transpose", [ct], { perm: attrs.perm.map((_, axis) => attrs.perm.indexOf(axis)) }),
  ],
  lower: (_, { perm }) => ({ kind: "view", map: { at: perm.map((_, axis) => at(perm.indexOf(axis))) } }),
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { perm: [1, 0] }, expect: [1, 4, 2, 5, 3, 6] },
    { inputs: [given(f32(), 3)], attrs: { perm: [] }, expect: [3] },
    {
      inputs: [given(f32(rows(), 1, 2), 1, 2, 3, 4)],
      attrs: { perm: [2, 0, 1] },
      rows: 2,
      expect: [1, 3, 2, 4],
    },
  ],
  errors: [
    { inputs: [f32(2, 3)], attrs: { perm: [0, 0] }, code: "shape/transpose" },
    { inputs: [f32(2, 3)], attrs: { perm: [0] }, code: "shape/transpose" },
    { inputs: [f32(2, 3)], attrs: { perm: [0, 2] }, code: "shape/transpose" },
  ],
};

export const broadcast: OpDef<{ readonly shape: readonly Dim[] }> = {
  name: "broadcast",
  doc: {
    summary: "Repeats x along new leading dimensions and along dimensions of size 1, as NumPy does.",
    math: "y[…, i, j] = x[i or 0, j or 0]",
    derivative: "dx = sum of ct over the repeated dimensions",
    example: "broadcast(x, [2, 3, 4])",
  },
  infer([x], { shape }) {
    const wrong = checkOperands("broadcast", [x!], movable);
    if (wrong) return wrong;
    const lead = shape.length - x!.shape.length;
    const unfit = x!.shape.findIndex((size, axis) => size !== 1 && !sameDim(size, shape[lead + axis] ?? 0));
    if (lead >= 0 && unfit === -1) return { dtype: x!.dtype, shape };
    const sizes = lead < 0 ? {} : { leftSize: dimText(x!.shape[unfit]!), rightSize: dimText(shape[lead + unfit]!) };
    const facts = { op: "broadcast", left: shapeText(x!.shape), right: shapeText(shape), leftSize: "", rightSize: "" };
    return refuse("shape/broadcast", { ...facts, ...sizes }, 0);
  },
  // f(x) = repeat x;  f'(x) = sum over the repeats, which is what the driver does to a cotangent of the broadcast shape
  vjp: (_, ct) => [ct],
  lower: ([x], { shape }) => {
    const lead = shape.length - x!.shape.length;
    const places = x!.shape.map((size, axis) => (size === 1 ? fixed(0) : at(lead + axis)));
    return { kind: "view", map: { at: places } };
  },
  samples: [
    { inputs: [given(f32(2, 1), 1, 2)], attrs: { shape: [2, 2, 2] }, expect: [1, 1, 2, 2, 1, 1, 2, 2] },
    { inputs: [given(f32(), 5)], attrs: { shape: [rows()] }, rows: 3, expect: [5, 5, 5] },
    { inputs: [given(bool(1), 1)], attrs: { shape: [3] }, expect: [1, 1, 1] },
    { inputs: [given(f32(1, 2), 1, 2)], attrs: { shape: [1, 2] }, expect: [1, 2] },
  ],
  errors: [
    { inputs: [f32(2, 3)], attrs: { shape: [3] }, code: "shape/broadcast" },
    { inputs: [f32(2)], attrs: { shape: [2, 3] }, code: "shape/broadcast" },
    { inputs: [f32(2)], attrs: { shape: [rows()] }, code: "shape/broadcast" },
  ],
};

export const flip: OpDef<{ readonly axes: readonly number[] }> = {
  name: "flip",
  doc: {
    summary: "x in reverse order along the given dimensions.",
    math: "y[i] = x[size - 1 - i]",
    derivative: "dx = flip(ct)",
    example: "flip(x, axis=0)",
  },
  infer([x], { axes }) {
    return checkOperands("flip", [x!], movable) ?? checkAxes("flip", x!, axes) ?? x!;
  },
  // f(x) = flip(x);  f'(x) = flip
  vjp: (b, ct, { attrs }) => [b.node("flip", [ct], attrs)],
  lower: ([x], { axes }) => {
    const backwards = (size: Dim, axis: number) => {
      const last = place(axis, isStatic(size) ? size - 1 : 0, -1);
      return isStatic(size) ? last : { ...last, const: -1, rows: multipleOf(size) };
    };
    return {
      kind: "view",
      map: { at: x!.shape.map((size, axis) => (axes.includes(axis) ? backwards(size, axis) : at(axis))) },
    };
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { axes: [1] }, expect: [3, 2, 1, 6, 5, 4] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 4)], attrs: { axes: [0, 1] }, rows: 2, expect: [4, 3, 2, 1] },
    { inputs: [given(bool(1), 1)], attrs: { axes: [0] }, expect: [1] },
  ],
  errors: [
    { inputs: [f32(2)], attrs: { axes: [1] }, code: "shape/axis" },
    { inputs: [f32(2, 2)], attrs: { axes: [0, -1] }, code: "shape/axis" },
  ],
};

/** `value` everywhere, as a node of this type: a constant spread over the shape. */
export function full(b: Builder, value: number, type: TensorType): NodeId {
  const constant = b.node("const", [], { value, dtype: type.dtype });
  return type.shape.length === 0 ? constant : b.node("broadcast", [constant], { shape: type.shape });
}

/** A cotangent of the broadcast shape summed down to `shape`; one that is the same along some dimensions, spread. */
export function unbroadcast(b: Builder, ct: NodeId, shape: Shape): NodeId {
  const from = b.type(ct).shape;
  if (sameShape(from, shape)) return ct;
  const lead = from.length - shape.length;
  const axes = from.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && !sameDim(size, 1)) ? [axis] : [],
  );
  const kept = lead < 0 ? from : from.slice(lead).map((size, axis) => (axes.includes(lead + axis) ? 1 : size));
  const summed = axes.length === 0 ? ct : b.node("sum", [ct], { axes, keepdims: false });
  const aligned = sameShape(b.type(summed).shape, kept) ? summed : b.node("reshape", [summed], { shape: kept });
  return sameShape(kept, shape) ? aligned : b.node("broadcast", [aligned], { shape });
}
