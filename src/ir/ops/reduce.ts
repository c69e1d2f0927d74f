// Reductions over chosen axes, the running sum, and the place of an extreme. Axes are ascending and not negative.
import type { Builder, NodeId } from "../graph.ts";
import type { Lowering, OpDef, ShapeError } from "../op-def.ts";
import { at, call, fixed, load, num, OUT, type ReduceOp, type Stage } from "../stage.ts";
import {
  bool,
  type Dim,
  type DType,
  f32,
  i32,
  isStatic,
  rows,
  type Shape,
  type TensorType,
  tensor,
  typeText,
} from "../types.ts";
import {
  checkAxes,
  checkOperands,
  droppedShape,
  given,
  keptShape,
  rowMajorIndex,
  rowMajorStrides,
  scalar,
  vec,
  withKeptAxes,
  words,
} from "./build.ts";

type Axes = { readonly axes: readonly number[]; readonly keepdims: boolean };

// ---- Shared by all reductions ----

function inferReduction(
  op: string,
  input: TensorType,
  { axes, keepdims }: Axes,
  takes: readonly DType[],
  gives: DType,
): TensorType | ShapeError {
  const wrong = checkOperands(op, [input], takes) ?? checkAxes(op, input, axes);
  return wrong ?? tensor(gives, keepdims ? keptShape(input.shape, axes) : droppedShape(input.shape, axes));
}

/** One stage over all axes of the input: kept axes are parallel, the others folded. Over no axis it is a map. */
function reduceLowering(op: ReduceOp, input: TensorType, { axes, keepdims }: Axes, gives: DType): Lowering {
  const { shape } = input;
  const read = load(
    0,
    shape.map((_, d) => at(d)),
    input.dtype as DType,
  );
  const kept = shape.flatMap((_, d) => (axes.includes(d) ? (keepdims ? [fixed(0)] : []) : [at(d)]));
  const isArg = op === "argmax" || op === "argmin";
  const body = input.dtype === gives || isArg ? read : call("cast", gives, read);
  const index = isArg
    ? {
        index: rowMajorIndex(
          axes,
          axes.map((d) => shape[d]!),
        ),
      }
    : {};
  const stage: Stage = {
    axes: shape.map((extent, id) => ({ id, name: `i${id}`, extent, kind: axes.includes(id) ? "reduce" : "parallel" })),
    ...(axes.length === 0 ? {} : { reduce: { op, dtype: isArg ? (input.dtype as DType) : gives, ...index } }),
    body: axes.length === 0 && isArg ? num(0, "i32") : body,
    out: { value: OUT, at: kept, mode: "set" },
  };
  return { kind: "stages", stages: [stage] };
}

/** bools are counted. */
const sumType = (input: TensorType): DType => (input.dtype === "f32" ? "f32" : "i32");

const countable: readonly DType[] = ["f32", "i32", "bool"];
const ordered: readonly DType[] = ["f32", "i32"];

const reductionErrors = [{ inputs: [f32(2, 3)], attrs: { axes: [2], keepdims: false }, code: "shape/axis" }];
const orderedErrors = [
  ...reductionErrors,
  { inputs: [bool(2)], attrs: { axes: [0], keepdims: false }, code: "type/operand" },
];

// ---- Sums and products ----

// f(x) = Σ x, f'(x) = 1
export const sum: OpDef<Axes> = {
  name: "sum",
  infer: ([x], attrs) => inferReduction("sum", x!, attrs, countable, sumType(x!)),
  vjp: (b, ct, { inputs: [x], attrs: { axes } }) => [
    b.node("broadcast", [withKeptAxes(b, ct, x!, axes)], { shape: b.type(x!).shape }),
  ],
  lower: ([x], attrs) => reduceLowering("add", x!, attrs, sumType(x!)),
  doc: {
    summary: "Sum over axes: [3, 4] over axis -1 gives [3].",
    math: "y = sum(x, axis)",
    derivative: "dx = ct, broadcast",
    example: "sum(x, axis=-1)",
    conventions: "The sum of bools is their count, i32.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { axes: [1], keepdims: false }, expect: [6, 15] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 4)], attrs: { axes: [0], keepdims: true }, rows: 2, expect: [4, 6] },
    { inputs: [given(f32(2, 1, 2), 1, 2, 3, 4)], attrs: { axes: [0, 1, 2], keepdims: false }, expect: [10] },
    { inputs: [given(bool(3), 1, 0, 1)], attrs: { axes: [0], keepdims: false }, expect: [2] },
    { inputs: [scalar(3)], attrs: { axes: [], keepdims: false }, expect: [3] },
  ],
  errors: reductionErrors,
};

