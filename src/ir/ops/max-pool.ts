// Maxima of windows of images (NCHW), the gradient, and its transpose: the three are closed under differentiation.
import type { OpDef } from "../op-def.ts";
import { type Affine, call, type Expr, load, num, OUT, type Stage } from "../stage.ts";
import { f32, rows, sameType, type TensorType } from "../types.ts";
import { given } from "./build.ts";
import {
  channel,
  checkLines,
  checkPool,
  guardedLoad,
  image4,
  imageLines,
  type Lines,
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
import { type Line, tapPlace } from "./window-geometry.ts";

/** The number of a pixel in the padded image, counted row by row: places of the padding have numbers of their own. */
const pixelNumber = (down: Affine, across: Affine, { size, padding }: Line): Affine => {
  const width = size + 2 * padding;
  return {
    const: down.const * width + across.const,
    terms: [...down.terms.map(({ axis, mul }) => ({ axis, mul: (mul as number) * width })), ...across.terms],
  };
};

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
  errors: poolErrors,
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
    example: "grad(sum(grad(sum(max_pool(reshape(x, [1, 1, 3, 4]), 2) ** 2), x) ** 2), x)",
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
