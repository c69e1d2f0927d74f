// Pooling of images (NCHW): maxima and means of windows, and their gradients, closed under differentiation:
// max_pool_grad and max_pool_pick are transposes of each other, avg_pool and avg_pool_grad too.
// Errors: shape/pool {op, type, problem}, where `problem` is a sentence; type/operand as in build.ts.
import type { OpDef, ShapeError } from "../op-def.ts";
import {
  type Affine,
  type Axis,
  at,
  call,
  type Expr,
  type Guard,
  load,
  num,
  OUT,
  type Stage,
  type ValueId,
} from "../stage.ts";
import { f32, i32, rows, sameType, type TensorType, typeText } from "../types.ts";
import { checkOperands, given } from "./build.ts";
import { refuse } from "./dims.ts";
import {
  isImage,
  type Line,
  type Pair,
  type Phase,
  phaseGuard,
  phasePixel,
  phasesOf,
  phaseWindow,
  problemOf,
  tapGuard,
  tapPlace,
  type WindowAttrs,
  windowsOn,
} from "./window-geometry.ts";

export type PoolAttrs = WindowAttrs & {
  /** Height and width of a window. */
  readonly k: Pair;
};
export type AvgPoolAttrs = PoolAttrs & {
  /** Whether places of the padding count in the mean. */
  readonly count_padding: boolean;
};
export type AvgPoolGradAttrs = AvgPoolAttrs & {
  /** Height and width of the image. */
  readonly size: Pair;
};

type Lines = readonly [Line, Line];

const linesOf = (size: Pair, { k, stride, padding }: PoolAttrs): Lines => {
  const line = (d: 0 | 1): Line => ({ size: size[d], taps: k[d], stride: stride[d], padding: padding[d], dilation: 1 });
  return [line(0), line(1)];
};

const imageLines = (image: TensorType, attrs: PoolAttrs): Lines =>
  linesOf([image.shape[2] as number, image.shape[3] as number], attrs);

const pooled = (image: TensorType, lines: Lines): TensorType =>
  f32(image.shape[0]!, image.shape[1]!, windowsOn(lines[0]), windowsOn(lines[1]));

const refusePool = (op: string, type: TensorType, problem: string, input: number): ShapeError =>
  refuse("shape/pool", { op, type: typeText(type), problem }, input);

/** What an op over windows of input 0 has against its inputs, if anything. */
function checkPool(op: string, inputs: readonly TensorType[], attrs: PoolAttrs): ShapeError | undefined {
  const wrong = checkOperands(op, inputs, ["f32"]);
  if (wrong) return wrong;
  const flat = inputs.findIndex((type) => !isImage(type));
  if (flat >= 0) return refusePool(op, inputs[flat]!, "an image is [N, channels, height, width]", flat);
  const problem = problemOf(attrs, [{ name: "window", pair: attrs.k }]);
  return problem === undefined ? undefined : refusePool(op, inputs[0]!, problem, 0);
}

function checkLines(op: string, image: TensorType, lines: Lines): ShapeError | undefined {
  const wide = lines.find((line) => line.padding >= line.taps);
  if (wide)
    return refusePool(op, image, `padding ${wide.padding} would leave windows of ${wide.taps} with padding alone`, 0);
  const short = lines.find((line) => windowsOn(line) < 1);
  if (!short) return undefined;
  const has = short.size + 2 * short.padding;
  return refusePool(op, image, `a window reaches over ${short.taps} places, the image with its padding has ${has}`, 0);
}

const guardedLoad = (of: ValueId, places: readonly Affine[], guard: readonly Guard[], otherwise: number): Expr => ({
  kind: "load",
  of,
  at: places,
  ...(guard.length > 0 ? { guard, otherwise } : {}),
  dtype: "f32",
});

// ---- Loops over windows, and over the pixels of a phase ----

/** Axes of a result of windows and its reduced taps: n, c, y, x, ky, kx are axes 0 to 5. */
const windowAxes = (image: TensorType, [down, across]: Lines): Axis[] => [
  { id: 0, name: "n", extent: image.shape[0]!, kind: "parallel" },
  { id: 1, name: "c", extent: image.shape[1]!, kind: "parallel" },
  { id: 2, name: "y", extent: windowsOn(down), kind: "parallel" },
  { id: 3, name: "x", extent: windowsOn(across), kind: "parallel" },
  { id: 4, name: "ky", extent: down.taps, kind: "reduce" },
  { id: 5, name: "kx", extent: across.taps, kind: "reduce" },
];
const [row, channel, y, x] = [at(0), at(1), at(2), at(3)];

