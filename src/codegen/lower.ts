// Kernel + recipe -> loops: stages at the points of a tile, accumulators, values shared by a tile. Knows no ops and prints nothing.
import { type Axis, type AxisId, at, type Guard, type ReduceOp, type ValueId } from "../ir/stage.ts";
import { type DType, dimAt } from "../ir/types.ts";
import { clip, clippable, identityOf, maxOf, minOf } from "./bounds.ts";
import { axisOf } from "./expr.ts";
import { addIndex, negate, scaleIndex } from "./indexes.ts";
import { orderLoads } from "./load-order.ts";
import {
  constantIndex,
  countedLoop,
  dimIndex,
  dtypeOf,
  type Index,
  indexScalar,
  type Loop,
  type Procedure,
  type Scalar,
  variableOf,
} from "./loops.ts";
import { type LoweringContext, stridesOfValue } from "./lower-context.ts";
import { makeList, overList, transposeList } from "./lower-lists.ts";
import { KernelScalars, type Point } from "./lower-scalars.ts";
import { isLong, type RowByRow, rowByRow, rowsPerRound, storesLast } from "./row-by-row.ts";
import type { Kernel, PlacedStage, Recipe, Schedule } from "./schedule.ts";
import { shareSubexpressions } from "./share-subexpressions.ts";
import { stageText } from "./stage-text.ts";
import { type Inner, TiledLoops } from "./tiled-loops.ts";
import { storeWhole } from "./whole-stores.ts";

export function lowerToLoops(
  context: LoweringContext,
  kernel: Kernel,
  recipe: Recipe,
  name: string,
  key: string,
): Procedure {
  return { ...new Lowering(context, kernel, recipe).run(name), key };
}

class Lowering {
  private readonly schedule: Schedule;
  private readonly kernel: Kernel;
  private readonly recipe: Recipe;
  private readonly batch: number;
  private readonly strictFloat: boolean;
  private readonly sumsInF32: boolean;
  private readonly scalars: KernelScalars;
  private readonly tiles: TiledLoops;
  private readonly apart: RowByRow | undefined;

  constructor(context: LoweringContext, kernel: Kernel, recipe: Recipe) {
    this.schedule = context.schedule;
    this.kernel = kernel;
    this.recipe = recipe;
    this.batch = context.batch;
    this.strictFloat = context.strictFloat;
    this.sumsInF32 = context.sumsInF32;
    this.scalars = new KernelScalars(context, kernel);
    this.tiles = new TiledLoops(this.scalars, recipe, kernel.stages[0]!.axes, this.batch);
    const isStored = (value: ValueId): boolean => !this.scalars.locals.has(value);
    this.apart = rowByRow(context.schedule, kernel, recipe, context.batch, isStored);
  }

  run(name: string): Omit<Procedure, "key"> {
    const added = this.kernel.stages.filter((s) => s.out.mode === "add");
    const body = [...added.flatMap((s) => this.zeros(s.out)), ...this.sharedLoops(0, [new Map()])];
    return {
      name,
      doc: this.kernel.stages.map((stage) => stageText(this.schedule, stage)),
      buffers: this.scalars.views,
      hosts: [...this.scalars.hosts.values()],
      streams: [...this.scalars.streams.values()],
      ...(this.tiles.part ? { part: this.tiles.part } : {}),
      body: orderLoads(
        shareSubexpressions(
          storeWhole(body, (base) => this.scalars.names.unique(base)),
          this.scalars.names.taken,
        ),
      ),
      origins: this.kernel.stages.flatMap((s) => s.origins),
    };
  }

