// Where things lie in the memory of a WebAssembly module: the arena from byte 0 as planned, then all scalars as float64, those that
// have names first, then numbers of host programs, then the seed, then two words for each random stream. Last, where threads work
// together, the words by which they do.
import { keyHash } from "../../base/random.ts";
import type { Unit } from "../compile.ts";
import { cacheLine, teamBytes } from "./team.ts";

export interface MemoryMap {
  /** In bytes; the scalars begin there. */
  readonly scalarsAt: number;
  readonly scalarCount: number;
  /** Where the seed lies, among the scalars. */
  readonly seed: number;
  /** Where a stream's two words lie, as one of the scalars, by the hash of its key. */
  readonly streams: ReadonlyMap<number, number>;
  /** Where threads meet, in bytes. */
  readonly team: number | undefined;
  /** Of 64 KiB. */
  readonly pages: number;
}

const pageBytes = 65536;

export function memoryMap({
  plan,
  scalars,
  programs,
  threads,
}: Pick<Unit, "plan" | "scalars" | "programs" | "threads">): MemoryMap {
  const keys = programs.flatMap((p) => p.procedures.flatMap((q) => q.streams.map((s) => keyHash(s.key))));
  const seed = scalars.count;
  const streams = new Map([...new Set(keys)].map((key, i) => [key, seed + 1 + i]));
  const scalarsAt = Math.ceil(plan.bytes / 8) * 8;
  const scalarCount = seed + 1 + streams.size;
  const end = scalarsAt + 8 * scalarCount;
  const team = threads ? Math.ceil(end / cacheLine) * cacheLine : undefined;
  const pages = Math.ceil((team === undefined ? end : team + teamBytes) / pageBytes);
  return { scalarsAt, scalarCount, seed, streams, team, pages };
}

export const scalarAddress = ({ scalarsAt }: MemoryMap, place: number): number => scalarsAt + 8 * place;
