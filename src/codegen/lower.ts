// Kernel + recipe -> loops. The one place that knows how an iteration space becomes nested loops: tiles and their tails,
// accumulators, values shared by a tile, bounds clipped to where a guard holds. Knows no ops and prints nothing.
import { type Affine, type AxisId, type Expr, type Guard, isAffine, type ReduceOp, type ValueId } from "../ir/stage.ts";
import { type Dim, type DType, dimAt, isStatic, mulDims, type Storage, typeText } from "../ir/types.ts";
import { exprsOf, readsOf, visitExpr, writesOf } from "./expr.ts";
import {
  type Buffer,
  constantIndex,
  dimIndex,
  type HostRead,
  type Index,
  indexScalar,
  type Loop,
  type Place,
  type Procedure,
  type Scalar,
  type Stream,
} from "./loops.ts";
import { NameScope } from "./names.ts";
import { type Kernel, type PlacedStage, type Recipe, type Schedule, storageOf } from "./schedule.ts";
import { shareSubexpressions } from "./share.ts";
import { stageText } from "./stage-text.ts";

/** One of the neighbours that a tile computes together: an offset along each tiled axis. */
type Point = ReadonlyMap<AxisId, number>;

/** Elements between neighbours along each dimension: row-major at the largest batch. */
export function stridesOf(shape: readonly Dim[], batch: number): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= dimAt(shape[d]!, batch);
  }
  return strides;
}

/** What lowering knows of the whole program. */
export interface LoweringContext {
  readonly schedule: Schedule;
  /** The kernels that read a value's storage. */
  readonly readers: ReadonlyMap<ValueId, ReadonlySet<Kernel>>;
  readonly batch: number;
  /** A value kept in a variable is rounded as its store would be. */
  readonly strictFloat: boolean;
}

export function loweringContext(schedule: Schedule, batch: number, strictFloat: boolean): LoweringContext {
  const readers = new Map<ValueId, Set<Kernel>>();
  for (const kernel of schedule.kernels) {
    for (const value of kernel.stages.flatMap(readsOf)) {
      const owner = storageOf(schedule, value).id;
      readers.set(owner, (readers.get(owner) ?? new Set()).add(kernel));
    }
  }
  return { schedule, readers, batch, strictFloat };
}

/** Values that live in a local variable only: made and read at the same point of a kernel's shared axes, wanted nowhere else. */
export function localValues({ schedule, readers }: LoweringContext, kernel: Kernel): Set<ValueId> {
  const locals = new Set<ValueId>();
  if (kernel.stages.length === 1) return locals;
  for (const stage of kernel.stages) {
    const value = stage.out.value;
    const pointwise = stage.axes.slice(kernel.shared).every((a) => a.kind === "reduce");
    const isInner =
      schedule.values[value]!.home.kind === "temp" && [...(readers.get(value) ?? [])].every((k) => k === kernel);
    if (pointwise && isInner && !readThroughAlias(schedule, kernel, value)) locals.add(value);
  }
  return locals;
}

const readThroughAlias = (schedule: Schedule, kernel: Kernel, value: ValueId): boolean =>
  kernel.stages.some((s) => readsOf(s).some((read) => read !== value && storageOf(schedule, read).id === value));

export function lowerToLoops(context: LoweringContext, kernel: Kernel, recipe: Recipe, name: string): Procedure {
  return new Lowering(context, kernel, recipe).run(name);
}

class Lowering {
  private readonly schedule: Schedule;
  private readonly kernel: Kernel;
  private readonly recipe: Recipe;
  private readonly batch: number;
  private readonly strictFloat: boolean;
  private readonly names = new NameScope();
  private readonly variables = new Map<AxisId, string>();
  private readonly buffers = new Map<ValueId, Buffer>();
  private readonly hosts = new Map<ValueId, HostRead>();
  private readonly streams = new Map<string, Stream>();
  private readonly locals: ReadonlySet<ValueId>;
  /** Local variables of values made in this kernel, by value and point. */
  private readonly made = new Map<string, Scalar>();

