// A model of what one round of a kernel's innermost loop costs on a target with lanes, by recipe. Measured on x86 cores under V8.
import type { Affine, Axis, AxisId, Expr, Guard, ValueId } from "../ir/stage.ts";
import { isAffine } from "../ir/stage.ts";
import { type Dim, dimAt, isStatic } from "../ir/types.ts";
import { shareOf } from "./bands.ts";
import { conflicts } from "./cache.ts";
import { costOfFn, visitExpr } from "./expr.ts";
import { registers } from "./load-order.ts";
import { stridesOfValue } from "./lower-context.ts";
import { hasLongEnd } from "./row-by-row.ts";
import type { Caps, Kernel, PlacedStage, Schedule } from "./schedule.ts";
import { axesOfBounds, isAddedAlong } from "./tileable.ts";
import { widthsOf } from "./tiled-loops.ts";

/** About what things take, in vector instructions. */
const costs = {
  /** Counter, branch and addresses of a round. */
  round: 1.5,
  /** Four numbers that lie apart: four loads, or stores, and as many moves between lanes. */
  apart: 7,
  /** The same where four such vectors are turned over in registers: two exchanges and a store. */
  turned: 3,
  /** Folding four lanes into one. */
  across: 8,
  /**
   * Four numbers that lie side by side, against one number in all four lanes. Measured on square products: 4 rows by 8 columns,
   * which load 2 of the one and 4 of the other, run at 40 of 50 GFLOP/s, 2 rows by 16 at 36.
   */
  beside: 1.5,
  /** One number whose neighbour is loaded too: they lie in one line. */
  near: 0.8,
  /** One that lies on another page than its neighbour. */
  far: 1.25,
  /** A load whose neighbours of the rounds before and after compete for the same places of the cache. */
  conflict: 1.75,
  /** The head and tail of a loop. */
  loop: 4,
  /** A vector that finds no register waits on the stack. */
  spill: 6,
};

/** A tile that takes all registers is worth it from so many rounds on. */
const leastRounds = 32;

/** What a list holds of an axis, where nothing better is known. */
const density = 0.2;

/** A stretch of an axis that is done in rounds of one width. */
interface Segment {
  readonly share: number;
  readonly width: number;
  readonly lanes: boolean;
  /** Results of a round: less than its width where that hangs over the axis. */
  readonly results: number;
}

/** How an expression reads memory. */
interface Access {
  /** Stride in elements per axis; undefined: at a computed place, or kept by a guard. */
  readonly strides: ReadonlyMap<AxisId, number>;
  /** Axes along which neighbours must be looked at one by one. */
  readonly apart: ReadonlySet<AxisId>;
  /** Against a load of one cache line after the other. */
  readonly price: number;
}

/** What an expression takes, once. */
interface Work {
  readonly operations: number;
  readonly reads: readonly Access[];
}

export class CostModel {
  private readonly schedule: Schedule;
  private readonly kernel: Kernel;
  private readonly caps: Caps;
  private readonly batch: number;
  private readonly works = new Map<PlacedStage, { readonly body: Work; readonly end: Work; readonly store: Access }>();

  constructor(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number) {
    this.schedule = schedule;
    this.kernel = kernel;
    this.caps = caps;
    this.batch = batch;
  }

  /** All stages along one shared axis, or each along its own; a stage that leads along each of its own. */
  *laneChoices(): Generator<(AxisId | undefined)[]> {
    const { stages, shared, lead } = this.kernel;
    const own = stages.map((stage) => this.bestOwnAxis(stage));
    if (lead !== undefined) {
      const inner = stages[lead]!.axes.slice(shared).filter(({ kind }) => kind === "parallel");
      const axes = inner.filter((axis) => this.mayLieAlong(stages[lead]!, axis));
      for (const { id } of axes) yield own.with(lead, id);
      return;
    }
    for (const axis of stages[0]!.axes.slice(0, shared)) {
      if (axis.kind === "parallel" && stages.every((s) => this.mayLieAlong(s, axis))) yield stages.map(() => axis.id);
    }
    if (own.some((axis) => axis !== undefined)) yield own;
  }