  /** What is written by adding starts from zeros: its bytes held something else before. A thread clears the part that it adds to. */
  private zeros({ value: id, at }: PlacedStage["out"]): Loop[] {
    const { layout, type } = this.schedule.values[id]!;
    const strides = stridesOfValue(this.schedule, id, this.batch);
    const order = layout?.order ?? [...type.shape.keys()];
    const parted = this.tiles.part === undefined ? -1 : at.findIndex((place) => axisOf(place) === this.recipe.part);
    const outer = order.slice(0, Math.max(0, order.indexOf(parted)));
    return this.scalars.names.scoped(() => {
      const variables = outer.map(() => this.scalars.names.unique("i"));
      const along = (variable: string, stride: number): Index => ({
        ...constantIndex(0),
        terms: [{ variable, mul: stride }],
      });
      // Dimensions inside of the one that is cleared lie in one run.
      const run = strides[parted] ?? strides[order[0]!] ?? 1;
      const [from, to] =
        parted < 0
          ? [constantIndex(0), scaleIndex(dimIndex(type.shape[order[0]!] ?? 1), run)]
          : [along(this.tiles.part!.from, run), along(this.tiles.part!.to, run)];
      const clear: Loop = {
        kind: "clear",
        buffer: this.scalars.buffer(id).name,
        at: { index: outer.reduce((i, d, k) => addIndex(i, along(variables[k]!, strides[d]!)), from), computed: [] },
        count: addIndex(to, negate(from)),
      };
      return outer.reduceRight<Loop[]>((body, d, k) => countedLoop(variables[k]!, type.shape[d]!, body), [clear]);
    });
  }

  /** Loops over the shared axes from `depth` on, each tiled as the recipe says: a main loop and, where needed, tails. */
  private sharedLoops(depth: number, points: readonly Point[]): Loop[] {
    if (depth === this.kernel.shared) return this.tile(this.inRows(points, this.recipe.lanes?.[0]));
    const axes = this.kernel.stages[0]!.axes;
    const id = this.recipe.order?.[depth];
    const axis = id === undefined ? axes[depth]! : axes.find((a) => a.id === id)!;
    const inner: Inner = (wide) => this.sharedLoops(depth + 1, wide);
    const stage = this.kernel.stages[0]!;
    return this.tiles.over(axis, this.recipe.lanes?.[0] === axis.id, points, inner, { stage });
  }

  /** All stages at the points of one tile. */
  private tile(points: readonly Point[]): Loop[] {
    const all = (stages: readonly PlacedStage[], at: readonly Point[]): Loop[] =>
      stages.flatMap((stage, i) => this.stage(stage, i, at));
    const { apart } = this;
    const offset = (point: Point): number => (apart && point.get(apart.axis)) ?? 0;
    const vectors = points.filter((point) => offset(point) === 0).length;
    if (!apart || vectors === points.length) return all(this.kernel.stages, points);
    const height = points.length / vectors;
    const step = rowsPerRound(height, vectors);
    const before = all(apart.before, points);
    const from = this.scalars.index(at(apart.axis), points[0]!);
    const to = addIndex(from, constantIndex(height));
    const { names } = this.scalars;
    const rows = names.scoped((): Loop => {
      const variable = names.unique("row");
      const round = points.filter((point) => offset(point) < step);
      const made = this.scalars.along(apart.axis, variable, () => all(apart.rows, round));
      const body = storesLast(made, (base) => names.unique(base));
      return { kind: "for", variable, from: indexScalar(from), to: indexScalar(to), step, body };
    });
    return [...before, rows, ...all(apart.after, points)];
  }

  /**
   * Vectors of one row side by side, whatever the loops' order: V8 multiplies in this order, and then keeps a row's factor for the
   * shortest time (4 by 8 tiles of a product: 39 of 50 GFLOP/s in place of 36). A tile has as many rows as it can.
   */
  private inRows(points: readonly Point[], lanes: AxisId | undefined): readonly Point[] {
    const [rows] = [...this.recipe.tiles].filter(([axis]) => axis !== lanes).toSorted(([, a], [, b]) => b - a);
    if (lanes === undefined || !rows) return points;
    const rowOf = (point: Point): number => point.get(rows[0]) ?? 0;
    return points.toSorted((a, b) => rowOf(a) - rowOf(b));
  }