  constructor(context: LoweringContext, kernel: Kernel, recipe: Recipe) {
    this.schedule = context.schedule;
    this.kernel = kernel;
    this.recipe = recipe;
    this.batch = context.batch;
    this.strictFloat = context.strictFloat;
    this.locals = localValues(context, kernel);
    const name = (axis: PlacedStage["axes"][number]): void => {
      if (!this.variables.has(axis.id)) this.variables.set(axis.id, this.names.unique(axis.name));
    };
    // Names at the procedure's top come first, so that no inner scope can take them.
    kernel.stages[0]!.axes.slice(0, kernel.shared).forEach(name);
    for (const stage of kernel.stages) {
      for (const expr of exprsOf(stage)) {
        visitExpr(expr, (e) => {
          if (e.kind === "load" || e.kind === "gather") this.declare(e.of);
          if (e.kind === "call" && e.key !== undefined) this.streamWords(e.key);
        });
      }
      for (const value of [...readsOf(stage), ...writesOf(stage)]) this.declare(value);
    }
    // Inner loops of different stages stand one after the other and may share names.
    for (const stage of kernel.stages) this.names.scoped(() => stage.axes.slice(kernel.shared).forEach(name));
    for (const variable of this.variables.values()) this.names.taken.add(variable);
  }

  private declare(id: ValueId): void {
    const value = this.schedule.values[id]!;
    if (value.home.kind !== "host") {
      if (!this.locals.has(id)) this.buffer(id);
    } else if (!this.hosts.has(id)) this.hosts.set(id, { name: this.names.unique(value.name), value: id });
  }

  run(name: string): Procedure {
    const added = this.kernel.stages.filter((s) => s.out.mode === "add");
    const body = [...added.flatMap((s) => this.zeros(s.out.value)), ...this.sharedLoops(0, [new Map()])];
    return {
      name,
      doc: this.kernel.stages.map((stage) => stageText(this.schedule, stage)),
      buffers: [...this.buffers.values()],
      hosts: [...this.hosts.values()],
      streams: [...this.streams.values()],
      body: shareSubexpressions(body, this.names.taken),
      origins: this.kernel.stages.flatMap((s) => s.origins),
    };
  }

