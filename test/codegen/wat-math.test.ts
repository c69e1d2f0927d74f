// The functions of the WebAssembly target against float64: how far off over all patterns of bits, what they give at edges,
// and that random numbers have the bits that TypeScript makes.
import { describe, expect, test } from "vitest";
import { normalOf, uniformOf } from "../../src/base/random.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { functionsFor } from "../../src/codegen/wat/functions.ts";
import { distance, loadMath, loadRandom, truths, worstOf } from "./ulps.ts";

const apply = await loadMath();

// Measured over every 13th of all patterns (`npm run ulps -- --stride 13`), rounded up.
const bounds = new Map([
  ["exp", 1.03],
  ["expm1", 1.76],
  ["log", 0.85],
  ["log1p", 0.83],
  ["tanh", 1.31],
  ["sin", 0.51],
  ["cos", 0.51],
  ["erf", 1.27],
  ["sigmoid", 2.34],
  ["softplus", 1.59],
  ["rsqrt", 1.5],
]);

const least = 2 ** -149;
const normal = 2 ** -126;
const most = (2 - 2 ** -23) * 2 ** 127;
const { POSITIVE_INFINITY: infinity, NaN: none } = Number;

/** The f32 about a number. */
function neighbours(x: number): number[] {
  const bits = new Int32Array(Float32Array.of(x).buffer)[0]!;
  return [...new Float32Array(Int32Array.from({ length: 65 }, (_, k) => bits + k - 32).buffer)];
}

/** Where formulas change, results leave the normal numbers, or arguments are no numbers. */
const edges = [
  ...[none, infinity, most, normal, least, 0, 2 ** 23, 2 ** 24, 2 ** 27, 2 ** 28, 1e10, 1e22, 1e38, 3e5],
  ...[
    2 ** -25,
    2 ** -24,
    0.625,
    0.84375,
    0.927734375,
    1,
    Math.SQRT2,
    Math.SQRT1_2,
    Math.SQRT2 - 1,
    1 - Math.SQRT1_2,
    2,
    4,
  ],
  ...[
    Math.PI / 4,
    Math.PI / 2,
    Math.PI,
    3 * Math.PI,
    104,
    103.97,
    103.28,
    89,
    88.72283,
    88,
    87.33655,
    18,
    17.32868,
    9.01,
  ],
].flatMap((x) => [...(Number.isFinite(x) && x > 32 * least && x < most ? neighbours(x) : []), x, -x]);

describe.each([...truths.keys()])("%s", (name) => {
  test("errs by no more than measured, over every 1021st pattern of bits", () => {
    const worst = worstOf(apply, name, 1021);
    expect(worst.error, `${name}(${worst.at}) = ${worst.got}`).toBeLessThan(bounds.get(name)!);
  });

  test("errs by no more at the edges", () => {
    const xs = Float32Array.from([...edges, ...edges.map((x) => -x)]);
    const ys = apply(name, xs);
    const wrong = [...xs].flatMap((x, k) => {
      const want = truths.get(name)!(x);
      return distance(ys[k]!, want) < bounds.get(name)! ? [] : [{ x, got: ys[k], want }];
    });
    expect(wrong).toEqual([]);
  });

  test("gives each of four numbers what it gives it alone", () => {
    const xs = Float32Array.of(0.3, -infinity, 2e9, -1e-42, 90, -3e38, none, 0.7);
    const alone = [...xs].map((x) => apply(name, Float32Array.of(x, x, x, x))[0]);
    expect([...apply(name, xs)]).toEqual(alone);
  });
});

test("the measure finds one wrong bit, a lost sign of zero, and a number for what is none", () => {
  expect(distance(1 + 2 ** -23, 1)).toBe(1);
  expect(distance(2 ** -149, 0)).toBe(infinity);
  expect(distance(0, -0)).toBe(infinity);
  expect(distance(0, 2 ** -150)).toBe(0.5);
  expect(distance(1, none)).toBe(infinity);
  expect(distance(none, none)).toBe(0);
  expect(distance(most, infinity)).toBe(infinity);
});

test("uniform and normal are bit for bit those of TypeScript", async () => {
  const random = await loadRandom();
  const wrong: string[] = [];
  for (const [a, b] of [
    [0, 0],
    [0x9e3779b9, 0xffffffff],
    [123456789, 2 ** 31],
  ] as const) {
    for (let k = 0; k < 200_000; k++) {
      const index = k < 100_000 ? k : Math.imul(k, 0x9e3779b1);
      if (random.uniform(a, b, index) !== uniformOf(a, b, index)) wrong.push(`uniform(${a}, ${b}, ${index})`);
      if (random.normal(a, b, index) !== normalOf(a, b, index)) wrong.push(`normal(${a}, ${b}, ${index})`);
    }
  }
  expect(wrong.slice(0, 5)).toEqual([]);
});

test.each([...truths.keys()])("%s stands alone with what it says it needs", (name) => {
  const wat = [...functionsFor([name]).values()];
  expect(assemble(`(module ${wat.join("\n")})`).length).toBeGreaterThan(8);
});
