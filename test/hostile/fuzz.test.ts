// A short slice of `npm run fuzz`, with fixed seeds; every truncation of every seed; and the crashes that were found.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Integers } from "../../src/runtime/integers.ts";
import { mutate, type Target, targets } from "./fuzz-targets.ts";

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

const slow = new Set(["language", "compiler"]);

describe.each(targets)("$name", (target) => {
  test("mutants are read or refused", () => {
    const numbers = new Integers(7, 0);
    for (let k = 0; k < (slow.has(target.name) ? 150 : 2000); k++)
      survives(target, mutate(target, numbers), `mutant ${k}`);
  });

  test("its good files, cut at any byte", () => {
    for (const seed of target.seeds) {
      const step = slow.has(target.name) ? 1 + Math.floor(seed.length / 12) : 1;
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
