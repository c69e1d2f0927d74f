// `nnc check --grad`: right derivatives pass on every kind of model; each wrong one that is planted is found.
import { describe, expect, it } from "vitest";
import { checkGradients, differenceLimit } from "../../src/cli/finite-differences.ts";
import { gradientTargets } from "../../src/cli/gradient-texts.ts";
import type { OpTable } from "../../src/ir/graph.ts";
import type { Vjp } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { compile } from "../dsl/compile.ts";
import { models } from "./models.ts";

function worstOf(text: string, ops: OpTable = opTable): number {
  const module = compile(text, { grads: true });
  const { names } = gradientTargets(module, undefined);
  const { parameters } = checkGradients(module, names, { loads: new Map(), ops, seconds: 2 });
  expect(parameters.length).toBe(names.length);
  return Math.max(...parameters.map(({ worst }) => worst.error));
}

const withParameters = [...models].filter(
  ([, text]) => text.includes("param ") || /linear|conv|embedding|lstm/.test(text),
);

describe("derived gradients agree with differences", () => {
  it.each(withParameters)("%s", (_, text) => {
    expect(worstOf(text)).toBeLessThan(differenceLimit);
  });

  it("where stop_gradient cuts, differences hold the cut value still", () => {
    expect(
      worstOf(`
model cut(x: [N, 2]) -> [N, 2] {
  param W: [2, 2] = randn()
  h = x @ W
  h * stop_gradient(tanh(h)) + stop_gradient(h) ** 2
}
loss(out, y: [N, 2]) = mse(out, y)
`),
    ).toBeLessThan(differenceLimit);
  });
});

/** The table with another derivative rule for one op. */
function planted(op: string, change: (rule: Vjp) => Vjp): OpTable {
  const def = opTable.get(op)!;
  if (typeof def.vjp !== "function") throw new Error(`${op} has no rule to break`);
  return new Map(opTable).set(op, { ...def, vjp: change(def.vjp) });
}

const doubled: (rule: Vjp) => Vjp = (rule) => (b, ct, site) =>
  rule(b, ct, site).map((part) => (part === null ? null : b.node("add", [part, part])));
const lost: (rule: Vjp) => Vjp = (rule) => (b, ct, site) => rule(b, ct, site).map((part, i) => (i === 0 ? part : null));

describe("a wrong derivative is found", () => {
  it.each([
    ["add", "perceptron", lost],
    ["tanh", "tied", doubled],
    ["einsum", "mse", doubled],
    ["conv2d", "images", doubled],
    ["max_pool", "images", doubled],
    ["gather", "words", doubled],
    ["erf", "perceptron", doubled],
  ] as const)("%s in %s", (op, model, change) => {
    expect(worstOf(models.get(model)!, planted(op, change))).toBeGreaterThan(differenceLimit);
  });
});

describe("the command", () => {
  const folder = folderWith({
    "m.nn": models.get("logistic")!,
    "inf.nn": "model m(x: [N]) -> [N] {\n  param w: [] = 1\n  log(w * x - 10)\n}\nloss(out, y: [N]) = mse(out, y)\n",
  });
  it("prints the worst error of each parameter", async () => {
    const { code, stdout } = await nnc(["check", "--grad", `${folder}/m.nn`]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^W +\[5, 3\] +\d+ of 15 +\d\.\de-\d+$/m);
    expect(stdout).toContain("agrees with central differences");
  });
  it("says that a loss that is not finite has no slope", async () => {
    const { code, stderr } = await nnc(["check", "--grad", `${folder}/inf.nn`]);
    expect(code).toBe(1);
    expect(stderr).toContain("grad/not-finite");
  });
});
