// The contract of docs/eval.md beside the numbers: names, N, types, what is missing, what is written.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TensorToWrite } from "../../src/runtime/safetensors.ts";
import { safetensors, tensorsOf } from "./fixtures.ts";
import { folderWith, nnc } from "./nnc.ts";

const f32 = (name: string, shape: readonly number[], ...values: number[]): TensorToWrite => ({
  name,
  dtype: "F32",
  shape,
  values,
});
const i32 = (name: string, shape: readonly number[], ...values: number[]): TensorToWrite => ({
  name,
  dtype: "I32",
  shape,
  values,
});

async function evaluate(model: string, tensors: readonly TensorToWrite[], ...words: string[]) {
  const folder = folderWith({ "m.nn": model, "in.safetensors": safetensors(tensors) });
  const out = join(folder, "out.safetensors");
  const ran = await nnc([
    "eval",
    join(folder, "m.nn"),
    "--inputs",
    join(folder, "in.safetensors"),
    "--out",
    out,
    ...words,
  ]);
  return { ...ran, out, tensors: existsSync(out) ? tensorsOf(out) : undefined };
}

const line = `model line(x: [N, 2]) {
  param w: [2] = 0
  sum(x * w, axis=-1)
}
loss(out, y: [N]) = sum((out - y) ** 2)
`;
const given = [f32("x", [3, 2], 1, 0, 0, 1, 1, 1), f32("w", [2], 2, 3), f32("y", [3], 1, 1, 1)];