  private bestOwnAxis(stage: PlacedStage): AxisId | undefined {
    let best: { axis: AxisId | undefined; cost: number } = {
      axis: undefined,
      cost: this.stageCost(stage, undefined, new Map()),
    };
    for (const axis of stage.axes.slice(this.kernel.shared)) {
      if (!this.mayLieAlong(stage, axis)) continue;
      const cost = this.stageCost(stage, axis.id, new Map());
      if (cost < best.cost * 0.98) best = { axis: axis.id, cost };
    }
    return best.axis;
  }

  private mayLieAlong(stage: PlacedStage, axis: Axis): boolean {
    if (dimAt(axis.extent, this.batch) < 4 || axis.kind === "scan" || axis.id === stage.sparse?.axis) return false;
    if (isAddedAlong(stage, axis.id)) return false;
    if (axis.kind === "reduce" && (stage.reduce!.index || stage.axes.some((a) => a.kind === "scan"))) return false;
    return !axesOfBounds(stage).has(axis.id);
  }

  cost(lanes: readonly (AxisId | undefined)[], tiles: ReadonlyMap<AxisId, number>): number {
    return this.kernel.stages.reduce((sum, stage, i) => sum + this.stageCost(stage, lanes[i], tiles), 0);
  }

  private stageCost(stage: PlacedStage, lane: AxisId | undefined, tiles: ReadonlyMap<AxisId, number>): number {
    const rounds = stage.axes.reduce(
      (k, a) => k * dimAt(a.extent, this.batch) * (a.id === stage.sparse?.axis ? density : 1),
      shareOf(stage),
    );
    const kept = stage.axes.filter((a) => a.kind !== "reduce");
    const results = kept.reduce((k, a) => k * dimAt(a.extent, this.batch), shareOf({ ...stage, axes: kept }));
    // An inner loop is entered once in each round of those around it.
    const folded = stage.axes.filter((a) => a.kind === "reduce").map((a) => dimAt(a.extent, this.batch));
    const entries = folded.reduce(({ sum, outer }, extent) => ({ sum: sum + outer, outer: outer * extent }), {
      sum: 0,
      outer: 1,
    }).sum;
    const isAcross = stage.axes.some((a) => a.id === lane && a.kind === "reduce");
    const { body, end, store } = this.workOf(stage);
    const folds = this.fitsTight(stage, lane) ? "tight" : "loose";
    let total = 0;
    for (const part of this.partsOf(stage, lane, tiles)) {
      const widths = new Map(part.map(({ axis, segment }) => [axis.id, segment]));
      const share = part.reduce((k, { segment }) => k * segment.share, 1);
      const inLanes = lane !== undefined && (widths.get(lane)?.lanes ?? false);
      const points = part.reduce((k, { axis, segment }) => k * (axis.kind === "parallel" ? segment.results : 1), 1);
      const perRound = points * (isAcross && inLanes ? 4 : 1);
      const round =
        costs.round + this.roundCost(body, widths, inLanes ? lane : undefined, isAcross, stage.reduce && folds);
      total += (share * rounds * round) / perRound;
      const outside = inLanes && !isAcross ? lane : undefined;
      const finish =
        this.roundCost(end, widths, outside, false) +
        storeCost(store, widths, outside, isAcross) +
        costs.loop * entries +
        (isAcross && inLanes ? points * costs.across : 0);
      total += (share * results * finish) / points;
    }
    return total;
  }

  /**
   * Whether a tile whose sums take all registers (`load-order.ts`) is worth its ways in and out: where many rounds follow each other,
   * and little is done to the sums.
   */
  private fitsTight(stage: PlacedStage, lane: AxisId | undefined): boolean {
    const inner = stage.axes.at(-1);
    if (inner?.kind !== "reduce" || this.kernel.stages.some(hasLongEnd)) return false;
    return dimAt(inner.extent, this.batch) / (inner.id === lane ? 4 : 1) >= leastRounds;
  }

