// One axis as loops: rounds over whole tiles, then over what fills the lanes, then over the rest; a thread's part of it, and vectors
// that hang over its end. Knows no stages: what a round does is asked for.
import { type Axis, type AxisId, at } from "../ir/stage.ts";
import { type Dim, dimAt, isStatic } from "../ir/types.ts";
import { type Banded, boundOf, type Ends, withinBlocks } from "./bands.ts";
import { constantOf, minOf } from "./bounds.ts";
import { addIndex, negate, substituteIndex } from "./indexes.ts";
import {
  constantIndex,
  dimIndex,
  type Index,
  indexScalar,
  type Loop,
  mapIndexes,
  type Part,
  type Scalar,
} from "./loops.ts";
import type { KernelScalars, Point } from "./lower-scalars.ts";
import type { Recipe } from "./schedule.ts";

/** What one round of a loop does at the points it is given. */
export type Inner = (points: readonly Point[]) => Loop[];

export interface Rules {
  /** What they do adds up, so that no round may stand without its loop. */
  readonly folds?: boolean;
  /** Whose points they visit, where those are not all. */
  readonly stage?: Banded;
}

type For = Extract<Loop, { kind: "for" }>;

/** A part of an axis that is gone through in rounds of one width. */
interface Stretch extends Ends {
  readonly width: number;
  readonly inLanes: boolean;
  /** Where the axis ends, if the only round hangs over its end. */
  readonly end?: number;
}

export class TiledLoops {
  /** The part of the axis that a thread takes, where threads share one. */
  readonly part: Part | undefined;
  private readonly scalars: KernelScalars;
  private readonly recipe: Recipe;
  private readonly batch: number;
  /** The axes of the loops around the one that is being made. */
  private readonly entered = new Set<AxisId>();

  constructor(scalars: KernelScalars, recipe: Recipe, axes: readonly Axis[], batch: number) {
    this.scalars = scalars;
    this.recipe = recipe;
    this.batch = batch;
    const parted = axes.find((axis) => axis.id === recipe.part);
    if (!parted) return;
    const unit = this.tileOf(parted.id, recipe.lanes?.[0] === parted.id);
    const { names } = scalars;
    this.part = { from: names.unique("from"), to: names.unique("to"), extent: parted.extent, unit };
  }

  /** How many neighbours along an axis one round computes. */
  private tileOf(axis: AxisId, inLanes: boolean): number {
    return Math.max(this.recipe.tiles.get(axis) ?? 1, inLanes ? 4 : 1);
  }

  /** What is made within a loop over an axis. */
  inside<T>(axis: AxisId, make: () => T): T {
    this.entered.add(axis);
    const made = make();
    this.entered.delete(axis);
    return made;
  }

  /** What a stage visits of a stretch of an axis, where loops around it are at a point. */
  visited<S extends Ends>(stage: Banded, axis: AxisId, point: Point, stretch: S): S {
    const bound = boundOf(stage, axis);
    if (!bound || !this.entered.has(bound.by.id)) return stretch;
    return { ...stretch, ...withinBlocks(this.scalars.index(at(bound.by.id), point), bound, stretch) };
  }

  /** Loops over an axis. */
  over(axis: Axis, inLanes: boolean, points: readonly Point[], inner: Inner, { folds, stage }: Rules = {}): Loop[] {
    const part = axis.id === this.recipe.part ? this.part : undefined;
    const make = (whole: Stretch): Loop[] => {
      const stretch = stage ? this.visited(stage, axis.id, points[0]!, whole) : whole;
      return this.rounds(axis.id, stretch, points, inner, part === undefined && !folds);
    };
    const [start, last] = part ? partEnds(part) : [indexScalar(constantIndex(0)), undefined];
    const within = (end: Scalar): Scalar => (last ? minOf(end, last) : end);
    const tile = this.tileOf(axis.id, inLanes);
    const { extent } = axis;
    const widths = widthsOf(extent, tile, inLanes, this.batch);
    if (!isStatic(extent)) return this.overRows(axis, start, within, widths, inLanes, make);
    if (inLanes && tile > extent)
      return make({ from: start, to: within(indexScalar(dimIndex(extent))), width: tile, inLanes, end: extent });
    const loops: Loop[] = [];
    let from = 0;
    for (const width of widths) {
      const to = extent - (extent % width);
      if (to > from) {
        loops.push(
          ...make({
            from: from === 0 ? start : indexScalar(constantIndex(from)),
            to: within(indexScalar(constantIndex(to))),
            // What is left is one narrower tile.
            width: width === tile ? width : to - from,
            inLanes: inLanes && width > 1,
          }),
        );
        from = to;
      }
    }
    return loops;
  }

