// Kernel + recipe -> loops. The one place that knows how an iteration space becomes nested loops: tiles and their tails,
// accumulators, values shared by a tile. Knows no ops and prints nothing.
import type { AxisId, Guard, ReduceOp, ValueId } from "../ir/stage.ts";
import { type Dim, isStatic } from "../ir/types.ts";
import { clip, clippable, identityOf, maxOf, minOf } from "./bounds.ts";
import {
  constantIndex,
  dimIndex,
  dtypeOf,
  indexScalar,
  type Loop,
  type Place,
  type Procedure,
  type Scalar,
} from "./loops.ts";
import { type LoweringContext, stridesOf } from "./lower-context.ts";
import { makeList, overList, transposeList } from "./lower-lists.ts";
import { KernelScalars, type Point } from "./lower-scalars.ts";
import type { Kernel, PlacedStage, Recipe, Schedule } from "./schedule.ts";
import { shareSubexpressions } from "./share.ts";
import { stageText } from "./stage-text.ts";

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
  private readonly scalars: KernelScalars;

  constructor(context: LoweringContext, kernel: Kernel, recipe: Recipe) {
    this.schedule = context.schedule;
    this.kernel = kernel;
    this.recipe = recipe;
    this.batch = context.batch;
    this.strictFloat = context.strictFloat;
    this.scalars = new KernelScalars(context, kernel);
  }

  run(name: string): Omit<Procedure, "key"> {
    const added = this.kernel.stages.filter((s) => s.out.mode === "add");
    const body = [...added.flatMap((s) => this.zeros(s.out.value)), ...this.sharedLoops(0, [new Map()])];
    return {
      name,
      doc: this.kernel.stages.map((stage) => stageText(this.schedule, stage)),
      buffers: this.scalars.views,
      hosts: [...this.scalars.hosts.values()],
      streams: [...this.scalars.streams.values()],
      body: shareSubexpressions(body, this.scalars.names.taken),
      origins: this.kernel.stages.flatMap((s) => s.origins),
    };
  }

  /** What is written by adding starts from zeros: its bytes held something else before. */
  private zeros(id: ValueId): Loop[] {
    const { shape, dtype } = this.schedule.values[id]!.type;
    const strides = stridesOf(shape, this.batch);
    return this.scalars.names.scoped(() => {
      const variables = shape.map((_, d) => this.scalars.names.unique("ijklmn"[d] ?? "o"));
      const terms = variables.map((variable, d) => ({ variable, mul: strides[d]! }));
      const place: Place = { index: { ...constantIndex(0), terms }, computed: [] };
      const zero: Scalar = { kind: "num", value: 0, dtype: dtype === "u8" ? "i32" : dtype };
      const store: Loop = { kind: "store", buffer: this.scalars.buffer(id).name, at: place, value: zero, add: false };
      return shape.reduceRight<Loop[]>(
        (body, extent, d) => {
          const [from, to] = [indexScalar(constantIndex(0)), indexScalar(dimIndex(extent))];
          return [{ kind: "for", variable: variables[d]!, from, to, step: 1, body }];
        },
        [store],
      );
    });
  }

  /** Loops over the shared axes from `depth` on, each tiled as the recipe says: a main loop and, where needed, a tail. */
  private sharedLoops(depth: number, points: readonly Point[]): Loop[] {
    if (depth === this.kernel.shared) return this.kernel.stages.flatMap((stage) => this.stage(stage, points));
    const axis = this.kernel.stages[0]!.axes[depth]!;
    const tile = this.recipe.tiles.get(axis.id) ?? 1;
    const inner = (width: number): Loop[] => {
      const wide = points.flatMap((p) => Array.from({ length: width }, (_, d) => new Map([...p, [axis.id, d]])));
      return this.sharedLoops(depth + 1, wide);
    };
    return this.tiledLoop(axis.id, axis.extent, tile, inner);
  }

  private tiledLoop(axis: AxisId, extent: Dim, tile: number, inner: (width: number) => Loop[]): Loop[] {
    const variable = this.scalars.variables.get(axis)!;
    const loop = (from: Scalar, to: Scalar, step: number): Loop => ({
      kind: "for",
      variable,
      from,
      to,
      step,
      body: this.scalars.names.scoped(() => inner(step)),
    });
    const end = indexScalar(dimIndex(extent));
    const start = indexScalar(constantIndex(0));
    if (tile === 1) return [loop(start, end, 1)];
    if (isStatic(extent)) {
      const whole = extent - (extent % tile);
      const loops = whole > 0 ? [loop(start, indexScalar(constantIndex(whole)), tile)] : [];
      // What is left is one narrower tile.
      if (whole < extent) loops.push(loop(indexScalar(constantIndex(whole)), end, extent - whole));
      return loops;
    }
    const whole = this.scalars.names.unique(`${variable}Whole`);
    const mainEnd: Scalar = { kind: "var", name: whole, dtype: "i32" };
    return [
      { kind: "let", name: whole, mutable: false, value: { kind: "whole", of: extent, tile } },
      loop(start, mainEnd, tile),
      loop(mainEnd, end, 1),
    ];
  }

  /** One stage at the given points of the shared axes. */
  private stage(stage: PlacedStage, points: readonly Point[]): Loop[] {
    if (stage.filter)
      return points.flatMap((p) =>
        stage.sparse ? transposeList(this.scalars, stage, p) : makeList(this.schedule, this.scalars, stage, p),
      );
    const rest = stage.axes.slice(this.kernel.shared);
    const parallel = rest.filter((a) => a.kind === "parallel");
    const folded = rest.filter((a) => a.kind !== "parallel");
    let body = this.points(stage, folded, points);
    for (const axis of parallel.toReversed()) body = this.tiledLoop(axis.id, axis.extent, 1, () => body);
    return body;
  }

  private points(stage: PlacedStage, folded: PlacedStage["axes"], points: readonly Point[]): Loop[] {
    if (!stage.reduce) {
      const stores = points.flatMap((p) => this.finish(stage, p, this.scalars.scalar(stage.body, p)));
      return folded.reduceRight<Loop[]>((inner, a) => this.tiledLoop(a.id, a.extent, 1, () => inner), stores);
    }
    const { op, dtype, index } = stage.reduce;
    const scans = folded.some((a) => a.kind === "scan");
    const isResult =
      points.length === 1 && !index && !stage.epilogue && !this.strictFloat && this.scalars.locals.has(stage.out.value);
    const base = isResult ? this.schedule.values[stage.out.value]!.name : accumulatorName(op);
    const accumulators = points.map((_, i) => this.scalars.names.unique(points.length === 1 ? base : `${base}${i}`));
    const winners = index ? points.map((_, i) => this.scalars.names.unique(points.length === 1 ? "at" : `at${i}`)) : [];
    const declare: Loop[] = accumulators.map((name) => ({
      kind: "let",
      name,
      mutable: true,
      value: { kind: "num", value: identityOf(op, dtype), dtype },
    }));
    for (const name of winners)
      declare.push({ kind: "let", name, mutable: true, value: { kind: "num", value: 0, dtype: "i32" } });

    const { guards, body: bodyExpr } = clippable(
      stage,
      folded.map((a) => a.id),
    );
    const round = points.flatMap((p, i): Loop[] => {
      const value = this.scalars.scalar(bodyExpr, p);
      const accumulator: Scalar = { kind: "var", name: accumulators[i]!, dtype };
      if (!index) {
        const next: Scalar = { kind: "call", fn: foldOf(op), dtype, args: [accumulator, value] };
        return [{ kind: "assign", name: accumulators[i]!, value: next }];
      }
      const best = op === "argmax" ? "gt" : "lt";
      const candidate = this.scalars.names.unique("candidate");
      const candidateVar: Scalar = { kind: "var", name: candidate, dtype };
      return [
        { kind: "let", name: candidate, value: value, mutable: false },
        {
          kind: "if",
          condition: { kind: "call", fn: best, dtype: "bool", args: [candidateVar, accumulator] },
          body: [
            { kind: "assign", name: accumulators[i]!, value: candidateVar },
            { kind: "assign", name: winners[i]!, value: this.scalars.scalar(index, p) },
          ],
        },
      ];
    });
    const finish = points.flatMap((p, i) => {
      const result: Scalar = index
        ? { kind: "var", name: winners[i]!, dtype: "i32" }
        : { kind: "var", name: accumulators[i]!, dtype };
      return this.finish(stage, p, stage.epilogue ? this.scalars.scalar(stage.epilogue, p, result) : result);
    });
    let inner = scans ? [...round, ...finish] : round;
    for (const axis of folded.toReversed()) {
      if (axis.id === stage.sparse?.axis) {
        inner = overList(this.scalars, stage.sparse, points[0]!, inner);
        continue;
      }
      const variable = this.scalars.variables.get(axis.id)!;
      const clip = guards.filter((g) => g.axis === axis.id).map(({ guard }) => this.bounds(guard, axis.id, points[0]!));
      const from = clip.reduce<Scalar>((a, c) => maxOf(a, c.from), indexScalar(constantIndex(0)));
      const to = clip.reduce<Scalar>((a, c) => minOf(a, c.to), indexScalar(dimIndex(axis.extent)));
      const loop: Loop = { kind: "for", variable, from, to, step: 1, body: inner };
      inner = to.kind === "index" ? [loop] : this.withEnd(loop);
    }
    return [...declare, ...inner, ...(scans ? [] : finish)];
  }

  /** A bound that takes work is computed once, before the loop. */
  private withEnd(loop: Extract<Loop, { kind: "for" }>): Loop[] {
    const name = this.scalars.names.unique(`${loop.variable}End`);
    return [
      { kind: "let", name, mutable: false, value: loop.to },
      { ...loop, to: { kind: "var", name, dtype: "i32" } },
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
      stored = { kind: "var", name, dtype: dtypeOf(value) };
      this.scalars.keep(id, point, stored);
    }
    if (!this.scalars.locals.has(id)) {
      const { buffer, place } = this.scalars.place(id, stage.out.at, point);
      loops.push({ kind: "store", buffer, at: place, value: stored, add: stage.out.mode === "add" });
    }
    return loops;
  }
}

const accumulatorName = (op: ReduceOp): string =>
  ({ add: "sum", mul: "product", min: "least", max: "most", argmin: "least", argmax: "most" })[op];

const foldOf = (op: ReduceOp): "add" | "mul" | "min" | "max" =>
  op === "add" || op === "mul" || op === "min" ? op : "max";