const readPixel = (of: ValueId, [down, across]: Lines, otherwise: number): Expr =>
  guardedLoad(
    of,
    [row, channel, tapPlace(down, 2, 4), tapPlace(across, 3, 5)],
    [...tapGuard(down, 2, 4), ...tapGuard(across, 3, 5)],
    otherwise,
  );

/** The number of a pixel in the padded image, counted row by row: places of the padding have numbers of their own. */
const pixelNumber = (down: Affine, across: Affine, { size, padding }: Line): Affine => {
  const width = size + 2 * padding;
  return {
    const: down.const * width + across.const,
    terms: [...down.terms.map(({ axis, mul }) => ({ axis, mul: (mul as number) * width })), ...across.terms],
  };
};

/** One stage per phase of the image: what each pixel gets from the windows that cover it. */
function pixelStages(
  image: TensorType,
  lines: Lines,
  share: (window: { at: readonly [Affine, Affine]; pixel: readonly [Affine, Affine]; guard: readonly Guard[] }) => Expr,
): Stage[] {
  const [down, across] = lines;
  const stage = (rowPhase: Phase, columnPhase: Phase): Stage => {
    const axes = windowAxes(image, lines).map((axis, id): Axis => {
      const extents = [axis.extent, axis.extent, rowPhase.count, columnPhase.count, rowPhase.taps, columnPhase.taps];
      return { ...axis, extent: extents[id]! };
    });
    const pixel = [phasePixel(down, rowPhase, 2), phasePixel(across, columnPhase, 3)] as const;
    const out: Stage["out"] = { value: OUT, at: [row, channel, ...pixel], mode: "set" };
    if (rowPhase.taps === 0 || columnPhase.taps === 0) return { axes: axes.slice(0, 4), body: num(0), out };
    const guard = [...phaseGuard(down, rowPhase, 2, 4), ...phaseGuard(across, columnPhase, 3, 5)];
    const window = [phaseWindow(rowPhase, 2, 4), phaseWindow(columnPhase, 3, 5)] as const;
    return { axes, reduce: { op: "add", dtype: "f32" }, body: share({ at: window, pixel, guard }), out };
  };
  return phasesOf(down).flatMap((rowPhase) => phasesOf(across).map((columnPhase) => stage(rowPhase, columnPhase)));
}

/** The number of the first maximum of each window, into temporary -2. */
const winners = (image: TensorType, lines: Lines): Stage => ({
  axes: windowAxes(image, lines),
  reduce: {
    op: "argmax",
    dtype: "f32",
    index: { kind: "index", at: pixelNumber(tapPlace(lines[0], 2, 4), tapPlace(lines[1], 3, 5), lines[1]) },
  },
  body: readPixel(0, lines, Number.NEGATIVE_INFINITY),
  out: { value: -2, at: [row, channel, y, x], mode: "set" },
});

// ---- Maxima ----

const plain: PoolAttrs = { k: [2, 2], stride: [2, 2], padding: [0, 0] };
const overlapping: PoolAttrs = { k: [1, 2], stride: [1, 1], padding: [0, 1] };
const image4 = given(f32(1, 1, 2, 4), 1, 5, 2, 3, 4, 0, -1, -2);

const maxPoolErrors = [
  { inputs: [f32(3, 4, 4)], attrs: plain, code: "shape/pool" },
  { inputs: [f32(1, 1, 1, 4)], attrs: plain, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, 4)], attrs: { ...plain, padding: [2, 2] }, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, 4)], attrs: { ...plain, stride: [0, 2] }, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, rows())], attrs: plain, code: "shape/pool" },
  { inputs: [i32(1, 1, 4, 4)], attrs: plain, code: "type/operand" },
] as const;

