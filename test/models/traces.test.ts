// Whole runs against PyTorch's: every loss, and every parameter, gradient and optimizer state that the reference kept.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { targets } from "../../src/cli/target.ts";
import type { Library, Trainer } from "../../src/runtime/library.ts";
import { fixtures, misfit, type Tolerance, tensorsOf } from "../cli/fixtures.ts";
import { dataOf, libraryOf, mnistFolder } from "./load.ts";

interface Case {
  readonly steps: number;
  readonly batch: number;
  readonly data: "mnist" | "chars";
  readonly data_check: Readonly<Record<string, unknown>>;
  readonly tol: Readonly<Record<string, Tolerance>>;
}

const folder = fixtures("traces");
const present = existsSync(folder) && mnistFolder !== undefined;
const cases = present
  ? (JSON.parse(readFileSync(`${folder}/index.json`, "utf8")) as { cases: Record<string, Case> }).cases
  : {};

/** PyTorch's word for a state of the optimizer, and ours. */
const states = new Map([
  ["buf", "v"],
  ["m", "m"],
  ["v", "v"],
]);

/** Puts the rows of a step into the inputs. */
type Feed = (step: number, inputs: Trainer["inputs"]) => void;

function mnistFeed(library: Library, path: string, batch: number): Feed {
  const data = dataOf(library, path);
  const rows = new Int32Array(batch);
  return (step, inputs) => {
    for (let i = 0; i < batch; i++) rows[i] = data.split.train.at((step * batch + i) % data.split.train.count);
    data.fill(rows, batch, inputs);
  };
}

const symbol = (i: number): number => (3 * i + 5 * Math.floor(i / 7) + (i % 5) ** 2 + (Math.floor(i / 11) % 3)) % 17;

/** 512 windows of 16 symbols that follow a formula; the target is the next symbol. */
function symbolFeed(_: Library, __: string, batch: number): Feed {
  const [window, windows] = [16, 512];
  return (step, { x, target }) => {
    for (let i = 0; i < batch; i++) {
      const from = window * ((step * batch + i) % windows);
      for (let k = 0; k < window; k++) {
        x![i * window + k] = symbol(from + k);
        target![i * window + k] = symbol(from + k + 1);
      }
    }
  };
}

describe.skipIf(!present)("reference traces (skipped without ../shared/fixtures and MNIST)", () => {
  it("reads the formula of the symbols right", () => {
    const first = cases["transformer_adamw"]!.data_check["first_32"] as number[];
    expect(first.map((_, i) => symbol(i))).toEqual(first);
  });

  const each = Object.entries(cases).flatMap((of) => targets.map((target) => [target, ...of] as const));
  for (const [target, name, { steps, batch, data, tol }] of each) {
    it(`${name}, ${target}`, { timeout: 300_000 }, async () => {
      const path = new URL(`fixture-models/${name}.nn`, import.meta.url).pathname;
      const library = await libraryOf(path, { dataDir: mnistFolder }, target);
      const withGradients = await libraryOf(path, { dataDir: mnistFolder, grads: true }, target);
      const tensors = tensorsOf(`${folder}/${name}.safetensors`);
      const values = (tensor: string) => tensors.get(tensor)!.values;
      const names = [...tensors.keys()].flatMap((key) => (key.startsWith("init.") ? [key.slice(5)] : []));
      const trainerOf = (of: Library) => {
        const trainer = of.create();
        expect(of.manifest.slots.flatMap((slot) => (slot.kind === "param" ? [slot.name] : [])).sort()).toEqual(
          [...names].sort(),
        );
        for (const param of names) trainer.write(param, values(`init.${param}`));
        return trainer;
      };
      const faults: string[] = [];
      const compare = (what: string, got: ArrayLike<number>) => {
        const fault = misfit(got, values(what), tol[what]!, tensors.get(`${what}#atol`)?.values);
        if (fault) faults.push(`${what}: ${fault}`);
      };
      const feed = (data === "mnist" ? mnistFeed : symbolFeed)(library, path, batch);

      const first = trainerOf(withGradients);
      feed(0, first.inputs);
      first.step(batch);
      compare("logits0", first.read("out"));
      for (const param of names) compare(`grad0.${param}`, first.read(`grad.${param}`));

      const trainer = trainerOf(library);
      const { index, scalars } = trainer;
      const losses = new Float64Array(steps);
      for (let step = 0; step < steps; step++) {
        feed(step, trainer.inputs);
        if (index["step"] !== undefined) scalars[index["step"]] = step;
        trainer.step(batch);
        losses[step] = scalars[index["loss"]!]!;
        for (const param of names) {
          const kept = step + 1 === steps ? `final.${param}` : `step${step + 1}.${param}`;
          if (tensors.has(kept)) compare(kept, trainer.read(param));
        }
      }
      compare("loss", losses);
      compare("loss64", losses);
      for (const key of tensors.keys()) {
        const [, state, param] = /^opt\.(\w+)\.(.+)$/.exec(key) ?? [];
        if (param) compare(key, trainer.read(`optimizer.${states.get(state!)}.${param}`));
      }
      expect(faults).toEqual([]);
    });
  }
});