  /** One stage at the given points of the shared axes. */
  private stage(stage: PlacedStage, index: number, points: readonly Point[]): Loop[] {
    if (stage.filter)
      return points.flatMap((p) =>
        stage.sparse
          ? transposeList(this.scalars, stage, p)
          : makeList(this.schedule, this.scalars, stage, p, this.recipe.lanes?.[index] !== undefined),
      );
    const rest = stage.axes.slice(this.kernel.shared);
    const lanes = this.recipe.lanes?.[index];
    const folded = rest.filter((a) => a.kind !== "parallel");
    const across = folded.find((a) => a.id === lanes);
    const overParallel = (parallel: readonly Axis[], at: readonly Point[]): Loop[] => {
      const [axis, ...inner] = parallel;
      if (axis && axis.id === stage.sparse?.axis)
        return overList(this.scalars, stage.sparse, at[0]!, overParallel(inner, at));
      if (axis) return this.tiles.over(axis, axis.id === lanes, at, (wide) => overParallel(inner, wide), { stage });
      return stage.reduce
        ? this.reduction(stage, folded, across, this.inRows(at, lanes))
        : this.elements(stage, folded, at);
    };
    return overParallel(
      rest.filter((a) => a.kind === "parallel"),
      points,
    );
  }

  /** Where nothing is folded: the body at each point. */
  private elements(stage: PlacedStage, scans: readonly Axis[], points: readonly Point[]): Loop[] {
    const all = (): Loop[] => points.flatMap((p) => this.finish(stage, p, this.scalars.scalar(stage.body, p)));
    const isBySide = this.scalars.lanes !== undefined && points.length > 1 && isLong(stage.body);
    const make = (): Loop[] => (isBySide ? storesLast(all(), (base) => this.scalars.names.unique(base)) : all());
    return scans.reduceRight<Inner>((inner, a) => () => this.tiles.over(a, false, points, inner), make)(points);
  }

