// Which losses K processes can compute together: means and sums over rows, but not where rows meet.
import { join } from "node:path";
import { expect, it } from "vitest";
import { dependenceOf } from "../../src/export/rows.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { moduleOf } from "../models/load.ts";

const file = (body: string, loss: string, more = ""): string => `
model m(x: [N, 4]) -> [N, 3] {
  param w: [4, 3] = normal()
  ${body}
}
loss(out, ${more}target: class[N] < 3) = ${loss}
train { batch = 4; optimizer = sgd(lr = 0.1) }`;

it.each([
  ["mean", "x @ w", "cross_entropy(out, target)"],
  ["mean", "layer_norm(x) @ w", "nll(log_softmax(out), target)"],
  ["mean", "linear(reshape(x, [N, 2, 2]), 3) |> sum(axis = 1)", "mean(out ** 2) - 2 * mean(abs(out)) + 0.5"],
  ["mean", "x @ w", "cross_entropy(out, target) / 3 + 0 * mean(out)"],
  ["sum", "x @ w", "-sum(pick(log_softmax(out), target))"],
  ["mean", "x @ w", "cross_entropy(out, target) + mean(grad(sum(out ** 2), x) ** 2)", "x, "],
  ["mixed", "x @ w", "cross_entropy(out, target) + mean(grad(mean(out ** 2), x) ** 2)", "x, "],
  ["mixed", "batch_norm(x) @ w", "cross_entropy(out, target)"],
  ["mixed", "x @ w - mean(x @ w, axis = 0)", "cross_entropy(out, target)"],
  ["mixed", "x @ w", "sqrt(mean(out ** 2))"],
  ["mixed", "x @ w", "mean(softmax(out @ out.T))"],
  ["mixed", "x @ w", "sum(out) + mean(out)"],
  ["mixed", "softmax(x @ w, axis = 0)", "cross_entropy(out, target)"],
  ["mixed", "cumsum(x @ w, axis = 0)", "cross_entropy(out, target)"],
])("%s: %s, %s", async (expected, body, loss, more = "") => {
  const folder = folderWith({ "m.nn": file(body, loss, more) });
  const { step } = moduleOf(join(folder, "m.nn"));
  expect(dependenceOf(step, step.outputs.get("loss")!)).toBe(expected);
  const ran = await nnc(["export", join(folder, "m.nn"), "--to", "pytorch", "-o", folder]);
  expect(ran.code).toBe(0);
  expect(ran.stderr.includes("export/rows-meet")).toBe(expected === "mixed");
});

it.each([
  [["--to", "torch"], "pytorch, onnx"],
  [["--to", "pytorch", "--graph", "step"], "--graph is for --to onnx"],
  [["--to", "onnx", "--data", "digits"], "--data is for --to pytorch"],
  [["--to", "pytorch", "--data", "nope"], "--data takes mnist, fashion_mnist, digits, and not"],
  [["--to", "onnx", "--graph", "step", "--init", "w.safetensors"], "--init is for"],
  [[], "--to"],
])("the command line %j is told what is wrong", async (argv, text) => {
  const folder = folderWith({ "m.nn": file("x @ w", "cross_entropy(out, target)") });
  const ran = await nnc(["export", join(folder, "m.nn"), "-o", folder, ...argv]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain(text);
});
