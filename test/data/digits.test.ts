import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { digits } from "../../data/digits.ts";
import { dataSets } from "../../data/index.ts";
import type { MadeSet } from "../../src/runtime/data-set.ts";
import { main } from "../../src/runtime/main.ts";
import { fakeLibrary } from "../runtime/fake-library.ts";
import { temporaryFolder, testIo } from "../runtime/test-io.ts";

const made = digits as MadeSet;

function draw(rows: readonly number[]): { pixels: Uint8Array; labels: number[] } {
  const pixels = new Uint8Array(rows.length * 784);
  const labels = rows.map((row, i) => made.draw(row, pixels, i * 784));
  return { pixels, labels };
}

test("the same bytes everywhere and for ever", () => {
  const { pixels, labels } = draw(Array.from({ length: 700 }, (_, i) => i * 100));
  expect(labels.slice(0, 20).join("")).toMatchInlineSnapshot(`"15783435175884574745"`);
  expect(createHash("sha256").update(pixels).update(Uint8Array.from(labels)).digest("hex")).toMatchInlineSnapshot(
    `"cdff04b2635271d6c7a3148e6a7d26f07b73351e803ea04b72313bab73685060"`,
  );
});

test("a row does not depend on the rows drawn before it", () => {
  const first = draw([5, 69999, 5]);
  expect([...first.pixels.subarray(0, 784)]).toEqual([...first.pixels.subarray(1568)]);
  expect([...draw([69999]).pixels]).toEqual([...first.pixels.subarray(784, 1568)]);
});

test("images look like images: classes balanced, ink in the middle, most pixels empty", () => {
  const rows = 5000;
  const { pixels, labels } = draw(Array.from({ length: rows }, (_, i) => i));
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label]!++;
  for (const count of counts) expect(Math.abs(count - rows / 10)).toBeLessThan(80);
  let empty = 0;
  let border = 0;
  for (const [i, pixel] of pixels.entries()) {
    if (pixel === 0) empty++;
    const [x, y] = [i % 28, Math.floor((i % 784) / 28)];
    if (pixel > 0 && (x === 0 || y === 0 || x === 27 || y === 27)) border++;
  }
  // What the descriptor promises to the compiler.
  expect(empty / pixels.length).toBeCloseTo(digits.columns[0]!.zeros!, 2);
  expect(border / rows).toBeLessThan(0.5);
  for (let row = 0; row < rows; row++) {
    expect(Math.max(...pixels.subarray(row * 784, row * 784 + 784)), `row ${row}`).toBeGreaterThan(150);
  }
});

test("learnable, and too hard for a linear model: accuracy of logistic regression on the test rows", async () => {
  const data = { source: "digits", positional: [], named: [] };
  const io = testIo({ folder: temporaryFolder() });
  expect(await main(fakeLibrary({ train: { data }, epochs: 2 }), [], io)).toBe(0);
  const accuracy = Number(/test +10,000 rows: loss [\d.]+, accuracy ([\d.]+)/.exec(io.printed.join(""))![1]);
  expect(accuracy).toBeGreaterThan(0.8);
  expect(accuracy).toBeLessThan(0.97);
});

test("descriptors agree with themselves", () => {
  for (const [name, set] of dataSets) {
    expect(set.name).toBe(name);
    const rows = set.kind === "made" ? set.rows : set.parts.reduce((sum, part) => sum + part.rows, 0);
    expect(set.test[1]).toBe(rows);
    if (set.kind !== "files") continue;
    for (const { files } of set.parts) {
      expect(files.length).toBe(set.columns.length);
      for (const { sha256, packedSha256 } of files) expect(sha256 ?? packedSha256).toMatch(/^[0-9a-f]{64}$/);
    }
    for (const mirror of set.mirrors) expect(mirror).toMatch(/^https?:\/\/.*\/$/);
  }
});