  /** Accumulators, the loops that fill them, and what becomes of their results. `across`: the folded axis that lies along lanes. */
  private reduction(
    stage: PlacedStage,
    folded: readonly Axis[],
    across: Axis | undefined,
    points: readonly Point[],
  ): Loop[] {
    const { op, dtype, index } = stage.reduce!;
    const scans = folded.some((a) => a.kind === "scan");
    const isResult =
      points.length === 1 &&
      !index &&
      !across &&
      !stage.epilogue &&
      !this.strictFloat &&
      this.scalars.locals.has(stage.out.value);
    const base = isResult ? this.schedule.values[stage.out.value]!.name : accumulatorName(op);
    const named = (name: string): Variable[] =>
      points.map((_, i) => ({
        kind: "var",
        name: this.scalars.names.unique(points.length === 1 ? name : `${name}${i}`),
        dtype: name === "at" ? "i32" : dtype,
        ...(this.scalars.lanes === undefined ? {} : { lanes: 4 }),
      }));
    const vectors = across ? Math.max(1, (this.recipe.tiles.get(across.id) ?? 4) / 4) : 0;
    const sums = (name: string): Sums => ({
      one: named(name),
      four: Array.from({ length: vectors }, () => named(`${name}Lanes`).map((v): Variable => ({ ...v, lanes: 4 }))),
    });
    const total = sums(base);
    const winners = index ? named("at") : [];
    const declare = [
      ...variablesOf(total).map((v) => declaration(v, identityOf(op, dtype))),
      ...winners.map((v) => declaration(v, 0)),
    ];
    const { guards, body } = clippable(
      stage,
      folded.map((a) => a.id),
    );
    /** Neighbours along the folded axis that one round takes. */
    let neighbours: readonly Point[] = [new Map()];
    const round = (into: readonly Variable[], neighbour: Point): Loop[] =>
      points.flatMap((p, i): Loop[] => {
        const value = this.scalars.scalar(body, neighbour.size === 0 ? p : new Map([...p, ...neighbour]));
        if (index) return this.takeBest(stage, p, value, into[i]!, winners[i]!);
        return [
          { kind: "assign", name: into[i]!.name, value: this.scalars.call(foldOf(op), dtype, [into[i]!, value]) },
        ];
      });
    const finish = (): Loop[] =>
      points.flatMap((p, i) => {
        const result = index ? winners[i]! : total.one[i]!;
        return this.finish(stage, p, stage.epilogue ? this.scalars.scalar(stage.epilogue, p, result) : result);
      });
    let inner = (into: Sums): Loop[] => {
      const isWide = across !== undefined && this.scalars.lanes === across.id;
      const rounds = neighbours.flatMap((neighbour, v) => round(isWide ? into.four[v]! : into.one, neighbour));
      return [...rounds, ...(scans ? finish() : [])];
    };
    for (const axis of folded.toReversed()) {
      const inBlocks = axis === folded[0] && axis !== across && this.isLongSum(stage, folded);
      const within = inBlocks ? this.inBlocks(inner, sums) : inner;
      if (axis === across)
        inner = (into) => {
          const rounds: Inner = (wide) => {
            neighbours = wide.map((point) => new Map([[axis.id, point.get(axis.id) ?? 0]]));
            return within(into);
          };
          return this.tiles.over(axis, true, [points[0]!], rounds, { folds: true, stage });
        };
      else if (axis.id === stage.sparse?.axis)
        inner = (into) => overList(this.scalars, stage.sparse!, points[0]!, within(into));
      else {
        inner = (into) => {
          const variable = this.scalars.variables.get(axis.id)!;
          const clip = guards
            .filter((g) => g.axis === axis.id)
            .map(({ guard }) => this.bounds(guard, axis.id, points[0]!));
          const from = clip.reduce<Scalar>((a, c) => maxOf(a, c.from), indexScalar(constantIndex(0)));
          const to = clip.reduce<Scalar>((a, c) => minOf(a, c.to), indexScalar(dimIndex(axis.extent)));
          const ends = this.tiles.visited(stage, axis.id, points[0]!, { from, to });
          const body = this.tiles.inside(axis.id, () => within(into));
          const loop: Extract<Loop, { kind: "for" }> = { kind: "for", variable, ...ends, step: 1, body };
          return ends.to.kind === "index" ? [loop] : this.tiles.withEnd(loop);
        };
      }
    }
    const folding = foldOf(op);
    const fold = (a: Scalar, b: Scalar): Scalar => ({ kind: "call", fn: folding, dtype, args: [a, b] });
    const join = total.one.flatMap((one, i): Loop[] => {
      const sides = total.four.map((vector): Scalar => vector[i]!);
      if (sides.length === 0) return [];
      const value = fold(one, { kind: "across", fn: folding, of: sides.reduce(fold) });
      return [{ kind: "assign", name: one.name, value }];
    });
    return [...declare, ...inner(total), ...join, ...(scans ? [] : finish())];
  }

  /** Terms whose sum one float32 would round too often: each round of the outermost loop is summed by itself. */
  private isLongSum(stage: PlacedStage, folded: readonly Axis[]): boolean {
    const terms = folded.reduce((k, a) => k * dimAt(a.extent, this.batch), 1);
    const { op, dtype } = stage.reduce!;
    return this.sumsInF32 && folded.length > 1 && terms >= longSum && op === "add" && dtype === "f32" && !stage.sparse;
  }

  private inBlocks(inner: (into: Sums) => Loop[], sums: (name: string) => Sums): (into: Sums) => Loop[] {
    return (into) => {
      const part = sums("part");
      const added = variablesOf(into).map((sum, i): Loop => {
        const value = this.scalars.call("add", "f32", [sum, variablesOf(part)[i]!]);
        return { kind: "assign", name: sum.name, value };
      });
      return [...variablesOf(part).map((v) => declaration(v, 0)), ...inner(part), ...added];
    };
  }

