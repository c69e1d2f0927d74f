// Indices that a step computes: one that is out of range ends the run and is named, before it reads or writes what is not its own;
// one that is known to be in range costs nothing.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { encodeSafetensors } from "../../src/runtime/safetensors.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile as moduleOf } from "../dsl/compile.ts";

const model = (index: string, columns = "i: i32[N]"): string => `model m(x: [N, 4], ${columns}) {
  param table: [5, 4] = normal()
  param guard: [5, 4] = ones()
  x * gather(table, ${index}) + guard[0]
}
loss(out, y: [N, 4]) = mse(out, y)
train { optimizer = sgd(lr = 0.1); batch = 4 }
`;

describe.each(["ts", "wasm"] as const)("%s", (target) => {
  test.each([
    ["past the end", 5],
    ["far past the end", 2 ** 31 - 1],
    ["before the start", -1],
    ["far before the start", -(2 ** 31)],
  ])("an index %s", async (_, index) => {
    const { create } = await loadUnit(compile(moduleOf(model("i")), { target }));
    const trainer = create();
    const [table, guard] = [trainer.read("table"), trainer.read("guard")];
    trainer.inputs["i"]!.set([0, 4, index, 1]);
    for (const program of ["step", "evaluate", "predict"] as const) {
      let thrown: unknown;
      try {
        trainer[program](4);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ name: "IndexError", row: 2, message: `the index ${index} is none of 0 to 4` });
    }
    expect(trainer.read("table")).toEqual(table);
    expect(trainer.read("guard")).toEqual(guard);
    trainer.inputs["i"]!.set([0, 4, 2, 1]);
    trainer.step(4);
    expect(trainer.scalars[trainer.index["loss"]!]).toBeGreaterThan(0);
  });

  test("of a pick, and of a table with a row for each of the batch", async () => {
    const text = `model m(x: [N, 4], i: i32[N]) { (pick(x, i), gather(x, i)) }\n`;
    const { create } = await loadUnit(compile(moduleOf(text), { target, batch: 8 }));
    const trainer = create();
    trainer.inputs["i"]!.set([3, 0, 0, 0]);
    expect(() => trainer.predict(3)).toThrow("the index 3 is none of 0 to 2");
    trainer.predict(4);
    trainer.inputs["i"]!.set([0, 4]);
    expect(() => trainer.predict(8)).toThrow("the index 4 is none of 0 to 3");
  });
});

const isChecked = (text: string): boolean => {
  const emitted = printPlain(emitModule(compile(moduleOf(text), { target: "ts" }), false), false);
  return emitted.includes("within(");
};

test.each([
  ["i", "i: class[N] < 5"],
  ["i - 1 + 1", "i: class[N] < 5"],
  ["i % 5"],
  ["argmax(x, axis=1)"],
  ["min(max(i, 0), 4)"],
  ["where(i > 2, i % 3, 4)"],
  ["i32(x[:, 0] > 0) * 4"],
  ["i32(tensor([0, 4, 2]))[1] + i % 1"],
  ["max(concat([iota(5), i32(tensor([0, 4]))])[4] - i % 2, 0)"],
])("%s is known to be in range", (index: string, columns?: string) => {
  expect(isChecked(model(index, columns))).toBe(false);
});

test.each([
  ["i"],
  ["i", "i: class[N] < 6"],
  ["i + 1", "i: class[N] < 5"],
  ["i % 6"],
  ["i % (i + 5)"],
  ["argmax(concat([x, x], axis=1), axis=1)"],
  ["max(i, 0)"],
  ["min(i, 4)"],
  ["i32(x[:, 0])"],
  ["i * i % 5 - 1"],
])("%s is checked", (index: string, columns?: string) => {
  expect(isChecked(model(index, columns))).toBe(true);
});

test("the interpreter refuses what the programs refuse", () => {
  const { predict } = moduleOf(model("i * 2"));
  const slots = new Map([
    ["table", new Float64Array(20)],
    ["guard", new Float64Array(20)],
  ]);
  const run = (i: number) =>
    interpret(predict, { rows: 1, slots, inputs: new Map<string, number[]>([["x", [1, 1, 1, 1]], ["i", [i]]]) }); // biome-ignore format: a table
  expect(run(2).outputs.get("out")!.data).toHaveLength(4);
  expect(() => run(3)).toThrow("the index 6 is none of 0 to 4");
});

test("the command line names the row of the data, and loses nothing", async () => {
  const folder = folderWith({
    "m.nn": model("i * 2").replace("batch = 4", 'batch = 4; data = csv("m.csv", x = 0:4, i = 4, y = 0:4)'),
  });
  writeFileSync(join(folder, "m.csv"), [0, 1, 2, 0, 1, 2, 3, 0].map((i) => `1,2,3,4,${i}\n`).join(""));
  for (const target of ["ts", "wasm"]) {
    const points = ["--checkpoint", join(folder, `points-${target}`), "--every", "1steps"];
    const { code, stderr } = await nnc(["train", join(folder, "m.nn"), ...points, "--target", target]);
    expect(stderr).toContain('error: the index 6 is none of 0 to 4, in row 6 of "m.csv", in step 2 [data/value]');
    expect(code).toBe(1);
  }
  const tensors = encodeSafetensors([
    { name: "x", dtype: "F32", shape: [1, 4], values: [1, 2, 3, 4] },
    { name: "y", dtype: "F32", shape: [1, 4], values: [1, 2, 3, 4] },
    { name: "i", dtype: "I32", shape: [1], values: [3] },
    ...["table", "guard"].map((name) => ({ name, dtype: "F32" as const, shape: [5, 4], values: new Float32Array(20) })),
  ]);
  writeFileSync(join(folder, "in.safetensors"), Buffer.concat(tensors));
  for (const target of ["ts", "wasm", "interpret"]) {
    const [inputs, out] = [join(folder, "in.safetensors"), join(folder, "out.safetensors")];
    const { code, stderr } = await nnc([
      "eval",
      join(folder, "m.nn"),
      "--inputs",
      inputs,
      "--out",
      out,
      "--target",
      target,
    ]);
    expect(stderr).toContain("the index 6 is none of 0 to 4");
    expect(code).toBe(1);
  }
});

test("a helper is carried by programs that call it, and not for a word in a comment or a name", () => {
  const text = `fn sigmoid(out) = mean(out)
model m(x: [N, 4]) { # erf(x), within(x)
  x * 2 # softplus(x)
}
loss(out, y: [N, 4]) = mse(out, y)
metric sigmoid(out)
train { batch = 4 }
`;
  const emitted = printPlain(emitModule(compile(moduleOf(text), { target: "ts" }), false), false);
  for (const name of ["sigmoid", "erf", "softplus", "within"])
    expect(emitted).not.toMatch(new RegExp(`(function|const) ${name}\\b`));
});
