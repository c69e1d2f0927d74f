// Parts: ops that put tensors together, cut a block out or put a border around. They compute nothing; all but concat are views.
// Errors: shape/pad {axis, low, high, shape}; shape/concat {axis, left, right, leftInput, rightInput} (shapes that differ
// elsewhere, or k rows joined to k * N); shape/slice {axis, from, to, size, shape}; shape/axis, type/operand, type/mixed as in build.ts.
import type { OpDef } from "../op-def.ts";
import { at, type Guard, load, OUT, type Stage } from "../stage.ts";
import { type Dim, type DType, dimText, f32, i32, rows, sameDim, shapeText } from "../types.ts";
import { checkAxes, checkOneType, checkOperands, given, movable, parallelAxes } from "./build.ts";
import { addDims, isNegative, place, refuse, subDims } from "./dims.ts";

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
