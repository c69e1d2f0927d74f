// Emitted programs against the reference interpreter: whole training steps, short batches, passes and recipes on and off.
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printWithTsMorph } from "../../src/codegen/ts/morph.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { Builder } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { ColumnInfo, Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { rows } from "../../src/ir/types.ts";
import type { Trainer } from "../../src/runtime/library.ts";
import { bareModule } from "../random/modules.ts";
import { perceptron } from "./hand-module.ts";
import { loadUnit } from "./load.ts";

// The last has layers enough for kernels that are one function.
const networks = [[10], [5, 3], [17, 1, 4], [5, 5, 5, 5, 5, 3]];

function fillInputs(trainer: Trainer, rows: number, classes: number): void {
  const { x, target } = trainer.inputs;
  for (let i = 0; i < x!.length; i++) x![i] = (i * 37 + 11) % 256;
  for (let n = 0; n < rows; n++) target![n] = (n * 5 + 1) % classes;
}

async function trainerOf(module: Module, options: Partial<CompileOptions> = {}): Promise<Trainer> {
  const library = await loadUnit(compile(module, { target: "ts", ...options }));
  return library.create({ seed: 3 });
}

/** All parameters after some steps, and the losses on the way. */
function run(
  trainer: Trainer,
  module: Module,
  steps: number,
  rows: number,
): { losses: number[]; params: Map<string, number[]> } {
  fillInputs(trainer, rows, module.columns[1]!.classes!);
  const losses: number[] = [];
  for (let s = 0; s < steps; s++) {
    trainer.step(rows);
    losses.push(trainer.scalars[0]!);
  }
  return { losses, params: new Map(module.slots.map((s) => [s.name, [...trainer.read(s.name)]])) };
}

