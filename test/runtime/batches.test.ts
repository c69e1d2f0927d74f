import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Batches } from "../../src/runtime/batches.ts";
import type { DataArgument } from "../../src/runtime/library.ts";
import { RowSet, splitOf } from "../../src/runtime/rows.ts";
import { complaintOf } from "./test-io.ts";

const range = (from: number | null, to: number | null): DataArgument => ({ range: [from, to] });
const split = (total: number, named: Record<string, DataArgument>, test?: readonly [number, number]) =>
  splitOf({ source: "mnist", positional: [], named: Object.entries(named) }, total, test);

describe("rows", () => {
  test("train defaults to the rows in no other part", () => {
    const { train, valid, test: tested } = split(100, { valid: [range(90, null), range(10, 20)], test: range(15, 30) });
    expect(train.text).toBe("0:10, 30:90");
    expect(valid.text).toBe("90:100, 10:20");
    expect(tested.text).toBe("15:30");
    expect(split(100, {}, [80, 100]).train.text).toBe("0:80");
    expect(split(10, { train: [range(0, 2), 7] }).train.text).toBe("0:2, 7:8");
  });

  test("counts from the end as Python does", () => {
    expect(split(100, { valid: range(-10, null) }).valid.text).toBe("90:100");
    expect(split(100, { valid: range(null, -90) }).valid.text).toBe("0:10");
  });

  test.each([
    [range(0, 101), "asks for rows 0:101 of mnist, which has 100 rows"],
    [range(5, 4), "asks for rows 5:4"],
    [range(-101, null), "asks for rows -101:100"],
    [range(0.5, 4), "asks for rows 0.5:4"],
    ["all", "train of mnist takes rows"],
  ])("refuses %j", (train, says) => {
    expect(complaintOf(() => split(100, { train }))).toContain(says);
  });

  test("a row's place is found in any list of ranges", () => {
    const ranges = fc.array(
      fc.tuple(fc.nat(50), fc.nat(5)).map(([from, length]): [number, number] => [from, from + length]),
    );
    fc.assert(
      fc.property(ranges, (ranges) => {
        const rows = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
        const set = new RowSet(ranges);
        expect(Array.from({ length: set.count }, (_, i) => set.at(i))).toEqual(rows);
      }),
      { seed: 7 },
    );
  });
});

describe("batches", () => {
  const epochOf = (batches: Batches, epoch: number, batch: number): number[][] =>
    Array.from({ length: batches.perEpoch }, (_, index) => {
      const into = new Int32Array(batch);
      return [...into.subarray(0, batches.take(epoch, index, into))];
    });

  test("in the order of the file, with a short last batch", () => {
    const rows = new RowSet([
      [5, 8],
      [0, 4],
    ]);
    expect(epochOf(new Batches(rows, { batch: 3, shuffle: false, seed: 0, dropLast: false }), 0, 3)).toEqual([
      [5, 6, 7],
      [0, 1, 2],
      [3],
    ]);
    expect(epochOf(new Batches(rows, { batch: 3, shuffle: false, seed: 0, dropLast: true }), 0, 3)).toEqual([
      [5, 6, 7],
      [0, 1, 2],
    ]);
  });

  test("a shuffle has every row once, differs by epoch and seed, and can be entered anywhere", () => {
    const arbitrary = fc.record({
      rows: fc.integer({ min: 1, max: 200 }),
      batch: fc.integer({ min: 1, max: 32 }),
      seed: fc.nat(2 ** 32 - 1),
    });
    fc.assert(
      fc.property(arbitrary, ({ rows, batch, seed }) => {
        const options = { batch, shuffle: true, seed, dropLast: false };
        const set = new RowSet([[0, rows]]);
        const batches = new Batches(set, options);
        const first = epochOf(batches, 0, batch);
        const second = epochOf(batches, 1, batch);
        expect(first.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, i) => i));
        if (rows > 20) expect(second.flat()).not.toEqual(first.flat());
        const into = new Int32Array(batch);
        const count = new Batches(set, options).take(1, second.length - 1, into);
        expect([...into.subarray(0, count)]).toEqual(second.at(-1));
      }),
      { seed: 8, numRuns: 50 },
    );
  });

  test("the order of a seed is fixed for all time", () => {
    const order = (seed: number, epoch: number) =>
      epochOf(new Batches(new RowSet([[0, 10]]), { batch: 10, shuffle: true, seed, dropLast: false }), epoch, 10)[0];
    expect(order(0, 0)).toEqual([2, 0, 6, 1, 4, 5, 7, 8, 3, 9]);
    expect(order(0, 1)).toEqual([7, 9, 2, 1, 6, 0, 8, 4, 3, 5]);
    expect(order(2 ** 32 - 1, 0)).toEqual([3, 2, 1, 0, 4, 6, 9, 7, 8, 5]);
  });

  test("every place is equally likely", () => {
    const counts = new Float64Array(64);
    const into = new Int32Array(8);
    const batches = new Batches(new RowSet([[0, 8]]), { batch: 8, shuffle: true, seed: 1, dropLast: false });
    const epochs = 8000;
    for (let epoch = 0; epoch < epochs; epoch++) {
      batches.take(epoch, 0, into);
      for (const [place, row] of into.entries()) counts[place * 8 + row]!++;
    }
    const expected = epochs / 8;
    const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 49 degrees of freedom: above 100 once in 50,000 times.
    expect(chi).toBeLessThan(100);
  });
});
