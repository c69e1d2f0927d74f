// Early stopping and the parameters that are kept, by a metric of the validation rows; runs whose parameters are ruined.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Library, Trainer } from "../../src/runtime/library.ts";
import { main } from "../../src/runtime/main.ts";
import { fakeLibrary, fewDigits } from "../runtime/fake-library.ts";
import { temporaryFolder, testIo } from "../runtime/test-io.ts";

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

type Change = (trainer: Trainer) => Partial<Trainer>;

function libraryWith(change: Change, train: object = {}): Library {
  const library = fakeLibrary({ epochs: 10, train: { data: fewDigits, shuffle: true, ...train } });
  return {
    manifest: library.manifest,
    create(options) {
      const trainer = library.create(options);
      return { ...trainer, ...change(trainer) };
    },
  };
}

/** Its accuracy after epoch k is `values[k - 1]`, its loss 1 / k. */
const withAccuracies = (...values: readonly number[]): Library =>
  libraryWith((trainer) => ({
    evaluate(rows) {
      trainer.evaluate(rows);
      const epoch = trainer.scalars[trainer.index["epoch"]!]!;
      trainer.scalars[trainer.index["accuracy"]!] = values[epoch]!;
      trainer.scalars[trainer.index["loss"]!] = 1 / (epoch + 1);
    },
  }));

async function run(library: Library, argv: readonly string[], pause?: () => void) {
  const io = testIo({ folder, tick: 1, ...(pause ? { tick: 50, pause } : {}) });
  const code = await main(library, argv, io);
  return { code, out: io.printed.join(""), err: io.warned.join("") };
}

const bytes = (name: string): Buffer => readFileSync(path(name));
const script = [0.1, 0.5, 0.4, Number.NaN, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9];

test("a run ends when the metric gets no better, and --save holds the epoch that was best", async () => {
  const library = withAccuracies(...script);
  const rule = ["--early-stop", "accuracy", "--patience", "3", "--keep-best", "accuracy"];
  const { code, out, err } = await run(library, [...rule, "--save", path("best.safetensors")]);
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out).toContain(
    "stopped early    after step 20; accuracy of the validation rows was best in epoch 2: 0.5000\n" +
      "kept             the parameters of epoch 2: accuracy 0.5000\n",
  );
  // Four steps are an epoch.
  await run(library, ["--max-steps", "8", "--save", path("two.safetensors")]);
  expect(bytes("best.safetensors").equals(bytes("two.safetensors"))).toBe(true);
});

test("a loss is better lower, and :min and :max say otherwise", async () => {
  const ends = async (...argv: string[]) =>
    /stopped early +after step (\d+)/.exec((await run(withAccuracies(...script), argv)).out)?.[1];
  expect(await ends("--early-stop", "accuracy:min", "--patience", "2")).toBe("12");
  expect(await ends("--early-stop", "accuracy:max", "--patience", "5")).toBe(undefined);
  expect(await ends("--early-stop", "loss:max", "--patience", "1")).toBe("8");
  expect(await ends("--early-stop", "loss", "--patience", "1")).toBe(undefined);
});

test("killed after any step and resumed, it stops at the same step and keeps the same bytes", async () => {
  const rule = ["--early-stop", "accuracy", "--patience", "3", "--keep-best", "accuracy"];
  await run(withAccuracies(...script), [...rule, "--save", path("whole.safetensors")]);
  for (const interval of ["1steps", "3steps", "1epoch"]) {
    const save = path(`${interval}.safetensors`);
    const keep = [...rule, "--save", save, "--checkpoint", path(interval), "--every", interval, "--resume"];
    let last = "";
    for (let piece = 0; piece < 40 && !last.includes("stopped early"); piece++) {
      // A signal at a pause: also at those within a validation.
      let pauses = 0;
      const io = testIo({ folder, tick: 50, pause: () => ++pauses === 1 + (piece % 3) && io.interrupt(130) });
      await main(withAccuracies(...script), keep, io);
      last = io.printed.join("");
    }
    // Signals come again and again: the last piece is left to itself.
    last += (await run(withAccuracies(...script), keep)).out;
    expect(last).toContain("stopped early    after step 20;");
    expect(readFileSync(save).equals(bytes("whole.safetensors"))).toBe(true);
  }
});

