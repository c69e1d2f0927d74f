// The arena as a picture needs it: what stays, and temporaries as bars over the kernels of one program. Knows no format.
import type { Unit } from "../codegen/compile.ts";
import { storageOf } from "../codegen/schedule.ts";
import type { Origin } from "../ir/graph.ts";
import { typeText } from "../ir/types.ts";
import type { UnitProgram } from "./costs.ts";

export interface MemoryBar {
  readonly name: string;
  /** `[N, 10]`. */
  readonly type: string;
  readonly offset: number;
  readonly bytes: number;
  /** First and last kernel that needs it; for what stays, all. */
  readonly first: number;
  readonly last: number;
  readonly kind: "slot" | "column" | "output" | "constant" | "file" | "temporary";
  readonly origins: readonly Origin[];
}

export interface MemoryView {
  readonly program: string;
  readonly bytes: number;
  /** Where the part that temporaries share begins. */
  readonly persistentBytes: number;
  /** Names of the kernels in the order they run. */
  readonly kernels: readonly string[];
  readonly bars: readonly MemoryBar[];
}

export function memoryView(unit: Unit, program: UnitProgram): MemoryView {
  const { plan } = unit;
  const offsets = plan.offsets.get(program.name)!;
  const last = Math.max(0, program.procedures.length - 1);
  const origins = originsByOffset(program, offsets);
  const slots = new Map(unit.module.slots.map(({ name, origin }) => [name, origin]));
  const columns = new Map(unit.module.columns.map(({ name, origin }) => [name, origin]));
  const lasting = [...plan.persistent].map(([key, { type, offset, bytes }]): MemoryBar => {
    const at = key.indexOf(":");
    const kind = key.slice(0, at) as MemoryBar["kind"];
    const name = key.slice(at + 1);
    const own = kind === "slot" ? slots.get(name) : kind === "column" ? columns.get(name) : undefined;
    const shown = kind === "constant" ? "constant" : name;
    return {
      name: shown,
      type: typeText(type),
      offset,
      bytes,
      first: 0,
      last,
      kind,
      origins: own ? [own] : (origins.get(offset) ?? []),
    };
  });
  const passing = plan.temporaries
    .filter((each) => each.program === program.name)
    .map((each): MemoryBar => {
      const value = program.schedule.values.find(
        ({ id, name }) => name === each.name && offsets.get(id) === each.offset,
      );
      return { ...each, type: typeText(each.type), kind: "temporary", origins: value?.origins ?? [] };
    });
  return {
    program: program.name,
    bytes: plan.bytes,
    persistentBytes: plan.persistentBytes,
    kernels: unit.kernels.calls.get(program.name)!.map(({ name }) => name),
    bars: [...lasting, ...passing],
  };
}

/** Of results that outlive the call. */
function originsByOffset(
  { schedule }: UnitProgram,
  offsets: ReadonlyMap<number, number>,
): Map<number, readonly Origin[]> {
  const origins = new Map<number, readonly Origin[]>();
  for (const value of schedule.values) {
    const offset = offsets.get(storageOf(schedule, value.id).id);
    if (offset !== undefined && value.origins.length > 0) origins.set(offset, value.origins);
  }
  return origins;
}

/** Lifetimes of temporaries as lines of text: one column per kernel, in groups where there are more than `width`. */
export function lifetimeText(view: MemoryView, width: number): string {
  const temporaries = view.bars
    .filter(({ kind }) => kind === "temporary")
    .sort((a, b) => a.offset - b.offset || a.first - b.first);
  if (temporaries.length === 0) return "no temporaries\n";
  const nameWidth = Math.min(24, Math.max(...temporaries.map(({ name }) => name.length)));
  const numberWidth = Math.max(...temporaries.map(({ offset, bytes }) => `${offset + bytes}`.length));
  const columns = Math.max(1, Math.min(view.kernels.length, width - nameWidth - 2 * numberWidth - 6));
  const columnOf = (kernel: number): number => Math.floor((kernel * columns) / view.kernels.length);
  const lines = temporaries.map(({ name, offset, bytes, first, last }) => {
    const bar = Array.from({ length: columns }, (_, k) =>
      k >= columnOf(first) && k <= columnOf(last) ? "█" : "·",
    ).join("");
    const shown = name.length <= nameWidth ? name : `${name.slice(0, nameWidth - 1)}…`;
    return `${shown.padEnd(nameWidth)}  ${String(offset).padStart(numberWidth)} ${String(bytes).padStart(numberWidth)}  ${bar}\n`;
  });
  const head = `${"name".padEnd(nameWidth)}  ${"at".padStart(numberWidth)} ${"bytes".padStart(numberWidth)}  kernel 1 to ${view.kernels.length}\n`;
  return head + lines.join("");
}