export const max_pool: OpDef<PoolAttrs> = {
  name: "max_pool",
  doc: {
    summary: "The largest element of each window of images [N, C, H, W]: [N, C, H', W'].",
    math: "y[n, c, i, j] = max of x[n, c, i * stride + p - padding, …] over p < k",
    derivative: "dx = ct at the first maximum of each window, 0 elsewhere",
    example: "max_pool(reshape(x, [1, 1, 3, 4]), 2)",
    conventions: "Pads with -inf. Of equal elements the first in row-major order gets the gradient.",
  },
  infer(inputs, attrs) {
    const wrong = checkPool("max_pool", inputs, attrs);
    if (wrong) return wrong;
    const lines = imageLines(inputs[0]!, attrs);
    return checkLines("max_pool", inputs[0]!, lines) ?? pooled(inputs[0]!, lines);
  },
  // f(x) = max of windows;  dx = ct at each window's first maximum
  vjp: (b, ct, { inputs: [image], attrs }) => [b.node("max_pool_grad", [image!, ct], attrs)],
  lower([image], attrs) {
    const lines = imageLines(image!, attrs);
    const stage: Stage = {
      axes: windowAxes(image!, lines),
      reduce: { op: "max", dtype: "f32" },
      body: readPixel(0, lines, Number.NEGATIVE_INFINITY),
      out: { value: OUT, at: [row, channel, y, x], mode: "set" },
    };
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    { inputs: [image4], attrs: plain, expect: [5, 3] },
    { inputs: [given(f32(rows(), 1, 1, 2), 1, 2, -3, -4)], attrs: overlapping, rows: 2, expect: [1, 2, 2, -3, -3, -4] },
    { inputs: [given(f32(1, 1, 1, 1), -7)], attrs: { ...plain, k: [1, 1] }, expect: [-7] },
    { inputs: [given(f32(1, 1, 1, 2), 3, 3)], attrs: { ...plain, k: [1, 2] }, expect: [3], kink: true },
    {
      inputs: [given(f32(1, 2, 3, 3), 1, 9, 2, 8, 3, 7, 4, 6, 5, -1, -9, -2, -8, -3, -7, -4, -6, -5)],
      attrs: { k: [3, 2], stride: [2, 1], padding: [1, 1] },
      expect: [8, 9, 9, 7, 8, 8, 7, 7, -1, -1, -2, -2, -4, -3, -3, -5],
    },
  ],
  errors: maxPoolErrors,
};

export const max_pool_grad: OpDef<PoolAttrs> = {
  name: "max_pool_grad",
  doc: {
    summary: "The gradient of max_pool: x [N, C, H, W] and ct [N, C, H', W'] give [N, C, H, W].",
    math: "dx[n, c, i, j] = sum of ct over the windows whose first maximum is (i, j)",
    derivative: "dct = max_pool_pick(x, u) for the cotangent u; x gets none, since the choice does not change nearby",
    example: "grad(sum(max_pool(reshape(x, [1, 1, 3, 4]), 2)), x)",
  },
  infer(inputs, attrs) {
    const wrong = checkPool("max_pool_grad", inputs, attrs);
    if (wrong) return wrong;
    const [image, ct] = inputs as readonly [TensorType, TensorType];
    const lines = imageLines(image, attrs);
    const unfit = checkLines("max_pool_grad", image, lines);
    if (unfit) return unfit;
    return sameType(ct, pooled(image, lines))
      ? image
      : refusePool("max_pool_grad", ct, "the gradient does not fit the image", 1);
  },
  // f(x, c), linear in c;  for the cotangent u: dc = u at each window's first maximum
  vjp: (b, u, { inputs: [image], attrs }) => [null, b.node("max_pool_pick", [image!, u], attrs)],
  lower([image, ct], attrs) {
    const lines = imageLines(image!, attrs);
    const stages = pixelStages(image!, lines, ({ at: [oy, ox], pixel, guard }) => {
      const winner: Expr = {
        kind: "load",
        of: -2,
        at: [row, channel, oy, ox],
        ...(guard.length > 0 ? { guard, otherwise: -1 } : {}),
        dtype: "i32",
      };
      const here: Expr = { kind: "index", at: pixelNumber(pixel[0], pixel[1], lines[1]) };
      const share = guardedLoad(1, [row, channel, oy, ox], guard, 0);
      return call("where", "f32", call("eq", "bool", winner, here), share, num(0));
    });
    return { kind: "stages", stages: [winners(image!, lines), ...stages], temps: [{ ...ct!, dtype: "i32" }] };
  },
  samples: [
    { inputs: [image4, given(f32(1, 1, 1, 2), 10, 20)], attrs: plain, expect: [0, 10, 0, 20, 0, 0, 0, 0] },
    {
      inputs: [given(f32(rows(), 1, 1, 2), 1, 2, -3, -4), given(f32(rows(), 1, 1, 3), 1, 10, 100, 2, 20, 200)],
      attrs: overlapping,
      rows: 2,
      expect: [1, 110, 22, 200],
    },
    {
      inputs: [given(f32(1, 1, 1, 3), 3, 3, 1), given(f32(1, 1, 1, 1), 5)],
      attrs: { k: [1, 2], stride: [2, 2], padding: [0, 0] },
      expect: [5, 0, 0],
      kink: true,
    },
  ],
  errors: [
    { inputs: [f32(1, 1, 4, 4), f32(1, 1, 2, 3)], attrs: plain, code: "shape/pool" },
    { inputs: [f32(1, 1, 4, 4), f32(2)], attrs: plain, code: "shape/pool" },
  ],
};

