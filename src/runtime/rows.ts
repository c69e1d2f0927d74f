// Which rows of a data set train, validate and test: `train = 0:50000`, `valid = [0:100, 200:300]`.
import type { DataArgument, DataManifest } from "./library.ts";
import { count, grouped, UserError } from "./user-error.ts";

/** Rows in order, as ranges that are not empty. */
export class RowSet {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly count: number;
  private readonly starts: readonly number[];

  constructor(ranges: readonly (readonly [number, number])[]) {
    this.ranges = ranges.filter(([from, to]) => to > from);
    const starts: number[] = [];
    let total = 0;
    for (const [from, to] of this.ranges) {
      starts.push(total);
      total += to - from;
    }
    this.starts = starts;
    this.count = total;
  }

  /** The row at a position, 0 <= position < count. */
  at(position: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return this.ranges[low]![0] + position - this.starts[low]!;
  }

  /** "rows 0:50000". */
  get text(): string {
    return this.ranges.map(([from, to]) => `${from}:${to}`).join(", ");
  }
}

export interface Split {
  readonly train: RowSet;
  readonly valid: RowSet;
  readonly test: RowSet;
}

const parts = ["train", "valid", "test"] as const;

/** Names in `data = source(…)` that are row ranges and no columns. */
export const isPart = (name: string): boolean => (parts as readonly string[]).includes(name);

/** `test`: the rows that the data set itself keeps for testing. `train` defaults to the rows in no other part. */
export function splitOf(data: DataManifest, total: number, test?: readonly [number, number]): Split {
  const given = new Map(data.named);
  const part = (name: "train" | "valid" | "test"): RowSet | undefined => {
    const value = given.get(name);
    return value === undefined ? undefined : new RowSet(rangesOf(name, value, data.source, total));
  };
  const valid = part("valid") ?? new RowSet([]);
  const tested = part("test") ?? new RowSet(test ? [test] : []);
  const train = part("train") ?? rest(total, [...valid.ranges, ...tested.ranges]);
  return { train, valid, test: tested };
}

/** Rows in none of the ranges. */
function rest(total: number, taken: readonly (readonly [number, number])[]): RowSet {
  const free: [number, number][] = [];
  let next = 0;
  for (const [from, to] of [...taken].sort((a, b) => a[0] - b[0])) {
    if (from > next) free.push([next, from]);
    next = Math.max(next, to);
  }
  free.push([next, total]);
  return new RowSet(free);
}

function rangesOf(name: string, value: DataArgument, source: string, total: number): [number, number][] {
  const items = Array.isArray(value) ? (value as readonly DataArgument[]) : [value];
  return items.map((item) => {
    if (typeof item === "number") return within(name, item, item + 1, source, total);
    if (typeof item === "object" && "range" in item) {
      return within(name, item.range[0] ?? 0, item.range[1] ?? total, source, total);
    }
    throw new UserError(
      "data/argument",
      `${name} of ${source} takes rows`,
      `Write them as in ${name} = 0:100 or ${name} = [0:100, 200:300].`,
    );
  });
}

function within(name: string, from: number, to: number, source: string, total: number): [number, number] {
  // From the end, as in Python: -100: is the last hundred.
  const first = from < 0 ? from + total : from;
  const last = to < 0 ? to + total : to;
  if (Number.isInteger(first) && Number.isInteger(last) && first >= 0 && first <= last && last <= total)
    return [first, last];
  throw new UserError(
    "data/range",
    `${name} asks for rows ${from}:${to} of ${source}, which has ${count(total, "row")}`,
    `Name rows between 0 and ${grouped(total)}.`,
  );
}
