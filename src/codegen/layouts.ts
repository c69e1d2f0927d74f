// Layouts: in which order the dimensions of a value lie in memory, chosen so that kernels with lanes find neighbours side by side.
// Before: row-major as written. After: weights transposed, channels or the batch innermost, where the cost model says so.
// Stays true: columns and outputs keep their logical order, and a parameter has one layout in all programs. Contract: reorder.
import type { ValueId } from "../ir/stage.ts";
import { countAt, dimAt, isStatic, type Shape } from "../ir/types.ts";
import { conflicts } from "./cache.ts";
import { readsOf, visitExpr, writesOf } from "./expr.ts";
import { kernelKey } from "./kernel-key.ts";
import { chooseLanes } from "./lane-recipes.ts";
import { type LoweringContext, loweringContext } from "./lower-context.ts";
import { type Caps, type Kernel, type Layout, type Schedule, storageOf, type Value } from "./schedule.ts";

/** Values that lie alike: one temporary, or the versions of a parameter. */
interface Movable {
  /** Of a parameter or state. */
  readonly slot: string | undefined;
  readonly ids: readonly ValueId[];
  readonly shape: Shape;
  readonly kernels: readonly Kernel[];
}

type SlotLayouts = ReadonlyMap<string, Layout>;

/** All programs of a unit. The training step decides where parameters lie; the others follow it. */
export function assignLayouts(
  schedules: ReadonlyMap<string, Schedule>,
  caps: Caps,
  batch: number,
): Map<string, Schedule> {
  const result = new Map(schedules);
  const names = [...schedules.keys()];
  const leader = ["step", "predict"].find((name) => schedules.has(name)) ?? names[0]!;
  const search = new LayoutSearch(caps, batch, immovableSlots(schedules));
  let slots: SlotLayouts = new Map();
  for (const name of [leader, ...names.filter((n) => n !== leader)]) {
    const schedule = search.run(schedules.get(name)!, name, name === leader ? undefined : slots);
    if (name === leader) slots = slotLayouts(schedule);
    result.set(name, schedule);
  }
  return result;
}

function slotLayouts(schedule: Schedule): SlotLayouts {
  const slots = new Map<string, Layout>();
  for (const { home, layout } of schedule.values) if (home.kind === "slot" && layout) slots.set(home.slot, layout);
  return slots;
}

class LayoutSearch {
  private readonly caps: Caps;
  private readonly batch: number;
  /** What a kernel costs, by its key: equal kernels are priced once. */
  private readonly prices = new Map<string, number>();

  /** Parameters and states that stay as written. */
  private readonly immovable: ReadonlySet<string>;

  constructor(caps: Caps, batch: number, immovable: ReadonlySet<string>) {
    // By small tiles: large ones are worth it once operands lie well, and are no reason for what surrounds a product to lie badly
    // (a transformer's step: 25.4 ms in place of 24.8).
    const { tight: _, ...small } = caps;
    this.caps = small;
    this.batch = batch;
    this.immovable = immovable;
  }

  /** `slots`: layouts that are decided already; absent: they are to be found. */
  run(schedule: Schedule, program: string, slots: SlotLayouts | undefined): Schedule {
    const movable = this.movables(schedule, program);
    const fixed = slots ? movable.filter((m) => m.slot !== undefined) : [];
    const free = movable.filter((m) => !fixed.includes(m));
    const values = [...schedule.values];
    for (const m of fixed) setLayout(values, m, slots!.get(m.slot!));
    for (const m of free)
      setLayout(
        values,
        m,
        m.kernels.some(hasWindows) ? rowsInnermost(m.shape, this.batch) : natural(m.shape, this.batch),
      );
    const laidOut: Schedule = { ...schedule, values };
    // Who reads what does not depend on layouts, so one context serves all of them.
    this.descend(loweringContext(laidOut, this.batch), values, free);
    return laidOut;
  }

  /** Moves one value at a time to where its kernels cost least. One is asked again after a neighbour moved, up to three times. */
  private descend(context: LoweringContext, values: Value[], free: readonly Movable[]): void {
    let open = new Set(free);
    for (let round = 0; round < 3; round++) {
      const touched = new Set<Kernel>();
      for (const m of open) {
        const before = values[m.ids[0]!]!.layout;
        let best = { layout: before, cost: this.price(context, m.kernels) * 0.99 };
        for (const layout of choicesFor(m.shape, this.batch)) {
          if (sameLayout(layout, before)) continue;
          setLayout(values, m, layout);
          const cost = this.price(context, m.kernels);
          if (cost < best.cost) best = { layout, cost };
        }
        setLayout(values, m, best.layout);
        if (!sameLayout(best.layout, before)) for (const kernel of m.kernels) touched.add(kernel);
      }
      open = new Set(free.filter((m) => m.kernels.some((kernel) => touched.has(kernel))));
    }
  }

  private price(context: LoweringContext, kernels: readonly Kernel[]): number {
    return kernels.reduce((sum, kernel) => {
      const key = kernelKey(context, kernel).text;
      let cost = this.prices.get(key);
      if (cost === undefined) {
        cost = chooseLanes(context.schedule, kernel, this.caps, this.batch).cost;
        this.prices.set(key, cost);
      }
      return sum + cost;
    }, 0);
  }

