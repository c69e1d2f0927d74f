// Exported PyTorch programs train as ours do: the same losses, step for step, on one process and on two; and they are Python
// whatever a model's names are. Skipped where Python has no torch.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";
import { moduleOf } from "../models/load.ts";
import { madeRows, madeStart, models, safetensors } from "./models.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("torch");
const steps = 200;

interface Line {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly rows: number;
}

const linesOf = (path: string): Line[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** The largest relative difference of two logs, which must agree in all but the last bits of the losses. */
function difference(a: readonly Line[], b: readonly Line[]): number {
  expect(a.map(({ loss: _, ...rest }) => rest)).toEqual(b.map(({ loss: _, ...rest }) => rest));
  return a.reduce((most, { loss }, k) => Math.max(most, Math.abs(loss - b[k]!.loss) / Math.abs(b[k]!.loss)), 0);
}

function runPython(folder: string, argv: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(python!, ["m.py", "--threads", "1", ...argv], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** The same, where nothing may go wrong. */
function trainPython(folder: string, ...argv: readonly string[]): string {
  const { status, stdout, stderr } = runPython(folder, argv);
  if (status !== 0) throw new Error(`exit ${status}: ${stderr}`);
  return stdout;
}

/** A folder with the model, its export, rows and start values. */
async function exported(text: string): Promise<string> {
  const folder = folderWith({ "m.nn": text });
  const module = moduleOf(join(folder, "m.nn"));
  writeFileSync(join(folder, "rows.safetensors"), safetensors(madeRows(module)));
  writeFileSync(join(folder, "start.safetensors"), safetensors(madeStart(module)));
  expect(await nnc(["export", join(folder, "m.nn"), "--to", "pytorch", "-o", folder])).toMatchObject({ code: 0 });
  return folder;
}

const train = (folder: string, ...more: readonly string[]) =>
  nnc(["train", join(folder, "m.nn"), "--quiet", "--log", join(folder, "ours.jsonl"), ...more]);

describe.skipIf(python === undefined)("exported programs (skipped where Python has no torch)", () => {
  it.each(models)(
    "$name: 200 losses as ours, on one process and on two",
    { timeout: 600_000 },
    async ({ text, tolerance }) => {
      const folder = await exported(text);
      const start = ["--init", join(folder, "start.safetensors"), "--max-steps", String(steps), "--epochs", "40"];
      const options = [...start, "--save", join(folder, "ours.safetensors")];
      expect(await train(folder, ...options)).toMatchObject({ code: 0 });
      trainPython(folder, ...start, "--log", "one.jsonl", "--save", "theirs.safetensors");
      trainPython(folder, ...start, "--log", "two.jsonl", "--nproc", "2");
      const logs = ["ours", "one", "two"].map((name) => linesOf(join(folder, `${name}.jsonl`)));
      expect(logs[0]).toHaveLength(steps);
      expect(difference(logs[1]!, logs[0]!)).toBeLessThan(tolerance);
      expect(difference(logs[2]!, logs[1]!)).toBeLessThan(Math.max(1e-5, tolerance / 10));
      // Its files are ours: we go on from what PyTorch has trained.
      expect(await train(folder, "--init", join(folder, "theirs.safetensors"), "--max-steps", "1")).toMatchObject({
        code: 0,
      });
    },
  );

  it("draws our start values and dropout masks, by rows on two processes", { timeout: 600_000 }, async () => {
    const text = `
model m(x: [N, 12]) -> [N, 3] {
  h = linear(x, 16) |> gelu |> dropout
  noisy = h + 0.1 * normal(shape(h))
  linear(noisy, 3)
}
loss(out, target: class[N] < 3) = cross_entropy(out, target)
metric accuracy(out, target)
train {
  data = safetensors("rows.safetensors", train = 0:95, valid = 95:200)
  batch = 10; epochs = 3; shuffle = true; seed = 5
  optimizer = clipped(0.1, adamw(_, _, lr = one_cycle(1e-2)))
}`;
    const folder = await exported(text);
    const ours = await train(folder);
    expect(ours).toMatchObject({ code: 0 });
    const one = trainPython(folder, "--log", "one.jsonl");
    trainPython(folder, "--log", "two.jsonl", "--nproc", "2");
    const logs = ["ours", "one", "two"].map((name) => linesOf(join(folder, `${name}.jsonl`)));
    // The last batch of an epoch has 5 rows: shares of 2 and 3.
    expect(logs[0]!.map(({ rows }) => rows)).toContain(5);
    expect(difference(logs[1]!, logs[0]!)).toBeLessThan(1e-4);
    expect(difference(logs[2]!, logs[1]!)).toBeLessThan(1e-5);
    const [, loss] = /validation .*loss ([\d.]+)/.exec(ours.stdout)!;
    expect(one).toMatch(new RegExp(`held out, 105 rows: loss ${loss}, accuracy 0\\.\\d+`));
  });

  it("gradients in the loss, running statistics, groups, frozen parameters, hypers", { timeout: 600_000 }, async () => {
    const text = `
hyper strength = 0.1
model m(x: [N, 1, 6, 6]) -> [N, 3] {
  body = conv(x, 4, padding = 1) |> batch_norm |> silu
  seen = max_pool(body, 3, stride = 2, padding = 1) + avg_pool(body, 2)
  flat = reshape(seen, [N, -1])
  state scale: [] = 1
  scale <- 0.9 * scale + 0.1 * mean(abs(flat))
  fixed = linear(flat, 8)
  head = linear(tanh(fixed) / (if training then scale else 1), 3)
  head
}
loss(out, x, target: class[N] < 3) {
  slope = grad(sum(max(out, axis = -1)), x)
  cross_entropy(out, target) + strength * mean(slope ** 2)
}
train {
  data = safetensors("rows.safetensors")
  batch = 16; epochs = 1
  freeze = ["fixed.*"]
  optimizer = rmsprop(lr = 1e-3)
  optimizer.head = every(2, lion(_, _, lr = step_decay(1e-3, every = 5)))
}`;
    const folder = await exported(text);
    expect(await train(folder, "--set", "strength=0.3", "--max-steps", "30")).toMatchObject({ code: 0 });
    trainPython(folder, "--log", "one.jsonl", "--set", "strength=0.3", "--max-steps", "30");
    const [ours, one] = ["ours", "one"].map((name) => linesOf(join(folder, `${name}.jsonl`)));
    expect(difference(one!, ours!)).toBeLessThan(1e-4);
  });

  it("tells what does not fit, five differences at most", { timeout: 300_000 }, async () => {
    const folder = await exported(models[1]!.text);
    const other = new Map([...Array(7).keys()].map((k) => [`w${k}`, { shape: [1], values: [k] }]));
    writeFileSync(join(folder, "other.safetensors"), safetensors(other));
    const { status, stderr } = runPython(folder, ["--init", "other.safetensors"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: 'other\.safetensors' does not fit the model: .*is missing.*, and 6 more\n$/);
    writeFileSync(join(folder, "cut.safetensors"), readFileSync(join(folder, "rows.safetensors")).subarray(0, 900));
    expect(runPython(folder, ["--init", "cut.safetensors"])).toMatchObject({ status: 1 });
    expect(runPython(folder, ["--init", "none.safetensors"])).toMatchObject({ status: 1 });
  });

  it("stays Python under hostile names", { timeout: 300_000 }, async () => {
    const names = ["__proto__", "lambda", "self", "None", "pick", "torch", "print", "n", "random", "class_"];
    const params = names.map((name) => `  param ${name}: [2] = ones()`).join("\n");
    const sum = names.join(" + ");
    const text = `# """ \u2028 import os
model m(x: [N, 2]) -> [N, 2] {
${params}
  x * (${sum}) # """); raise SystemExit(9)
}
loss(out, target: [N, 2]) = mse(out, target)
train { data = safetensors("rows.safetensors", x = "x\\"\\\\", target = "'''\${1}"); batch = 4; optimizer = sgd(lr = 1e-4) }`;
    const folder = folderWith({ "m.nn": text });
    const ran = await nnc(["export", join(folder, "m.nn"), "--to", "pytorch", "-o", folder]);
    if (ran.code !== 0) throw new Error(ran.stderr);
    const rows = { shape: [8, 2], values: Array.from({ length: 16 }, (_, k) => k / 16) };
    writeFileSync(
      join(folder, "rows.safetensors"),
      safetensors(
        new Map([
          ['x"\\', rows],
          ["'''${1}", rows],
        ]),
      ),
    );
    trainPython(folder);
  });
});

it("a model without a loss has nothing to train", async () => {
  const folder = folderWith({ "m.nn": "model m(x: [N, 2]) -> [N, 2] { x * 2 }" });
  const ran = await nnc(["export", join(folder, "m.nn"), "--to", "pytorch", "-o", folder]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("export/no-training");
  expect(existsSync(join(folder, "m.py"))).toBe(false);
});
