// ONNX graphs run by onnxruntime-web give our numbers: forward and whole training steps; python3-onnx finds them sound.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { writeOnnx } from "../../src/export/onnx/model.ts";
import type { Module } from "../../src/ir/module.ts";
import { Integers } from "../../src/runtime/integers.ts";
import type { Library, Trainer } from "../../src/runtime/library.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { libraryOf, moduleOf } from "../models/load.ts";
import { madeRows, madeStart, models, safetensors } from "./models.ts";
import { pythonWith } from "./python.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const python = pythonWith("onnx");
const batch = 6;

/** Small models that take the operators which the four do not. */
const small: Readonly<Record<string, string>> = {
  windows: `
model m(x: [N, 2, 7, 6]) -> [N, 3] {
  param w: [4, 1, 3, 2] = normal()
  param head: [3, 4] = normal()
  y = conv2d(x, w, stride = [2, 1], padding = [1, 1], dilation = [1, 2], groups = 2)
  z = max_pool(tanh(y), 2, stride = 1, padding = 1)
  a = avg_pool(z, [2, 3], stride = 2, padding = [1, 1])
  mean(a, axis = [2, 3]) @ head.T
}`,
  tables: `
model m(x: [N, 5]) -> [N, 3] {
  param table: [4, 5] = normal()
  param w: [5, 3] = normal()
  ids = argmax(x, axis = -1) % 4
  h = x + gather(table, ids) * prod(1 + 0.1 * x, axis = 1, keepdims = true)
  s = cumsum(h, axis = 1) + flip(h, axis = 1) + pad(h[:, 1:4], [[0, 0], [1, 1]], value = 0.5)
  (where(s > 0, s, exp(s) - 1) + erf(h) % 0.7) @ w
}`,
  normed: `
model m(x: [N, 5]) -> [N, 3] {
  h = linear(x, 8) |> batch_norm |> gelu
  g = layer_norm(h) |> silu
  linear(concat([g, softplus(h), max(g, h)], axis = 1), 3)
}
loss(out, target: class[N] < 3) = cross_entropy(out, target)
train { batch = 6; optimizer = sgd(lr = 0.1, momentum = 0.9, nesterov = true) }`,
  penalised: `
model m(x: [N, 5]) -> [N, 3] {
  param w: [5, 3] = normal()
  tanh(x @ w) + log1p(abs(x[:, 0:3])) * rsqrt(1 + x[:, 1:4] ** 2)
}
loss(out, x, target: class[N] < 3) {
  direction = grad(sum(out), x)
  cross_entropy(out, target) + 0.1 * mean(direction ** 2)
}
train { batch = 6; optimizer = clipped(0.5, adam(_, _, lr = warmup_cosine(1e-2, warmup = 3))) }`,
};
const rest = `
loss(out, target: class[N] < 3) = cross_entropy(out, target)
train { batch = 6; optimizer = clipped(0.5, adam(_, _, lr = warmup_cosine(1e-2, warmup = 3))) }`;
const texts = [
  ...models.map(({ name, text }) => [name, text] as const),
  ...Object.entries(small).map(([name, text]) => [name, text.includes("loss(") ? text : text + rest] as const),
];

type Feeds = Record<string, ort.Tensor>;

const floats = (values: ArrayLike<number>, shape: readonly number[]): ort.Tensor =>
  new ort.Tensor("float32", Float32Array.from(values), shape as number[]);

/** Rows in our trainer's inputs and as feeds. */
function fill(module: Module, trainer: Trainer, feeds: Feeds, step: number): void {
  const rows = madeRows(module, 5 * batch);
  for (const [name, { shape, values, whole }] of rows) {
    const width = values.length / shape[0]!;
    const part = values.slice(step * batch * width, (step + 1) * batch * width);
    trainer.inputs[name]!.set(part);
    const sizes = [batch, ...shape.slice(1)];
    feeds[name] = whole ? new ort.Tensor("int32", Int32Array.from(part), sizes) : floats(part, sizes);
  }
}

function setNumbers(library: Library, trainer: Trainer, feeds: Feeds, names: readonly string[], step: number): void {
  const numbers = new Map([...library.manifest.scalars.map(({ name, value }) => [name, value] as const)]);
  for (const [name, value] of [
    ["step", step],
    ["epoch", 0],
    ["steps", 10],
  ] as const)
    numbers.set(name, value);
  for (const [name, value] of numbers) {
    if (trainer.index[name] !== undefined) trainer.scalars[trainer.index[name]!] = value;
    if (names.includes(name)) feeds[name] = new ort.Tensor("float64", Float64Array.of(value), []);
  }
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - b[i]!) / Math.max(1, Math.abs(b[i]!))),
    0,
  );
};

