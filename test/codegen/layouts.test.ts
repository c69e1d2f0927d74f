// Layouts move numbers in memory and nothing else: what is read, written and computed stays what it was.
import { describe, expect, it } from "vitest";
import { compile, type Unit } from "../../src/codegen/compile.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import type { Trainer } from "../../src/runtime/library.ts";
import { loadUnit } from "./load.ts";

const layer = `model net(x: [N, 256]) -> [N, 128] {
  param w: [256, 128] = randn() / 10
  x @ w
}`;

/** The same weights as a list in a second model. */
const twoShapes = `fn table(x, flat) {
  param w: [256, 128] = randn() / 10
  if flat then sum(reshape(w, [32768]) * iota(32768)) * x else x @ w
}
weights = table(_, _)
model net(x: [N, 256]) -> [N, 128] { weights(x, false) }
model flat(z: [N, 3]) -> [N, 3] { weights(z, true) }`;

const training = `
loss(out, y: [N, 128]) = mse(out, y)
train { batch = 8
  optimizer = adam(lr = 0.01) }
`;

function unitOf(text: string, target: "ts" | "wasm"): Unit {
  const { module, diagnostics } = elaborate(parse({ path: "layouts.nn", text: text + training }).file, {});
  expect(diagnostics).toEqual([]);
  return compile(module!, { target });
}

const trainerOf = async (unit: Unit): Promise<Trainer> => (await loadUnit(unit)).create({ seed: 3 });

const layoutOf = (unit: Unit, slot: string) => unit.plan.persistent.get(`slot:${slot}`)!.layout;

function threeSteps(trainer: Trainer): void {
  for (const column of [trainer.inputs["x"]!, trainer.inputs["y"]!])
    for (let i = 0; i < column.length; i++) column[i] = Math.sin(i * 0.37);
  for (let step = 0; step < 3; step++) trainer.step(7);
}

describe("layouts", () => {
  it("weights whose rows compete for the cache are spaced, and read and written as if they were not", async () => {
    const unit = unitOf(layer, "wasm");
    expect(layoutOf(unit, "w")).toBeDefined();
    expect(layoutOf(unitOf(layer, "ts"), "w")).toBeUndefined();
    const trainer = await trainerOf(unit);
    const values = Float32Array.from({ length: 256 * 128 }, (_, i) => i);
    trainer.write("w", values);
    expect(trainer.read("w")).toEqual(values);
    expect(() => trainer.write("w", [1, 2])).toThrow("w has 32768 elements, not 2");
  });

  it("training ends at the same weights as without", async () => {
    const [ts, wasm] = [await trainerOf(unitOf(layer, "ts")), await trainerOf(unitOf(layer, "wasm"))];
    for (const trainer of [ts, wasm]) threeSteps(trainer);
    const [a, b] = [ts.read("w"), wasm.read("w")];
    expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(1e-5);
  });

  it("weights that a program reads under another shape stay as they are", async () => {
    const unit = unitOf(twoShapes, "wasm");
    expect(layoutOf(unit, "weights.w")).toBeUndefined();
    const trainer = await trainerOf(unit);
    const values = Float32Array.from({ length: 256 * 128 }, (_, i) => (i === 300 ? 1 : 0));
    trainer.write("weights.w", values);
    trainer.inputs["flat.z"]![0] = 2;
    (trainer as unknown as { flat(rows: number): void }).flat(1);
    expect(trainer.read("flat.out")[0]).toBe(600);
  });
});
