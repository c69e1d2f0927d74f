// Random models through every oracle, with fixed seeds; and again every model that ever failed.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomModel } from "./graphs.ts";
import { variants } from "./oracles.ts";
import { type Case, cases, run } from "./property.ts";

describe("random models", () => {
  it.each([1, 2, 3])("compute the same however they are compiled, seed %d", (seed) => {
    fc.assert(
      fc.property(cases(2), (one) => {
        expect(run(one), JSON.stringify(one)).toBeUndefined();
      }),
      { seed, numRuns: 80 },
    );
  });

  it("meet most of the op table", () => {
    const ops = new Set<string>();
    for (const { numbers } of fc.sample(cases(1), { seed: 5, numRuns: 600 })) {
      for (const { op } of randomModel(numbers).b.nodes) ops.add(op);
    }
    expect([...ops].sort()).toMatchInlineSnapshot();
  });
});

const corpus = new URL("corpus/", import.meta.url);

describe("models that failed once", () => {
  for (const file of readdirSync(corpus)) {
    const { title, ...one } = JSON.parse(readFileSync(new URL(file, corpus), "utf8")) as Case & {
      readonly title: string;
    };
    it(`${file}: ${title}`, () => {
      const all = { ...one, variants: variants.map((_, k) => k) };
      expect(run(all)).toBeUndefined();
    });
  }
});
