// A step allocates nothing: measured in a process of its own, and the measurement itself is checked with a planted allocation.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { perceptron } from "./hand-module.ts";
import { libraryText } from "./load.ts";

/**
 * Bytes per step: the least over 60 of (collect; heap; 3,000 steps; heap), less what asking takes. The engine's own compiling falls
 * into some of them, and so does a thread that is put to sleep because another has no core: the engine allocates for that.
 */
const measure = `
import { create } from "./model.mjs";
const trainer = create({ seed: 1 });
if (trainer.team) {
  const { Worker } = await import("node:worker_threads");
  const text = 'const { url, team } = require("node:worker_threads").workerData; import(url).then(({ work }) => work(team));';
  const url = new URL("./model.mjs", import.meta.url).href;
  new Worker(text, { eval: true, workerData: { url, team: trainer.team } }).unref();
  // It has joined once it waits for a step.
  const { byteOffset, byteLength, buffer } = trainer.scalars;
  const words = new Int32Array(buffer, Math.ceil((byteOffset + byteLength) / 64) * 64, 64);
  while (Atomics.load(words, 48) < 1) await new Promise((next) => setTimeout(next, 1));
}
for (const input of Object.values(trainer.inputs)) input.fill(1);
// Short calls of one function, so that the measuring loop itself is optimised once and for all.
const steps = () => { for (let i = 0; i < 100; i++) trainer.step(i % 8 + 1); };
for (let i = 0; i < 1000; i++) { steps(); trainer.evaluate(8); }
const heap = () => process.memoryUsage().heapUsed;
let least = Infinity;
let asking = Infinity;
for (let round = 0; round < 60; round++) {
  gc(); gc();
  const before = heap();
  const started = heap();
  for (let i = 0; i < 30; i++) steps();
  const after = heap();
  asking = Math.min(asking, started - before);
  least = Math.min(least, after - started);
}
least = Math.max(0, least - asking) / 3000;
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

/** Draws random numbers in each step. */
const noisy = `
model net(x: [N, 6]) -> [N, 3] { linear(dropout(relu(linear(x, 5)), 0.5), 3) }
loss(out, target: class[N] < 3) = cross_entropy(out, target)
train { batch = 8; optimizer = adam(lr = 0.01) }
`;

describe.each([
  ["ts", { target: "ts" }],
  ["wasm", { target: "wasm" }],
  ["wasm on two threads", { target: "wasm", threads: true }],
] as const)("allocation, %s", (_, options) => {
  it.each([
    ["a perceptron", perceptron([5, 3])],
    ["random numbers and Adam", compileText(noisy)],
  ])("a step allocates nothing: %s", (_, module) => {
    expect(bytesPerStep(libraryText(compile(module, options)))).toBeLessThanOrEqual(0.1);
  });

  it("the check finds one new Float32Array in the step", () => {
    const library = libraryText(compile(perceptron([5, 3]), options));
    const planted = library.replace(/function run_step\(N\) \{/, "$&\n    globalThis.leak = new Float32Array(1);");
    expect(planted).not.toBe(library);
    expect(bytesPerStep(planted)).toBeGreaterThan(10);
  });
});