describe("emitted programs", () => {
  for (const sizes of networks) {
    for (const rows of [1, 7, 8]) {
      it(`a step of 6-${sizes.join("-")} on ${rows} rows is the interpreter's`, async () => {
        const module = perceptron(sizes);
        const trainer = await trainerOf(module);
        const slots = new Map(module.slots.map((s) => [s.name, Float64Array.from(trainer.read(s.name))]));
        const { losses, params } = run(trainer, module, 1, rows);
        const graph = optimise(module.step, opTable).graph;
        const inputs = new Map([
          ["x", Float64Array.from(trainer.inputs.x!).slice(0, rows * 6)],
          ["target", Float64Array.from(trainer.inputs.target!).slice(0, rows)],
        ]);
        const truth = interpret(graph, { rows, slots, inputs, scalars: new Map([["lr", 0.5]]) });
        expect(losses[0]).toBeCloseTo(truth.outputs.get("loss")!.data[0]!, 5);
        for (const [name, values] of params) {
          const expected = truth.updates.get(name)!.data;
          for (const [i, v] of values.entries()) expect(Math.abs(v - expected[i]!)).toBeLessThan(2e-6);
        }
      });
    }
  }

  it("evaluate and predict change no parameter, and agree with each other", async () => {
    const module = perceptron([5, 3]);
    const trainer = await trainerOf(module);
    fillInputs(trainer, 8, 3);
    const before = module.slots.map((s) => [...trainer.read(s.name)]);
    trainer.evaluate(8);
    const evaluated = [...trainer.read("out")];
    expect(trainer.scalars[trainer.index.accuracy!]).toBeGreaterThanOrEqual(0);
    trainer.predict(8);
    expect([...trainer.read("out")]).toEqual(evaluated);
    expect(module.slots.map((s) => [...trainer.read(s.name)])).toEqual(before);
  });

  it("rows out of range, unknown names and wrong lengths are refused", async () => {
    const trainer = await trainerOf(perceptron([4]));
    for (const rows of [0, 9, 1.5, Number.NaN])
      expect(() => trainer.step(rows)).toThrow(/rows must be a whole number from 1 to 8/);
    expect(() => trainer.read("__proto__")).toThrow(/no tensor/);
    expect(() => trainer.write("W0", [1, 2])).toThrow(/24 elements, not 2/);
  });

  const variants: [string, Partial<CompileOptions>, number][] = [
    ["without reuse of memory", { reuse: false }, 0],
    ["one element at a time", { recipes: "naive" }, 0],
    ["without inlining of views", { without: new Set(["inline-views"]) }, 0],
    [
      "without any fusion",
      { without: new Set(["inline-views", "inline-maps", "fuse-epilogues", "fuse-late-epilogues"]) },
      2e-6,
    ],
  ];
  for (const [what, options, tolerance] of variants) {
    it(`trains the same ${what}`, async () => {
      const module = perceptron([17, 1, 4]);
      const plain = run(await trainerOf(module), module, 20, 7);
      const other = run(await trainerOf(module, options), module, 20, 7);
      if (tolerance === 0) expect(other).toEqual(plain);
      else for (const [i, l] of other.losses.entries()) expect(Math.abs(l - plain.losses[i]!)).toBeLessThan(tolerance);
    });
  }

  it("skips the zeros of a sparse column without changing a result", async () => {
    const sparse = perceptron([17, 4], 8, 9, 0.8);
    const lists = compile(sparse, { target: "ts" }).programs.find((p) => p.name === "step")!;
    expect(lists.schedule.kernels.filter((k) => k.stages.some((s) => s.sparse && s.reduce)).length).toBe(2);
    for (const keep of [0, 1, 3, 9]) {
      const results = [];
      for (const without of [new Set<string>(), new Set(["sparsify"])]) {
        const trainer = await trainerOf(sparse, { without });
        const { x, target } = trainer.inputs;
        for (let i = 0; i < x!.length; i++) x![i] = (i * 7 + (i >> 3)) % 9 < keep ? 1 + ((i * 31) % 255) : 0;
        for (let n = 0; n < 8; n++) target![n] = n % 4;
        const losses = [];
        for (const rows of [8, 3, 1, 8, 7]) {
          trainer.step(rows);
          losses.push(trainer.scalars[0]!);
        }
        results.push([losses, sparse.slots.flatMap((s) => [...trainer.read(s.name)])]);
      }
      // Lists leave x / 255 unrounded in the products, which dense programs store first.
      for (const [i, dense] of results[1]!.entries()) {
        for (const [j, v] of dense.entries()) expect(Math.abs(v - results[0]![i]![j]!)).toBeLessThan(1e-6);
      }
    }
  });

  it("under strict floats fusion does not change a bit", async () => {
    const module = perceptron([17, 1, 4]);
    const off = new Set(["inline-views", "inline-maps", "fuse-epilogues", "fuse-late-epilogues"]);
    const fused = run(await trainerOf(module, { strictFloat: true }), module, 20, 7);
    const unfused = run(await trainerOf(module, { strictFloat: true, without: off }), module, 20, 7);
    expect(fused).toEqual(unfused);
  });

  it("numbers that f32 has not are read as a store would round them, inlined or not", async () => {
    const x: ColumnInfo = {
      name: "x",
      type: { dtype: "f32", shape: [rows(), 2] },
      role: "input",
      origin: { role: "forward" },
    };
    const b = new Builder(opTable);
    const input = b.node("input", [], { name: x.name, ...x.type });
    const after = [0, 3];
    const padded = b.node("pad", [input], { pairs: [[0, 0], after], value: 0.3 });
    const spread = b.node("broadcast", [b.node("const", [], { value: 0.6, dtype: "f32" })], { shape: [rows(), 3] });
    const sums = [padded, spread].map((of) => b.node("sum", [of], { axes: [0, 1], keepdims: false }));
    const step = b.graph(new Map(sums.map((id, i) => [`y${i}`, id])));
    const module = bareModule({ columns: [x], outputs: ["y0", "y1"], step, predict: step });
    const three = (v: number): number => Math.fround(v + v + v);
    const stored = [0.3, 0.6].map((v) => three(Math.fround(v)));
    expect(stored).not.toEqual([0.3, 0.6].map((v) => three(v)));
    for (const strictFloat of [false, true]) {
      for (const off of [[], ["inline-views"], ["inline-maps"], ["inline-views", "inline-maps"]]) {
        const trainer = await trainerOf(module, { strictFloat, without: new Set(["simplify", ...off]) });
        trainer.step(1);
        // Without strict floats the inlining of elementwise work may keep more digits.
        const isStored = strictFloat || off.includes("inline-maps");
        const wanted = isStored ? stored : stored.map((v) => expect.closeTo(v, 5));
        expect([...trainer.read("y0"), ...trainer.read("y1")], off.join()).toEqual(wanted);
      }
    }
  });
});

describe("shared kernels", () => {
  it("emit one function for equal layers, and code that grows with the kernels that differ", () => {
    const functions = (layers: number): number =>
      compile(perceptron([...Array.from({ length: layers }, () => 5), 3]), { target: "ts" }).kernels.functions.length;
    expect(functions(12)).toBe(functions(6));
  });
});

describe("printers", () => {
  for (const sizes of networks) {
    it(`ts-morph and the plain printer agree on 6-${sizes.join("-")}`, async () => {
      const doc = emitModule(compile(perceptron(sizes), { target: "ts" }), true);
      expect(printPlain(doc, true)).toBe(await printWithTsMorph("model.ts", doc));
    });
  }
});