  /** What is written by adding starts from zeros: its bytes held something else before. */
  private zeros(id: ValueId): Loop[] {
    const { shape, dtype } = this.schedule.values[id]!.type;
    const strides = stridesOf(shape, this.batch);
    return this.names.scoped(() => {
      const variables = shape.map((_, d) => this.names.unique("ijklmn"[d] ?? "o"));
      const terms = variables.map((variable, d) => ({ variable, mul: strides[d]! }));
      const place: Place = { index: { ...constantIndex(0), terms }, computed: [] };
      const zero: Scalar = { kind: "num", value: 0, dtype: dtype === "u8" ? "i32" : dtype };
      const store: Loop = { kind: "store", buffer: this.buffer(id).name, at: place, value: zero, add: false };
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
    const variable = this.variables.get(axis)!;
    const loop = (from: Scalar, to: Scalar, step: number): Loop => ({
      kind: "for",
      variable,
      from,
      to,
      step,
      body: this.names.scoped(() => inner(step)),
    });
    const end = indexScalar(dimIndex(extent));
    const start = indexScalar(constantIndex(0));
    if (tile === 1) return [loop(start, end, 1)];
    if (isStatic(extent)) {
      const whole = extent - (extent % tile);
      const loops = whole > 0 ? [loop(start, indexScalar(constantIndex(whole)), tile)] : [];
      if (whole < extent) loops.push(loop(indexScalar(constantIndex(whole)), end, 1));
      return loops;
    }
    const whole = this.names.unique(`${variable}Whole`);
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
      return points.flatMap((p) => (stage.sparse ? this.transposeList(stage, p) : this.makeList(stage, p)));
    const rest = stage.axes.slice(this.kernel.shared);
    const parallel = rest.filter((a) => a.kind === "parallel");
    const folded = rest.filter((a) => a.kind !== "parallel");
    let body = this.points(stage, folded, points);
    for (const axis of parallel.toReversed()) body = this.tiledLoop(axis.id, axis.extent, 1, () => body);
    return body;
  }

  private points(stage: PlacedStage, folded: PlacedStage["axes"], points: readonly Point[]): Loop[] {
    if (!stage.reduce) {
      const stores = points.flatMap((p) => this.finish(stage, p, this.scalar(stage.body, p)));
      return folded.reduceRight<Loop[]>((inner, a) => this.tiledLoop(a.id, a.extent, 1, () => inner), stores);
    }
    const { op, dtype, index } = stage.reduce;
    const scans = folded.some((a) => a.kind === "scan");
    const isResult =
      points.length === 1 && !index && !stage.epilogue && !this.strictFloat && this.locals.has(stage.out.value);
    const base = isResult ? this.schedule.values[stage.out.value]!.name : accumulatorName(op);
    const accumulators = points.map((_, i) => this.names.unique(points.length === 1 ? base : `${base}${i}`));
    const winners = index ? points.map((_, i) => this.names.unique(points.length === 1 ? "at" : `at${i}`)) : [];
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
      const value = this.scalar(bodyExpr, p);
      const accumulator: Scalar = { kind: "var", name: accumulators[i]!, dtype };
      if (!index) {
        const next: Scalar = { kind: "call", fn: foldOf(op), dtype, args: [accumulator, value] };
        return [{ kind: "assign", name: accumulators[i]!, value: next }];
      }
      const best = op === "argmax" ? "gt" : "lt";
      const candidate = this.names.unique("candidate");
      const candidateVar: Scalar = { kind: "var", name: candidate, dtype };
      return [
        { kind: "let", name: candidate, value: value, mutable: false },
        {
          kind: "if",
          condition: { kind: "call", fn: best, dtype: "bool", args: [candidateVar, accumulator] },
          body: [
            { kind: "assign", name: accumulators[i]!, value: candidateVar },
            { kind: "assign", name: winners[i]!, value: this.scalar(index, p) },
          ],
        },
      ];
    });
    const finish = points.flatMap((p, i) => {
      const result: Scalar = index
        ? { kind: "var", name: winners[i]!, dtype: "i32" }
        : { kind: "var", name: accumulators[i]!, dtype };
      return this.finish(stage, p, stage.epilogue ? this.scalar(stage.epilogue, p, result) : result);
    });
    let inner = scans ? [...round, ...finish] : round;
    for (const axis of folded.toReversed()) {
      if (axis.id === stage.sparse?.axis) {
        inner = this.overList(stage.sparse, points[0]!, inner);
        continue;
      }
      const variable = this.variables.get(axis.id)!;
      const clip = guards
        .filter((g) => g.axis === axis.id)
        .flatMap((g) => points.slice(0, 1).map((p) => this.clip(g.guard, axis.id, p)));
      const from = clip.reduce<Scalar>((a, c) => maxOf(a, c.from), indexScalar(constantIndex(0)));
      const to = clip.reduce<Scalar>((a, c) => minOf(a, c.to), indexScalar(dimIndex(axis.extent)));
      const loop: Loop = { kind: "for", variable, from, to, step: 1, body: inner };
      inner = to.kind === "index" ? [loop] : this.withEnd(loop);
    }
    return [...declare, ...inner, ...(scans ? [] : finish)];
  }

  /** A bound that takes work is computed once, before the loop. */
  private withEnd(loop: Extract<Loop, { kind: "for" }>): Loop[] {
    const name = this.names.unique(`${loop.variable}End`);
    return [{ kind: "let", name, mutable: false, value: loop.to }, { ...loop, to: { kind: "var", name, dtype: "i32" } }];
  }