  /** Where the rows of the batch decide how many whole tiles there are. */
  private overRows(
    { id, extent }: Axis,
    start: Scalar,
    within: (end: Scalar) => Scalar,
    widths: readonly number[],
    inLanes: boolean,
    make: (stretch: Stretch) => Loop[],
  ): Loop[] {
    const loops: Loop[] = [];
    let done: Index = constantIndex(0);
    let from = start;
    for (const [i, width] of widths.entries()) {
      let to = within(indexScalar(dimIndex(extent)));
      if (width > 1) {
        const ending = i === 0 ? "Whole" : inLanes ? "Fours" : "Rest";
        const name = this.scalars.names.unique(`${this.scalars.variables.get(id)!}${ending}`);
        const whole: Scalar = { kind: "whole", of: addIndex(dimIndex(extent), negate(done)), tile: width };
        const end: Scalar = i === 0 ? whole : { kind: "call", fn: "add", dtype: "i32", args: [from, whole] };
        loops.push({ kind: "let", name, mutable: false, value: within(end) });
        to = { kind: "var", name, dtype: "i32" };
        done = { ...constantIndex(0), terms: [{ variable: name, mul: 1 }] };
      }
      loops.push(...make({ from, to, width, inLanes: inLanes && width > 1 }));
      from = to;
    }
    return loops;
  }

  /** A stretch as a loop; as its only round where it has one. */
  private rounds(id: AxisId, stretch: Stretch, points: readonly Point[], inner: Inner, mayStandAlone: boolean): Loop[] {
    const { from, to, width, inLanes, end } = stretch;
    const { names } = this.scalars;
    const variable = this.scalars.variables.get(id)!;
    const offsets = Array.from({ length: inLanes ? width / 4 : width }, (_, d) => (inLanes ? 4 * d : d));
    const wide = width === 1 ? points : points.flatMap((p) => offsets.map((d) => new Map([...p, [id, d]])));
    const isAlone = mayStandAlone && roundsOnce(stretch);
    // What a round without a loop declares stands beside what loops before it may have hoisted.
    const round = (): Loop[] => this.inside(id, () => inner(wide));
    const make = (): Loop[] => (isAlone ? names.fresh(round) : names.scoped(round));
    const body = inLanes ? this.scalars.inLanes(id, make, end) : make();
    if (isAlone) {
      const value = constantIndex(constantOf(from)!);
      return body.map((loop) => mapIndexes(loop, (index) => substituteIndex(index, variable, value)));
    }
    const loop: For = { kind: "for", variable, from, to, step: width, body };
    return to.kind === "index" || to.kind === "var" ? [loop] : this.withEnd(loop);
  }

  /** A bound that takes work is computed once, before the loop. */
  withEnd(loop: For): Loop[] {
    const name = this.scalars.names.unique(`${loop.variable}End`);
    return [
      { kind: "let", name, mutable: false, value: loop.to },
      { ...loop, to: { kind: "var", name, dtype: "i32" } },
    ];
  }
}

/**
 * In rounds of how many neighbours an axis is gone through: whole tiles, what fills the lanes or what a full batch leaves, and one by
 * one.
 */
export function widthsOf(extent: Dim, tile: number, inLanes: boolean, batch: number): number[] {
  if (tile === 1) return [1];
  if (inLanes) return tile > 4 ? [tile, 4, 1] : [tile, 1];
  const rest = dimAt(extent, batch) % tile;
  return rest > 1 && !isStatic(extent) ? [tile, rest, 1] : [tile, 1];
}

/** Whether a loop would have one round only. */
function roundsOnce({ from, to, width }: Stretch): boolean {
  const [first, end] = [constantOf(from), constantOf(to)];
  return first !== undefined && end !== undefined && end > first && end <= first + width;
}

const partEnds = ({ from, to }: Part): [Scalar, Scalar] => [
  { kind: "var", name: from, dtype: "i32" },
  { kind: "var", name: to, dtype: "i32" },
];
