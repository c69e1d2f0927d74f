// `nnc build --embed-weights`: a library of the trained model alone gives what the whole trainer predicts.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import type { Library } from "../../src/runtime/library.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { libraryOf, moduleOf } from "../models/load.ts";
import { madeRows, madeStart, models, safetensors } from "./models.ts";

const importText = (text: string): Promise<Library> =>
  import(/* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

describe.each(models)("$name", ({ text }) => {
  it("predicts as the trainer with these parameters", { timeout: 120_000 }, async () => {
    const folder = folderWith({ "m.nn": text });
    const path = join(folder, "m.nn");
    const module = moduleOf(path);
    const start = madeStart(module);
    writeFileSync(join(folder, "w.safetensors"), safetensors(start));
    const ran = await nnc([
      "build",
      path,
      "-o",
      folder,
      "--batch",
      "2",
      "--embed-weights",
      join(folder, "w.safetensors"),
    ]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).not.toContain("train.js");
    const trainer = (await libraryOf(path, { batch: 2 })).create();
    for (const [name, { values }] of start) trainer.write(name, values);
    const embedded = await importText(readFileSync(join(folder, "m.js"), "utf8"));
    expect(embedded.manifest).toMatchObject({ hasLoss: false, batch: 2 });
    const trained = embedded.create();
    const { values } = madeRows(module, 2).get("x")!;
    for (const each of [trainer, trained]) {
      each.inputs["x"]!.set(values);
      each.predict(2);
    }
    expect(trained.read("out")).toEqual(trainer.read("out"));
  });
});

it("parameters that do not fit are told, five at most", async () => {
  const folder = folderWith({ "m.nn": models[1]!.text });
  const other = new Map([...Array(7).keys()].map((k) => [`w${k}`, { shape: [1], values: [k] }]));
  writeFileSync(join(folder, "w.safetensors"), safetensors(other));
  const ran = await nnc([
    "build",
    join(folder, "m.nn"),
    "-o",
    folder,
    "--embed-weights",
    join(folder, "w.safetensors"),
  ]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/"linear_0\.weight" \[128, 784\] is missing.*and 6 more differences/s);
});

it.each([
  ["logistic", "models/mnist_logistic.nn", 6000],
  ["cnn", "test/models/fixture-models/cnn_momentum.nn", 12000],
])("the library of the %s trainer is small", { timeout: 120_000 }, async (_, path, most) => {
  const folder = folderWith({});
  expect(await nnc(["build", path, "-o", folder])).toMatchObject({ code: 0 });
  const name = path.replace(/.*\/(.*)\.nn/, "$1");
  const { code } = await transform(readFileSync(join(folder, `${name}.js`), "utf8"), { minify: true, format: "esm" });
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(most);
});
