// Inlining: a value that is only a rearrangement (view), or cheap to compute again (map), is computed where it is read.
// Before: one stage per node. After: fewer stages with larger bodies. Stays true: every kept value is still stored.
import { type Expr, isAffine, type Stage, type ValueId } from "../../ir/stage.ts";
import { countAt, dimAt } from "../../ir/types.ts";
import {
  axisOf,
  composeExpr,
  costOf,
  dtypeOfExpr,
  guardCondition,
  mapStage,
  readsOf,
  visitExpr,
  writesOf,
} from "../expr.ts";
import type { Kernel, PlacedStage, Schedule } from "../schedule.ts";

/** Views cost nothing to read through: exact. */
export const inlineViews = (schedule: Schedule, batch: number, strictFloat: boolean): Schedule =>
  inline(schedule, batch, strictFloat, ({ body }) => isView(body) && isStoredAsIs(body));

/** Elementwise work moves into its readers where that saves more than it repeats: the intermediate is no longer rounded. */
export const inlineMaps = (schedule: Schedule, batch: number, strictFloat: boolean): Schedule =>
  inline(schedule, batch, strictFloat, (stage, readers) => isView(stage.body) || isProfitable(stage, readers, batch));

const isView = (body: Expr): boolean => body.kind !== "call" && body.kind !== "gather";

/** A view's own number, broadcast or padded with: does a store keep all its digits? 0.1 in f32 is another number. */
function isStoredAsIs(view: Expr): boolean {
  const own = view.kind === "num" ? view.value : view.kind === "load" ? (view.otherwise ?? 0) : 0;
  return Object.is(Math.fround(own), own) || dtypeOfExpr(view) !== "f32";
}

interface Reader {
  readonly stage: PlacedStage;
  /** How often the value is read in one run of the stage. */
  readonly reads: number;
}

/** Inlined work against stored work, in simple operations: the value's own cost, one store, a load per read. */
function isProfitable(stage: PlacedStage, readers: readonly Reader[], batch: number): boolean {
  const elements = stage.axes.reduce((k, a) => k * dimAt(a.extent, batch), 1);
  const reads = readers.reduce((k, r) => k + r.reads, 0);
  const once = costOf(stage.body) + countLoads(stage.body);
  return reads * once <= elements * (once + 1) + reads;
}

/** Past this many nodes a body is long enough; a chain of any length then takes linear time, and no expression is nested deeply. */
const largestBody = 400;

function bodySize(stage: PlacedStage): number {
  let size = 0;
  const count = (): void => {
    size++;
  };
  visitExpr(stage.body, count);
  if (stage.epilogue) visitExpr(stage.epilogue, count);
  return size;
}

function countLoads(expr: Expr): number {
  let loads = 0;
  visitExpr(expr, (e) => {
    if (e.kind === "load" || e.kind === "gather") loads++;
  });
  return loads;
}

function inline(
  schedule: Schedule,
  batch: number,
  strictFloat: boolean,
  decide: (stage: PlacedStage, readers: readonly Reader[]) => boolean,
): Schedule {
  const stages: (PlacedStage | undefined)[] = schedule.kernels.map((k) => k.stages[0]!);
  const readersOf = new Map<ValueId, Set<number>>();
  const writersOf = new Map<ValueId, number>();
  const addReader = (value: ValueId, reader: number): void => {
    const known = readersOf.get(value);
    if (known) known.add(reader);
    else readersOf.set(value, new Set([reader]));
  };
  stages.forEach((stage, i) => {
    for (const value of readsOf(stage!)) addReader(value, i);
    for (const value of writesOf(stage!)) writersOf.set(value, (writersOf.get(value) ?? 0) + 1);
  });
  const pinned = new Set<ValueId>(schedule.outputs.values());
  for (const value of schedule.values) {
    if (value.alias !== undefined) pinned.add(value.alias);
    if (value.home.kind !== "temp") pinned.add(value.id);
  }

  // Consumers first: when a value is decided, its readers are the stages that will really run.
  for (let i = stages.length - 1; i >= 0; i--) {
    const stage = stages[i]!;
    const value = stage.out.value;
    if (pinned.has(value) || writersOf.get(value) !== 1 || !isMap(stage)) continue;
    const readerIds = [...(readersOf.get(value) ?? [])];
    const readers = readerIds.map((r) => ({ stage: stages[r]!, reads: readsPerRun(stages[r]!, value, batch) }));
    if (!decide(stage, readers)) continue;
    const producer = strictFloat ? { ...stage, body: rounded(stage.body) } : stage;
    const replaced = readers.map((r) => substitute(r.stage, value, producer));
    if (replaced.some((r) => r === undefined || bodySize(r) > largestBody)) continue;
    readerIds.forEach((r, k) => {
      stages[r] = replaced[k]!;
      for (const read of readsOf(replaced[k]!)) addReader(read, r);
    });
    for (const read of readsOf(stage)) readersOf.get(read)?.delete(i);
    stages[i] = undefined;
  }
  return { ...schedule, kernels: stages.filter((s) => s !== undefined).map(asKernel) };
}

