// Layout: ops that move elements and compute nothing. All but reshape and concat are views: affine reads of their input.
// Errors: shape/reshape {from, to}; shape/transpose {perm, shape}; shape/pad {axis, low, high, shape};
// shape/concat {axis, left, right, leftInput, rightInput} (shapes that differ elsewhere, or k rows joined to k * N);
// shape/slice {axis, from, to, size, shape}; shape/broadcast, shape/axis, type/operand, type/mixed as in build.ts.
import type { Builder, NodeId } from "../graph.ts";
import type { OpDef } from "../op-def.ts";
import { at, fixed, type Guard, load, OUT, type Stage } from "../stage.ts";
import {
  bool,
  type Dim,
  type DType,
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
import { checkAxes, checkOneType, checkOperands, given, parallelAxes } from "./build.ts";
import { addDims, isNegative, multipleOf, place, refuse, sameCount, subDims } from "./dims.ts";

/** Bytes enter the graph through a cast and nothing else. */
const movable: readonly DType[] = ["f32", "i32", "bool"];

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

export type PadAttrs = {
  /** [before, after] for each dimension; multiples of N on a dimension of N. */
  readonly pairs: readonly (readonly [Dim, Dim])[];
  readonly value: number;
};

export const pad: OpDef<PadAttrs> = {
  name: "pad",
  doc: {
    summary: "x with a border of a constant: [low, high] places before and after each dimension.",
    math: "y[i + low] = x[i], elsewhere value",
    derivative: "dx = ct without the border",
    example: "pad(x, [[1, 1], [0, 2]], value=0)",
  },
  infer([x], { pairs }) {
    const wrong = checkOperands("pad", [x!], movable);
    if (wrong) return wrong;
    const shape: Dim[] = [];
    for (const [axis, size] of x!.shape.entries()) {
      const [low, high] = pairs[axis] ?? [-1, -1];
      const before = addDims(low, size);
      const padded = before === undefined ? undefined : addDims(before, high);
      const fits = pairs.length === x!.shape.length && padded !== undefined && !isNegative(low) && !isNegative(high);
      if (!fits)
        return refuse("shape/pad", { axis, low: dimText(low), high: dimText(high), shape: shapeText(x!.shape) }, 0);
      shape.push(padded);
    }
    if (pairs.length !== x!.shape.length)
      return refuse("shape/pad", { axis: x!.shape.length, low: 0, high: 0, shape: shapeText(x!.shape) }, 0);
    return { dtype: x!.dtype, shape };
  },
  // f(x) = pad(x);  f'(x) = slice of the middle
  vjp: (b, ct, { inputs, attrs }) => [
    b.node("slice", [ct], { starts: attrs.pairs.map(([low]) => low), sizes: b.type(inputs[0]!).shape }),
  ],
  lower: ([x], { pairs, value }) => {
    const places = pairs.map(([low], axis) => place(axis, subDims(0, low)!));
    const guard = places.flatMap((inside, axis): Guard[] => {
      const [low, high] = pairs[axis]!;
      return low === 0 && high === 0 ? [] : [{ at: inside, extent: x!.shape[axis]! }];
    });
    return { kind: "view", map: { at: places, ...(guard.length > 0 ? { guard, otherwise: value } : {}) } };
  },
  samples: [
    {
      inputs: [given(f32(1, 2), 1, 2)],
      attrs: {
        pairs: [
          [1, 0],
          [0, 1],
        ],
        value: 9,
      },
      expect: [9, 9, 9, 1, 2, 9],
    },
    {
      inputs: [given(f32(rows(), 1), 1, 2)],
      attrs: {
        pairs: [
          [rows(), 0],
          [0, 0],
        ],
        value: 0,
      },
      rows: 2,
      expect: [0, 0, 1, 2],
    },
    { inputs: [given(f32(), 4)], attrs: { pairs: [], value: 0 }, expect: [4] },
    { inputs: [given(i32(2), 1, 2)], attrs: { pairs: [[0, 1]], value: -1 }, expect: [1, 2, -1] },
  ],
  errors: [
    { inputs: [f32(2)], attrs: { pairs: [[-1, 0]], value: 0 }, code: "shape/pad" },
    { inputs: [f32(2)], attrs: { pairs: [], value: 0 }, code: "shape/pad" },
    { inputs: [f32()], attrs: { pairs: [[0, 0]], value: 0 }, code: "shape/pad" },
    { inputs: [f32(rows())], attrs: { pairs: [[1, 0]], value: 0 }, code: "shape/pad" },
  ],
};

/** Where each input of a concat begins on its axis. */
function offsetsOf(sizes: readonly Dim[]): Dim[] {
  let offset: Dim = 0;
  return sizes.map((size) => {
    const here = offset;
    offset = addDims(offset, size)!;
    return here;
  });
}

export const concat: OpDef<{ readonly axis: number }> = {
  name: "concat",
  doc: {
    summary: "Inputs one after another along one dimension; the other dimensions must agree.",
    math: "y[…, offset_k + i, …] = x_k[…, i, …]",
    derivative: "dx_k = the slice of ct where x_k stands",
    example: "concat([x, y], axis=0)",
  },
  infer(inputs, { axis }) {
    const first = inputs[0]!;
    const wrong =
      checkOperands("concat", inputs, movable) ?? checkOneType("concat", inputs) ?? checkAxes("concat", first, [axis]);
    if (wrong) return wrong;
    const rank = first.shape.length;
    let total: Dim | undefined = 0;
    for (const [input, type] of inputs.entries()) {
      const agrees =
        type.shape.length === rank && type.shape.every((d, i) => i === axis || sameDim(d, first.shape[i]!));
      total = agrees ? addDims(total, type.shape[axis]!) : undefined;
      if (total === undefined) {
        const facts = {
          axis,
          left: shapeText(first.shape),
          right: shapeText(type.shape),
          leftInput: 1,
          rightInput: input + 1,
        };
        return refuse("shape/concat", facts, input, 0);
      }
    }
    return { dtype: first.dtype, shape: first.shape.map((size, i) => (i === axis ? total! : size)) };
  },
  // f(x, y) = concat;  each gets its slice of the cotangent
  vjp(b, ct, { inputs, attrs }) {
    const shapes = inputs.map((id) => b.type(id).shape);
    const offsets = offsetsOf(shapes.map((shape) => shape[attrs.axis]!));
    return shapes.map((sizes, k) => {
      const starts = sizes.map((_, axis): Dim => (axis === attrs.axis ? offsets[k]! : 0));
      return b.node("slice", [ct], { starts, sizes });
    });
  },
  lower(inputs, { axis }, out) {
    const offsets = offsetsOf(inputs.map((type) => type.shape[axis]!));
    const stages = inputs.map(
      ({ shape }, input): Stage => ({
        axes: parallelAxes(shape),
        body: load(
          input,
          shape.map((_, id) => at(id)),
          out.dtype as DType,
        ),
        out: { value: OUT, at: shape.map((_, id) => place(id, id === axis ? offsets[input]! : 0)), mode: "set" },
      }),
    );
    return { kind: "stages", stages };
  },
  samples: [
    {
      inputs: [given(f32(1, 2), 1, 2), given(f32(2, 2), 3, 4, 5, 6)],
      attrs: { axis: 0 },
      expect: [1, 2, 3, 4, 5, 6],
    },
    {
      inputs: [given(f32(rows(), 1), 1, 2), given(f32(rows(), 2), 3, 4, 5, 6)],
      attrs: { axis: 1 },
      rows: 2,
      expect: [1, 3, 4, 2, 5, 6],
    },
    {
      inputs: [given(f32(rows()), 1, 2), given(f32(rows(2)), 3, 4, 5, 6)],
      attrs: { axis: 0 },
      rows: 2,
      expect: [1, 2, 3, 4, 5, 6],
    },
    { inputs: [given(i32(2), 1, 2)], attrs: { axis: 0 }, expect: [1, 2] },
  ],
  errors: [
    { inputs: [f32(2, 3), f32(2, 4)], attrs: { axis: 0 }, code: "shape/concat" },
    { inputs: [f32(2), f32(rows())], attrs: { axis: 0 }, code: "shape/concat" },
    { inputs: [f32(2), f32(2, 1)], attrs: { axis: 0 }, code: "shape/concat" },
    { inputs: [f32(2), i32(2)], attrs: { axis: 0 }, code: "type/mixed" },
    { inputs: [f32(2)], attrs: { axis: 1 }, code: "shape/axis" },
  ],
};

export type SliceAttrs = { readonly starts: readonly Dim[]; readonly sizes: readonly Dim[] };

export const slice: OpDef<SliceAttrs> = {
  name: "slice",
  doc: {
    summary: "A block of x: `sizes` elements from `starts` on, along each dimension.",
    math: "y[i, j] = x[start_0 + i, start_1 + j]",
    derivative: "dx = ct with zeros around it",
    example: "x[1:3, 0:2]",
    conventions: "A number as an index drops its dimension; negative numbers count from the end; no steps.",
  },
  infer([x], { starts, sizes }) {
    const wrong = checkOperands("slice", [x!], movable);
    if (wrong) return wrong;
    const rank = x!.shape.length;
    if (starts.length !== rank || sizes.length !== rank) {
      const axis = Math.min(starts.length, sizes.length, rank);
      return refuse("shape/slice", { axis, from: 0, to: 0, size: 0, shape: shapeText(x!.shape) }, 0);
    }
    for (const [axis, size] of x!.shape.entries()) {
      const start = starts[axis]!;
      const end = addDims(start, sizes[axis]!);
      const rest = end === undefined ? undefined : subDims(size, end);
      if (
        end === undefined ||
        rest === undefined ||
        isNegative(start) ||
        isNegative(sizes[axis]!) ||
        isNegative(rest)
      ) {
        const to = end === undefined ? `${dimText(start)} + ${dimText(sizes[axis]!)}` : dimText(end);
        const facts = { axis, from: dimText(start), to, size: dimText(size), shape: shapeText(x!.shape) };
        return refuse("shape/slice", facts, 0);
      }
    }
    return { dtype: x!.dtype, shape: sizes };
  },
  // f(x) = x[block];  f'(x) = the cotangent in the block, zero around it
  vjp(b, ct, { inputs, attrs: { starts, sizes } }) {
    const pairs = b.type(inputs[0]!).shape.map((size, axis) => {
      const end = addDims(starts[axis]!, sizes[axis]!)!;
      return [starts[axis]!, subDims(size, end)!];
    });
    return [b.node("pad", [ct], { pairs, value: 0 })];
  },
  lower: (_, { starts }) => ({ kind: "view", map: { at: starts.map((start, axis) => place(axis, start)) } }),
  samples: [
    {
      inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)],
      attrs: { starts: [0, 1], sizes: [2, 2] },
      expect: [2, 3, 5, 6],
    },
    {
      inputs: [given(f32(rows(2), 1), 1, 2, 3, 4)],
      attrs: { starts: [rows(), 0], sizes: [rows(), 1] },
      rows: 2,
      expect: [3, 4],
    },
    { inputs: [given(f32(), 4)], attrs: { starts: [], sizes: [] }, expect: [4] },
    { inputs: [given(i32(3), 1, 2, 3)], attrs: { starts: [2], sizes: [1] }, expect: [3] },
  ],
  errors: [
    { inputs: [f32(3)], attrs: { starts: [2], sizes: [2] }, code: "shape/slice" },
    { inputs: [f32(3)], attrs: { starts: [-1], sizes: [1] }, code: "shape/slice" },
    { inputs: [f32(rows())], attrs: { starts: [0], sizes: [1] }, code: "shape/slice" },
    { inputs: [f32(3)], attrs: { starts: [], sizes: [] }, code: "shape/slice" },
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
