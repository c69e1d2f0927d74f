// A step allocates nothing: measured in a process of its own, and the measurement itself is checked with a planted allocation.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { perceptron } from "./hand-module.ts";

/** Bytes per step: the least over 5 of (collect; heap; 30,000 steps; heap). */
const measure = `
import { create } from "./model.mjs";
const trainer = create({ seed: 1 });
for (const input of Object.values(trainer.inputs)) input.fill(1);
// Short calls of one function, so that the measuring loop itself is optimised once and for all.
const steps = () => { for (let i = 0; i < 100; i++) trainer.step(i % 8 + 1); };
for (let i = 0; i < 1000; i++) { steps(); trainer.evaluate(8); }
let least = Infinity;
for (let round = 0; round < 5; round++) {
  gc(); gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 300; i++) steps();
  least = Math.min(least, (process.memoryUsage().heapUsed - before) / 30000);
}
console.log(least);
`;

function bytesPerStep(library: string): number {
  const folder = mkdtempSync(path.join(tmpdir(), "nnc-"));
  try {
    writeFileSync(path.join(folder, "model.mjs"), library);
    writeFileSync(path.join(folder, "measure.mjs"), measure);
    return Number(
      execFileSync(
        process.execPath,
        ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64", path.join(folder, "measure.mjs")],
        { encoding: "utf8" },
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("allocation", () => {
  const library = printPlain(emitModule(compile(perceptron([5, 3]), { target: "ts" }), false), false);
  it("a step allocates nothing", () => expect(bytesPerStep(library)).toBeLessThanOrEqual(0.1));
  it("the check finds one new Float32Array in the step", () => {
    const planted = library.replace(/function run_step\(N\) \{/, "$&\n    globalThis.leak = new Float32Array(1);");
    expect(planted).not.toBe(library);
    expect(bytesPerStep(planted)).toBeGreaterThan(10);
  });
});
