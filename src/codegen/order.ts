// The order of kernels, and where an update may be written in place. Contract: exact.
// Before: kernels in any order, new slot values homed in their slots. After: kernels so ordered that every reader of a slot's
// old value runs before the kernel that overwrites it; where no such order exists, the new value goes to a temporary and is
// copied last. `W -= lr * x.T @ dy` while `dx = dy @ W.T` still needs the old W is the bug this prevents.
import { at, type ValueId } from "../ir/stage.ts";
import { axesOf } from "./axes.ts";
import { exprsOf, readsOf, sameAffine, visitExpr, writesOf } from "./expr.ts";
import { asKernel } from "./passes/inline.ts";
import type { Kernel, PlacedStage, Schedule, Value } from "./schedule.ts";
import { storageOf } from "./schedule.ts";

export function orderHazards(schedule: Schedule): Schedule {
  let current = schedule;
  // Each round breaks one cycle by giving one update a temporary; there are at most as many rounds as updates.
  for (;;) {
    const result = sortKernels(current);
    if ("order" in result) return { ...current, kernels: result.order.map((i) => current.kernels[i]!) };
    current = viaTemporary(current, result.blocked);
  }
}

/** For each kernel those that must run before it: writers of what it reads, and readers of what it overwrites. */
export function dependencies(schedule: Schedule): Set<number>[] {
  const writers = new Map<ValueId, number[]>();
  const oldReaders = new Map<string, Set<number>>();
  const { kernels } = schedule;
  const before = kernels.map(() => new Set<number>());
  kernels.forEach((kernel, k) => {
    for (const value of kernel.stages.flatMap(writesOf)) {
      const list = writers.get(value) ?? [];
      // Writers of one value (parts of a concat, phases of a convolution) keep their order.
      const last = list.at(-1);
      if (last !== undefined && last !== k) before[k]!.add(last);
      if (last !== k) writers.set(value, [...list, k]);
    }
  });
  kernels.forEach((kernel, k) => {
    for (const value of kernel.stages.flatMap(readsOf)) {
      const owner = storageOf(schedule, value);
      for (const writer of writers.get(owner.id) ?? []) if (writer !== k) before[k]!.add(writer);
      if (owner.home.kind === "slot" && owner.home.version === 0) {
        oldReaders.set(owner.home.slot, (oldReaders.get(owner.home.slot) ?? new Set()).add(k));
      }
    }
  });
  for (const [value, list] of writers) {
    const { home } = schedule.values[value]!;
    if (home.kind !== "slot" || home.version !== 1) continue;
    for (const reader of oldReaders.get(home.slot) ?? []) {
      for (const writer of list) if (reader !== writer) before[writer]!.add(reader);
    }
  }
  return before;
}

/** A topological order, as close to the given one as it can be; else a slot whose in-place update is in the way. */
function sortKernels(schedule: Schedule): { order: number[] } | { blocked: ValueId } {
  for (const kernel of schedule.kernels) {
    for (const stage of kernel.stages) if (overwritesWhatItReads(schedule, stage)) return { blocked: stage.out.value };
  }
  const before = dependencies(schedule);
  const after = schedule.kernels.map(() => [] as number[]);
  const waiting = before.map((set) => set.size);
  before.forEach((set, k) => {
    for (const b of set) after[b]!.push(k);
  });
  const ready = new MinHeap();
  waiting.forEach((count, k) => {
    if (count === 0) ready.push(k);
  });
  const order: number[] = [];
  for (let k = ready.pop(); k !== undefined; k = ready.pop()) {
    order.push(k);
    for (const next of after[k]!) if (--waiting[next]! === 0) ready.push(next);
  }
  if (order.length === schedule.kernels.length) return { order };
  for (const k of inCycles(waiting, before, after)) {
    for (const stage of schedule.kernels[k]!.stages) {
      const { home } = schedule.values[stage.out.value]!;
      if (home.kind === "slot" && home.version === 1) return { blocked: stage.out.value };
    }
  }
  throw new Error("the schedule has a cycle without an update in it");
}

/** Kernels that wait for each other, last first: those left when all that nothing waits for are taken away. */
function inCycles(waiting: readonly number[], before: readonly Set<number>[], after: readonly number[][]): number[] {
  const left = new Set(waiting.flatMap((count, k) => (count > 0 ? [k] : [])));
  const free = [...left].filter((k) => !after[k]!.some((a) => left.has(a)));
  for (let k = free.pop(); k !== undefined; k = free.pop()) {
    left.delete(k);
    for (const b of before[k]!) if (left.has(b) && !after[b]!.some((a) => left.has(a))) free.push(b);
  }
  return [...left].sort((a, b) => b - a);
}

/** True if the stage may still need an old element of the slot after it has overwritten it. */
function overwritesWhatItReads(schedule: Schedule, stage: PlacedStage): boolean {
  const { home } = schedule.values[stage.out.value]!;
  if (home.kind !== "slot" || home.version !== 1) return false;
  const isOld = (value: Value): boolean =>
    value.home.kind === "slot" && value.home.slot === home.slot && value.home.version === 0;
  let unsafe = false;
  exprsOf(stage).forEach((expr, i) => {
    visitExpr(expr, (e) => {
      if (e.kind !== "load" && e.kind !== "gather") return;
      if (!isOld(storageOf(schedule, e.of))) return;
      const inBody = i === 0 && stage.reduce !== undefined;
      const samePlace =
        e.kind === "load" &&
        e.of === storageOf(schedule, e.of).id &&
        e.at.every((place, d) => {
          const out = stage.out.at[d]!;
          return !("kind" in out) && sameAffine(place, out);
        });
      if (inBody || !samePlace) unsafe = true;
    });
  });
  return unsafe;
}

/** The update is computed into a temporary, and a copy commits it. */
function viaTemporary(schedule: Schedule, blocked: ValueId): Schedule {
  const slot = schedule.values[blocked]!;
  const committed: Value = { ...slot, id: schedule.values.length, name: `${slot.name}_commit` };
  const temporary: Value = { ...slot, name: `${slot.name}_next`, home: { kind: "temp" } };
  const axes = axesOf(slot.type.shape);
  const places = axes.map((a) => at(a.id));
  const dtype = slot.type.dtype === "u8" ? "f32" : slot.type.dtype;
  const copy: PlacedStage = {
    name: `commit_${axes.map((a) => a.extent).join("x")}`,
    axes,
    body: { kind: "load", of: blocked, at: places, dtype },
    out: { value: committed.id, at: places, mode: "set" },
    origins: slot.origins,
  };
  const values = schedule.values.map((v) => (v.id === blocked ? temporary : v));
  return { ...schedule, values: [...values, committed], kernels: [...schedule.kernels, asKernel(copy)] };
}

class MinHeap {
  private readonly items: number[] = [];

  push(item: number): void {
    const { items } = this;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (items[parent]! <= item) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  }

  pop(): number | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}

/** Kernels one by one, for passes that look at whole programs. */
export const stagesOf = (kernels: readonly Kernel[]): PlacedStage[] => kernels.flatMap((k) => [...k.stages]);
