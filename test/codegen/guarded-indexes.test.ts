// Numbers of rows that are computed, and out of range: they read nan, write nothing elsewhere, and change nothing where they fit.
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { loadUnit } from "./load.ts";

function read(text: string): Module {
  const { module, diagnostics } = elaborate(parse({ path: "m.nn", text }).file);
  if (!module) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return module;
}

const guards = (text: string): number => {
  const { graph } = optimise(read(text).step, opTable);
  return graph.nodes.filter(({ op, attrs }) => op === "const" && Number.isNaN(attrs["value"])).length;
};

/** What the emitted program and the interpreter give for one column of shifts. */
async function outputs(text: string, shifts: readonly number[]): Promise<readonly (readonly number[])[]> {
  const module = read(text);
  const trainer = (await loadUnit(compile(module, { target: "ts", batch: 4 }))).create({ seed: 0 });
  trainer.inputs["k"]!.set(shifts);
  trainer.predict(shifts.length);
  const { graph } = optimise(module.predict, opTable);
  const slots = new Map(module.slots.map(({ name }) => [name, Float64Array.from(trainer.read(name))]));
  const inputs = new Map([["k", Float64Array.from(shifts)]]);
  const meaning = interpret(graph, { rows: shifts.length, slots, inputs });
  return [[...trainer.read("out")].slice(0, shifts.length), [...meaning.outputs.get("out")!.data]];
}

const table = "param table: [3] = tensor([10, 20, 30]); param after: [3] = 99";

describe("computed numbers of rows", () => {
  it.each([
    [
      "gather",
      `model m(k: i32[N]) -> [N] { ${table}; gather(table, k + 1) + 0 * sum(after) }\n`,
      [0, 1, 9, -3],
      [20, 30, NaN, NaN],
    ],
    [
      "pick",
      `model m(k: i32[N]) -> [N] { ${table}; pick(broadcast(table, [N, 3]), k - 1) + 0 * sum(after) }\n`,
      [3, 4, 1, 0],
      [30, NaN, 10, NaN],
    ],
    [
      "a table of whole numbers",
      "model m(k: i32[N]) -> [N] = f32(gather(i32(tensor([4, 5, 6])), 2 * k))\n",
      [0, 1, 5, -5],
      [4, 6, 6, 4],
    ],
    ["rows of the batch", "model m(k: i32[N]) -> [N] = gather(f32(k), k)\n", [1, 0, 3, 4], [0, 1, 4, NaN]],
  ])("%s", async (_, text, shifts, wanted) => {
    for (const found of await outputs(text, shifts)) expect(found).toEqual(wanted);
  });

  it("write into their table only: what lies beside it stays as it was", async () => {
    const text = `model m(k: i32[N]) -> [N] { param a: [3] = 1; param table: [3] = 2; param z: [3] = 3; gather(table, k + 0 * i32(sum(a) + sum(z))) }
loss(out) = sum(where(out == out, out, 0))
train { optimizer = sgd(lr = 1) }
`;
    const trainer = (await loadUnit(compile(read(text), { target: "ts", batch: 4 }))).create({ seed: 0 });
    trainer.inputs["k"]!.set([-3, 1, 4, 2]);
    trainer.step(4);
    expect(["a", "table", "z"].map((name) => [...trainer.read(name)])).toEqual([
      [1, 1, 1],
      [2, 1, 1],
      [3, 3, 3],
    ]);
  });

  it.each([
    ["inputs", "model m(k: class[N] < 3) -> [N] { param table: [3] = 1; gather(table, k) }\n"],
    [
      "inputs that are moved",
      "model m(k: class[N, 4] < 3) -> [N, 2, 2] { param table: [3] = 1; gather(table, reshape(k, [N, 2, 2])) }\n",
    ],
    ["the place of a maximum", "model m(x: [N, 3]) -> [N] = pick(x, argmax(x, axis=-1))\n"],
    ["counted rows", "model m(x: [N, 3]) -> [N, 3] = gather(x, iota(N))\n"],
    ["remainders", "model m(k: i32[N]) -> [N] { param table: [3] = 1; gather(table, k % 3) }\n"],
  ])("%s are in range: nothing is guarded", (_, text) => {
    const loss = `${text}loss(out) = mean(out)\ntrain { optimizer = sgd() }\n`;
    expect(guards(loss)).toBe(0);
  });

  it("others are guarded", () => {
    const text =
      "model m(k: class[N] < 3) -> [N] { param table: [3] = 1; gather(table, 2 - k) }\nloss(out) = mean(out)\n";
    expect(guards(`${text}train { optimizer = sgd() }\n`)).toBe(1);
  });
});
