// Vectors that are turned over before they are stored: by hand-made blocks, run one statement after the other before and after.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Loop, type Scalar, variableOf } from "../../src/codegen/loops.ts";
import { storeWhole } from "../../src/codegen/whole-stores.ts";

const vector = (values: readonly number[]): Scalar => ({
  kind: "pack",
  parts: values.map((value) => ({ kind: "num", value, dtype: "f32" })),
});
const place = (at: number) => ({ index: { const: at, rows: 0, terms: [] }, computed: [] });

/** Vectors v0, v1, …: lane l of vector k goes to `at(k, l)`. */
function columns(
  vectors: readonly (readonly number[])[],
  at: (k: number, lane: number) => number,
  add = false,
): Loop[] {
  return vectors.flatMap((values, k): Loop[] => {
    const value = vector(values);
    const of = variableOf(`v${k}`, value);
    return [
      { kind: "let", name: of.name, value, mutable: false },
      ...values.map(
        (_, lane): Loop => ({
          kind: "store",
          buffer: "x",
          at: place(at(k, lane)),
          value: { kind: "lane", of, lane },
          add,
        }),
      ),
    ];
  });
}

/** What a block leaves in memory that held its own addresses. */
function run(block: readonly Loop[]): number[] {
  const memory = Array.from({ length: 200 }, (_, k) => k);
  const variables = new Map<string, number[]>();
  const numbers = (s: Scalar): number[] => {
    if (s.kind === "num") return [s.value];
    if (s.kind === "pack") return s.parts.flatMap(numbers);
    if (s.kind === "var") return variables.get(s.name)!;
    if (s.kind === "lane") return [numbers(s.of)[s.lane]!];
    if (s.kind === "load") return [memory[s.at.index.const]!];
    if (s.kind !== "zip") throw new Error(s.kind);
    const [a, b] = s.of.map(numbers) as [number[], number[]];
    const [from, second] = [2 * s.half, 2 * s.half + 1];
    return s.width === 1 ? [a[from]!, b[from]!, a[second]!, b[second]!] : [a[from]!, a[second]!, b[from]!, b[second]!];
  };
  for (const loop of block) {
    if (loop.kind === "let") variables.set(loop.name, numbers(loop.value));
    else if (loop.kind === "store")
      for (const [k, n] of numbers(loop.value).entries()) {
        const at = loop.at.index.const + k;
        memory[at] = loop.add ? memory[at]! + n : n;
      }
    else throw new Error(loop.kind);
  }
  return memory;
}

function turned(block: readonly Loop[]): Loop[] {
  let count = 0;
  return storeWhole(block, (base) => `${base}${count++}`);
}

const stores = (block: readonly Loop[]): number => block.filter((loop) => loop.kind === "store").length;
const four = [0, 1, 2, 3].map((k) => [0, 1, 2, 3].map((lane) => 100 * k + lane));
const rows = (k: number, lane: number): number => 20 * lane + k;

describe("four vectors whose lanes go to four rows", () => {
  it("are stored row by row", () => {
    const block = columns(four, rows);
    expect(stores(turned(block))).toBe(4);
    expect(run(turned(block))).toEqual(run(block));
  });

  it("are added row by row", () => {
    const block = columns(four, rows, true);
    expect(stores(turned(block))).toBe(4);
    expect(run(turned(block))).toEqual(run(block));
  });

  it("are turned over in loops and in conditions", () => {
    const loop: Loop = {
      kind: "for",
      variable: "i",
      from: { kind: "num", value: 0, dtype: "i32" },
      to: { kind: "num", value: 9, dtype: "i32" },
      step: 1,
      body: columns(four, rows),
    };
    const condition: Loop = { kind: "if", condition: { kind: "num", value: 1, dtype: "bool" }, body: [loop] };
    const [outer] = turned([condition]) as [typeof condition];
    expect(stores((outer.body[0] as typeof loop).body)).toBe(4);
  });

  it("stay as they are where something reads the buffer or changes a vector in between, or where there is a loop", () => {
    const block = columns(four, rows);
    const read: Loop = {
      kind: "let",
      name: "r",
      value: { kind: "load", buffer: "x", at: place(0), dtype: "f32" },
      mutable: false,
    };
    const other: Loop = { ...read, value: { kind: "load", buffer: "y", at: place(0), dtype: "f32" } };
    const assign: Loop = { kind: "assign", name: "v0", value: vector([7, 7, 7, 7]) };
    const loop: Loop = { kind: "if", condition: { kind: "num", value: 1, dtype: "bool" }, body: [read] };
    for (const [between, left] of [
      [read, 16],
      [loop, 16],
      [assign, 16],
      [other, 4],
    ] as const)
      expect(stores(turned([...block.slice(0, 8), between, ...block.slice(8)]))).toBe(left);
    expect(stores(turned([read, ...block, read]))).toBe(4);
  });

  it("are any vectors at any places, in any order: memory ends the same", () => {
    const numbers = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(9));
    const vectors = fc.array(numbers, { minLength: 1, maxLength: 11 });
    fc.assert(
      fc.property(
        vectors,
        fc.integer({ min: 14, max: 40 }),
        fc.nat(3),
        fc.infiniteStream(fc.nat(99)),
        fc.boolean(),
        (given, step, gap, order, add) => {
          // With a gap, some neighbours are missing; no place is stored to twice, as in kernels. Shuffled, but each vector before its stores.
          const block = columns(given, (k, lane) => step * lane + k + (k > 5 ? gap : 0), add);
          const key = new Map(given.map((_, k) => [`v${k}`, order.next().value!]));
          const keyOf = (loop: Loop): number =>
            loop.kind === "let"
              ? key.get(loop.name)!
              : loop.kind === "store" && loop.value.kind === "lane" && loop.value.of.kind === "var"
                ? key.get(loop.value.of.name)!
                : 0;
          const shuffled = block.toSorted((a, b) => keyOf(a) - keyOf(b));
          const after = turned(shuffled);
          expect(run(after)).toEqual(run(shuffled));
          if (given.length >= 4) expect(stores(after)).toBeLessThan(stores(shuffled));
        },
      ),
    );
  });
});