  /** Parameters, states and temporaries of two or more dimensions that share their storage with no other shape; the largest first. */
  private movables(schedule: Schedule, program: string): Movable[] {
    const shared = sharedValues(schedule);
    const kernelsOf = new Map<ValueId, Set<Kernel>>();
    for (const kernel of schedule.kernels) {
      for (const id of kernel.stages.flatMap((s) => [...readsOf(s), ...writesOf(s)]))
        kernelsOf.set(id, (kernelsOf.get(id) ?? new Set()).add(kernel));
    }
    const groups = new Map<string, ValueId[]>();
    for (const value of schedule.values) {
      const slot = slotOf(value, program);
      const isOpen = slot === undefined ? value.home.kind === "temp" : !this.immovable.has(slot);
      if (!isOpen || value.type.shape.filter((d) => d !== 1).length < 2) continue;
      const key = slot === undefined ? `temp ${value.id}` : `slot ${slot}`;
      groups.set(key, [...(groups.get(key) ?? []), value.id]);
    }
    const movables: Movable[] = [];
    for (const ids of groups.values()) {
      const kernels = [...new Set(ids.flatMap((id) => [...(kernelsOf.get(id) ?? [])]))];
      const value = schedule.values[ids[0]!]!;
      if (ids.some((id) => shared.has(id)) || kernels.some((k) => k.stages.some((s) => s.filter))) continue;
      movables.push({ slot: slotOf(value, program), ids, shape: value.type.shape, kernels });
    }
    const sizeOf = (m: Movable): number => countAt(m.shape, this.batch);
    return movables.sort((a, b) => sizeOf(b) - sizeOf(a));
  }
}

/** The start values that `init` leaves are the parameters themselves. */
function slotOf({ home }: Value, program: string): string | undefined {
  if (home.kind === "slot") return home.slot;
  return home.kind === "output" && program === "init" ? home.name : undefined;
}

/** Values that share their storage with another shape. */
function sharedValues(schedule: Schedule): Set<ValueId> {
  const shared = new Set<ValueId>();
  for (const { id, alias } of schedule.values) if (alias !== undefined) shared.add(id).add(storageOf(schedule, id).id);
  return shared;
}

/** Parameters and states that some program reads under another shape. */
function immovableSlots(schedules: ReadonlyMap<string, Schedule>): Set<string> {
  const slots = new Set<string>();
  for (const [program, schedule] of schedules) {
    for (const id of sharedValues(schedule)) {
      const slot = slotOf(schedule.values[id]!, program);
      if (slot !== undefined) slots.add(slot);
    }
  }
  return slots;
}

function setLayout(values: Value[], { ids }: Movable, layout: Layout | undefined): void {
  for (const id of ids) {
    const { layout: _, ...value } = values[id]!;
    values[id] = layout ? { ...value, layout } : value;
  }
}

const natural = (shape: Shape, batch: number): Layout | undefined => padded(shape, [...shape.keys()], batch);

/** Whether something moves over an operand as windows do: along two axes of which one is summed. */
const hasWindows = ({ stages }: Kernel): boolean =>
  stages.some((stage) => {
    let found = false;
    visitExpr(stage.body, (e) => {
      if (e.kind === "load" && e.at.some((place) => place.terms.length > 1)) found = true;
    });
    return found && stage.reduce !== undefined;
  });

/**
 * Images begin with the rows of the batch innermost: the four lanes are four images then, whatever windows do at their borders. From
 * where they are written the search ends at layouts a tenth slower.
 */
const rowsInnermost = (shape: Shape, batch: number): Layout | undefined => {
  const rows = shape.findIndex((dim) => !isStatic(dim));
  return rows < 0 ? natural(shape, batch) : withInnermost(shape, rows, batch);
};

/** Rows that would fall on the same few places of the cache are moved apart, where that takes a quarter more memory at most. */
function padded(shape: Shape, order: readonly number[], batch: number): Layout | undefined {
  const row = dimAt(shape[order.at(-1)!]!, batch);
  const pad = row >= 4 * rowPadding && conflicts(row, countAt(shape, batch) / row) ? rowPadding : 0;
  return pad === 0 && order.every((d, k) => d === k) ? undefined : { order, pad };
}

/** In elements: a cache line. */
const rowPadding = 16;

/** Each dimension as the innermost one. */
const choicesFor = (shape: Shape, batch: number): (Layout | undefined)[] =>
  shape.flatMap((dim, d) => (dim === 1 ? [] : [withInnermost(shape, d, batch)]));

function withInnermost(shape: Shape, d: number, batch: number): Layout | undefined {
  const outer = [...shape.keys()].filter((k) => k !== d);
  return padded(shape, [...outer, d], batch);
}

const sameLayout = (a: Layout | undefined, b: Layout | undefined): boolean =>
  a?.order.join() === b?.order.join() && a?.pad === b?.pad;
