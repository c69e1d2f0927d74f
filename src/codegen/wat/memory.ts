// Where things lie in the memory of a WebAssembly module: the arena from byte 0 as planned, then all scalars as float64, those that
// have names first, then numbers of host programs, then two words for each random stream.
import { keyHash } from "../../base/random.ts";
import type { Unit } from "../compile.ts";

export interface MemoryMap {
  /** In bytes; the scalars begin there. */
  readonly scalarsAt: number;
  readonly scalarCount: number;
  /** The place among the scalars of a stream's first word, by the hash of its key; the second follows. */
  readonly streams: ReadonlyMap<number, number>;
  /** Of 64 KiB. */
  readonly pages: number;
}

const pageBytes = 65536;

export function memoryMap({ plan, scalars, programs }: Pick<Unit, "plan" | "scalars" | "programs">): MemoryMap {
  const keys = programs.flatMap((p) => p.procedures.flatMap((q) => q.streams.map((s) => keyHash(s.key))));
  const streams = new Map([...new Set(keys)].map((key, i) => [key, scalars.count + 2 * i]));
  const scalarsAt = Math.ceil(plan.bytes / 8) * 8;
  const scalarCount = scalars.count + 2 * streams.size;
  return { scalarsAt, scalarCount, streams, pages: Math.max(1, Math.ceil((scalarsAt + 8 * scalarCount) / pageBytes)) };
}

export const scalarAddress = ({ scalarsAt }: MemoryMap, place: number): number => scalarsAt + 8 * place;