  /** The points of a list, in order; the axis variable is read from it. */
  private overList(
    { axis, list, counts, at }: NonNullable<PlacedStage["sparse"]>,
    point: Point,
    body: readonly Loop[],
  ): Loop[] {
    const [end, p] = [this.names.unique("end"), this.names.unique("p")];
    const length = this.place(counts, at, point);
    const entry = this.entry(list, at, point, p);
    const count: Loop = {
      kind: "let",
      name: end,
      mutable: false,
      value: { kind: "load", buffer: length.buffer, at: length.place, dtype: "i32" },
    };
    const which: Scalar = { kind: "load", buffer: entry.buffer, at: entry.place, dtype: "i32" };
    const variable = this.variables.get(axis)!;
    return [
      count,
      {
        kind: "for",
        variable: p,
        from: indexScalar(constantIndex(0)),
        to: { kind: "var", name: end, dtype: "i32" },
        step: 1,
        body: [{ kind: "let", name: variable, mutable: false, value: which }, ...body],
      },
    ];
  }

  /** Place number `position` of the list at `at`: its last dimension. */
  private entry(
    list: ValueId,
    at: readonly Affine[],
    point: Point,
    position: string,
  ): { buffer: string; place: Place } {
    const { buffer, place } = this.place(list, at, point);
    return {
      buffer,
      place: {
        ...place,
        index: addIndex(place.index, { ...constantIndex(0), terms: [{ variable: position, mul: 1 }] }),
      },
    };
  }

  /** The points of the scan axis at which the body holds, one after the other. */
  private makeList(stage: PlacedStage, point: Point): Loop[] {
    const scan = stage.axes.find((a) => a.kind === "scan")!;
    const places = stage.out.at.filter(isAffine);
    const count = this.names.unique("count");
    const counted: Scalar = { kind: "var", name: count, dtype: "i32" };
    const entry = this.entry(stage.out.value, places, point, count);
    const length = this.place(stage.filter!.counts, places, point);
    return [
      { kind: "let", name: count, mutable: true, value: indexScalar(constantIndex(0)) },
      ...this.tiledLoop(scan.id, scan.extent, 1, () => [
        {
          kind: "if",
          condition: this.scalar(stage.body, point),
          body: [
            { kind: "store", buffer: entry.buffer, at: entry.place, value: this.axisScalar(scan.id), add: false },
            { kind: "assign", name: count, value: nextOf(count) },
          ],
        },
      ]),
      { kind: "store", buffer: length.buffer, at: length.place, value: counted, add: false },
    ];
  }

  /** The same from the list along the other dimension: visits only what is in it. */
  private transposeList(stage: PlacedStage, point: Point): Loop[] {
    const scan = stage.axes.find((a) => a.kind === "scan")!;
    const parallel = stage.axes.find((a) => a.kind === "parallel")!;
    const places = stage.out.at.filter(isAffine);
    const count = this.names.unique("count");
    const length = this.place(stage.filter!.counts, places, point);
    const entry = this.entry(stage.out.value, places, point, count);
    const zero: Loop = {
      kind: "store",
      buffer: length.buffer,
      at: length.place,
      value: { kind: "num", value: 0, dtype: "i32" },
      add: false,
    };
    const push: Loop[] = [
      {
        kind: "let",
        name: count,
        mutable: false,
        value: { kind: "load", buffer: length.buffer, at: length.place, dtype: "i32" },
      },
      { kind: "store", buffer: entry.buffer, at: entry.place, value: this.axisScalar(scan.id), add: false },
      { kind: "store", buffer: length.buffer, at: length.place, value: nextOf(count), add: false },
    ];
    return [
      ...this.tiledLoop(parallel.id, parallel.extent, 1, () => [zero]),
      ...this.tiledLoop(scan.id, scan.extent, 1, () => this.overList(stage.sparse!, point, push)),
    ];
  }

  private axisScalar(axis: AxisId): Scalar {
    return indexScalar({ ...constantIndex(0), terms: [{ variable: this.variables.get(axis)!, mul: 1 }] });
  }

