// How windows lie over an image: sizes, places, guards, and the phases that turn "which windows cover this pixel"
// into affine reads. Shared by convolution and pooling; knows no op.
import type { Affine, AxisId, Guard } from "../stage.ts";
import type { TensorType } from "../types.ts";

export type Pair = readonly [number, number];

export type WindowAttrs = {
  /** Step between windows. */
  readonly stride: Pair;
  /** Places added on both sides. */
  readonly padding: Pair;
};

/** One dimension of a window op: `taps` places, `dilation` apart, from `stride * o - padding` on. */
export interface Line {
  /** Size of the image. */
  readonly size: number;
  readonly taps: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

/** Number of windows on a line; less than 1 if the window is larger than the padded image. */
export const windowsOn = (line: Line): number =>
  Math.floor((line.size + 2 * line.padding - line.dilation * (line.taps - 1) - 1) / line.stride) + 1;

/** The place that tap `tap` of window `window` reads. */
export const tapPlace = (line: Line, window: AxisId, tap: AxisId): Affine => ({
  const: -line.padding,
  terms: [
    { axis: window, mul: line.stride },
    { axis: tap, mul: line.dilation },
  ],
});

/** The guard of `tapPlace`, if a window reaches over an edge. */
export function tapGuard(line: Line, window: AxisId, tap: AxisId): Guard[] {
  const last = (windowsOn(line) - 1) * line.stride + (line.taps - 1) * line.dilation - line.padding;
  if (line.padding === 0 && last < line.size) return [];
  return [{ at: tapPlace(line, window, tap), extent: line.size }];
}

/**
 * The pixels `first, first + stride, …` of a line, `count` of them: the taps that reach them are
 * `firstTap + t * tapStep` for t < taps, and tap t of pixel number j belongs to window `j + windowOffset - t * windowStep`.
 */
export interface Phase {
  readonly first: number;
  readonly count: number;
  readonly taps: number;
  readonly firstTap: number;
  readonly tapStep: number;
  readonly windowOffset: number;
  readonly windowStep: number;
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/**
 * Splits the pixels of a line by their place modulo the stride. Pixel i is read by tap k of window o where
 * stride * o = i + padding - dilation * k; within a phase the taps with a whole o are evenly spaced, so that everything
 * stays affine. A phase may have no taps: its pixels are read by no window.
 */
export function phasesOf(line: Line): Phase[] {
  const { size, taps, stride, padding, dilation } = line;
  const common = greatestCommonDivisor(stride, dilation);
  const tapStep = stride / common;
  return Array.from({ length: Math.min(stride, size) }, (_, first) => {
    let firstTap = 0;
    while (firstTap < tapStep && (first + padding - dilation * firstTap) % stride !== 0) firstTap++;
    const hit = firstTap < tapStep && firstTap < taps;
    return {
      first,
      count: Math.ceil((size - first) / stride),
      taps: hit ? Math.ceil((taps - firstTap) / tapStep) : 0,
      firstTap,
      tapStep,
      windowOffset: (first + padding - dilation * firstTap) / stride,
      windowStep: dilation / common,
    };
  });
}

/** The pixel that number `pixel` of a phase is. */
export const phasePixel = (line: Line, phase: Phase, pixel: AxisId): Affine => ({
  const: phase.first,
  terms: [{ axis: pixel, mul: line.stride }],
});

/** The window that tap `tap` of pixel `pixel` belongs to. */
export const phaseWindow = (phase: Phase, pixel: AxisId, tap: AxisId): Affine => ({
  const: phase.windowOffset,
  terms: [
    { axis: pixel, mul: 1 },
    { axis: tap, mul: -phase.windowStep },
  ],
});

/** The guard of `phaseWindow`, if not every tap of every pixel belongs to a window. */
export function phaseGuard(line: Line, phase: Phase, pixel: AxisId, tap: AxisId): Guard[] {
  const lowest = phase.windowOffset - (phase.taps - 1) * phase.windowStep;
  const highest = phase.windowOffset + phase.count - 1;
  const windows = windowsOn(line);
  if (lowest >= 0 && highest < windows) return [];
  return [{ at: phaseWindow(phase, pixel, tap), extent: windows }];
}

const isPair = (pair: readonly number[], least: number): boolean =>
  pair.length === 2 && pair.every((value) => Number.isInteger(value) && value >= least);

/** What is wrong with stride, padding or window sizes by themselves; a sentence, or undefined. */
export function problemOf(attrs: WindowAttrs, sizes: readonly { name: string; pair: Pair }[]): string | undefined {
  if (!isPair(attrs.stride, 1)) return `stride ${attrs.stride.join(" x ")} is not two whole numbers from 1`;
  if (!isPair(attrs.padding, 0)) return `padding ${attrs.padding.join(" x ")} is not two whole numbers from 0`;
  const wrong = sizes.find(({ pair }) => !isPair(pair, 1));
  return wrong && `${wrong.name} ${wrong.pair.join(" x ")} is not two whole numbers from 1`;
}

/** Whether the type is [N or k, channels, height, width] with all but the first known. */
export const isImage = ({ shape }: TensorType): boolean =>
  shape.length === 4 && shape.slice(1).every((size) => typeof size === "number");