  /** Segments of the tiled and laned axes, in all combinations. */
  private partsOf(
    stage: PlacedStage,
    lane: AxisId | undefined,
    tiles: ReadonlyMap<AxisId, number>,
  ): { axis: Axis; segment: Segment }[][] {
    let parts: { axis: Axis; segment: Segment }[][] = [[]];
    for (const axis of stage.axes) {
      const inLanes = axis.id === lane;
      if (!inLanes && !tiles.has(axis.id)) continue;
      const tile = Math.max(tiles.get(axis.id) ?? 1, inLanes ? 4 : 1);
      const segments = segmentsOf(axis.extent, tile, inLanes, this.batch);
      parts = parts.flatMap((part) => segments.map((segment) => [...part, { axis, segment }]));
    }
    return parts;
  }

  private workOf(stage: PlacedStage): { readonly body: Work; readonly end: Work; readonly store: Access } {
    let known = this.works.get(stage);
    if (!known) {
      const inner = stage.axes.at(-1);
      known = {
        body: this.work(stage.body, stage.reduce ? 1 : 0, inner),
        end: this.work(stage.epilogue, 0, undefined),
        store: this.accessOf(stage.out.value, stage.out.at, undefined),
      };
      this.works.set(stage, known);
    }
    return known;
  }

  private work(expr: Expr | undefined, folds: number, inner: Axis | undefined): Work {
    let operations = folds;
    const reads: Access[] = [];
    if (expr) {
      visitExpr(expr, (e) => {
        if (e.kind === "call") operations += costOfFn(e.fn);
        if (e.kind === "gather") reads.push(this.accessOf(e.of, e.at, inner));
        if (e.kind === "load") reads.push(this.accessOf(e.of, e.at, inner, e.guard));
      });
    }
    return { operations, reads };
  }

  /** `inner`: the axis of the innermost loop. */
  private accessOf(
    value: ValueId,
    at: readonly (Affine | Expr)[],
    inner: Axis | undefined,
    guards: readonly Guard[] = [],
  ): Access {
    const strides = new Map<AxisId, number>();
    const apart = new Set<AxisId>();
    const byDimension = stridesOfValue(this.schedule, value, this.batch);
    at.forEach((place, d) => {
      if (!isAffine(place)) {
        visitExpr(place, (inner) => {
          const places = inner.kind === "load" ? inner.at : inner.kind === "index" ? [inner.at] : [];
          for (const t of places.flatMap((p) => p.terms)) apart.add(t.axis);
        });
        return;
      }
      for (const { axis, mul } of place.terms) {
        if (typeof mul === "number") strides.set(axis, (strides.get(axis) ?? 0) + mul * byDimension[d]!);
        else apart.add(axis);
      }
    });
    for (const g of guards) for (const t of g.at.terms) apart.add(t.axis);
    const step = inner ? Math.abs(strides.get(inner.id) ?? 0) : 0;
    const isFar = inner !== undefined && step > 0 && conflicts(step, dimAt(inner.extent, this.batch));
    return { strides, apart, price: isFar ? costs.conflict : 1 };
  }

  /**
   * Instructions of one round over a tile. `folds`: its results stay in registers from round to round, beside all that is loaded; in a
   * tight one beside what is loaded for a row.
   */
  private roundCost(
    { operations, reads }: Work,
    widths: ReadonlyMap<AxisId, Segment>,
    lane: AxisId | undefined,
    isAcross: boolean,
    folds?: "loose" | "tight",
  ): number {
    let vectors = 1;
    for (const [axis, segment] of widths)
      if (!(isAcross && axis === lane)) vectors *= vectorsAlong(axis, segment, lane);
    const loads = reads.map((read) => accessCost(read, widths, lane, isAcross));
    const cost = loads.reduce((sum, { count, price }) => sum + count * price, vectors * operations);
    if (!folds) return cost;
    const isTight = folds === "tight" && vectors > this.caps.accumulators;
    const rows = isTight ? [...widths].filter(([axis, { width }]) => axis !== lane && width > 1) : [];
    const loadsPer = (row: AxisId | undefined, width: number): number =>
      loads.reduce((sum, { count }, i) => sum + count / (reads[i]!.strides.get(row ?? -1) ? width : 1), 0);
    const held =
      vectors + 1 + Math.min(loadsPer(undefined, 1), ...rows.map(([row, { width }]) => loadsPer(row, width)));
    return cost + costs.spill * Math.max(0, held - registers);
  }

