// Bounds of loops against the definition of a band: which points are visited does not depend on which of two loops is outside.
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Banded, bandText, block, boundOf, shareOf, withinBlocks } from "../../src/codegen/bands.ts";
import { constantIndex, indexScalar, type Scalar } from "../../src/codegen/loops.ts";
import type { Band } from "../../src/ir/stage.ts";

/** The value of a bound: constants, whole blocks, and what joins them. */
function numberOf(scalar: Scalar): number {
  switch (scalar.kind) {
    case "num":
      return scalar.value;
    case "index":
      return scalar.index.const;
    case "whole":
      return scalar.of.const - (scalar.of.const % scalar.tile);
    case "call": {
      const [a, b] = scalar.args.map(numberOf) as [number, number];
      return { add: a + b, min: Math.min(a, b), max: Math.max(a, b) }[scalar.fn as "add" | "min" | "max"];
    }
    default:
      throw new Error(`a bound made of ${scalar.kind}`);
  }
}

const [rows, columns] = [0, 1];

function stageOf(heights: readonly [number, number], ends: Pick<Band, "from" | "to">): Banded {
  const axis = (id: number) => ({ id, name: "rc"[id]!, extent: heights[id]!, kind: "parallel" as const });
  return { axes: [axis(rows), axis(columns)], band: { rows, columns, ...ends } };
}

/** Points that loops visit, `outer` around the other one. */
function visited(stage: Banded, outer: number): string[] {
  const inner = 1 - outer;
  const [extent, length] = [outer, inner].map((id) => stage.axes[id]!.extent as number) as [number, number];
  const points: string[] = [];
  for (let i = 0; i < extent; i++) {
    const whole = { from: indexScalar(constantIndex(0)), to: indexScalar(constantIndex(length)) };
    const { from, to } = withinBlocks(constantIndex(i), boundOf(stage, inner)!, whole);
    expect(numberOf(from)).toBeGreaterThanOrEqual(0);
    expect(numberOf(to)).toBeLessThanOrEqual(length);
    for (let j = numberOf(from); j < numberOf(to); j++) points.push(outer === rows ? `${i},${j}` : `${j},${i}`);
  }
  return points.sort();
}

const extents = fc.integer({ min: 1, max: 41 });
const end = fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined });

it("a band is the same blocks from either of its axes, and its share counts them", () => {
  fc.assert(
    fc.property(extents, extents, end, end, (height, width, from, to) => {
      const ends = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
      const stage = stageOf([height, width], ends);
      const defined: string[] = [];
      for (let r = 0; r < height; r++) {
        for (let c = 0; c < width; c++) {
          const apart = Math.floor(c / block) - Math.floor(r / block);
          if (apart >= (from ?? apart) && apart <= (to ?? apart)) defined.push(`${r},${c}`);
        }
      }
      expect(visited(stage, rows)).toEqual(defined.sort());
      expect(visited(stage, columns)).toEqual(defined);
      expect(shareOf(stage) * height * width).toBeCloseTo(defined.length);
    }),
    { numRuns: 2000 },
  );
});

it.each([
  [{ to: 0 }, "c up to r in blocks of 8"],
  [{ from: 0 }, "c from r in blocks of 8"],
  [{ from: -2, to: 1 }, "c from r - 16 up to r + 8 in blocks of 8"],
] as const)("%j reads: %s", (ends, text) => {
  expect(bandText(stageOf([40, 40], ends))).toBe(text);
});