// f(x) = Π x, f'(x)ᵢ = Π x without xᵢ: f / xᵢ where xᵢ is not 0. Where it is, the product of the non-zeros, times the
// other zero if there is one more: written as (sum of zeros) - xᵢ, so that a second derivative sees it; else 0.
export const prod: OpDef<Axes> = {
  name: "prod",
  infer: ([x], attrs) => inferReduction("prod", x!, attrs, countable, sumType(x!)),
  vjp: (b, ct, { inputs: [x], out, attrs: { axes } }) => {
    const { num, cast, where, eq, mul, sub, div, sum, prod } = words(b);
    const isZero = eq(x!, num(0));
    const zeros = sum(isZero, axes);
    const zerosAre = (n: number) => eq(cast(zeros, "f32"), num(n));
    const others = sub(sum(where(isZero, x!, num(0)), axes), x!);
    const nonZero = where(isZero, num(1), x!);
    const atZero = mul(prod(nonZero, axes), where(zerosAre(1), num(1), where(zerosAre(2), others, num(0))));
    const slope = where(isZero, atZero, div(withKeptAxes(b, out, x!, axes), nonZero));
    return [mul(withKeptAxes(b, ct, x!, axes), slope)];
  },
  lower: ([x], attrs) => reduceLowering("mul", x!, attrs, sumType(x!)),
  doc: {
    summary: "Product over axes: [3, 4] over axis -1 gives [3].",
    math: "y = prod(x, axis)",
    derivative: "dx[i] = ct * the product of the other elements",
    example: "prod(x, axis=-1)",
    conventions: "Right where elements are 0 too, up to second derivatives.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { axes: [1], keepdims: false }, expect: [6, 120] },
    {
      inputs: [given(f32(4, 3), 1, 2, 3, 4, 0, 6, 0, 5, 0, 0, 0, 0)],
      attrs: { axes: [1], keepdims: true },
      expect: [6, 0, 0, 0],
    },
    { inputs: [given(f32(rows(), 2), 2, -0.5, 3, 1)], attrs: { axes: [0, 1], keepdims: false }, rows: 2, expect: [-3] },
    { inputs: [given(i32(3), 65536, 65536, 3)], attrs: { axes: [0], keepdims: false }, expect: [0] },
  ],
  errors: reductionErrors,
};

// f(x)ᵢ = Σ xⱼ for j <= i, f'(x)ⱼ = Σ ctᵢ for i >= j
export const cumsum: OpDef<{ readonly axis: number }> = {
  name: "cumsum",
  infer: ([x], { axis }) => checkOperands("cumsum", [x!], ordered) ?? checkAxes("cumsum", x!, [axis]) ?? x!,
  vjp: (b, ct, { attrs: { axis } }) => {
    const flip = (of: NodeId) => b.node("flip", [of], { axes: [axis] });
    return [flip(b.node("cumsum", [flip(ct)], { axis }))];
  },
  lower: ([x], { axis }) => {
    const places = x!.shape.map((_, d) => at(d));
    const dtype = x!.dtype as DType;
    const stage: Stage = {
      axes: x!.shape.map((extent, id) => ({ id, name: `i${id}`, extent, kind: id === axis ? "scan" : "parallel" })),
      reduce: { op: "add", dtype },
      body: load(0, places, dtype),
      out: { value: OUT, at: places, mode: "set" },
    };
    return { kind: "stages", stages: [stage] };
  },
  doc: {
    summary: "Running sum along an axis, of the input's shape.",
    math: "y[i] = x[0] + … + x[i]",
    derivative: "dx = flip(cumsum(flip(ct)))",
    example: "cumsum(x, axis=-1)",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)], attrs: { axis: 1 }, expect: [1, 3, 6, 4, 9, 15] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 4)], attrs: { axis: 0 }, rows: 2, expect: [1, 2, 4, 6] },
    { inputs: [given(i32(1, 2), 5, -7)], attrs: { axis: 0 }, expect: [5, -7] },
  ],
  errors: [
    { inputs: [f32(2)], attrs: { axis: 1 }, code: "shape/axis" },
    { inputs: [f32()], attrs: { axis: 0 }, code: "shape/axis" },
    { inputs: [bool(2)], attrs: { axis: 0 }, code: "type/operand" },
  ],
};

