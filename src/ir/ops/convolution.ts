// Convolution of images (NCHW) with filters (OIHW), and its two gradients. The three are closed under differentiation:
// all are the one product over (x, w, y), linear in each, so that every derivative is one of the others.
// Errors: shape/conv {op, left, right, problem}, where `problem` is a sentence; type/operand as in build.ts.
import type { OpDef, ShapeError } from "../op-def.ts";
import { type Affine, type Axis, type AxisId, at, call, load, num, OUT, type Stage } from "../stage.ts";
import { f32, i32, rows, type Shape, sameDim, type TensorType, typeText } from "../types.ts";
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

export type ConvAttrs = WindowAttrs & {
  /** Distance between the taps of a filter. */
  readonly dilation: Pair;
  /** Channels fall into this many groups that do not see each other. */
  readonly groups: number;
};
/** A gradient must be told the spatial size of what it is the gradient of: several fit one stride. */
export type ConvGradAttrs = ConvAttrs & { readonly size: Pair };

const spatial = (shape: Shape): Pair => [shape[2] as number, shape[3] as number];

const linesOf = (image: Pair, filter: Pair, { stride, padding, dilation }: ConvAttrs): readonly [Line, Line] => {
  const line = (d: 0 | 1): Line => ({
    size: image[d],
    taps: filter[d],
    stride: stride[d],
    padding: padding[d],
    dilation: dilation[d],
  });
  return [line(0), line(1)];
};

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

/** Axes and places that all three loops share; `n, g, o, i` are the row, group, filter of the group, channel of the group. */
interface Loop {
  readonly axis: (name: string, extent: TensorType["shape"][number], kind: Axis["kind"]) => AxisId;
  readonly axes: Axis[];
}

function newLoop(): Loop {
  const axes: Axis[] = [];
  return {
    axes,
    axis(name, extent, kind) {
      axes.push({ id: axes.length, name, extent, kind });
      return axes.length - 1;
    },
  };
}

/** Channel `inner` of group `group`, of `perGroup` channels each. */
const channel = (group: AxisId | undefined, perGroup: number, inner: AxisId): Affine =>
  group === undefined
    ? at(inner)
    : {
        const: 0,
        terms: [
          { axis: group, mul: perGroup },
          { axis: inner, mul: 1 },
        ],
      };

const product = (left: Stage["body"], right: Stage["body"]): Pick<Stage, "reduce" | "body"> => ({
  reduce: { op: "add", dtype: "f32" },
  body: call("mul", "f32", left, right),
});

// y[n, o, y, x] = sum of x[n, i, y * stride + ky * dilation - padding, …] * w[o, i, ky, kx]
function forwardStage(x: TensorType, w: TensorType, y: TensorType, attrs: ConvAttrs): Stage {
  const [down, across] = linesOf(spatial(x.shape), spatial(w.shape), attrs);
  const [filters, channels] = [(w.shape[0] as number) / attrs.groups, w.shape[1] as number];
  const loop = newLoop();
  const n = loop.axis("n", x.shape[0]!, "parallel");
  const g = attrs.groups > 1 ? loop.axis("g", attrs.groups, "parallel") : undefined;
  const o = loop.axis("o", filters, "parallel");
  const oy = loop.axis("y", y.shape[2]!, "parallel");
  const ox = loop.axis("x", y.shape[3]!, "parallel");
  const i = loop.axis("i", channels, "reduce");
  const ky = loop.axis("ky", down.taps, "reduce");
  const kx = loop.axis("kx", across.taps, "reduce");
  const pixel = [at(n), channel(g, channels, i), tapPlace(down, oy, ky), tapPlace(across, ox, kx)];
  const filter = channel(g, filters, o);
  return {
    axes: loop.axes,
    ...product(
      guarded(0, pixel, [...tapGuard(down, oy, ky), ...tapGuard(across, ox, kx)]),
      load(1, [filter, at(i), at(ky), at(kx)]),
    ),
    out: { value: OUT, at: [at(n), filter, at(oy), at(ox)], mode: "set" },
  };
}