  why(lanes: readonly (AxisId | undefined)[], tiles: ReadonlyMap<AxisId, number>, cost: number): string {
    const nameOf = (id: AxisId): string =>
      this.kernel.stages.flatMap((s) => s.axes).find((a) => a.id === id)?.name ?? "?";
    const along = [...new Set(lanes.filter((id) => id !== undefined).map(nameOf))].join(", ");
    const wide = [...tiles].filter(([, k]) => k > 1).map(([id, k]) => `${nameOf(id)} by ${k}`);
    return `${[`lanes along ${along}`, ...wide].join("; ")}: about ${Math.round(cost)} instructions, one at a time ${Math.round(this.cost([], new Map()))}`;
  }
}

const vectorsAlong = (axis: AxisId, { width }: Segment, lane: AxisId | undefined): number =>
  axis === lane ? width / 4 : width;

/** How often a tile reads or writes something, and what that takes each time. */
function accessCost(
  { strides, apart, price }: Access,
  widths: ReadonlyMap<AxisId, Segment>,
  lane: AxisId | undefined,
  isAcross: boolean,
  priceApart = costs.apart,
): { readonly count: number; readonly price: number } {
  const cost = { count: 1, price };
  for (const [axis, segment] of widths) {
    const stride = strides.get(axis) ?? 0;
    if (!apart.has(axis) && stride === 0) continue;
    if (axis === lane) cost.price *= apart.has(axis) || stride !== 1 ? priceApart : costs.beside;
    else if (segment.width > 1) cost.price *= distancePrice(stride);
    if (!(isAcross && axis === lane)) cost.count *= vectorsAlong(axis, segment, lane);
  }
  return cost;
}

/** Four numbers of a vector that go to four rows take less where three other vectors of those rows are at hand (`whole-stores.ts`). */
function storeCost(
  store: Access,
  widths: ReadonlyMap<AxisId, Segment>,
  lane: AxisId | undefined,
  isAcross: boolean,
): number {
  const rows = [...widths].find(([axis, { width }]) => axis !== lane && width >= 4 && store.strides.get(axis) === 1);
  const { width } = rows?.[1] ?? { width: 1 };
  const apart = width % 4;
  const each = (costs.turned * (width - apart) + costs.apart * apart) / width;
  const { count, price } = accessCost(store, widths, lane, isAcross, each);
  return count * price;
}

/** Numbers of a page of memory. */
const page = 1024;

const distancePrice = (stride: number): number =>
  Math.abs(stride) === 1 ? costs.near : Math.abs(stride) >= page ? costs.far : 1;

/** Whole tiles, what fills the lanes, the rest: as lowering cuts an axis. */
function segmentsOf(size: Dim, tile: number, inLanes: boolean, batch: number): Segment[] {
  const extent = dimAt(size, batch);
  if (inLanes && tile > extent) return [{ share: 1, width: tile, lanes: true, results: extent }];
  const segments: Segment[] = [];
  let from = 0;
  for (const width of widthsOf(size, tile, inLanes, batch)) {
    const to = extent - ((extent - from) % width);
    if (to <= from) continue;
    const isWhole = width === tile || !isStatic(size);
    const done = isWhole ? width : to - from;
    segments.push({ share: (to - from) / extent, width: done, lanes: inLanes && width > 1, results: done });
    from = to;
  }
  return segments;
}
