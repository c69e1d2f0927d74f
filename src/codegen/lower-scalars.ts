// Expressions -> scalars of one kernel: names for its buffers, host numbers and streams, and places as linear indices.
// Knows values, names and lanes; knows no loops.
import {
  type Affine,
  type Axis,
  type AxisId,
  type Expr,
  type Guard,
  isAffine,
  type ScalarFn,
  type ValueId,
} from "../ir/stage.ts";
import { type DType, typeText } from "../ir/types.ts";
import { axisOf, exprsOf, readsOf, visitExpr, writesOf } from "./expr.ts";
import { addIndex, scaleIndex } from "./indexes.ts";
import {
  type Buffer,
  constantIndex,
  dimIndex,
  type HostRead,
  type Index,
  indexScalar,
  type Loop,
  lanesOf,
  type Place,
  type Scalar,
  type Stream,
  variableOf,
} from "./loops.ts";
import { type LoweringContext, localValues, stridesOfValue } from "./lower-context.ts";
import { NameScope } from "./names.ts";
import { type Kernel, type PlacedStage, type Schedule, storageOf } from "./schedule.ts";

/** One of the neighbours that a tile computes together: an offset along each tiled axis. */
export type Point = ReadonlyMap<AxisId, number>;

/** An element of a buffer. */
export interface Element {
  readonly buffer: string;
  readonly place: Place;
}

type Read = Extract<Expr, { kind: "load" | "gather" }>;

/** Whether an expression reads at a computed place, or at one that a guard keeps from. */
function mayFault(expr: Expr): boolean {
  let found = false;
  visitExpr(expr, (e) => {
    if (e.kind === "gather" || (e.kind === "load" && e.guard && e.guard.length > 0)) found = true;
  });
  return found;
}

export class KernelScalars {
  readonly variables = new Map<AxisId, string>();
  readonly names = new NameScope();
  private readonly buffers = new Map<ValueId, Buffer>();
  private readonly wordViews = new Map<ValueId, Buffer>();
  readonly hosts = new Map<ValueId, HostRead>();
  readonly streams = new Map<string, Stream>();
  /** Values that live in a variable only. */
  readonly locals: ReadonlySet<ValueId>;
  private readonly schedule: Schedule;
  private readonly batch: number;
  /** Variables of values made in this kernel, by value and point. */
  private readonly made = new Map<string, Scalar>();
  /** The axes that all stages have; a point may have an offset along one of its stage alone. */
  private readonly shared: ReadonlySet<AxisId>;
  /** The axis that lies along the lanes, in the loops that are being made. */
  lanes: AxisId | undefined;
  /** Where that axis ends, if the last vector of a tile hangs over it. */
  private lanesEnd: number | undefined;
  /** Which of the lanes is being made, where they are made one by one. */
  private lane: number | undefined;

  constructor(context: LoweringContext, kernel: Kernel) {
    this.schedule = context.schedule;
    this.batch = context.batch;
    this.locals = localValues(context, kernel);
    this.shared = new Set(kernel.stages[0]!.axes.slice(0, kernel.shared).map((axis) => axis.id));
    const name = (axis: Pick<Axis, "id" | "name">): void => {
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
      const column = bytesInWords(context.schedule, stage);
      if (column !== undefined) this.words(column);
    }
    // Inner loops of different stages stand one after the other and may share names; those of one stage may not, and an
    // axis that an earlier stage has too is named already.
    for (const stage of kernel.stages) {
      const inner = stage.axes.slice(kernel.shared);
      this.names.scoped(() => {
        for (const { id } of inner) if (this.variables.has(id)) this.names.taken.add(this.variables.get(id)!);
        inner.forEach(name);
        if (stage.sparse) name({ id: stage.sparse.position, name: "p" });
      });
    }
    for (const variable of this.variables.values()) this.names.taken.add(variable);
  }

  private declare(id: ValueId): void {
    const value = this.schedule.values[id]!;
    if (value.home.kind !== "host") {
      if (!this.locals.has(id)) this.buffer(id);
    } else if (!this.hosts.has(id)) this.hosts.set(id, { name: this.names.unique(value.name), value: id });
  }

  /** From here on, reading the value at the point means this variable. */
  keep(id: ValueId, point: Point, variable: Scalar): void {
    this.made.set(this.madeKey(id, point), variable);
  }

  private madeKey(id: ValueId, point: Point): string {
    const offsets = [...point].filter(([axis]) => this.shared.has(axis));
    return `${id}@${offsets.map(([axis, offset]) => `${axis}:${offset}`).join(",")}`;
  }

  /** What `make` makes stands in a loop of another variable over an axis: there, and behind it, values are read from memory. */
  along<T>(axis: AxisId, variable: string, make: () => T): T {
    const outer = this.variables.get(axis)!;
    this.variables.set(axis, variable);
    this.made.clear();
    const made = make();
    this.made.clear();
    this.variables.set(axis, outer);
    return made;
  }

  /** An axis as a number. */
  axis(axis: AxisId): Scalar {
    return indexScalar({ ...constantIndex(0), terms: [{ variable: this.variables.get(axis)!, mul: 1 }] });
  }

