// Runs stages in float64, slowly and obviously: the meaning that every target is compared with. Every place is checked.
// Knows expressions and loops; no graphs, no ops, no targets.
import { keyHash, normalAt, uniformAt } from "../base/random.ts";
import { scalarFunction } from "./scalar-functions.ts";
import {
  type Affine,
  type Axis,
  type AxisId,
  type Expr,
  type Guard,
  isAffine,
  type Stage,
  type ValueId,
} from "./stage.ts";
import { countAt, type DType, dimAt, type TensorType, typeText } from "./types.ts";

/** A tensor value: its elements in row-major order, whatever the dtype. */
export interface Value {
  readonly type: TensorType;
  readonly data: Float64Array;
}

export interface StageContext {
  /** N. */
  readonly rows: number;
  readonly seed: number;
  readonly step: number;
  /** f32: each stored f32 element is rounded to float32. */
  readonly round?: "f32";
}

/** Runs stages in order; values that they write and `values` does not have yet are made with the type `typeOf` gives. */
export function interpretStages(
  stages: readonly Stage[],
  values: Map<ValueId, Value>,
  typeOf: (value: ValueId) => TensorType,
  context: StageContext,
): void {
  for (const { out } of stages) {
    if (values.has(out.value)) continue;
    const type = typeOf(out.value);
    const data = new Float64Array(countAt(type.shape, context.rows));
    // nan shows elements that no stage writes.
    if (!stages.some((other) => other.out.value === out.value && other.out.mode === "add")) data.fill(Number.NaN);
    values.set(out.value, { type, data });
  }
  for (const stage of stages) runStage(stage, values, context);
}

function runStage(stage: Stage, values: ReadonlyMap<ValueId, Value>, context: StageContext): void {
  const { reduce, out } = stage;
  const machine = new Machine(stage.axes, values, context);
  const body = machine.compile(stage.body);
  const winner = reduce?.index ? machine.compile(reduce.index) : undefined;
  const epilogue = stage.epilogue ? machine.compile(stage.epilogue, true) : undefined;
  const target = machine.value(out.value);
  const place = machine.compilePlaces(target, out.at, true);
  const fold = reduce ? folds[reduce.op](reduce.dtype) : undefined;
  const isArg = reduce?.op === "argmax" || reduce?.op === "argmin";
  const storesF32 = target.type.dtype === "f32" && context.round === "f32";

  const store = (result: number): void => {
    machine.acc = result;
    const stored = epilogue ? epilogue() : result;
    const at = place();
    const sum = out.mode === "add" ? target.data[at]! + stored : stored;
    target.data[at] = storesF32 ? Math.fround(sum) : target.type.dtype === "i32" && out.mode === "add" ? sum | 0 : sum;
  };

  const reduced = stage.axes.filter((axis) => axis.kind === "reduce");
  machine.forEach(
    stage.axes.filter((axis) => axis.kind === "parallel"),
    () => {
      let best = fold ? fold.start : 0;
      let index = 0;
      machine.forEach(
        stage.axes.filter((axis) => axis.kind === "scan"),
        () => {
          if (!fold) return store(body());
          machine.forEach(reduced, () => {
            const next = body();
            if (isArg && fold.join(best, next) !== best) index = winner ? winner() : 0;
            best = fold.join(best, next);
          });
          store(isArg ? index : best);
        },
      );
    },
  );
}

interface Fold {
  readonly start: number;
  join(so: number, next: number): number;
}

const wrap = (dtype: DType, x: number): number => (dtype === "i32" ? x | 0 : x);

/** nan is passed on by min and max, and never found by argmin and argmax. */
const folds: Readonly<Record<NonNullable<Stage["reduce"]>["op"], (dtype: DType) => Fold>> = {
  add: (dtype) => ({ start: 0, join: (so, next) => wrap(dtype, so + next) }),
  mul: (dtype) => ({ start: 1, join: (so, next) => (dtype === "i32" ? Math.imul(so, next) : so * next) }),
  min: () => ({ start: Number.POSITIVE_INFINITY, join: Math.min }),
  max: () => ({ start: Number.NEGATIVE_INFINITY, join: Math.max }),
  argmin: () => ({ start: Number.POSITIVE_INFINITY, join: (so, next) => (next < so ? next : so) }),
  argmax: () => ({ start: Number.NEGATIVE_INFINITY, join: (so, next) => (next > so ? next : so) }),
};

/** Compiles expressions of one stage to straight-line steps over registers: nothing recurs, however deep they are. */
class Machine {
  /** The reduction's result, for the epilogue. */
  acc = 0;
  private readonly counters: number[];
  private readonly slots: ReadonlyMap<AxisId, number>;
  private readonly values: ReadonlyMap<ValueId, Value>;
  private readonly context: StageContext;

  constructor(axes: readonly Axis[], values: ReadonlyMap<ValueId, Value>, context: StageContext) {
    this.counters = axes.map(() => 0);
    this.slots = new Map(axes.map(({ id }, slot) => [id, slot]));
    if (this.slots.size < axes.length) throw new Error("an axis occurs twice in one stage");
    this.values = values;
    this.context = context;
  }

  value(id: ValueId): Value {
    const value = this.values.get(id);
    if (!value) throw new Error(`a stage reads value ${id}, which does not exist`);
    return value;
  }

