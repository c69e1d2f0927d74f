// A short slice of `npm run fuzz` with fixed seeds: 10,000 mutants per reader; every truncation of every good file; and the crashes
// that were found.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Integers } from "../../src/runtime/integers.ts";
import { isSlow, targets } from "./fuzz-targets.ts";
import type { Target } from "./reader-targets.ts";

const crashes = join(import.meta.dirname, "crashes");

function survives(target: Target, bytes: Uint8Array, what: string): void {
  try {
    target.run(bytes);
  } catch (error) {
    throw new Error(`${target.name}, ${what}: ${JSON.stringify(Buffer.from(bytes).toString("latin1"))}`, {
      cause: error,
    });
  }
}

describe.each(targets)("$name", (target) => {
  test("is right or refuses, whatever it is given", () => {
    const numbers = new Integers(7, 0);
    for (let k = 0; k < (isSlow(target) ? 150 : 10_000); k++) survives(target, target.next(numbers), `input ${k}`);
  });

  test("its good files, cut at any byte", () => {
    for (const seed of target.seeds) {
      const step = isSlow(target) ? 1 + Math.floor(seed.length / 12) : 1;
      for (let length = 0; length <= seed.length; length += step)
        survives(target, seed.slice(0, length), `cut at ${length}`);
    }
  });
});

test.each(readdirSync(crashes))("%s crashes no more", (name) => {
  const target = targets.find((each) => name.startsWith(`${each.name}.`))!;
  target.run(new Uint8Array(readFileSync(join(crashes, name))));
  expect(target).toBeDefined();
});