  /** Bounds of an axis t within which 0 <= rest + mul * t < extent. */
  private clip(guard: Guard, axis: AxisId, point: Point): { from: Scalar; to: Scalar } {
    const mul = guard.at.terms.find((t) => t.axis === axis)!.mul as number;
    const rest = this.index({ ...guard.at, terms: guard.at.terms.filter((t) => t.axis !== axis) }, point);
    const end = dimIndex(guard.extent);
    const step = Math.abs(mul);
    // mul > 0: t from ceil(-rest / mul) to below ceil((extent - rest) / mul).
    if (mul > 0) return { from: ceilDivide(negate(rest), step), to: ceilDivide(addIndex(end, negate(rest)), step) };
    // mul < 0: t from above (rest - extent) / step to rest / step; both as the ceiling of a number larger by one.
    const one = constantIndex(1);
    return { from: ceilDivide(addIndex(addIndex(rest, negate(end)), one), step), to: ceilDivide(addIndex(rest, one), step) };
  }

  /** Stores a result, or keeps it in a variable for the stages that follow. */
  private finish(stage: PlacedStage, point: Point, value: Scalar): Loop[] {
    const id = stage.out.value;
    const loops: Loop[] = [];
    let stored = value;
    if (this.locals.has(id) && value.kind === "var" && !this.strictFloat) {
      this.made.set(madeKey(id, point), value);
    } else if (
      this.locals.has(id) ||
      (this.kernel.stages.length > 1 && stage.axes.slice(this.kernel.shared).every((a) => a.kind === "reduce"))
    ) {
      const name = this.names.unique(this.schedule.values[id]!.name);
      const rounds = this.strictFloat && dtypeOf(value) === "f32";
      loops.push({
        kind: "let",
        name,
        value: rounds ? { kind: "call", fn: "cast", dtype: "f32", args: [value] } : value,
        mutable: false,
      });
      stored = { kind: "var", name, dtype: dtypeOf(value) };
      this.made.set(madeKey(id, point), stored);
    }
    if (!this.locals.has(id)) {
      const { buffer, place } = this.place(id, stage.out.at, point);
      loops.push({ kind: "store", buffer, at: place, value: stored, add: stage.out.mode === "add" });
    }
    return loops;
  }

  private scalar(expr: Expr, point: Point, accumulator?: Scalar): Scalar {
    switch (expr.kind) {
      case "num":
        return expr;
      case "index":
        return indexScalar(this.index(expr.at, point));
      case "size":
        return expr;
      case "acc":
        return accumulator!;
      case "call": {
        const args = expr.args.map((arg) => this.scalar(arg, point, accumulator));
        const words = expr.key === undefined ? [] : this.streamWords(expr.key);
        return { kind: "call", fn: expr.fn, args: [...words, ...args], dtype: expr.dtype };
      }
      case "load":
      case "gather": {
        const value = this.schedule.values[expr.of]!;
        if (value.home.kind === "host") {
          return { kind: "var", name: this.hosts.get(expr.of)!.name, dtype: expr.dtype };
        }
        const made = this.made.get(madeKey(expr.of, point));
        if (made && expr.kind === "load") return made;
        const { buffer, place } = this.place(expr.of, expr.at, point, accumulator);
        const read: Scalar = { kind: "load", buffer, at: place, dtype: expr.dtype };
        if (expr.kind === "gather" || !expr.guard || expr.guard.length === 0) return read;
        const inside = expr.guard
          .map((g) => this.holds(g, point))
          .reduce((a, b) => ({ kind: "call", fn: "and", dtype: "bool", args: [a, b] }));
        const otherwise: Scalar = { kind: "num", value: expr.otherwise ?? 0, dtype: expr.dtype };
        return { kind: "call", fn: "where", dtype: expr.dtype, args: [inside, read, otherwise] };
      }
    }
  }

