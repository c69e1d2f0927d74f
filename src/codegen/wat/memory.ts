// Where things lie in the memory of a WebAssembly module: the arena from byte 0 as planned, then the table by which lanes go to the
// front, where kernels do that. Then all scalars as float64, those that have names first, then numbers of host programs, then the
// seed, then two words for each random stream. Last, where threads work together, the words by which they do.
import { keyHash } from "../../base/random.ts";
import type { Unit } from "../compile.ts";
import { ordersLanes, orderTable } from "./orders.ts";
import { cacheLine, teamBytes } from "./team.ts";

export interface MemoryMap {
  /** In bytes; the scalars begin there. */
  readonly scalarsAt: number;
  readonly scalarCount: number;
  /** Where the seed lies, among the scalars. */
  readonly seed: number;
  /** Where a stream's two words lie, as one of the scalars, by the hash of its key. */
  readonly streams: ReadonlyMap<number, number>;
  /** The table of orders that lanes can have, in bytes, where kernels need it. */
  readonly orders: number | undefined;
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
  const hasOrders = programs.some((p) => p.procedures.some(({ body }) => ordersLanes(body)));
  const orders = hasOrders ? Math.ceil(plan.bytes / cacheLine) * cacheLine : undefined;
  const scalarsAt = orders === undefined ? Math.ceil(plan.bytes / 8) * 8 : orders + orderTable.length;
  const scalarCount = seed + 1 + streams.size;
  const end = scalarsAt + 8 * scalarCount;
  const team = threads ? Math.ceil(end / cacheLine) * cacheLine : undefined;
  // The last vector of a tile may read beyond the arena.
  const pages = Math.ceil((team === undefined ? end + 16 : team + teamBytes) / pageBytes);
  return { scalarsAt, scalarCount, seed, streams, orders, team, pages };
}

export const scalarAddress = ({ scalarsAt }: MemoryMap, place: number): number => scalarsAt + 8 * place;
