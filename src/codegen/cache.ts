// What passes know of a processor's caches: two levels, as most have them. Sizes in lines; a line holds 16 numbers.

export const line = 16;

/**
 * Three quarters of 32 KiB and of 512 KiB: the rest is for what passes through. `missed`: about how many instructions a processor
 * could have done while it waits for a line of the next level, most waits being hidden.
 */
export const cacheLevels = [
  { lines: 384, missed: 5 },
  { lines: 6144, missed: 10 },
] as const;

/** Sets and ways of the first level. */
const first = { sets: 64, ways: 8 };

/** Whether so many numbers, each so far from the one before, are more than the few places of the first level that they share. */
export function conflicts(stride: number, count: number): boolean {
  if (stride % line !== 0) return false;
  const places = first.sets / divisor(first.sets, stride / line);
  return count > (places * first.ways) / 2;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Numbers at these strides, each with how many there are along it: the lines that they lie in. */
export function linesOf(extents: ReadonlyMap<number, number>): number {
  const dense = [...extents].filter(([stride]) => stride < line).map(([stride, count]) => (count - 1) * stride);
  const across = dense.length === 0 ? 1 : Math.ceil((1 + dense.reduce((a, b) => a + b, 0)) / line);
  return [...extents].reduce((lines, [stride, count]) => (stride < line ? lines : lines * count), across);
}