// dw[o, i, ky, kx] = sum over n, y, x of x[n, i, y * stride + ky * dilation - padding, …] * dy[n, o, y, x]
function weightStage(x: TensorType, y: TensorType, w: TensorType, attrs: ConvAttrs): Stage {
  const [down, across] = linesOf(spatial(x.shape), spatial(w.shape), attrs);
  const [filters, channels] = [(w.shape[0] as number) / attrs.groups, w.shape[1] as number];
  const loop = newLoop();
  const g = attrs.groups > 1 ? loop.axis("g", attrs.groups, "parallel") : undefined;
  const o = loop.axis("o", filters, "parallel");
  const i = loop.axis("i", channels, "parallel");
  const ky = loop.axis("ky", down.taps, "parallel");
  const kx = loop.axis("kx", across.taps, "parallel");
  const n = loop.axis("n", x.shape[0]!, "reduce");
  const oy = loop.axis("y", y.shape[2]!, "reduce");
  const ox = loop.axis("x", y.shape[3]!, "reduce");
  const pixel = [at(n), channel(g, channels, i), tapPlace(down, oy, ky), tapPlace(across, ox, kx)];
  const filter = channel(g, filters, o);
  return {
    axes: loop.axes,
    ...product(
      guarded(0, pixel, [...tapGuard(down, oy, ky), ...tapGuard(across, ox, kx)]),
      load(1, [at(n), filter, at(oy), at(ox)]),
    ),
    out: { value: OUT, at: [filter, at(i), at(ky), at(kx)], mode: "set" },
  };
}

// dx[n, i, iy, ix] = sum over o and the taps that reach (iy, ix) of dy[n, o, y, x] * w[o, i, ky, kx]: a stage per phase.
function inputStages(w: TensorType, x: TensorType, attrs: ConvAttrs): Stage[] {
  const [down, across] = linesOf(spatial(x.shape), spatial(w.shape), attrs);
  const [filters, channels] = [(w.shape[0] as number) / attrs.groups, w.shape[1] as number];
  const stage = (rowPhase: Phase, columnPhase: Phase): Stage => {
    const loop = newLoop();
    const n = loop.axis("n", x.shape[0]!, "parallel");
    const g = attrs.groups > 1 ? loop.axis("g", attrs.groups, "parallel") : undefined;
    const i = loop.axis("i", channels, "parallel");
    const py = loop.axis("y", rowPhase.count, "parallel");
    const px = loop.axis("x", columnPhase.count, "parallel");
    const image = channel(g, channels, i);
    const out: Stage["out"] = {
      value: OUT,
      at: [at(n), image, phasePixel(down, rowPhase, py), phasePixel(across, columnPhase, px)],
      mode: "set",
    };
    if (rowPhase.taps === 0 || columnPhase.taps === 0) return { axes: loop.axes, body: num(0), out };
    const o = loop.axis("o", filters, "reduce");
    const ky = loop.axis("ky", rowPhase.taps, "reduce");
    const kx = loop.axis("kx", columnPhase.taps, "reduce");
    const filter = channel(g, filters, o);
    const guards = [...phaseGuard(down, rowPhase, py, ky), ...phaseGuard(across, columnPhase, px, kx)];
    return {
      axes: loop.axes,
      ...product(
        guarded(0, [at(n), filter, phaseWindow(rowPhase, py, ky), phaseWindow(columnPhase, px, kx)], guards),
        load(1, [
          filter,
          at(i),
          at(ky, rowPhase.tapStep, rowPhase.firstTap),
          at(kx, columnPhase.tapStep, columnPhase.firstTap),
        ]),
      ),
      out,
    };
  };
  return phasesOf(down).flatMap((rowPhase) => phasesOf(across).map((columnPhase) => stage(rowPhase, columnPhase)));
}

/** A read that gives 0 where a guard fails. */
const guarded = (
  of: number,
  places: readonly Affine[],
  guard: NonNullable<Extract<Stage["body"], { kind: "load" }>["guard"]>,
) => ({ kind: "load", of, at: places, ...(guard.length > 0 ? { guard, otherwise: 0 } : {}), dtype: "f32" }) as const;

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
    example: "conv2d(reshape(x, [1, 1, 3, 4]), ones([1, 1, 2, 2]))",
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