  scalar(expr: Expr, point: Point, accumulator?: Scalar): Scalar {
    switch (expr.kind) {
      case "num":
        return expr;
      case "index":
        return this.numberOfIndex(expr, point);
      case "size":
        return expr;
      case "acc":
        return this.ofLane(accumulator!);
      case "call":
        return this.callScalar(expr, point, accumulator);
      case "load":
      case "gather":
        return this.read(expr, point, accumulator);
    }
  }

  private callScalar(expr: Extract<Expr, { kind: "call" }>, point: Point, accumulator?: Scalar): Scalar {
    const { fn, dtype, key } = expr;
    const args = expr.args.map((arg) => this.scalar(arg, point, accumulator));
    if (key === undefined) {
      // Where lanes choose, both sides are computed: a side that must not be looked at is asked lane by lane.
      const chooses = fn === "where" && lanesOf(args[0]!) === 4 && expr.args.slice(1).some(mayFault);
      return chooses ? this.laneByLane(expr, point, accumulator) : this.call(fn, dtype, args);
    }
    if (args.some((arg) => lanesOf(arg) === 4)) return this.laneByLane(expr, point, accumulator);
    return { kind: "call", fn, dtype, args: [...this.streamWords(key), ...args] };
  }

  private read(expr: Read, point: Point, accumulator?: Scalar): Scalar {
    const value = this.schedule.values[expr.of]!;
    if (value.home.kind === "host") return { kind: "var", name: this.hosts.get(expr.of)!.name, dtype: expr.dtype };
    const made = this.made.get(this.madeKey(expr.of, point));
    if (made && expr.kind === "load") return this.ofLane(made);
    const guards = expr.kind === "load" ? (expr.guard ?? []) : [];
    const { buffer, place } = this.place(expr.of, expr.at, point, accumulator);
    const stride = this.laneStride(place.index);
    const isApart =
      (stride !== 0 && stride !== 1) ||
      guards.some((g) => this.laneStride(this.index(g.at, point)) !== 0) ||
      place.computed.some((c) => lanesOf(c.value) === 4);
    if (isApart) return this.laneByLane(expr, point, accumulator);
    const lanes = stride === 1 ? { lanes: 4 as const } : {};
    const read: Scalar = { kind: "load", buffer, at: place, dtype: expr.dtype, ...lanes };
    if (guards.length === 0) return read;
    const inside = guards
      .map((g) => this.holds(g, point))
      .reduce((a, b) => ({ kind: "call", fn: "and", dtype: "bool", args: [a, b] }));
    const otherwise: Scalar = {
      kind: "num",
      value: (expr as { otherwise?: number }).otherwise ?? 0,
      dtype: expr.dtype,
    };
    return { kind: "call", fn: "where", dtype: expr.dtype, args: [inside, read, this.widened(otherwise, read)] };
  }

  // ---- Lanes ----

  /**
   * What `make` makes lies along an axis, four neighbours at a time. `end`: a tile covers the axis, and its last vector hangs over:
   * what it reads there is never stored.
   */
  inLanes<T>(axis: AxisId, make: () => T, end?: number): T {
    const outer = { lanes: this.lanes, end: this.lanesEnd };
    this.lanes = axis;
    this.lanesEnd = end;
    const made = make();
    this.lanes = outer.lanes;
    this.lanesEnd = outer.end;
    return made;
  }

  /** How many of the lanes at a point are elements of the axis. */
  private lanesAt(point: Point): number {
    return this.lanesEnd === undefined ? 4 : Math.min(4, this.lanesEnd - (point.get(this.lanes!) ?? 0));
  }

  /** A call, of as many lanes as its widest argument. A `where` may take one condition for all lanes. */
  call(fn: ScalarFn, dtype: DType, args: readonly Scalar[]): Scalar {
    const wide = args.find((arg) => lanesOf(arg) === 4);
    const isShared = (i: number): boolean => fn === "where" && i === 0;
    return {
      kind: "call",
      fn,
      dtype,
      args: wide ? args.map((arg, i) => (isShared(i) ? arg : this.widened(arg, wide))) : args,
    };
  }

  /** With as many lanes as another scalar. */
  widened(scalar: Scalar, like: Scalar): Scalar {
    return lanesOf(like) === 4 && lanesOf(scalar) === 1 ? { kind: "splat", value: scalar } : scalar;
  }

  /** Four neighbours, each computed by itself. */
  private laneByLane(expr: Expr, point: Point, accumulator?: Scalar): Scalar {
    const parts = this.eachLane(point, () => this.scalar(expr, point, accumulator));
    // What hangs over may be anything that can be read.
    return { kind: "pack", parts: [0, 1, 2, 3].map((lane) => parts[lane] ?? parts[0]!) };
  }

  private eachLane<T>(point: Point, make: () => T): T[] {
    return Array.from({ length: this.lanesAt(point) }, (_, lane) => {
      this.lane = lane;
      const made = make();
      this.lane = undefined;
      return made;
    });
  }

