// Convolution of images (NCHW) with filters (OIHW), and its two gradients. The three are closed under differentiation:
// all are the one product over (x, w, y), linear in each, so that every derivative is one of the others.
// Errors: shape/conv {op, left, right, problem}, where `problem` is a sentence; type/operand as in build.ts.
import type { OpDef, ShapeError } from "../op-def.ts";
import { f32, i32, rows, sameDim, type TensorType, typeText } from "../types.ts";
import { checkOperands, given } from "./build.ts";
import {
  type ConvAttrs,
  type ConvGradAttrs,
  forwardStage,
  inputStages,
  linesOf,
  spatial,
  weightStage,
} from "./convolution-stages.ts";
import { refuse } from "./dims.ts";
import { isImage, type Line, type Pair, problemOf, windowsOn } from "./window-geometry.ts";

/** What is wrong with an image, filters and attributes together; a sentence, or undefined. */
function problemWith(
  channels: number,
  filters: number,
  perGroup: number,
  lines: readonly Line[],
  groups: number,
): string | undefined {
  if (!Number.isInteger(groups) || groups < 1) return `groups = ${groups} is not a whole number from 1`;
  if (channels !== perGroup * groups) {
    const sees = groups === 1 ? `${perGroup}` : `${groups} groups of ${perGroup}`;
    return `the image has ${channels} channels, the filters read ${sees}`;
  }
  if (filters % groups !== 0) return `${filters} filters do not divide into ${groups} groups`;
  const short = lines.find((line) => windowsOn(line) < 1);
  if (!short) return undefined;
  const reach = short.dilation * (short.taps - 1) + 1;
  return `a filter reaches over ${reach} places, the image with its padding has ${short.size + 2 * short.padding}`;
}

function checkConv(
  op: string,
  inputs: readonly TensorType[],
  attrs: ConvAttrs,
  extra: readonly Pair[],
): ShapeError | undefined {
  const wrong = checkOperands(op, inputs, ["f32"]);
  if (wrong) return wrong;
  const [left, right] = inputs as readonly [TensorType, TensorType];
  if (!isImage(left))
    return refuseConv(op, inputs, "both need four dimensions, with sizes known but for the first of an image", 0);
  const filters = op === "conv2d_weight_grad" ? isImage(right) : isImage(right) && typeof right.shape[0] === "number";
  if (!filters)
    return refuseConv(op, inputs, "both need four dimensions, with sizes known but for the first of an image", 1);
  const sizes = extra.map((pair) => ({ name: "size", pair }));
  const problem = problemOf(attrs, [{ name: "dilation", pair: attrs.dilation }, ...sizes]);
  return problem === undefined ? undefined : refuseConv(op, inputs, problem, 0);
}

const refuseConv = (op: string, inputs: readonly TensorType[], problem: string, guilty: number): ShapeError =>
  refuse("shape/conv", { op, left: typeText(inputs[0]!), right: typeText(inputs[1]!), problem }, guilty, 1 - guilty);

const plain: ConvAttrs = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };

