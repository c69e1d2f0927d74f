// Worker threads on one memory: the same bits whatever their number, an end with the reason where one fails, sleep where nothing is to do.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import type { Module } from "../../src/ir/module.ts";
import type { Manifest, Trainer } from "../../src/runtime/library.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { moduleOf } from "../models/load.ts";
import { perceptron } from "./hand-module.ts";
import { libraryText } from "./load.ts";

const models = resolve(import.meta.dirname, "../../models");

interface Team {
  readonly memory: { readonly buffer: SharedArrayBuffer };
}

/** A trainer whose library was compiled for threads. */
interface TeamTrainer extends Trainer {
  readonly team: Team;
  disband(): void;
}

interface Loaded {
  readonly url: string;
  readonly manifest: Manifest;
  create(options: { readonly seed: number }): TeamTrainer;
}

async function load(module: Module, options: Omit<CompileOptions, "target"> = { threads: true }): Promise<Loaded> {
  const text = libraryText(compile(module, { target: "wasm", ...options }));
  const url = `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
  const { create, manifest } = (await import(/* @vite-ignore */ url)) as Loaded;
  return { url, manifest, create };
}

const started: Worker[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((worker) => worker.terminate()));
});

/** Numbers of the team, where threads meet. */
function wordsOf(trainer: TeamTrainer): {
  readonly workers: () => number;
  readonly sleepers: () => number;
  /** The half of the call that counts. */
  readonly call: () => number;
} {
  const { buffer } = trainer.team.memory;
  // Behind all scalars, at the next cache line; words 48 and 50.
  const base = Math.ceil((trainer.scalars.byteOffset + trainer.scalars.byteLength) / 64) * 64;
  const words = new Int32Array(buffer, base, 64);
  return {
    workers: () => Atomics.load(words, 48),
    sleepers: () => Atomics.load(words, 50),
    call: () => Atomics.load(words, 1),
  };
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((next) => setTimeout(next, 1));
};

/** Workers that take part, `threads` with the caller. */
async function gather({ url }: Loaded, trainer: TeamTrainer, threads: number): Promise<void> {
  for (let k = 1; k < threads; k++) {
    const text = `const { workerData: { url, team } } = require("node:worker_threads");
      import(url).then(({ work }) => work(team));`;
    started.push(new Worker(text, { eval: true, workerData: { url, team: trainer.team } }));
  }
  await until(() => wordsOf(trainer).workers() === threads - 1);
}

/** Numbers without a pattern that fit each column. */
function fillInputs({ inputs }: Trainer, manifest: Manifest): void {
  let state = 12345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const columns = [...manifest.columns, ...(manifest.entries ?? []).flatMap((e) => e.inputs)];
  for (const { name, dtype, classes } of columns) {
    const column = inputs[name]!;
    for (let i = 0; i < column.length; i++) {
      if (dtype === "f32") column[i] = next(2000) / 1000 - 1;
      else if (dtype === "u8") column[i] = next(5) === 0 ? next(256) : 0;
      else column[i] = next(classes ?? 2);
    }
  }
}

/** Everything that some steps leave, the last one of odd rows. */
function trained(trainer: Trainer, manifest: Manifest): Map<string, Uint8Array> {
  fillInputs(trainer, manifest);
  const { batch, slots, outputs } = manifest;
  if (manifest.hasLoss) {
    for (const rows of [batch, batch, Math.max(1, batch - 3)]) trainer.step(rows);
    trainer.evaluate(Math.max(1, batch - 5));
  }
  trainer.predict(batch);
  const bytes = (values: {
    readonly buffer: ArrayBufferLike;
    readonly byteOffset: number;
    readonly byteLength: number;
  }) => Uint8Array.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return new Map([
    ...[...slots, ...outputs].map(({ name }) => [name, bytes(trainer.read(name))] as const),
    ["scalars", bytes(trainer.scalars)],
  ]);
}

describe("the same bits however many threads there are", () => {
  for (const file of readdirSync(models).filter((name) => name.endsWith(".nn"))) {
    it(file, { timeout: 60_000 }, async () => {
      const module = moduleOf(join(models, file));
      const alone = await load(module, {});
      const wanted = trained(alone.create({ seed: 5 }), alone.manifest);
      const library = await load(module);
      for (const threads of [1, 2, 3, 4]) {
        const trainer = library.create({ seed: 5 });
        await gather(library, trainer, threads);
        const found = trained(trainer, library.manifest);
        trainer.disband();
        // The last scalars are for streams.
        for (const [name, bytes] of wanted)
          expect(Buffer.compare(found.get(name)!, bytes), `${name}, ${threads} threads`).toBe(0);
      }
    });
  }
});

const indexed = `
model net(x: [N, 300], i: i32[N]) -> [N, 300] {
  param table: [50, 300] = randn()
  x + gather(table, 2 * i)
}
loss(out, y: [N, 300]) = mse(out, y)
train { batch = 64; optimizer = sgd(lr = 0.1) }
`;

describe("a failure in a worker", () => {
  it("is thrown where the step was called, with what it says; then the trainer works alone", async () => {
    const { programs } = compile(compileText(indexed), { target: "wasm", threads: true });
    // So that it is a worker that fails.
    expect(programs.flatMap((p) => p.procedures).find((p) => p.name.includes("within"))?.part).toBeDefined();
    const library = await load(compileText(indexed));
    const trainer = library.create({ seed: 1 });
    await gather(library, trainer, 3);
    const { i } = trainer.inputs as { i: Int32Array };
    trainer.step(64);
    // In the last thread's part.
    i[60] = 38;
    expect(() => trainer.step(64)).toThrow(expect.objectContaining({ name: "IndexError", row: 60 }));
    expect(() => trainer.step(64)).toThrow("the index 76 is none of 0 to 49");
    expect(wordsOf(trainer).workers()).toBe(0);
    i[60] = 7;
    trainer.step(64);
    expect(trainer.scalars[trainer.index["loss"]!]).toBeGreaterThan(0);
  });

  it("in the first thread lets the workers go", async () => {
    const library = await load(compileText(indexed));
    const trainer = library.create({ seed: 1 });
    await gather(library, trainer, 3);
    (trainer.inputs["i"] as Int32Array)[0] = -1;
    expect(() => trainer.step(64)).toThrow(expect.objectContaining({ name: "IndexError", row: 0 }));
    expect(wordsOf(trainer).workers()).toBe(0);
  });

  it("that cannot begin its work is told at the next step", async () => {
    const library = await load(perceptron([5, 3]));
    const trainer = library.create({ seed: 1 });
    const { work } = (await import(/* @vite-ignore */ library.url)) as { work(team: object): void };
    work({ ...trainer.team, module: {} });
    expect(() => trainer.step(2)).toThrow(/WebAssembly\.Module/);
    trainer.step(2);
  });
});

it("workers that nothing is asked of sleep, and wake for the next step", async () => {
  const library = await load(perceptron([5, 3]));
  const trainer = library.create({ seed: 1 });
  await gather(library, trainer, 3);
  trainer.step(4);
  await until(() => wordsOf(trainer).sleepers() === 2);
  trainer.step(4);
  await until(() => wordsOf(trainer).sleepers() === 2);
  trainer.disband();
  expect(wordsOf(trainer).sleepers()).toBe(0);
  trainer.step(4);
});

it("ends for whoever sleeps, also where two threads say so at once", async () => {
  const library = await load(perceptron([5, 3]));
  const trainer = library.create({ seed: 1 });
  // A sleeper that wakes up between the two looks whether the call is another than the one it knows.
  const known = wordsOf(trainer).call();
  trainer.disband();
  expect(wordsOf(trainer).call()).not.toBe(known);
  trainer.disband();
  expect(wordsOf(trainer).call()).not.toBe(known);
});