  /** What a variable or result is where lanes are looked at one by one. */
  private ofLane(scalar: Scalar): Scalar {
    return this.lane !== undefined && lanesOf(scalar) === 4 ? { kind: "lane", of: scalar, lane: this.lane } : scalar;
  }

  /** How far apart neighbours along the lanes are: 0 where all four are one, undefined where that is no constant. */
  private laneStride(index: Index): number | undefined {
    if (this.lanes === undefined || this.lane !== undefined) return 0;
    const variable = this.variables.get(this.lanes);
    const mul = index.terms.find((t) => t.variable === variable)?.mul ?? 0;
    return typeof mul === "number" ? mul : undefined;
  }

  private numberOfIndex(expr: Extract<Expr, { kind: "index" }>, point: Point): Scalar {
    const index = this.index(expr.at, point);
    const stride = this.laneStride(index);
    if (stride === undefined) return this.laneByLane(expr, point);
    if (stride === 0) return indexScalar(index);
    const steps = [0, 1, 2, 3].map((lane): Scalar => ({ kind: "num", value: lane * stride, dtype: "i32" }));
    return this.call("add", "i32", [indexScalar(index), { kind: "pack", parts: steps }]);
  }

  /** Stores a result at its place; four at once where they lie side by side. */
  store({ value: id, at, mode }: PlacedStage["out"], point: Point, value: Scalar): Loop[] {
    const add = mode === "add";
    const { buffer, place } = this.place(id, at, point);
    const isScattered = place.computed.some((c) => lanesOf(c.value) === 4);
    const isWide = lanesOf(value) === 4 || isScattered || this.laneStride(place.index) !== 0;
    if (this.lanes === undefined || !isWide) return [{ kind: "store", buffer, at: place, value, add }];
    if (this.laneStride(place.index) === 1 && !isScattered) {
      const wide: Scalar = lanesOf(value) === 4 ? value : { kind: "splat", value };
      return [{ kind: "store", buffer, at: place, value: wide, add, lanes: this.lanesAt(point) as 1 | 2 | 3 | 4 }];
    }
    const name = this.names.unique("result");
    const result = variableOf(name, value);
    const stores = this.eachLane(
      point,
      (): Loop => ({ kind: "store", buffer, at: this.place(id, at, point).place, value: this.ofLane(result), add }),
    );
    return [{ kind: "let", name, value, mutable: false }, ...stores];
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

  place(id: ValueId, at: readonly (Affine | Expr)[], point: Point, accumulator?: Scalar): Element {
    const strides = stridesOfValue(this.schedule, id, this.batch);
    let index = constantIndex(0);
    const computed: { value: Scalar; stride: number }[] = [];
    at.forEach((place, d) => {
      if (isAffine(place)) index = addIndex(index, scaleIndex(this.index(place, point), strides[d]!));
      else computed.push({ value: this.scalar(place, point, accumulator), stride: strides[d]! });
    });
    return { buffer: this.buffer(id).name, place: { index, computed } };
  }

  /** A column of bytes as words of four, by which a run of zeros is passed over at once. */
  words(id: ValueId): Buffer {
    const known = this.wordViews.get(id);
    if (known) return known;
    const { name } = this.schedule.values[id]!;
    const made: Buffer = {
      name: this.names.unique(`${name}_words`),
      value: id,
      storage: "i32",
      comment: "the same, four bytes a word",
    };
    this.wordViews.set(id, made);
    return made;
  }

  /** All views of the arena that the kernel needs. */
  get views(): Buffer[] {
    return [...this.buffers.values(), ...this.wordViews.values()];
  }

  buffer(id: ValueId): Buffer {
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
      storage: owner.stored ?? owner.type.dtype,
      comment: typeText(owner.type),
    };
    this.buffers.set(owner.id, made);
    return made;
  }

  index(place: Affine, point: Point): Index {
    let index: Index = { const: place.const, rows: place.rows ?? 0, terms: [] };
    for (const { axis, mul } of place.terms) {
      const offset = point.get(axis) ?? 0;
      const along: Index = {
        const: offset + (axis === this.lanes ? (this.lane ?? 0) : 0),
        rows: 0,
        terms: [{ variable: this.variables.get(axis)!, mul: 1 }],
      };
      index = addIndex(index, scaleIndex(along, mul));
    }
    return index;
  }
}

/**
 * The column of a list that can be made word by word: bytes that are tested for zero along their last dimension, whose rows are
 * whole words.
 */
export function bytesInWords(schedule: Schedule, stage: PlacedStage): ValueId | undefined {
  const scan = stage.axes.find((a) => a.kind === "scan");
  if (!stage.filter || stage.sparse || !scan || stage.body.kind !== "call" || stage.body.fn !== "ne") return undefined;
  const [read] = stage.body.args;
  if (read?.kind !== "load" || read.guard) return undefined;
  const { type } = schedule.values[read.of]!;
  const last = type.shape.at(-1);
  const isLast = axisOf(read.at.at(-1)!) === scan.id && typeof last === "number" && last % 4 === 0;
  return type.dtype === "u8" && isLast ? read.of : undefined;
}