/** A kernel of one stage. What has a list is inside; a list made from another list runs over that one, not over its own axes. */
export const asKernel = (stage: PlacedStage): Kernel => ({
  stages: [stage],
  shared:
    stage.filter && stage.sparse
      ? 0
      : stage.axes.filter((a) => a.kind === "parallel" && a.id !== stage.sparse?.axis).length,
});

/** No reduction, one result per point, stored where its axes say. */
export function isMap(stage: Stage): boolean {
  if (stage.reduce || stage.filter || stage.out.mode !== "set" || stage.axes.some((a) => a.kind !== "parallel"))
    return false;
  return writesIdentity(stage);
}

/** Each dimension of the result is one axis, or a fixed 0 of size 1. */
export function writesIdentity(stage: Stage): boolean {
  const seen = new Set<number>();
  return stage.out.at.every((place) => {
    const axis = axisOf(place);
    if (axis === undefined) return isAffine(place) && place.const === 0 && !place.rows && place.terms.length === 0;
    const fresh = !seen.has(axis);
    seen.add(axis);
    return fresh;
  });
}

/** Reads in the body happen at every point, reads in the epilogue once per result. */
function readsPerRun(stage: PlacedStage, value: ValueId, batch: number): number {
  const count = (expr: Expr | undefined): number => {
    let reads = 0;
    if (expr)
      visitExpr(expr, (e) => {
        if ((e.kind === "load" || e.kind === "gather") && e.of === value) reads++;
      });
    return reads;
  };
  const all = countAt(
    stage.axes.map((a) => a.extent),
    batch,
  );
  const results = countAt(
    stage.axes.filter((a) => a.kind !== "reduce").map((a) => a.extent),
    batch,
  );
  return count(stage.body) * all + count(stage.epilogue) * results;
}

/** The reader with every load of `value` replaced by what the producer computes there; undefined where that is not affine. */
export function substitute(reader: PlacedStage, value: ValueId, producer: PlacedStage): PlacedStage | undefined {
  let fits = true;
  const result = mapStage(reader, (e) => {
    if (e.kind === "gather" && e.of === value) fits = false;
    if (e.kind !== "load" || e.of !== value) return e;
    const by = new Map(
      producer.out.at.flatMap((place, d) => {
        const axis = axisOf(place);
        return axis === undefined ? [] : [[axis, e.at[d]!] as const];
      }),
    );
    // Producer axes that the result does not name have extent 1.
    for (const axis of producer.axes) if (!by.has(axis.id)) by.set(axis.id, { const: 0, terms: [] });
    const body = composeExpr(producer.body, by);
    if (!body) {
      fits = false;
      return e;
    }
    if (!e.guard) return body;
    return guarded(body, e.guard, e.otherwise ?? 0);
  });
  return fits ? mergeOrigins(result, producer) : undefined;
}

/** The value as a store would round it. */
function rounded(body: Expr): Expr {
  if (dtypeOfExpr(body) !== "f32") return body;
  if (body.kind === "num") return { ...body, value: Math.fround(body.value) };
  if (body.kind === "load" && body.otherwise !== undefined) return { ...body, otherwise: Math.fround(body.otherwise) };
  return body.kind === "call" ? { kind: "call", fn: "cast", dtype: "f32", args: [body] } : body;
}

/** `body` where the guard holds. Its loads are guarded too, so that no target reads out of bounds while it computes both sides. */
function guarded(body: Expr, guard: NonNullable<Extract<Expr, { kind: "load" }>["guard"]>, otherwise: number): Expr {
  if (body.kind === "load" && (!body.guard || body.otherwise === otherwise)) {
    return { ...body, guard: [...(body.guard ?? []), ...guard], otherwise };
  }
  const protect = (e: Expr): Expr => {
    if (e.kind === "load") return { ...e, guard: [...(e.guard ?? []), ...guard], otherwise: e.otherwise ?? 0 };
    return e.kind === "call" ? { ...e, args: e.args.map(protect) } : e;
  };
  const dtype = dtypeOfExpr(body);
  return {
    kind: "call",
    fn: "where",
    dtype,
    args: [guardCondition(guard), protect(body), { kind: "num", value: otherwise, dtype }],
  };
}

/** How many stages write each value. */
export function countWriters(schedule: Schedule): Map<ValueId, number> {
  const writers = new Map<ValueId, number>();
  for (const kernel of schedule.kernels) {
    for (const value of kernel.stages.flatMap(writesOf)) writers.set(value, (writers.get(value) ?? 0) + 1);
  }
  return writers;
}

/** A stage that does another's work too comes from both places. */
export const mergeOrigins = (stage: PlacedStage, other: PlacedStage): PlacedStage => ({
  ...stage,
  origins: [
    ...stage.origins,
    ...other.origins.filter((o) => !stage.origins.some((p) => p.span === o.span && p.role === o.role)),
  ],
});
