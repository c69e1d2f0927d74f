import fc from "fast-check";
import { expect, test } from "vitest";
import { closest, editDistance, suggest } from "../../src/base/suggest.ts";

/** The definition (optimal string alignment), written out without bounds. */
function reference(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      d[i]![j] = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, d[i - 1]![j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        d[i]![j] = Math.min(d[i]![j]!, d[i - 2]![j - 2]! + 1);
      }
    }
  }
  return d[a.length]![b.length]!;
}

test("the bounded distance is the distance where it is within the bound, and more than the bound elsewhere", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 });
  fc.assert(
    fc.property(word, word, fc.nat(6), (a, b, limit) => {
      const exact = reference(a, b);
      const bounded = editDistance(a, b, limit);
      if (exact <= limit) expect(bounded).toBe(exact);
      else expect(bounded).toBeGreaterThan(limit);
    }),
    { numRuns: 5000, seed: 1 },
  );
});

const known = ["relu", "gelu", "silu", "linear", "softmax", "log_softmax", "weights", "bias", "W", "b"];

test.each([
  ["rleu", "relu"],
  ["Relu", "relu"],
  ["RELU", "relu"],
  ["liner", "linear"],
  ["sofmtax", "softmax"],
  ["logsoftmax", "log_softmax"],
  ["weight", "weights"],
  ["w", "W"],
  ["zebra", undefined],
  ["z", undefined],
  ["", undefined],
  ["x".repeat(5000), undefined],
])("for %s: %s", (name, expected) => {
  expect(suggest(name, known)).toBe(expected);
});

test("a name is no suggestion for itself, and names like __proto__ are ordinary", () => {
  expect(suggest("relu", ["relu"])).toBeUndefined();
  expect(suggest("__prot__", ["__proto__", "constructor"])).toBe("__proto__");
  expect(suggest("constructr", new Map([["constructor", 1]]).keys())).toBe("constructor");
});

test("the closest come best first", () => {
  expect(closest("relu", known, 2)).toEqual(["relu", "gelu"]);
  expect(closest("relu", [], 2)).toEqual([]);
});