export const conv2d: OpDef<ConvAttrs> = {
  name: "conv2d",
  doc: {
    summary: "Slides filters [O, I / groups, kh, kw] over images [N, I, H, W]: [N, O, H', W'].",
    math: "y[n, o, i, j] = sum of x[n, c, i * stride + p * dilation - padding, …] * w[o, c, p, q]",
    derivative: "dx and dw are convolutions of ct with w and with x",
    example: "conv2d(reshape(x, [1, 1, 3, 4]), ones([2, 1, 2, 2]), stride=1, padding=1)",
    conventions: "Zeros stand around the image; H' = floor((H + 2 * padding - dilation * (kh - 1) - 1) / stride) + 1.",
  },
  infer(inputs, attrs) {
    const wrong = checkConv("conv2d", inputs, attrs, []);
    if (wrong) return wrong;
    const [x, w] = inputs as readonly [TensorType, TensorType];
    const lines = linesOf(spatial(x.shape), spatial(w.shape), attrs);
    const [filters, perGroup] = [w.shape[0] as number, w.shape[1] as number];
    const problem = problemWith(x.shape[1] as number, filters, perGroup, lines, attrs.groups);
    if (problem !== undefined) return refuseConv("conv2d", inputs, problem, 1);
    return f32(x.shape[0]!, filters, windowsOn(lines[0]), windowsOn(lines[1]));
  },
  // f(x, w) = x * w;  dx = conv2d_input_grad(ct, w), dw = conv2d_weight_grad(x, ct)
  vjp: (b, ct, { inputs: [x, w], attrs }) => [
    b.node("conv2d_input_grad", [ct, w!], { ...attrs, size: spatial(b.type(x!).shape) }),
    b.node("conv2d_weight_grad", [x!, ct], { ...attrs, size: spatial(b.type(w!).shape) }),
  ],
  lower: ([x, w], attrs, out) => ({ kind: "stages", stages: [forwardStage(x!, w!, out, attrs)] }),
  samples: [
    {
      inputs: [given(f32(1, 1, 3, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9), given(f32(1, 1, 2, 2), 1, 0, 0, -1)],
      attrs: plain,
      expect: [-4, -4, -4, -4],
    },
    {
      inputs: [given(f32(rows(), 1, 1, 3), 1, 2, 3, 4, 5, 6), given(f32(2, 1, 1, 2), 1, 1, 1, -1)],
      attrs: { ...plain, padding: [0, 1], stride: [1, 2] },
      rows: 2,
      expect: [1, 5, -1, -1, 4, 11, -4, -1],
    },
    {
      inputs: [given(f32(1, 2, 1, 3), 1, 2, 3, 4, 5, 6), given(f32(2, 1, 1, 2), 1, 1, 2, 1)],
      attrs: { ...plain, groups: 2, dilation: [1, 2] },
      expect: [4, 14],
    },
    {
      inputs: [
        given(f32(1, 1, 5, 4), 1, 2, -1, 3, 0.5, 2, 1, 0, -2, 1, 4, 2, 3, -1, 2, 0.25, 1, 0, 2, -3),
        given(f32(2, 1, 3, 2), 1, 2, 0, -1, 3, 1, 0.5, 1, 2, -2, 1, 0),
      ],
      attrs: { stride: [2, 3], padding: [2, 1], dilation: [1, 2], groups: 1 },
    },
    { inputs: [given(f32(1, 1, 1, 1), 3), given(f32(1, 1, 1, 1), -2)], attrs: plain, expect: [-6] },
  ],
  errors: [
    { inputs: [f32(1, 3, 8, 8), f32(4, 2, 3, 3)], attrs: plain, code: "shape/conv" },
    { inputs: [f32(1, 2, 2, 2), f32(4, 2, 3, 3)], attrs: plain, code: "shape/conv" },
    { inputs: [f32(8, 8), f32(4, 2, 3, 3)], attrs: plain, code: "shape/conv" },
    { inputs: [f32(1, 2, 8, 8), f32(3, 1, 3, 3)], attrs: { ...plain, groups: 2 }, code: "shape/conv" },
    { inputs: [f32(1, 2, 8, 8), f32(3, 2, 3, 3)], attrs: { ...plain, stride: [0, 1] }, code: "shape/conv" },
    { inputs: [f32(1, 2, 8, 8), f32(rows(), 2, 3, 3)], attrs: plain, code: "shape/conv" },
    { inputs: [i32(1, 2, 8, 8), f32(3, 2, 3, 3)], attrs: plain, code: "type/operand" },
  ],
};

export const conv2d_input_grad: OpDef<ConvGradAttrs> = {
  name: "conv2d_input_grad",
  doc: {
    summary:
      "The gradient of conv2d for its images: ct [N, O, H', W'] and filters give [N, I, H, W], `size` being [H, W].",
    math: "dx[n, c, i, j] = sum of ct[n, o, y, x] * w[o, c, p, q] over the taps that read (i, j)",
    derivative: "dct = conv2d(u, w), dw = conv2d_weight_grad(u, ct), for the cotangent u",
    example: "grad(sum(conv2d(reshape(x, [1, 1, 3, 4]), ones([1, 1, 2, 2]))), x)",
  },
  infer(inputs, attrs) {
    const wrong = checkConv("conv2d_input_grad", inputs, attrs, [attrs.size]);
    if (wrong) return wrong;
    const [y, w] = inputs as readonly [TensorType, TensorType];
    const lines = linesOf(attrs.size, spatial(w.shape), attrs);
    const [filters, perGroup] = [w.shape[0] as number, w.shape[1] as number];
    const channels = perGroup * attrs.groups;
    const fits = filters === y.shape[1] && lines.every((line, d) => windowsOn(line) === y.shape[2 + d]);
    const problem =
      problemWith(channels, filters, perGroup, lines, attrs.groups) ??
      (fits ? undefined : "the gradient does not fit the filters");
    return problem === undefined
      ? f32(y.shape[0]!, channels, ...attrs.size)
      : refuseConv("conv2d_input_grad", inputs, problem, 0);
  },
  // f(y, w), linear in both;  for the cotangent u of an image: dy = u * w, dw = conv2d_weight_grad(u, y)
  vjp: (b, u, { inputs: [y, w], attrs: { size: _, ...attrs } }) => [
    b.node("conv2d", [u, w!], attrs),
    b.node("conv2d_weight_grad", [u, y!], { ...attrs, size: spatial(b.type(w!).shape) }),
  ],
  lower: ([, w], attrs, out) => ({ kind: "stages", stages: inputStages(w!, out, attrs) }),
  samples: [
    {
      inputs: [given(f32(1, 1, 1, 2), 1, 10), given(f32(1, 1, 1, 2), 2, 3)],
      attrs: { ...plain, size: [1, 3] },
      expect: [2, 23, 30],
    },
    {
      inputs: [given(f32(rows(), 1, 1, 2), 1, 10, 2, 20), given(f32(1, 1, 1, 1), 3)],
      attrs: { ...plain, stride: [1, 2], size: [1, 4] },
      rows: 2,
      expect: [3, 0, 30, 0, 6, 0, 60, 0],
    },
  ],
  errors: [
    { inputs: [f32(1, 1, 1, 2), f32(1, 1, 1, 2)], attrs: { ...plain, size: [1, 4] }, code: "shape/conv" },
    { inputs: [f32(1, 2, 1, 2), f32(1, 1, 1, 2)], attrs: { ...plain, size: [1, 3] }, code: "shape/conv" },
    { inputs: [f32(2), f32(1, 1, 1, 2)], attrs: { ...plain, size: [1, 3] }, code: "shape/conv" },
  ],
};

export const conv2d_weight_grad: OpDef<ConvGradAttrs> = {
  name: "conv2d_weight_grad",
  doc: {
    summary:
      "The gradient of conv2d for its filters: images [N, I, H, W] and ct [N, O, H', W'] give [O, I / groups, kh, kw], `size` being [kh, kw].",
    math: "dw[o, c, p, q] = sum over n, i, j of x[n, c, i * stride + p * dilation - padding, …] * ct[n, o, i, j]",
    derivative: "dx = conv2d_input_grad(ct, u), dct = conv2d(x, u), for the cotangent u",
    example: "grad(sum(conv2d(ones([1, 1, 4, 4]), reshape(x, [2, 1, 3, 2]))), x)",
  },
  infer(inputs, attrs) {
    const wrong = checkConv("conv2d_weight_grad", inputs, attrs, [attrs.size]);
    if (wrong) return wrong;
    const [x, y] = inputs as readonly [TensorType, TensorType];
    const lines = linesOf(spatial(x.shape), attrs.size, attrs);
    const [channels, filters] = [x.shape[1] as number, y.shape[1] as number];
    const perGroup = Math.floor(channels / attrs.groups);
    const sameRows = sameDim(x.shape[0]!, y.shape[0]!);
    const fits = sameRows && lines.every((line, d) => windowsOn(line) === y.shape[2 + d]);
    const problem =
      problemWith(channels, filters, perGroup, lines, attrs.groups) ??
      (fits ? undefined : "the gradient does not fit the image");
    return problem === undefined
      ? f32(filters, perGroup, ...attrs.size)
      : refuseConv("conv2d_weight_grad", inputs, problem, 1);
  },
  // f(x, y), linear in both;  for the cotangent u of filters: dx = conv2d_input_grad(y, u), dy = x * u
  vjp: (b, u, { inputs: [x, y], attrs: { size: _, ...attrs } }) => [
    b.node("conv2d_input_grad", [y!, u], { ...attrs, size: spatial(b.type(x!).shape) }),
    b.node("conv2d", [x!, u], attrs),
  ],
  lower: ([x, y], attrs, out) => ({ kind: "stages", stages: [weightStage(x!, y!, out, attrs)] }),
  samples: [
    {
      inputs: [given(f32(1, 1, 1, 3), 1, 2, 3), given(f32(1, 1, 1, 2), 1, 10)],
      attrs: { ...plain, size: [1, 2] },
      expect: [21, 32],
    },
    {
      inputs: [
        given(f32(rows(), 2, 1, 2), 1, 2, 3, 4, 5, 6, 7, 8),
        given(f32(rows(), 2, 1, 2), 1, 0, 0, 1, 1, 0, 0, 2),
      ],
      attrs: { ...plain, groups: 2, size: [1, 1] },
      rows: 2,
      expect: [6, 20],
    },
  ],
  errors: [
    { inputs: [f32(1, 1, 1, 3), f32(1, 1, 1, 2)], attrs: { ...plain, size: [1, 3] }, code: "shape/conv" },
    { inputs: [f32(1, 3, 1, 3), f32(1, 2, 1, 2)], attrs: { ...plain, groups: 2, size: [1, 2] }, code: "shape/conv" },
  ],
};
