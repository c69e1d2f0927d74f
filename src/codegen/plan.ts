// Where everything lies: one arena for all programs of a unit. The planner only assigns addresses; it never changes a kernel,
// so `--no-reuse` gives the same bits by construction. Contract: exact.
import { numberText } from "../base/number-text.ts";
import type { ValueId } from "../ir/stage.ts";
import { dimAt, type TensorType } from "../ir/types.ts";
import type { Procedure, Stored } from "./loops.ts";
import { stridesOf } from "./lower-context.ts";
import type { Home, Layout, Schedule, Value } from "./schedule.ts";
import { storageOf } from "./schedule.ts";

/** One lowered program of a unit. */
export interface Program {
  readonly name: string;
  readonly schedule: Schedule;
  /** In the order they run; kernel k became procedure k. */
  readonly procedures: readonly Procedure[];
}

export interface Placement {
  readonly name: string;
  readonly type: TensorType;
  readonly offset: number;
  readonly bytes: number;
  readonly layout?: Layout;
  /** Of a constant. */
  readonly values?: readonly number[];
}

export interface Plan {
  readonly bytes: number;
  /** Byte offsets of storage values, per program. */
  readonly offsets: ReadonlyMap<string, ReadonlyMap<ValueId, number>>;
  /** What outlives a call, by kind and name: `slot:weights`, `column:x`, `output:out`, `constant:…`, `file:…`. */
  readonly persistent: ReadonlyMap<string, Placement>;
  /** Temporaries with the kernels (first to last) that need them; for charts and the checker's reader. */
  readonly temporaries: readonly (Placement & {
    readonly program: string;
    readonly first: number;
    readonly last: number;
  })[];
  /** Where the temporaries begin. */
  readonly persistentBytes: number;
}

/** Addresses are multiples of this many bytes: a cache line. */
const alignment = 64;
const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

const widths: Record<Stored, number> = { f32: 4, i32: 4, u16: 2, bool: 1, u8: 1 };

export const bytesPer = (storage: Stored): number => widths[storage];

/** Bytes at the largest batch. */
export function bytesOf({ type, layout, stored }: Pick<Value, "type" | "layout" | "stored">, batch: number): number {
  const strides = stridesOf(type.shape, batch, layout);
  const outermost = layout?.order[0] ?? 0;
  const count = type.shape.length === 0 ? 1 : strides[outermost]! * dimAt(type.shape[outermost]!, batch);
  return count * bytesPer(stored ?? type.dtype);
}

/** Inputs and results of a further model are its own: `sample.z` is no column of the model that is trained. */
const entryPrefix = (programName: string): string =>
  programName.startsWith("entry:") ? `${programName.slice("entry:".length)}.` : "";

/** The key under which a value outlives its program; undefined for temporaries. */
export function persistentKey(home: Home, programName: string, value: Value): string | undefined {
  switch (home.kind) {
    case "slot":
      return `slot:${home.slot}`;
    case "column":
      return `column:${entryPrefix(programName)}${home.name}`;
    case "output":
      // The init program's outputs are the slots themselves.
      return programName === "init" ? `slot:${home.name}` : `output:${entryPrefix(programName)}${home.name}`;
    case "file":
      return `file:${home.name}`;
    case "constant":
      return `constant:${value.type.dtype}${JSON.stringify(value.type.shape)}${home.values.map(numberText).join(",")}`;
    default:
      return undefined;
  }
}