export const max_pool_pick: OpDef<PoolAttrs> = {
  name: "max_pool_pick",
  doc: {
    summary: "Reads u [N, C, H, W] where each window of x [N, C, H, W] has its first maximum: [N, C, H', W'].",
    math: "y[n, c, i, j] = u at the first maximum of window (i, j) of x",
    derivative: "du = max_pool_grad(x, ct); x gets none, since the choice does not change nearby",
    example: "max_pool(reshape(x, [1, 1, 3, 4]), 2)",
    conventions: "The transpose of max_pool_grad, met in second derivatives.",
  },
  infer(inputs, attrs) {
    const wrong = checkPool("max_pool_pick", inputs, attrs);
    if (wrong) return wrong;
    const [image, u] = inputs as readonly [TensorType, TensorType];
    const lines = imageLines(image, attrs);
    const unfit = checkLines("max_pool_pick", image, lines);
    if (unfit) return unfit;
    return sameType(image, u) ? pooled(image, lines) : refusePool("max_pool_pick", u, "both images need one shape", 1);
  },
  // f(x, u), linear in u;  du = ct at each window's first maximum
  vjp: (b, ct, { inputs: [image], attrs }) => [null, b.node("max_pool_grad", [image!, ct], attrs)],
  lower([image], attrs, out) {
    const lines = imageLines(image!, attrs);
    const here = pixelNumber(tapPlace(lines[0], 2, 4), tapPlace(lines[1], 3, 5), lines[1]);
    const isWinner = call("eq", "bool", load(-2, [row, channel, y, x], "i32"), { kind: "index", at: here });
    const stage: Stage = {
      axes: windowAxes(image!, lines),
      reduce: { op: "add", dtype: "f32" },
      body: call("where", "f32", isWinner, readPixel(1, lines, 0), num(0)),
      out: { value: OUT, at: [row, channel, y, x], mode: "set" },
    };
    return { kind: "stages", stages: [winners(image!, lines), stage], temps: [{ ...out, dtype: "i32" }] };
  },
  samples: [
    { inputs: [image4, given(f32(1, 1, 2, 4), 1, 2, 3, 4, 5, 6, 7, 8)], attrs: plain, expect: [2, 4] },
    {
      inputs: [given(f32(rows(), 1, 1, 2), 1, 2, -3, -4), given(f32(rows(), 1, 1, 2), 1, 10, 100, 1000)],
      attrs: overlapping,
      rows: 2,
      expect: [1, 10, 10, 100, 100, 1000],
    },
  ],
  errors: [{ inputs: [f32(1, 1, 4, 4), f32(1, 1, 2, 2)], attrs: plain, code: "shape/pool" }],
};

// ---- Means ----

/** Number of image places in window `window` of a line, as f32; at least 1, for windows that a guard leaves out. */
function placesInside(line: Line, window: Affine): Expr {
  const start: Affine = {
    const: window.const * line.stride - line.padding,
    terms: window.terms.map(({ axis, mul }) => ({ axis, mul: (mul as number) * line.stride })),
  };
  const index = (offset: number): Expr => ({ kind: "index", at: { ...start, const: start.const + offset } });
  const end = call("min", "i32", index(line.taps), num(line.size, "i32"));
  const inside = call("sub", "i32", end, call("max", "i32", index(0), num(0, "i32")));
  return call("cast", "f32", call("max", "i32", inside, num(1, "i32")));
}

/** What the sum of a window is divided by. */
function divisor(lines: Lines, attrs: AvgPoolAttrs, window: readonly [Affine, Affine]): Expr {
  const noneOutside = lines.every((line) => tapGuard(line, 2, 4).length === 0);
  if (attrs.count_padding || noneOutside) return num(attrs.k[0] * attrs.k[1]);
  return call("mul", "f32", placesInside(lines[0], window[0]), placesInside(lines[1], window[1]));
}

const mean: AvgPoolAttrs = { ...plain, count_padding: true };
const padded: AvgPoolAttrs = { ...overlapping, count_padding: false };

