// What pooling ops share: their attributes, shape rules, loops over windows and over the pixels that windows cover.
// Errors: shape/pool {op, type, problem}, where `problem` is a sentence; type/operand as in build.ts.
import type { ShapeError } from "../op-def.ts";
import { type Affine, type Axis, at, type Expr, type Guard, num, OUT, type Stage, type ValueId } from "../stage.ts";
import { f32, i32, rows, type TensorType, typeText } from "../types.ts";
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
export type Lines = readonly [Line, Line];

export const linesOf = (size: Pair, { k, stride, padding }: PoolAttrs): Lines => {
  const line = (d: 0 | 1): Line => ({ size: size[d], taps: k[d], stride: stride[d], padding: padding[d], dilation: 1 });
  return [line(0), line(1)];
};

export const imageLines = (image: TensorType, attrs: PoolAttrs): Lines =>
  linesOf([image.shape[2] as number, image.shape[3] as number], attrs);

export const pooled = (image: TensorType, lines: Lines): TensorType =>
  f32(image.shape[0]!, image.shape[1]!, windowsOn(lines[0]), windowsOn(lines[1]));

export const refusePool = (op: string, type: TensorType, problem: string, input: number): ShapeError =>
  refuse("shape/pool", { op, type: typeText(type), problem }, input);

/** What an op over windows of input 0 has against its inputs, if anything. */
export function checkPool(op: string, inputs: readonly TensorType[], attrs: PoolAttrs): ShapeError | undefined {
  const wrong = checkOperands(op, inputs, ["f32"]);
  if (wrong) return wrong;
  const flat = inputs.findIndex((type) => !isImage(type));
  if (flat >= 0) return refusePool(op, inputs[flat]!, "an image is [N, channels, height, width]", flat);
  const problem = problemOf(attrs, [{ name: "window", pair: attrs.k }]);
  return problem === undefined ? undefined : refusePool(op, inputs[0]!, problem, 0);
}

export function checkLines(op: string, image: TensorType, lines: Lines): ShapeError | undefined {
  const wide = lines.find((line) => line.padding >= line.taps);
  if (wide)
    return refusePool(op, image, `padding ${wide.padding} would leave windows of ${wide.taps} with padding alone`, 0);
  const short = lines.find((line) => windowsOn(line) < 1);
  if (!short) return undefined;
  const has = short.size + 2 * short.padding;
  return refusePool(op, image, `a window reaches over ${short.taps} places, the image with its padding has ${has}`, 0);
}

export const guardedLoad = (
  of: ValueId,
  places: readonly Affine[],
  guard: readonly Guard[],
  otherwise: number,
): Expr => ({
  kind: "load",
  of,
  at: places,
  ...(guard.length > 0 ? { guard, otherwise } : {}),
  dtype: "f32",
});

// ---- Loops over windows, and over the pixels of a phase ----

/** Axes of a result of windows and its reduced taps: n, c, y, x, ky, kx are axes 0 to 5. */
export const windowAxes = (image: TensorType, [down, across]: Lines): Axis[] => [
  { id: 0, name: "n", extent: image.shape[0]!, kind: "parallel" },
  { id: 1, name: "c", extent: image.shape[1]!, kind: "parallel" },
  { id: 2, name: "y", extent: windowsOn(down), kind: "parallel" },
  { id: 3, name: "x", extent: windowsOn(across), kind: "parallel" },
  { id: 4, name: "ky", extent: down.taps, kind: "reduce" },
  { id: 5, name: "kx", extent: across.taps, kind: "reduce" },
];
export const [row, channel, y, x] = [at(0), at(1), at(2), at(3)];

export const readPixel = (of: ValueId, [down, across]: Lines, otherwise: number): Expr =>
  guardedLoad(
    of,
    [row, channel, tapPlace(down, 2, 4), tapPlace(across, 3, 5)],
    [...tapGuard(down, 2, 4), ...tapGuard(across, 3, 5)],
    otherwise,
  );

/** One stage per phase of the image: what each pixel gets from the windows that cover it. */
export function pixelStages(
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

// ---- Samples ----

export const plain: PoolAttrs = { k: [2, 2], stride: [2, 2], padding: [0, 0] };
export const overlapping: PoolAttrs = { k: [1, 2], stride: [1, 1], padding: [0, 1] };
export const image4 = given(f32(1, 1, 2, 4), 1, 5, 2, 3, 4, 0, -1, -2);

export const poolErrors = [
  { inputs: [f32(3, 4, 4)], attrs: plain, code: "shape/pool" },
  { inputs: [f32(1, 1, 1, 4)], attrs: plain, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, 4)], attrs: { ...plain, padding: [2, 2] }, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, 4)], attrs: { ...plain, stride: [0, 2] }, code: "shape/pool" },
  { inputs: [f32(1, 1, 4, rows())], attrs: plain, code: "shape/pool" },
  { inputs: [i32(1, 1, 4, 4)], attrs: plain, code: "type/operand" },
] as const;