  /** Keeps the better of the best so far and a candidate, and where it was. */
  private takeBest(stage: PlacedStage, point: Point, value: Scalar, best: Variable, winner: Variable): Loop[] {
    const { op, dtype, index } = stage.reduce!;
    const name = this.scalars.names.unique("candidate");
    const candidate: Variable = { ...best, name };
    const isBetter = this.scalars.call(op === "argmax" ? "gt" : "lt", "bool", [candidate, best]);
    const place = this.scalars.scalar(index!, point);
    const declared: Loop = { kind: "let", name, value: this.scalars.widened(value, best), mutable: false };
    if (best.lanes) {
      const chosen = (a: Scalar, b: Scalar, type: DType): Scalar => this.scalars.call("where", type, [isBetter, a, b]);
      return [
        declared,
        // The place first: it compares with the best so far.
        { kind: "assign", name: winner.name, value: chosen(place, winner, "i32") },
        { kind: "assign", name: best.name, value: chosen(candidate, best, dtype) },
      ];
    }
    return [
      declared,
      {
        kind: "if",
        condition: isBetter,
        body: [
          { kind: "assign", name: best.name, value: candidate },
          { kind: "assign", name: winner.name, value: place },
        ],
      },
    ];
  }

  private bounds(guard: Guard, axis: AxisId, point: Point): { from: Scalar; to: Scalar } {
    const mul = guard.at.terms.find((t) => t.axis === axis)!.mul as number;
    return clip(
      guard,
      mul,
      this.scalars.index({ ...guard.at, terms: guard.at.terms.filter((t) => t.axis !== axis) }, point),
    );
  }

  /** Stores a result, or keeps it in a variable for the stages that follow. */
  private finish(stage: PlacedStage, point: Point, value: Scalar): Loop[] {
    const id = stage.out.value;
    const loops: Loop[] = [];
    let stored = value;
    if (this.scalars.locals.has(id) && value.kind === "var" && !this.strictFloat) {
      this.scalars.keep(id, point, value);
    } else if (
      this.scalars.locals.has(id) ||
      (this.kernel.stages.length > 1 && stage.axes.slice(this.kernel.shared).every((a) => a.kind === "reduce"))
    ) {
      const name = this.scalars.names.unique(this.schedule.values[id]!.name);
      const rounds = this.strictFloat && dtypeOf(value) === "f32";
      loops.push({
        kind: "let",
        name,
        value: rounds ? { kind: "call", fn: "cast", dtype: "f32", args: [value] } : value,
        mutable: false,
      });
      stored = variableOf(name, value);
      this.scalars.keep(id, point, stored);
    }
    if (!this.scalars.locals.has(id)) loops.push(...this.scalars.store(stage.out, point, stored));
    return loops;
  }
}

/** So many terms are summed in blocks: a product of matrices rounds no less, but convolutions and long means would drift. */
const longSum = 128;

/** Accumulators of a tile: one number each, and where a sum lies along the lanes four side by side, for each vector of a round. */
interface Sums {
  readonly one: readonly Variable[];
  readonly four: readonly (readonly Variable[])[];
}

const variablesOf = ({ one, four }: Sums): readonly Variable[] => [...one, ...four.flat()];

type Variable = Extract<Scalar, { kind: "var" }>;

function declaration({ name, dtype, lanes }: Variable, start: number): Loop {
  const value: Scalar = { kind: "num", value: start, dtype };
  return { kind: "let", name, mutable: true, value: lanes ? { kind: "splat", value } : value };
}

const accumulatorName = (op: ReduceOp): string =>
  ({ add: "sum", mul: "product", min: "least", max: "most", argmin: "least", argmax: "most" })[op];

const foldOf = (op: ReduceOp): "add" | "mul" | "min" | "max" =>
  op === "add" || op === "mul" || op === "min" ? op : "max";