export const avg_pool: OpDef<AvgPoolAttrs> = {
  name: "avg_pool",
  doc: {
    summary: "The mean of each window of images [N, C, H, W]: [N, C, H', W'].",
    math: "y[n, c, i, j] = mean of x[n, c, i * stride + p - padding, …] over p < k",
    derivative: "dx = ct spread evenly over its window",
    example: "avg_pool(reshape(x, [1, 1, 3, 4]), 2)",
    conventions: "Padding counts as zeros, unless count_padding=false: then only places of the image are averaged.",
  },
  infer(inputs, attrs) {
    const wrong = checkPool("avg_pool", inputs, attrs);
    if (wrong) return wrong;
    const lines = imageLines(inputs[0]!, attrs);
    return checkLines("avg_pool", inputs[0]!, lines) ?? pooled(inputs[0]!, lines);
  },
  // f(x) = mean of windows;  dx = ct / count, at all places of its window
  vjp: (b, ct, { inputs: [image], attrs }) => {
    const { shape } = b.type(image!);
    return [b.node("avg_pool_grad", [ct], { ...attrs, size: [shape[2] as number, shape[3] as number] })];
  },
  lower([image], attrs) {
    const lines = imageLines(image!, attrs);
    const stage: Stage = {
      axes: windowAxes(image!, lines),
      reduce: { op: "add", dtype: "f32" },
      body: readPixel(0, lines, 0),
      epilogue: call("div", "f32", { kind: "acc", dtype: "f32" }, divisor(lines, attrs, [y, x])),
      out: { value: OUT, at: [row, channel, y, x], mode: "set" },
    };
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    { inputs: [image4], attrs: mean, expect: [2.5, 0.5] },
    { inputs: [given(f32(rows(), 1, 1, 2), 1, 2, 3, 4)], attrs: padded, rows: 2, expect: [1, 1.5, 2, 3, 3.5, 4] },
    {
      inputs: [given(f32(1, 1, 1, 2), 1, 2)],
      attrs: { ...padded, count_padding: true },
      expect: [0.5, 1.5, 1],
    },
    { inputs: [given(f32(1, 1, 1, 1), -7)], attrs: { ...mean, k: [1, 1] }, expect: [-7] },
  ],
  errors: maxPoolErrors.map((error) => ({ ...error, attrs: { ...error.attrs, count_padding: true } })),
};

export const avg_pool_grad: OpDef<AvgPoolGradAttrs> = {
  name: "avg_pool_grad",
  doc: {
    summary: "The gradient of avg_pool: ct [N, C, H', W'] gives [N, C, H, W], `size` being [H, W].",
    math: "dx[n, c, i, j] = sum of ct / count over the windows that cover (i, j)",
    derivative: "dct = avg_pool(u) for the cotangent u",
    example: "grad(sum(avg_pool(reshape(x, [1, 1, 3, 4]), 2)), x)",
  },
  infer(inputs, attrs) {
    const ct = inputs[0]!;
    const wrong = checkPool("avg_pool_grad", inputs, attrs);
    if (wrong) return wrong;
    const image = f32(ct.shape[0]!, ct.shape[1]!, ...attrs.size);
    const lines = linesOf(attrs.size, attrs);
    const unfit = checkLines("avg_pool_grad", image, lines);
    if (unfit) return unfit;
    return sameType(ct, pooled(image, lines))
      ? image
      : refusePool("avg_pool_grad", ct, "the gradient does not fit the image", 0);
  },
  // f(c), linear;  dc = mean of u over each window
  vjp: (b, u, { attrs: { size: _, ...attrs } }) => [b.node("avg_pool", [u], attrs)],
  lower(_, attrs, out) {
    const lines = linesOf(attrs.size, attrs);
    const stages = pixelStages(out, lines, ({ at: [oy, ox], guard }) =>
      call("div", "f32", guardedLoad(0, [row, channel, oy, ox], guard, 0), divisor(lines, attrs, [oy, ox])),
    );
    return { kind: "stages", stages };
  },
  samples: [
    {
      inputs: [given(f32(1, 1, 1, 2), 4, 8)],
      attrs: { ...mean, size: [2, 4] },
      expect: [1, 1, 2, 2, 1, 1, 2, 2],
    },
    {
      inputs: [given(f32(rows(), 1, 1, 3), 1, 2, 4, 10, 20, 40)],
      attrs: { ...padded, size: [1, 2] },
      rows: 2,
      expect: [2, 5, 20, 50],
    },
  ],
  errors: [{ inputs: [f32(1, 1, 2, 2)], attrs: { ...mean, size: [2, 4] }, code: "shape/pool" }],
};
