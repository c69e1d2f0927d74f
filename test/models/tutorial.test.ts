// The run of PyTorch's tutorial "What is torch.nn really?", step by step, and seeds of our own.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Library, Trainer } from "../../src/runtime/library.ts";
import type { RowSet } from "../../src/runtime/rows.ts";
import { fixtures, misfit, tensorsOf } from "../cli/fixtures.ts";
import { dataOf, libraryOf, mnistFolder } from "./load.ts";

const folder = fixtures("tutorial");
const path = "models/mnist_logistic.nn";
const batch = 64;
const epochs = 2;

/** Calls `use` with the number of rows of each batch, once they are in the inputs. */
function batches(library: Library, trainer: Trainer, rows: RowSet, use: (count: number) => void): void {
  const { fill } = dataOf(library, path);
  const places = new Int32Array(batch);
  for (let from = 0; from < rows.count; from += batch) {
    const count = Math.min(batch, rows.count - from);
    for (let i = 0; i < count; i++) places[i] = rows.at(from + i);
    fill(places, count, trainer.inputs);
    use(count);
  }
}

/** Means of loss and accuracy over the validation images. */
function validate(library: Library, trainer: Trainer): { readonly loss: number; readonly accuracy: number } {
  const { valid } = dataOf(library, path).split;
  const { scalars, index } = trainer;
  let [loss, accuracy] = [0, 0];
  batches(library, trainer, valid, (count) => {
    trainer.evaluate(count);
    loss += (scalars[index["loss"]!]! * count) / valid.count;
    accuracy += (scalars[index["accuracy"]!]! * count) / valid.count;
  });
  return { loss, accuracy };
}

describe.skipIf(mnistFolder === undefined)("the tutorial on MNIST (skipped without its files)", () => {
  it.skipIf(!existsSync(folder))("gives PyTorch's losses, parameters and validation", async () => {
    const expected = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8")) as Record<string, number>;
    const trace = tensorsOf(`${folder}/trace.safetensors`);
    const values = (name: string) => trace.get(name)!.values;
    const library = await libraryOf(path, { dataDir: mnistFolder });
    const trainer = library.create();
    const { scalars, index } = trainer;
    const result = (name: string) => scalars[index[name]!]!;
    for (const name of ["weights", "bias"]) trainer.write(name, values(`init.${name}`));

    const { train } = dataOf(library, path).split;
    const losses: number[] = [];
    let rows = 0;
    for (let epoch = 0; epoch < epochs; epoch++) {
      batches(library, trainer, train, (count) => {
        if (losses.length === 0) {
          trainer.evaluate(count);
          expect(misfit(trainer.read("out"), values("logp0"), { rtol: 1e-5, atol: 1e-5 })).toBeUndefined();
          expect(result("loss")).toBeCloseTo(expected["before_loss"]!, 5);
          expect(result("accuracy")).toBe(expected["before_accuracy"]);
        }
        trainer.step(count);
        losses.push(result("loss"));
        rows = count;
      });
    }
    expect(losses.length).toBe(expected["steps"]);
    expect(misfit(losses, values("loss"), { rtol: 1e-4, atol: 0 })).toBeUndefined();
    for (const name of ["weights", "bias"]) {
      expect(misfit(trainer.read(name), values(`final.${name}`), { rtol: 0, atol: 1e-4 })).toBeUndefined();
    }
    // The inputs still hold the last batch.
    expect(rows).toBe(expected["last_batch_rows"]);
    trainer.evaluate(rows);
    expect(result("loss")).toBeCloseTo(expected["last_batch_loss"]!, 5);
    expect(result("accuracy")).toBe(expected["last_batch_accuracy"]);
    const { loss, accuracy } = validate(library, trainer);
    expect(loss).toBeCloseTo(expected["valid_loss"]!, 4);
    expect(Math.abs(accuracy - expected["valid_accuracy"]!)).toBeLessThanOrEqual(5 / 10000 + 1e-9);
  });

  it("reaches 0.916 on validation from each of five seeds", async () => {
    const library = await libraryOf(path, { dataDir: mnistFolder });
    const { train } = dataOf(library, path).split;
    for (const seed of [0, 1, 2, 3, 4]) {
      const trainer = library.create({ seed });
      for (let epoch = 0; epoch < epochs; epoch++) {
        batches(library, trainer, train, (count) => trainer.step(count));
      }
      expect(validate(library, trainer).accuracy).toBeGreaterThanOrEqual(0.916);
    }
  });
});