// ---- Extremes ----

/** As for any reduction, and the reduced axes must be countable by one index. */
function inferExtreme(op: string, input: TensorType, attrs: Axes, gives: DType): TensorType | ShapeError {
  const type = inferReduction(op, input, attrs, ordered, gives);
  if ("code" in type || rowMajorStrides(attrs.axes.map((d) => input.shape[d]!))) return type;
  return { code: "shape/rows", facts: { op, type: typeText(input) }, inputs: [0] };
}

/** Where the elements of `x` are the first extreme of their group, which `argOp` (argmax or argmin) finds. */
function isFirst(b: Builder, argOp: string, x: NodeId, axes: readonly number[]): NodeId {
  const { int, add, mul, eq, cast } = words(b);
  const { shape } = b.type(x);
  const sizes = axes.map((d) => shape[d]!);
  const strides = rowMajorStrides(sizes)!;
  const size = (dim: Dim) => (isStatic(dim) ? int(dim) : cast(b.node("rows", [], { multiple: dim.perRow }), "i32"));
  let position = int(0);
  for (const [k, d] of axes.entries()) {
    const count: NodeId = b.node("iota", [], { count: sizes[k]! });
    const along: Shape = [sizes[k]!, ...shape.slice(d + 1).map(() => 1)];
    const index = along.length === 1 ? count : b.node("reshape", [count], { shape: along });
    const step = strides[k] === 1 ? index : mul(index, size(strides[k]!));
    position = k === 0 ? step : add(position, step);
  }
  return eq(position, b.node(argOp, [x], { axes, keepdims: true }));
}

const extremeVjp =
  (argOp: string): OpDef<Axes>["vjp"] =>
  (b, ct, { inputs: [x], attrs: { axes } }) => {
    const { where, num } = words(b);
    if (axes.length === 0) return [ct];
    return [where(isFirst(b, argOp, x!, axes), withKeptAxes(b, ct, x!, axes), num(0))];
  };

// f(x) = max x, f'(x)ᵢ = 1 at the first maximum, else 0
export const max: OpDef<Axes> = {
  name: "max",
  infer: ([x], attrs) => inferExtreme("max", x!, attrs, x!.dtype as DType),
  vjp: extremeVjp("argmax"),
  lower: ([x], attrs) => reduceLowering("max", x!, attrs, x!.dtype as DType),
  doc: {
    summary: "The largest element over axes: [3, 4] over axis -1 gives [3].",
    math: "y = max(x, axis)",
    derivative: "dx = ct at the first maximum, 0 elsewhere",
    example: "max(x, axis=-1)",
    conventions: "Of equal elements the first in row-major order gets the gradient.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 5, 3, -4, -5, -6)], attrs: { axes: [1], keepdims: false }, expect: [5, -4] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 0)], attrs: { axes: [0], keepdims: true }, rows: 2, expect: [3, 2] },
    {
      inputs: [given(f32(rows(), 2, 2), 1, 2, 3, 0, 7, 8, 9, 4)],
      attrs: { axes: [0, 2], keepdims: false },
      rows: 2,
      expect: [8, 9],
    },
    {
      inputs: [given(f32(rows(), rows()), 1, 2, 3, 0)],
      attrs: { axes: [0, 1], keepdims: false },
      rows: 2,
      expect: [3],
    },
    { inputs: [vec(2, 7, 7)], attrs: { axes: [0], keepdims: false }, expect: [7], kink: true },
    { inputs: [scalar(-1)], attrs: { axes: [], keepdims: false }, expect: [-1] },
  ],
  errors: [
    ...orderedErrors,
    { inputs: [f32(rows(), rows(), rows())], attrs: { axes: [0, 1, 2], keepdims: false }, code: "shape/rows" },
  ],
};

