// What lowering knows of a whole program: who reads what, and which values never reach memory.
import type { Expr, ValueId } from "../ir/stage.ts";
import { type Dim, dimAt } from "../ir/types.ts";
import { exprsOf, readsOf, visitExpr } from "./expr.ts";
import { type Kernel, type Layout, type Schedule, storageOf } from "./schedule.ts";

/** Elements between neighbours along each dimension at the largest batch: row-major unless a layout says otherwise. */
export function stridesOf(shape: readonly Dim[], batch: number, layout?: Layout): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const d of (layout?.order ?? [...shape.keys()]).toReversed()) {
    strides[d] = stride;
    stride *= dimAt(shape[d]!, batch);
    if (layout && d === layout.order.at(-1)) stride += layout.pad;
  }
  return strides;
}

/** Of a value of a program. */
export function stridesOfValue(schedule: Schedule, id: ValueId, batch: number): number[] {
  const { type, layout } = schedule.values[id]!;
  return stridesOf(type.shape, batch, layout);
}

/** What lowering knows of the whole program. */
export interface LoweringContext {
  readonly schedule: Schedule;
  /** The kernels that read a value's storage. */
  readonly readers: ReadonlyMap<ValueId, ReadonlySet<Kernel>>;
  readonly batch: number;
  /** A value kept in a variable is rounded as its store would be. */
  readonly strictFloat: boolean;
  /** Sums are rounded at each term, not only when stored. */
  readonly sumsInF32: boolean;
}

export function loweringContext(
  schedule: Schedule,
  batch: number,
  { strictFloat = false, sumsInF32 = false }: Partial<Pick<LoweringContext, "strictFloat" | "sumsInF32">> = {},
): LoweringContext {
  const readers = new Map<ValueId, Set<Kernel>>();
  for (const kernel of schedule.kernels) {
    for (const value of kernel.stages.flatMap(readsOf)) {
      const owner = storageOf(schedule, value).id;
      readers.set(owner, (readers.get(owner) ?? new Set()).add(kernel));
    }
  }
  return { schedule, readers, batch, strictFloat, sumsInF32 };
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
    if (pointwise && isInner && !readFromMemory(schedule, kernel, value)) locals.add(value);
  }
  return locals;
}

/** Whether a stage reads the value under another shape, or at a computed place: a variable is neither. */
const readFromMemory = (schedule: Schedule, kernel: Kernel, value: ValueId): boolean =>
  kernel.stages.some(
    (stage) =>
      readsOf(stage).some((read) => read !== value && storageOf(schedule, read).id === value) ||
      exprsOf(stage).some((expr) => gathers(expr, value)),
  );

function gathers(expr: Expr, value: ValueId): boolean {
  let found = false;
  visitExpr(expr, (e) => {
    if (e.kind === "gather" && e.of === value) found = true;
  });
  return found;
}
