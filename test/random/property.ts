// One random case: the numbers of a model, rows, steps, and the ways of compiling to compare.
import fc from "fast-check";
import { Choices } from "../ir/random-graphs.ts";
import { randomModel } from "./graphs.ts";
import { check, type Verdict, variants } from "./oracles.ts";

export interface Case {
  readonly numbers: readonly number[];
  readonly rows: number;
  readonly steps: number;
  readonly variants: readonly number[];
}

export const cases = (variantsEach: number): fc.Arbitrary<Case> =>
  fc.record({
    numbers: fc.array(fc.nat(1_000_003), { minLength: 12, maxLength: 120, size: "max" }),
    rows: fc.constantFrom(1, 2, 3, 7),
    steps: fc.constantFrom(1, 2),
    variants: fc.uniqueArray(fc.nat(variants.length - 1), { minLength: variantsEach, maxLength: variantsEach }),
  });

export const run = ({ numbers, rows, steps, variants: chosen }: Case): Verdict | undefined =>
  check(randomModel(numbers), rows, steps, chosen, new Choices(numbers.toReversed()));
