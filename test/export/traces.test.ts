// Exported programs from the reference traces' own starts, on MNIST: the traces' losses at their tolerances, ours to 1e-4, and two
// processes as one to 1e-5. Skipped where the fixtures, MNIST or torch are missing.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixtures, misfit, type Tolerance, tensorsOf } from "../cli/fixtures.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { mnistFolder } from "../models/load.ts";
import { safetensors } from "./models.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("torch");
const traces = fixtures("traces");
const present = existsSync(traces) && mnistFolder !== undefined && python !== undefined;

const lossesOf = (path: string): number[] =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).loss);

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((loss, k) => Math.abs(loss - b[k]!) / Math.abs(b[k]!)));

describe.skipIf(!present)("reference traces (skipped without ../shared/fixtures, MNIST or torch)", () => {
  it.each(["logreg_sgd", "mlp_momentum", "cnn_momentum"])("%s", { timeout: 300_000 }, async (name) => {
    const { cases } = JSON.parse(readFileSync(`${traces}/index.json`, "utf8")) as {
      readonly cases: Record<string, { readonly steps: number; readonly tol: Record<string, Tolerance> }>;
    };
    const { steps, tol } = cases[name]!;
    const tensors = tensorsOf(`${traces}/${name}.safetensors`);
    const start = new Map(
      [...tensors].flatMap(([key, { shape, values }]) =>
        key.startsWith("init.") ? [[key.slice("init.".length), { shape: [...shape], values: Array.from(values) }]] : [],
      ),
    );
    const folder = folderWith({});
    const path = `test/models/fixture-models/${name}.nn`;
    writeFileSync(join(folder, "start.safetensors"), safetensors(start));
    expect(await nnc(["export", path, "--to", "pytorch", "-o", folder])).toMatchObject({ code: 0 });
    const options = [
      "--init",
      join(folder, "start.safetensors"),
      "--max-steps",
      String(steps),
      "--data-dir",
      mnistFolder!,
    ];
    const trained = await nnc(["train", path, "--quiet", "--log", join(folder, "ours.jsonl"), ...options]);
    expect(trained).toMatchObject({ code: 0 });
    for (const [log, more] of [
      ["one", []],
      ["two", ["--nproc", "2"]],
    ] as const) {
      const argv = [`${name}.py`, "--threads", "1", "--log", `${log}.jsonl`, ...options, ...more];
      const { status, stderr } = spawnSync(python!, argv, { cwd: folder, encoding: "utf8" });
      expect([status, stderr.match(/^error.*/m)]).toEqual([0, null]);
    }
    const [ours, one, two] = ["ours", "one", "two"].map((log) => lossesOf(join(folder, `${log}.jsonl`)));
    const [wanted, atols] = ["loss", "loss#atol"].map((key) => tensors.get(key)?.values);
    for (const losses of [one!, two!]) expect(misfit(losses, wanted!, tol["loss"]!, atols)).toBeUndefined();
    expect(distance(one!, ours!)).toBeLessThan(1e-4);
    expect(distance(two!, one!)).toBeLessThan(1e-5);
  });
});