// f(x) = min x, f'(x)ᵢ = 1 at the first minimum, else 0
export const min: OpDef<Axes> = {
  name: "min",
  infer: ([x], attrs) => inferExtreme("min", x!, attrs, x!.dtype as DType),
  vjp: extremeVjp("argmin"),
  lower: ([x], attrs) => reduceLowering("min", x!, attrs, x!.dtype as DType),
  doc: {
    summary: "The smallest element over axes: [3, 4] over axis -1 gives [3].",
    math: "y = min(x, axis)",
    derivative: "dx = ct at the first minimum, 0 elsewhere",
    example: "min(x, axis=-1)",
    conventions: "Of equal elements the first in row-major order gets the gradient.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 5, 3, -4, -5, -6)], attrs: { axes: [1], keepdims: false }, expect: [1, -6] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 0)], attrs: { axes: [0], keepdims: true }, rows: 2, expect: [1, 0] },
    { inputs: [vec(2, 2, 7)], attrs: { axes: [0], keepdims: false }, expect: [2], kink: true },
  ],
  errors: orderedErrors,
};

export const argmax: OpDef<Axes> = {
  name: "argmax",
  infer: ([x], attrs) => inferExtreme("argmax", x!, attrs, "i32"),
  vjp: "not-differentiable",
  lower: ([x], attrs) => reduceLowering("argmax", x!, attrs, "i32"),
  doc: {
    summary: "The place of the largest element over axes, i32: [3, 4] over axis -1 gives i32[3].",
    math: "y = argmax(x, axis)",
    derivative: "integers have none",
    example: "argmax(x, axis=-1)",
    conventions:
      "Ties go to the first; over several axes the place is counted in row-major order. nan is never the largest.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 5, 5, -4, -5, -6)], attrs: { axes: [1], keepdims: false }, expect: [1, 0] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 0)], attrs: { axes: [0], keepdims: true }, rows: 2, expect: [1, 0] },
    { inputs: [given(i32(2, 2), 1, 2, 9, 0)], attrs: { axes: [0, 1], keepdims: false }, expect: [2] },
    { inputs: [scalar(4)], attrs: { axes: [], keepdims: false }, expect: [0] },
  ],
  errors: [
    ...orderedErrors,
    { inputs: [f32(rows(), rows(), rows())], attrs: { axes: [0, 1, 2], keepdims: false }, code: "shape/rows" },
  ],
};

export const argmin: OpDef<Axes> = {
  name: "argmin",
  infer: ([x], attrs) => inferExtreme("argmin", x!, attrs, "i32"),
  vjp: "not-differentiable",
  lower: ([x], attrs) => reduceLowering("argmin", x!, attrs, "i32"),
  doc: {
    summary: "The place of the smallest element over axes, i32: [3, 4] over axis -1 gives i32[3].",
    math: "y = argmin(x, axis)",
    derivative: "integers have none",
    example: "argmin(x, axis=-1)",
    conventions:
      "Ties go to the first; over several axes the place is counted in row-major order. nan is never the smallest.",
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 5, 1, -4, -5, -6)], attrs: { axes: [1], keepdims: false }, expect: [0, 2] },
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 0)], attrs: { axes: [0], keepdims: true }, rows: 2, expect: [0, 1] },
  ],
  errors: orderedErrors,
};