describe.each(texts)("%s", (_, text) => {
  const path = join(folderWith({ "m.nn": text, "dense.nn": "" }), "m.nn");
  const options = { fromDataSet: false };

  it("forward gives our results", { timeout: 300_000 }, async () => {
    const module = moduleOf(path, options);
    const trainer = (await libraryOf(path, options)).create();
    const session = await ort.InferenceSession.create(writeOnnx(module, "forward"));
    const feeds: Feeds = {};
    fill(module, trainer, feeds, 0);
    for (const [name, { shape, values }] of madeStart(module)) {
      trainer.write(name, values);
      feeds[name] = floats(values, shape);
    }
    trainer.predict(batch);
    const wanted = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]));
    const results = await session.run(wanted);
    expect(session.outputNames).toEqual(module.outputs);
    expect(distance(results["out"]!.data as Float32Array, trainer.read("out"))).toBeLessThan(1e-5);
  });

  it("three steps give our losses, parameters and states", { timeout: 300_000 }, async () => {
    const module = moduleOf(path, options);
    const library = await libraryOf(path, options);
    const trainer = library.create();
    const session = await ort.InferenceSession.create(writeOnnx(module, "step"));
    const feeds: Feeds = {};
    for (const [name, { shape, values }] of madeStart(module)) {
      trainer.write(name, values);
      feeds[name] = floats(values, shape);
    }
    for (const { name, optimizer, type } of module.slots) {
      if (optimizer) feeds[name] = floats(trainer.read(name), type.shape as number[]);
    }
    for (let step = 0; step < 3; step++) {
      fill(module, trainer, feeds, step);
      setNumbers(library, trainer, feeds, session.inputNames, step);
      const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])));
      trainer.step(batch);
      expect(distance(results["loss"]!.data as Float32Array, [trainer.scalars[trainer.index["loss"]!]!])).toBeLessThan(
        1e-5,
      );
      const updated = session.outputNames.filter((name) => name.startsWith("next."));
      expect(updated.length).toBeGreaterThan(0);
      for (const name of updated) {
        const slot = name.slice("next.".length);
        expect([name, distance(results[name]!.data as Float32Array, trainer.read(slot)) < 1e-5]).toEqual([name, true]);
        feeds[slot] = results[name]!;
      }
    }
  });
});

it("any number of rows may be given", async () => {
  const text = `model m(x: [N, 2]) -> [N, 2] { x - mean(x, axis = 0) }`;
  const session = await ort.InferenceSession.create(
    writeOnnx(moduleOf(join(folderWith({ "m.nn": text }), "m.nn")), "forward"),
  );
  for (const n of [1, 2, 5]) {
    const x = floats(
      Array.from({ length: 2 * n }, (_, i) => i),
      [n, 2],
    );
    const { out } = await session.run({ x });
    const wanted = Array.from({ length: 2 * n }, (_, i) => 2 * Math.floor(i / 2) - (n - 1));
    expect(Array.from(out!.data as Float32Array)).toEqual(wanted);
  }
});

describe.skipIf(python === undefined)("python3-onnx (skipped where Python has no onnx)", () => {
  it("finds every graph sound", { timeout: 300_000 }, async () => {
    for (const [name, text] of texts) {
      const folder = folderWith({ "m.nn": text });
      for (const graph of ["forward", "step"] as const) {
        const bytes = writeOnnx(moduleOf(join(folder, "m.nn"), { fromDataSet: false }), graph);
        writeFileSync(join(folder, `${graph}.onnx`), bytes);
      }
      const script = `import onnx, sys\nfor f in sys.argv[1:]: onnx.checker.check_model(onnx.load(f), full_check=True)\nprint("sound")`;
      const files = ["forward", "step"].map((graph) => join(folder, `${graph}.onnx`));
      expect([name, execFileSync(python!, ["-c", script, ...files], { encoding: "utf8" })]).toEqual([name, "sound\n"]);
    }
  });
});

it("weights of a file become constants of the graph", async () => {
  const text = models[0]!.text;
  const folder = folderWith({ "m.nn": text });
  const module = moduleOf(join(folder, "m.nn"), { fromDataSet: false });
  writeFileSync(join(folder, "w.safetensors"), safetensors(madeStart(module)));
  const ran = await nnc([
    "export",
    join(folder, "m.nn"),
    "--to",
    "onnx",
    "--init",
    join(folder, "w.safetensors"),
    "-o",
    folder,
  ]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  const session = await ort.InferenceSession.create(join(folder, "m.onnx"));
  expect(session.inputNames).toEqual(["x"]);
  const x = Array.from({ length: 784 }, () => new Integers(1, 2).between(0, 1));
  const trainer = (await libraryOf(join(folder, "m.nn"), { fromDataSet: false })).create();
  for (const [name, { values }] of madeStart(module)) trainer.write(name, values);
  trainer.inputs["x"]!.set(x);
  trainer.predict(1);
  const { out } = await session.run({ x: floats(x, [1, 784]) });
  expect(distance(out!.data as Float32Array, trainer.read("out"))).toBeLessThan(1e-5);
});
