// Random numbers: frozen bits (other targets must give the same), exact quantiles, moments, and independence of streams.
import { describe, expect, test } from "vitest";
import { keyHash, minusLog, normalAt, quantileOf, streamA, streamB, uniformAt } from "../../src/base/random.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
const correlation = (a: readonly number[], b: readonly number[]): number => {
  const [ma, mb] = [mean(a), mean(b)];
  const covariance = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  return covariance(a, ma, b, mb) / Math.sqrt(covariance(a, ma, a, ma) * covariance(b, mb, b, mb));
};

describe("the same numbers for ever", () => {
  test("keys", () => {
    expect([keyHash(""), keyHash("k"), keyHash("dropout/uniform_0"), keyHash("ünï→")]).toMatchInlineSnapshot(`
      [
        1947474976,
        1462787082,
        655102284,
        973885906,
      ]
    `);
  });

  test("numbers", () => {
    const key = keyHash("dropout/uniform_0");
    expect(range(4).map((i) => uniformAt(1, 2, key, i))).toMatchInlineSnapshot(`
      [
        0.524128794670105,
        0.6103957295417786,
        0.8467788100242615,
        0.6714670062065125,
      ]
    `);
    expect(range(4).map((i) => normalAt(1, 2, key, i))).toMatchInlineSnapshot(`
      [
        0.06051897257566452,
        0.2803506851196289,
        1.0227155685424805,
        0.44396767020225525,
      ]
    `);
  });
});

describe("uniform", () => {
  const drawn = range(200_000).map((i) => uniformAt(3, 0, keyHash("u"), i));

  test("multiples of 2^-24 below 1, exact in f32", () => {
    for (const u of drawn) if (!(u >= 0 && u < 1 && Number.isInteger(u * 2 ** 24))) expect.fail(`${u}`);
  });

  test("moments and 256 equal bins", () => {
    // Five standard deviations of the mean of 200,000 draws.
    expect(Math.abs(mean(drawn) - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / drawn.length));
    expect(Math.abs(mean(drawn.map((u) => u * u)) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / drawn.length));
    const bins = new Array<number>(256).fill(0);
    for (const u of drawn) bins[Math.floor(u * 256)]!++;
    const expected = drawn.length / 256;
    const chiSquare = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, standard deviation 22.6.
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * 22.6);
  });
});

describe("normal", () => {
  // 2 p - 1 = erf(z / sqrt(2)) solved to 20 digits by mpmath 1.3.
  test.each([
    [0, -6.3379577545537895],
    [1, -6.166429517819751],
    [1000, -5.0398511259687115],
    [1_000_000, -3.4997689887583814],
    [300_000_000, -1.476915138469175],
    [322_122_546, -1.4395314720898174],
    [322_122_547, -1.4395314704450153],
    [1_000_000_000, -0.729556553075874],
    [2_147_483_647, -2.918099372916623e-10],
    [3_000_000_000, 0.5200680618488762],
    [4_294_967_295, 6.3379577545537895],
  ])("quantile of %d", (bits, z) => {
    expect(Math.abs(quantileOf(bits) - z)).toBeLessThan(1e-15 * Math.abs(z));
    expect(quantileOf(4_294_967_295 - bits)).toBe(-quantileOf(bits));
  });

  test("rises everywhere, across the seams of its formulas too", () => {
    const seams = [0, 322_122_547 - 1000, 2_147_483_648 - 1000, 3_972_844_748 - 1000, 4_294_967_295 - 2000];
    for (const from of seams) {
      for (let bits = from; bits < from + 2000; bits++) {
        if (!(quantileOf(bits) < quantileOf(bits + 1))) expect.fail(`falls after ${bits}`);
      }
    }
  });

  test("its logarithm", () => {
    for (const n of [1, 3, 255, 65_537, 46_341, 92_681, 4_294_967_295]) {
      expect(minusLog(n)).toBeCloseTo(33 * Math.LN2 - Math.log(n), 13);
    }
  });

  test("moments", () => {
    const drawn = range(200_000).map((i) => normalAt(3, 0, keyHash("n"), i));
    const moment = (k: number): number => mean(drawn.map((z) => z ** k));
    const five = 5 / Math.sqrt(drawn.length);
    expect(Math.abs(moment(1))).toBeLessThan(five);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(five * Math.sqrt(2));
    expect(Math.abs(moment(3))).toBeLessThan(five * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(five * Math.sqrt(96));
    for (const z of drawn.slice(0, 1000)) expect(Math.fround(z)).toBe(z);
  });
});

describe("streams do not know of each other", () => {
  const count = 20_000;
  const limit = 5 / Math.sqrt(count);
  const stream = (seed: number, step: number, key: string, from = 0): number[] =>
    range(count).map((i) => uniformAt(seed, step, keyHash(key), from + i));
  const base = stream(0, 0, "a");

  test.each<[string, number[]]>([
    ["the next seed", stream(1, 0, "a")],
    ["a seed that differs past 32 bits", stream(2 ** 32, 0, "a")],
    ["the next step", stream(0, 1, "a")],
    ["another key", stream(0, 0, "b")],
    ["a key of one more letter", stream(0, 0, "a_")],
    ["neighbours", stream(0, 0, "a", 1)],
    ["rows of 784", stream(0, 0, "a", 784)],
    ["powers of two", stream(0, 0, "a", 65_536)],
  ])("%s", (_, other) => {
    expect(other).not.toEqual(base);
    expect(Math.abs(correlation(base, other))).toBeLessThan(limit);
  });

  test("10,000 steps of 10 keys have 100,000 different pairs of words", () => {
    const words = new Set<string>();
    for (const key of range(10)) {
      for (const step of range(10_000)) words.add(`${streamA(0, step, key)} ${streamB(0, step, key)}`);
    }
    expect(words.size).toBe(100_000);
  });

  test("100,000 different keys hash to few equal words", () => {
    const hashes = new Set(range(100_000).map((i) => keyHash(`block_${i}/dropout`)));
    // 100,000^2 / 2 / 2^32 = 1.2 are expected to meet.
    expect(hashes.size).toBeGreaterThan(100_000 - 10);
  });
});