test.each([
  [["--early-stop", "acuracy"], '--early-stop: this model reports no "acuracy"'],
  [["--early-stop", "accuracy:up"], 'this model reports no "accuracy:up"'],
  [["--early-stop", "__proto__"], 'this model reports no "__proto__"'],
  [["--keep-best", "loss"], "--keep-best needs --save FILE"],
  [["--patience", "2"], "--patience needs --early-stop METRIC"],
])("%j is refused", async (argv, says) => {
  const { code, err } = await run(withAccuracies(...script), argv);
  expect(err).toContain(says);
  expect(code).toBe(2);
});

test("without validation rows there is nothing to stop by", async () => {
  const { named: _, ...rest } = fewDigits;
  const { code, err } = await run(
    libraryWith(() => ({}), { data: { ...rest, named: [["train", { range: [0, 200] }]] } }),
    ["--early-stop", "loss"],
  );
  expect(err).toContain("--early-stop needs validation rows");
  expect(code).toBe(2);
});

/** Its parameters hold a NaN after step `k`, of which the losses tell nothing. */
const ruinedAt = (k: number): Library =>
  libraryWith((trainer) => ({
    step(rows) {
      trainer.step(rows);
      if (trainer.scalars[trainer.index["step"]!] === k - 1) {
        const bias = trainer.read("bias");
        bias[9] = Number.NaN;
        trainer.write("bias", bias);
        trainer.scalars[trainer.index["loss"]!] = 1;
      }
    },
  }));

test("parameters that are no numbers are written neither over a checkpoint nor over a saved file", async () => {
  mkdirSync(path("good"));
  const options = ["--checkpoint", path("good"), "--every", "2steps", "--keep", "1"];
  const { code, err } = await run(ruinedAt(6), [...options, "--save", path("ruined.safetensors")]);
  expect(code).toBe(3);
  expect(err).toContain(
    'parameters are no numbers any more at step 6 (epoch 2); the first tensor with such a number is "bias"',
  );
  expect(readdirSync(path("good"))).toEqual(["step-0000000004.safetensors"]);
  expect(readdirSync(folder)).not.toContain("ruined.safetensors");
  // In the very last step, where no checkpoint is due.
  const last = await run(ruinedAt(8), ["--max-steps", "8", "--save", path("ruined.safetensors")]);
  expect(last.code).toBe(3);
  expect(readdirSync(folder)).not.toContain("ruined.safetensors");
});

test("a checkpoint of another program or of other rows is refused", async () => {
  const options = ["--checkpoint", path("own"), "--every", "1steps", "--max-steps", "2"];
  const library = fakeLibrary({ train: { data: fewDigits } });
  const { manifest } = library;
  await run({ ...library, manifest: { ...manifest, program: "aa" } }, options);
  const other = await run({ ...library, manifest: { ...manifest, program: "bb" } }, [...options, "--resume"]);
  expect(other.code).toBe(1);
  expect(other.err).toContain(
    "of another run: its model computes something else, or learns by other rules [train/checkpoint]",
  );
  const same = await run({ ...library, manifest: { ...manifest, program: "aa" } }, [...options, "--resume"]);
  expect(same.code).toBe(0);
});

test("a checkpoint is of its rows, not only of the file that holds them", async () => {
  const csv = (middle: number): void => {
    const line = (k: number): string => [...Array(784).fill(k === 100 ? middle : k % 7), k % 10].join(",");
    writeFileSync(path("rows.csv"), `${Array.from({ length: 200 }, (_, k) => line(k)).join("\n")}\n`);
  };
  const pixels = [["x", { range: [0, 784] }] as const, ["target", 784] as const];
  const library = fakeLibrary({ train: { data: { source: "csv", positional: ["rows.csv"], named: pixels } } });
  const floats = library.manifest.columns.map((column) => ({ ...column, dtype: "i32" as const }));
  const byCsv: Library = {
    manifest: { ...library.manifest, columns: floats },
    create(options) {
      const trainer = library.create(options);
      return { ...trainer, inputs: { ...trainer.inputs, x: new Int32Array(64 * 784) } };
    },
  };
  const options = ["--checkpoint", path("rows"), "--every", "1steps", "--max-steps", "2"];
  csv(1);
  expect(await run(byCsv, options)).toMatchObject({ code: 0 });
  csv(2);
  const changed = await run(byCsv, [...options, "--resume"]);
  expect(changed.err).toContain("of another run: its training rows are others [train/checkpoint]");
  csv(1);
  expect(await run(byCsv, [...options, "--resume"])).toMatchObject({ code: 0, err: "" });
});
