// Numbers and shapes on which lanes, tiles and shared code go wrong first, each against the reference interpreter.
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import type { Trainer } from "../../src/runtime/library.ts";
import { loadUnit } from "./load.ts";

function moduleOf(text: string): Module {
  const { module, diagnostics } = elaborate(parse({ path: "corners.nn", text }).file, {});
  expect(diagnostics).toEqual([]);
  return module!;
}

const targets: readonly CompileOptions[] = [
  { target: "ts" },
  { target: "wasm" },
  { target: "ts", recipes: "naive" },
  { target: "wasm", recipes: "naive" },
];

const trainerOf = async (module: Module, options: CompileOptions): Promise<Trainer> =>
  (await loadUnit(compile(module, options))).create({ seed: 3 });

const wave = (i: number): number => Math.sin(i * 12.9898);

/** What `predict` leaves is what the interpreter says, for every target, on fewer rows than there is room for. */
async function predictsTheSame(text: string, rows: number, batch: number, fill = wave): Promise<void> {
  const module = moduleOf(text);
  for (const options of targets) {
    const trainer = await trainerOf(module, { ...options, batch });
    const inputs = new Map<string, number[]>();
    for (const { name } of module.columns) {
      const column = trainer.inputs[name]!;
      for (let i = 0; i < column.length; i++) column[i] = fill(i);
      inputs.set(name, [...column].slice(0, (column.length / batch) * rows));
    }
    trainer.predict(rows);
    const slots = new Map(module.slots.map(({ name }) => [name, trainer.read(name)]));
    const truth = interpret(optimise(module.predict, opTable).graph, { rows, slots, inputs });
    for (const name of module.outputs) {
      const [got, want] = [[...trainer.read(name)], [...truth.outputs.get(name)!.data]];
      expect(got.length).toBe(want.length);
      const isFar = (a: number, b: number): boolean =>
        !(Object.is(a, b) || Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b))) || (a === 0 && 1 / a !== 1 / b);
      const far = got.flatMap((a, i) => (isFar(a, want[i]!) ? [`${name}[${i}] is ${a}, not ${want[i]!}`] : []));
      expect(far, `${options.target}, ${options.recipes ?? "recipes"}`).toEqual([]);
    }
  }
}

describe("corners", () => {
  it("neighbours of a tile have windows of their own where a stage behind the first has windows", async () => {
    await predictsTheSame(
      `model m(x: [N, 2, 16, 16, 8], v: [N, 2, 16, 16]) -> [N, 2, 16, 16] {
        param w: [2, 16, 16, 8] = randn()
        y = sum(x * w, axis = -1)
        y + avg_pool(v, 3, stride = 1, padding = 1) * y
      }`,
      3,
      4,
    );
  });

  it("0 and -0 are two numbers where equal expressions are computed once", async () => {
    const text = "model m(x: [N, 8]) -> [N, 8] { 1 / where(x > 0, x, 0.0) + 2 / where(x > 0, x, -0.0) }";
    await predictsTheSame(text, 3, 4);
  });

  it("and where equal kernels are one function", async () => {
    const module = moduleOf(`model first(x: [N, 8]) -> [N, 8] { 1 / where(x > 0, x, 0.0) }
model second(x: [N, 8]) -> [N, 8] { 1 / where(x > 0, x, -0.0) }`);
    for (const options of targets) {
      const trainer = (await trainerOf(module, options)) as Trainer & { second(rows: number): void };
      trainer.predict(1);
      trainer.second(1);
      expect([trainer.read("out")[0], trainer.read("second.out")[0]]).toEqual([Infinity, -Infinity]);
    }
  });

  it("a kernel and its program may have a name together that another kernel and program have together", async () => {
    const module = moduleOf(`model m(x: [N, 8]) -> [N, 8] { softmax(x) }
model p(x: [N, 8]) -> [N] { exp(max(x, axis = 1)) }
model p_max(x: [N, 8]) -> [N, 8] { exp(x) }`);
    for (const options of targets) {
      const trainer = (await trainerOf(module, options)) as Trainer & Record<"p" | "p_max", (rows: number) => void>;
      trainer.inputs["p.x"]!.fill(1);
      trainer.p(1);
      trainer.p_max(1);
      expect(trainer.read("p.out")[0]).toBeCloseTo(Math.E, 5);
      expect([...trainer.read("p_max.out")]).toEqual(Array(8).fill(1));
    }
  });

  it("and where equal constants are stored once", async () => {
    await predictsTheSame(
      "model m(x: [N, 2]) -> [N, 2] { x / tensor([0.0, 1.0]) + x * x * 2 / tensor([-0.0, 1.0]) }",
      1,
      2,
      () => 2,
    );
  });

  it("zeros that a division by 0 makes no numbers are not skipped", async () => {
    const module = moduleOf(`model m(x: [N, 16]) -> [N, 8] {
  param w: [16, 8] = 1
  (x / 0) @ w
}`);
    const columns = module.columns.map((column) => ({ ...column, zeros: 0.9 }));
    for (const options of targets) {
      const trainer = await trainerOf({ ...module, columns }, options);
      trainer.predict(1);
      expect([...trainer.read("out")]).toEqual(Array(8).fill(Number.NaN));
    }
  });

  it("what is no number stays none, and is never the largest", async () => {
    const special = [Number.NaN, -0, 0, Infinity, -Infinity, 1e-40, -1.5, 3];
    const fill = (i: number): number => (i < 8 ? -Infinity : special[i % 8]!);
    await predictsTheSame("model m(x: [N, 8]) -> [N, 8] { max(x, 0) + min(x, 0) * relu(x) + sign(x) }", 3, 4, fill);
    await predictsTheSame("model m(x: [N, 7]) -> [N] { f32(argmax(x, axis = 1)) - min(x, axis = 1) }", 5, 8, fill);
    await predictsTheSame("model m(x: [8, N]) -> [N] { f32(argmin(x, axis = 0)) + max(x, axis = 0) }", 8, 8, fill);
  });
});