  private streamWords(key: string): Scalar[] {
    let stream = this.streams.get(key);
    if (!stream) {
      const a = this.names.numbered("stream");
      const b = this.names.numbered("stream");
      stream = { a, b, key };
      this.streams.set(key, stream);
    }
    return [stream.a, stream.b].map((name) => ({ kind: "var", name, dtype: "i32" }));
  }

  private holds(guard: Guard, point: Point): Scalar {
    const index = indexScalar(this.index(guard.at, point));
    const low: Scalar = {
      kind: "call",
      fn: "ge",
      dtype: "bool",
      args: [index, { kind: "num", value: 0, dtype: "i32" }],
    };
    const high: Scalar = { kind: "call", fn: "lt", dtype: "bool", args: [index, indexScalar(dimIndex(guard.extent))] };
    return { kind: "call", fn: "and", dtype: "bool", args: [low, high] };
  }

  private place(
    id: ValueId,
    at: readonly (Affine | Expr)[],
    point: Point,
    accumulator?: Scalar,
  ): { buffer: string; place: Place } {
    const value = this.schedule.values[id]!;
    const strides = stridesOf(value.type.shape, this.batch);
    let index = constantIndex(0);
    const computed: { value: Scalar; stride: number }[] = [];
    at.forEach((place, d) => {
      if (isAffine(place)) index = addIndex(index, scaleIndex(this.index(place, point), strides[d]!));
      else computed.push({ value: this.scalar(place, point, accumulator), stride: strides[d]! });
    });
    return { buffer: this.buffer(id).name, place: { index, computed } };
  }

  private buffer(id: ValueId): Buffer {
    const owner = storageOf(this.schedule, id);
    // The old and the new value of a slot lie in the same place.
    const same = (b: Buffer): boolean => {
      const { home } = this.schedule.values[b.value]!;
      return (
        b.value === owner.id || (home.kind === "slot" && owner.home.kind === "slot" && home.slot === owner.home.slot)
      );
    };
    const known = [...this.buffers.values()].find(same);
    if (known) return known;
    const name = this.names.unique(owner.home.kind === "slot" ? owner.home.slot : owner.name);
    const made: Buffer = {
      name,
      value: owner.id,
      storage: owner.type.dtype satisfies Storage,
      comment: typeText(owner.type),
    };
    this.buffers.set(owner.id, made);
    return made;
  }

  private index(place: Affine, point: Point): Index {
    let index: Index = { const: place.const, rows: place.rows ?? 0, terms: [] };
    for (const { axis, mul } of place.terms) {
      const offset = point.get(axis) ?? 0;
      const along: Index = { const: offset, rows: 0, terms: [{ variable: this.variables.get(axis)!, mul: 1 }] };
      index = addIndex(index, scaleIndex(along, mul));
    }
    return index;
  }
}

const madeKey = (id: ValueId, point: Point): string => `${id}@${[...point].map(([a, d]) => `${a}:${d}`).join(",")}`;

const nextOf = (variable: string): Scalar => indexScalar({ const: 1, rows: 0, terms: [{ variable, mul: 1 }] });

const dtypeOf = (scalar: Scalar): DType => ("dtype" in scalar ? scalar.dtype : scalar.kind === "size" ? "f32" : "i32");

const accumulatorName = (op: ReduceOp): string =>
  ({ add: "sum", mul: "product", min: "least", max: "most", argmin: "least", argmax: "most" })[op];

const foldOf = (op: ReduceOp): "add" | "mul" | "min" | "max" =>
  op === "add" || op === "mul" || op === "min" ? op : "max";

function identityOf(op: ReduceOp, dtype: DType): number {
  if (op === "add") return 0;
  if (op === "mul") return 1;
  const low = op === "max" || op === "argmax";
  if (dtype === "i32") return low ? -2147483648 : 2147483647;
  return low ? -Infinity : Infinity;
}

/**
 * Guards of the body that an inner loop's bounds can stand for: the body is 0 (for a sum) or the identity (for max, min) where
 * the guard fails, and the guard counts an inner axis. Returns the body without them.
 */
