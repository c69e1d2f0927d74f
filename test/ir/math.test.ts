// Scalar functions against series summed to the last digit, and at the edges where naive formulas fail.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { erf, floorMod, sigmoid, softplus } from "../../src/ir/math.ts";

/** 2 / sqrt(pi) e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: no term is negative, so nothing cancels. */
function erfSeries(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 1; sum + term !== sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

describe("erf", () => {
  test("to 1e-15 over its range, and odd", () => {
    for (let x = 0.001; x < 6.5; x += 0.0137) {
      expect(Math.abs(erf(x) - erfSeries(x))).toBeLessThan(1e-15 * (x < 3 ? 1 : 4));
      expect(erf(-x)).toBe(-erf(x));
    }
  });

  test("at its ends and beside the seams of its formulas", () => {
    expect([erf(0), erf(-0), erf(6), erf(-40), erf(Infinity), erf(-Infinity)]).toEqual([0, -0, 1, -1, 1, -1]);
    expect(erf(Number.NaN)).toBeNaN();
    expect(erf(1e-300)).toBeCloseTo(1.1283791670955126e-300, 315);
    for (const seam of [0.84375, 1.25, 1 / 0.35]) expect(erf(seam + 1e-15)).toBeGreaterThanOrEqual(erf(seam - 1e-15));
  });
});

test("sigmoid and softplus are finite and exact far out", () => {
  expect([sigmoid(-1000), sigmoid(1000), sigmoid(0)]).toEqual([0, 1, 0.5]);
  expect([sigmoid(-Infinity), sigmoid(Infinity)]).toEqual([0, 1]);
  expect(sigmoid(-700)).toBeCloseTo(Math.exp(-700), 318);
  expect([softplus(-1000), softplus(1000), softplus(0)]).toEqual([0, 1000, Math.LN2]);
  expect(softplus(-40) / Math.exp(-40)).toBeCloseTo(1, 14);
  fc.assert(
    fc.property(fc.double({ min: -30, max: 30, noNaN: true }), (x) => {
      expect(sigmoid(x) + sigmoid(-x)).toBeCloseTo(1, 14);
      expect(softplus(x) - softplus(-x)).toBeCloseTo(x, 12);
    }),
    { seed: 1 },
  );
});

test("floorMod has the divisor's sign and is below it", () => {
  const number = fc.double({ min: -100, max: 100, noNaN: true });
  fc.assert(
    fc.property(
      number,
      number.filter((b) => Math.abs(b) > 1e-3),
      (a, b) => {
        const rest = floorMod(a, b);
        expect(rest === 0 || rest < 0 === b < 0).toBe(true);
        expect(Math.abs(rest)).toBeLessThanOrEqual(Math.abs(b));
        const turns = (a - rest) / b;
        expect(Math.abs(turns - Math.round(turns))).toBeLessThan(1e-9 * Math.max(1, Math.abs(turns)));
      },
    ),
    { seed: 2, numRuns: 1000 },
  );
});