describe.each(["interpret", "ts"])("--target %s", (target) => {
  test("results, loss and gradients of every parameter and input; N comes from the tensors", async () => {
    const { code, stderr, tensors } = await evaluate(line, given, "--grads", "--target", target);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // out = 2, 3, 5; out - y = 1, 2, 4.
    expect([...tensors!.keys()].sort()).toEqual(["grad.w", "grad.x", "loss", "out"]);
    expect([...Array.from(tensors!.get("out")!.values)]).toEqual([2, 3, 5]);
    expect(tensors!.get("loss")).toMatchObject({ dtype: "F32", shape: [] });
    expect(tensors!.get("loss")!.values[0]).toBe(21);
    expect(Array.from(tensors!.get("grad.w")!.values)).toEqual([2 * (1 + 4), 2 * (2 + 4)]);
    expect(Array.from(tensors!.get("grad.x")!.values)).toEqual([4, 6, 8, 12, 16, 24]);
    expect(tensors!.get("grad.x")!.shape).toEqual([3, 2]);
  });

  test("named results, whole numbers and bools keep name and type", async () => {
    const model = "model m(x: [N, 3]) -> (best: i32[N], big: bool[N, 3]) { (argmax(x, axis=-1), x > 1) }";
    const { tensors } = await evaluate(model, [f32("x", [1, 3], 0, 5, 1)], "--target", target);
    expect(tensors!.get("best")).toMatchObject({ dtype: "I32", shape: [1] });
    expect(Array.from(tensors!.get("best")!.values)).toEqual([1]);
    expect(tensors!.get("big")).toMatchObject({ dtype: "BOOL", shape: [1, 3] });
    expect(Array.from(tensors!.get("big")!.values)).toEqual([0, 1, 0]);
  });

  test("an input that the loss does not reach has a gradient of zeros", async () => {
    const model = "model m(a: [2], b: [3]) { param p: [] = 1\n a * 2 }\nloss(out, cot: [2]) = sum(out * cot)\n";
    const tensors = [f32("a", [2], 1, 2), f32("b", [3], 1, 2, 3), f32("cot", [2], 1, 10), f32("p", [], 4)];
    const { code, tensors: out } = await evaluate(model, tensors, "--grads", "--target", target);
    expect(code).toBe(0);
    expect(Array.from(out!.get("grad.a")!.values)).toEqual([2, 20]);
    expect(Array.from(out!.get("grad.b")!.values)).toEqual([0, 0, 0]);
    expect(out!.get("grad.p")).toMatchObject({ shape: [], dtype: "F32" });
  });

  test("training is false unless said", async () => {
    const model = "model m(x: [N, 8]) { dropout(x, rate=0.5) }";
    const x = f32("x", [2, 8], ...Array.from({ length: 16 }, () => 1));
    const still = await evaluate(model, [x], "--target", target);
    expect(new Set(Array.from(still.tensors!.get("out")!.values))).toEqual(new Set([1]));
    const loss = "loss(out, y: [N, 8]) = mse(out, y)\n";
    const dropped = await evaluate(`${model}\n${loss}`, [x, { ...x, name: "y" }], "--training", "--target", target);
    expect(new Set(Array.from(dropped.tensors!.get("out")!.values))).toEqual(new Set([0, 2]));
  });

  test("hypers are settable, states are given, optimizer states may be there", async () => {
    const model = `hyper beta = 1
model m(x: [N]) { param w: [] = 1
  state s: [] = 0
  s <- s + 1
  x * w * beta + s }
loss(out) = sum(out)
train { optimizer = sgd(lr = 0.1, momentum = 0.9) }
`;
    const tensors = [f32("x", [1], 3), f32("w", [], 2), f32("s", [], 100), f32("optimizer.v.w", [], 9)];
    const { code, stderr, tensors: out } = await evaluate(model, tensors, "--set", "beta=4", "--target", target);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(Array.from(out!.get("out")!.values)).toEqual([124]);
    // The same file, where the model is used alone.
    const alone = await evaluate(model.replace(/^train.*\n/m, ""), tensors, "--set", "beta=4", "--target", target);
    expect({ code: alone.code, stderr: alone.stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("tensors called like properties of objects are tensors", async () => {
    const model = "model m(__proto__: [2], constructor: [2]) { __proto__ + constructor }";
    const { tensors } = await evaluate(
      model,
      [f32("__proto__", [2], 1, 2), f32("constructor", [2], 10, 20)],
      "--target",
      target,
    );
    expect(Array.from(tensors!.get("out")!.values)).toEqual([11, 22]);
  });
});

describe("what does not fit", () => {
  test.each([
    ["eval/missing", given.slice(0, 2)],
    ["eval/extra", [...given, f32("weight", [2], 1, 1)]],
    ["eval/shape", [f32("x", [3], 1, 0, 0), ...given.slice(1)]],
    ["eval/shape", [f32("x", [0, 2]), ...given.slice(1)]],
    ["eval/rows", [f32("x", [1, 2], 1, 0), ...given.slice(1)]],
    ["eval/type", [i32("x", [3, 2], 1, 0, 0, 1, 1, 1), ...given.slice(1)]],
  ])("%s", async (code, tensors) => {
    const ran = await evaluate(line, tensors, "--format", "json");
    expect(ran.code).toBe(1);
    expect((JSON.parse(ran.stdout) as { code: string }[]).map((told) => told.code)).toEqual([code]);
    expect(ran.tensors).toBeUndefined();
  });

  test("a class out of range", async () => {
    const model = "model m(x: [N, 2]) { x }\nloss(out, t: class[N] < 2) = cross_entropy(out, t)\n";
    const ran = await evaluate(model, [f32("x", [1, 2], 0, 1), i32("t", [1], 2)]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("element 0 of the target `t` is 2, not a class from 0 to 1");
  });

  test("gradients of nothing", async () => {
    const ran = await evaluate("model m(x: [2]) { x }", [f32("x", [2], 1, 2)], "--grads");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("[eval/no-loss]");
  });

  test("the first five of many, and how many more", async () => {
    const names = ["q", "r", "s", "t", "u", "v", "z"];
    const ran = await evaluate(line, [...given, ...names.map((name) => f32(name, [1], 0))]);
    expect(ran.stderr.match(/\[eval\/extra\]/g)?.length).toBe(5);
    expect(ran.stderr).toContain("and 2 more");
  });
});