  /** Runs `visit` for each combination of counters, the last axis fastest; once where there are no axes. */
  forEach(axes: readonly Axis[], visit: () => void): void {
    const extents = axes.map(({ extent }) => dimAt(extent, this.context.rows));
    if (extents.some((extent) => extent <= 0)) return;
    const slots = axes.map(({ id }) => this.slot(id));
    for (const slot of slots) this.counters[slot] = 0;
    for (;;) {
      visit();
      let d = axes.length - 1;
      for (; d >= 0; d--) {
        const next = this.counters[slots[d]!]! + 1;
        this.counters[slots[d]!] = next < extents[d]! ? next : 0;
        if (next < extents[d]!) break;
      }
      if (d < 0) return;
    }
  }

  /** A function that computes the expression at the current counters. */
  compile(root: Expr, inEpilogue = false): () => number {
    const registers = new Map<Expr, number>();
    const steps: ((memory: number[]) => void)[] = [];
    const pending: Expr[] = [root];
    while (pending.length > 0) {
      const expr = pending.at(-1)!;
      const waiting = registers.has(expr) ? [] : argumentsOf(expr).filter((arg) => !registers.has(arg));
      if (waiting.length > 0) {
        pending.push(...waiting);
        continue;
      }
      pending.pop();
      if (registers.has(expr)) continue;
      const to = registers.size;
      registers.set(expr, to);
      const compute = this.operation(expr, (arg) => registers.get(arg)!, inEpilogue);
      steps.push((memory) => {
        memory[to] = compute(memory);
      });
    }
    const memory: number[] = new Array(registers.size).fill(0);
    const result = registers.get(root)!;
    return () => {
      for (const step of steps) step(memory);
      return memory[result]!;
    };
  }

  /** A function that gives the row-major offset of a place. */
  compilePlaces(value: Value, places: readonly (Affine | Expr)[], inEpilogue = false): () => number {
    const parts = places.map((place) => (isAffine(place) ? this.affine(place) : this.compile(place, inEpilogue)));
    return this.offset(value, parts);
  }

  private offset(value: Value, parts: readonly (() => number)[]): () => number {
    const sizes = value.type.shape.map((dim) => dimAt(dim, this.context.rows));
    if (parts.length !== sizes.length) throw new Error(`${parts.length} places into ${typeText(value.type)}`);
    return () => {
      let at = 0;
      for (let d = 0; d < sizes.length; d++) {
        const part = parts[d]!();
        if (!(part >= 0 && part < sizes[d]!)) {
          throw new Error(`index ${part} is outside axis ${d} of ${typeText(value.type)} (N = ${this.context.rows})`);
        }
        at = at * sizes[d]! + part;
      }
      return at;
    };
  }

  private affine({ const: constant, rows = 0, terms }: Affine): () => number {
    const start = constant + rows * this.context.rows;
    const slots = terms.map(({ axis }) => this.slot(axis));
    const factors = terms.map(({ mul }) => dimAt(mul, this.context.rows));
    return () => {
      let sum = start;
      for (let k = 0; k < slots.length; k++) sum += factors[k]! * this.counters[slots[k]!]!;
      return sum;
    };
  }

  private slot(axis: AxisId): number {
    const slot = this.slots.get(axis);
    if (slot === undefined) throw new Error(`no axis ${axis} in this stage`);
    return slot;
  }

  private guards(guards: readonly Guard[]): () => boolean {
    const checks = guards.map(({ at, extent }) => [this.affine(at), dimAt(extent, this.context.rows)] as const);
    return () => checks.every(([at, extent]) => at() >= 0 && at() < extent);
  }

  private operation(expr: Expr, register: (arg: Expr) => number, inEpilogue: boolean): (memory: number[]) => number {
    switch (expr.kind) {
      case "num":
        return () => expr.value;
      case "index":
        return this.affine(expr.at);
      case "size": {
        const size = dimAt(expr.dim, this.context.rows);
        return () => size;
      }
      case "acc":
        if (!inEpilogue) throw new Error("the accumulator is read outside an epilogue");
        return () => this.acc;
      case "load": {
        const value = this.value(expr.of);
        const offset = this.compilePlaces(value, expr.at);
        if (!expr.guard || expr.guard.length === 0) return () => value.data[offset()]!;
        const inside = this.guards(expr.guard);
        const otherwise = expr.otherwise ?? 0;
        return () => (inside() ? value.data[offset()]! : otherwise);
      }
      case "gather": {
        const value = this.value(expr.of);
        let current: number[] = [];
        const parts = expr.at.map((place) => {
          if (isAffine(place)) return this.affine(place);
          const from = register(place);
          return () => current[from]!;
        });
        const offset = this.offset(value, parts);
        return (memory) => {
          current = memory;
          return value.data[offset()]!;
        };
      }
      case "call":
        return this.call(expr, expr.args.map(register));
    }
  }

  private call(expr: Extract<Expr, { kind: "call" }>, args: readonly number[]): (memory: number[]) => number {
    const [x = 0, y = 0, z = 0] = args;
    if (expr.fn === "uniform" || expr.fn === "normal") {
      const draw = expr.fn === "uniform" ? uniformAt : normalAt;
      const { seed, step } = this.context;
      const key = keyHash(expr.key ?? "");
      return (memory) => draw(seed, step, key, memory[x]!);
    }
    const apply = scalarFunction(expr.fn, expr.dtype);
    return (memory) => apply(memory[x]!, memory[y]!, memory[z]!);
  }
}

/** The expressions that must be computed before this one. */
function argumentsOf(expr: Expr): readonly Expr[] {
  if (expr.kind === "call") return expr.args;
  return expr.kind === "gather" ? expr.at.filter((place): place is Expr => !isAffine(place)) : [];
}