/** `columns`: all that a driver fills, also those that no program reads. */
export function planMemory(
  programs: readonly Program[],
  batch: number,
  reuse: boolean,
  columns: readonly { readonly name: string; readonly type: TensorType }[],
): Plan {
  const persistent = new Map<string, Placement>();
  const offsets = new Map<string, Map<ValueId, number>>();
  let end = 0;
  const keep = (key: string, value: Pick<Value, "type" | "layout"> & { home?: Home }): Placement => {
    const { type, home, layout } = value;
    const values = home?.kind === "constant" ? { values: home.values } : {};
    const lies = layout ? { layout } : {};
    const placement = { name: key, type, offset: end, bytes: bytesOf(value, batch), ...lies, ...values };
    persistent.set(key, placement);
    end += aligned(placement.bytes);
    return placement;
  };
  for (const program of programs) {
    const places = new Map<ValueId, number>();
    offsets.set(program.name, places);
    for (const value of persistentValues(program)) {
      const key = persistentKey(value.home, program.name, value)!;
      places.set(value.id, (persistent.get(key) ?? keep(key, value)).offset);
    }
  }
  for (const { name, type } of columns) if (!persistent.has(`column:${name}`)) keep(`column:${name}`, { type });
  const persistentBytes = end;
  const temporaries: Plan["temporaries"][number][] = [];
  let top = end;
  for (const program of programs) {
    // Temporaries of different programs never live at the same time, so each program starts at the same place.
    const placed = placeTemporaries(program, persistentBytes, batch, reuse);
    for (const t of placed) {
      offsets.get(program.name)!.set(t.value, t.offset);
      temporaries.push({
        name: t.name,
        type: t.type,
        offset: t.offset,
        bytes: t.bytes,
        program: program.name,
        first: t.first,
        last: t.last,
      });
      top = Math.max(top, t.offset + aligned(t.bytes));
    }
  }
  return { bytes: top, offsets, persistent, temporaries, persistentBytes };
}

/** Slots, columns, outputs and constants that the program touches; unread columns still need a buffer to be filled. */
function persistentValues(program: Program): Value[] {
  const used = new Set<ValueId>();
  for (const procedure of program.procedures) for (const buffer of procedure.buffers) used.add(buffer.value);
  for (const id of program.schedule.outputs.values()) used.add(storageOf(program.schedule, id).id);
  return program.schedule.values.filter((v) => {
    const key = persistentKey(v.home, program.name, v);
    return key !== undefined && (used.has(v.id) || v.home.kind === "column" || v.home.kind === "slot");
  });
}

interface Interval {
  readonly value: ValueId;
  readonly name: string;
  readonly type: TensorType;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  offset: number;
}

/** Largest first, each at the lowest address that is free for its whole life. */
function placeTemporaries(program: Program, base: number, batch: number, reuse: boolean): Interval[] {
  const lives = new Map<ValueId, { first: number; last: number }>();
  program.procedures.forEach((procedure, k) => {
    for (const buffer of procedure.buffers) {
      const life = lives.get(buffer.value);
      if (life) life.last = k;
      else lives.set(buffer.value, { first: k, last: k });
    }
  });
  const intervals: Interval[] = [];
  for (const [value, life] of lives) {
    const { home, name, type } = program.schedule.values[value]!;
    if (home.kind !== "temp") continue;
    intervals.push({
      value,
      name,
      type,
      bytes: bytesOf(program.schedule.values[value]!, batch),
      first: life.first,
      last: life.last,
      offset: base,
    });
  }
  intervals.sort((a, b) => b.bytes - a.bytes || a.first - b.first || a.value - b.value);
  const placed: Interval[] = [];
  let top = base;
  for (const interval of intervals) {
    interval.offset = reuse ? lowestFree(placed, interval, base) : top;
    top = Math.max(top, interval.offset + aligned(interval.bytes));
    placed.push(interval);
  }
  return intervals.sort((a, b) => a.value - b.value);
}

function lowestFree(placed: readonly Interval[], wanted: Interval, base: number): number {
  const busy = placed
    .filter((p) => p.first <= wanted.last && wanted.first <= p.last)
    .sort((a, b) => a.offset - b.offset);
  let offset = base;
  for (const p of busy) {
    if (offset + wanted.bytes <= p.offset) break;
    offset = Math.max(offset, p.offset + aligned(p.bytes));
  }
  return offset;
}