function clippable(
  stage: PlacedStage,
  folded: readonly AxisId[],
): { guards: { axis: AxisId; guard: Guard }[]; body: Expr } {
  const guards: { axis: AxisId; guard: Guard }[] = [];
  if (folded.length === 0 || stage.axes.some((a) => a.kind === "scan") || stage.reduce?.index)
    return { guards, body: stage.body };
  const strip = (e: Expr): Expr => {
    if (e.kind === "call" && e.fn === "mul" && stage.reduce?.op === "add") return { ...e, args: e.args.map(strip) };
    if (
      e.kind !== "load" ||
      !e.guard ||
      e.otherwise !== (stage.reduce?.op === "add" ? 0 : identityOf(stage.reduce!.op, e.dtype))
    )
      return e;
    const kept = e.guard.filter((guard) => {
      const inner = folded.findLast((axis) => guard.at.terms.some((t) => t.axis === axis));
      const mul = guard.at.terms.find((t) => t.axis === inner)?.mul;
      if (inner === undefined || typeof mul !== "number") return true;
      guards.push({ axis: inner, guard });
      return false;
    });
    const { guard: _, ...bare } = e;
    return kept.length > 0 ? { ...bare, guard: kept } : bare;
  };
  return { body: strip(stage.body), guards };
}

export function addIndex(a: Index, b: Index): Index {
  const terms = [...a.terms];
  for (const term of b.terms) {
    const i = terms.findIndex((t) => t.variable === term.variable);
    if (i < 0) {
      terms.push(term);
      continue;
    }
    const mul = sumDims(terms[i]!.mul, term.mul);
    if (mul === 0) terms.splice(i, 1);
    else terms[i] = { variable: term.variable, mul };
  }
  return { const: a.const + b.const, rows: a.rows + b.rows, terms };
}

function sumDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (typeof a !== "number" && typeof b !== "number") return { perRow: a.perRow + b.perRow };
  throw new Error("N and a constant along one variable");
}

export function scaleIndex(index: Index, by: Dim): Index {
  if (typeof by === "number") {
    return {
      const: index.const * by,
      rows: index.rows * by,
      terms: index.terms.map((t) => ({ variable: t.variable, mul: mulDims(t.mul, by)! })),
    };
  }
  if (index.rows !== 0) throw new Error("N * N in an index");
  return {
    const: 0,
    rows: index.const * by.perRow,
    terms: index.terms.map((t) => {
      const mul = mulDims(t.mul, by);
      if (mul === undefined) throw new Error("N * N in an index");
      return { variable: t.variable, mul };
    }),
  };
}

/** ceil(a / b) where it counts: below 0 any number that is not above 0 will do, and division toward zero gives one. */
function ceilDivide(a: Index, b: number): Scalar {
  if (b === 1) return indexScalar(a);
  const sum = indexScalar(addIndex(a, constantIndex(b - 1)));
  const quotient: Scalar = { kind: "call", fn: "div", dtype: "f32", args: [sum, { kind: "num", value: b, dtype: "f32" }] };
  return { kind: "call", fn: "cast", dtype: "i32", args: [quotient] };
}

const negate = (index: Index): Index => scaleIndex(index, -1);

const isConstant = (s: Scalar): number | undefined =>
  s.kind === "index" && s.index.rows === 0 && s.index.terms.length === 0 ? s.index.const : undefined;

function maxOf(a: Scalar, b: Scalar): Scalar {
  const x = isConstant(a);
  const y = isConstant(b);
  if (x !== undefined && y !== undefined) return indexScalar(constantIndex(Math.max(x, y)));
  return { kind: "call", fn: "max", dtype: "i32", args: [a, b] };
}

function minOf(a: Scalar, b: Scalar): Scalar {
  const x = isConstant(a);
  const y = isConstant(b);
  if (x !== undefined && y !== undefined) return indexScalar(constantIndex(Math.min(x, y)));
  return { kind: "call", fn: "min", dtype: "i32", args: [a, b] };
}
