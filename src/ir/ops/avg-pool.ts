// Means of windows of images (NCHW), and the gradient: transposes of each other, so closed under differentiation.
import type { OpDef } from "../op-def.ts";
import { type Affine, call, type Expr, num, OUT, type Stage } from "../stage.ts";
import { f32, rows, sameType } from "../types.ts";
import { given } from "./build.ts";
import {
  channel,
  checkLines,
  checkPool,
  guardedLoad,
  image4,
  imageLines,
  type Lines,
  linesOf,
  overlapping,
  type PoolAttrs,
  pixelStages,
  plain,
  poolErrors,
  pooled,
  readPixel,
  refusePool,
  row,
  windowAxes,
  x,
  y,
} from "./pool-loops.ts";
import { type Line, type Pair, tapGuard } from "./window-geometry.ts";

export type AvgPoolAttrs = PoolAttrs & {
  /** Whether places of the padding count in the mean. */
  readonly count_padding: boolean;
};
export type AvgPoolGradAttrs = AvgPoolAttrs & {
  /** Height and width of the image. */
  readonly size: Pair;
};

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
  errors: poolErrors.map((error) => ({ ...error, attrs: { ...error.attrs, count_padding: true } })),
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
