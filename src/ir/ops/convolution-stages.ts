// The loops of convolution and its two gradients: one product over (x, w, y), summed over different axes.
import { type Affine, type Axis, type AxisId, at, call, load, num, OUT, type Stage } from "../stage.ts";
import type { Shape, TensorType } from "../types.ts";
import {
  type Line,
  type Pair,
  type Phase,
  phaseGuard,
  phasePixel,
  phasesOf,
  phaseWindow,
  tapGuard,
  tapPlace,
  type WindowAttrs,
} from "./window-geometry.ts";

export type ConvAttrs = WindowAttrs & {
  /** Distance between the taps of a filter. */
  readonly dilation: Pair;
  /** Channels fall into this many groups that do not see each other. */
  readonly groups: number;
};
/** A gradient must be told the spatial size of what it is the gradient of: several fit one stride. */
export type ConvGradAttrs = ConvAttrs & { readonly size: Pair };

export const spatial = (shape: Shape): Pair => [shape[2] as number, shape[3] as number];

export const linesOf = (image: Pair, filter: Pair, { stride, padding, dilation }: ConvAttrs): readonly [Line, Line] => {
  const line = (d: 0 | 1): Line => ({
    size: image[d],
    taps: filter[d],
    stride: stride[d],
    padding: padding[d],
    dilation: dilation[d],
  });
  return [line(0), line(1)];
};

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
export function forwardStage(x: TensorType, w: TensorType, y: TensorType, attrs: ConvAttrs): Stage {
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
export function weightStage(x: TensorType, y: TensorType, w: TensorType, attrs: ConvAttrs): Stage {
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
export function inputStages(w: TensorType, x: TensorType, attrs: ConvAttrs): Stage[] {
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
