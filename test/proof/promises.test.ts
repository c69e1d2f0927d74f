// Two promises about numbers and memory: naive formulas survive extreme values, and gradients of products never grow to m*n*k.
import { describe, expect, it } from "vitest";
import { compile as compileUnit } from "../../src/codegen/compile.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { countAt } from "../../src/ir/types.ts";
import type { Trainer } from "../../src/runtime/library.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile } from "../dsl/compile.ts";

const model = (logp: string): string => `
model m(x: [N, 4]) -> [N, 3] {
  param W: [4, 3] = normal()
  z = x @ W
  ${logp}
}
loss(logp, target: class[N] < 3) = -mean(pick(logp, target))
train { batch = 6; optimizer = sgd(lr = 1) }
`;

const spellings: Readonly<Record<string, string>> = {
  safe: "log_softmax(z)",
  naive: "z - log(sum(exp(z), axis=-1, keepdims=true))",
  "two steps": "e = exp(z)\n  log(e / sum(e, axis=-1, keepdims=true))",
  "log of softmax": "log(softmax(z))",
};

/** Logits of +-1e4: exp overflows in f32 and in f64. */
const start = [1e4, -1e4, 0, -1e4, 1e4, 5e3, 9e3, 0, -1e4, 1e4, 1e4, -1e4];

async function train(text: string): Promise<{ losses: number[]; W: number[]; logits: number }> {
  const trainer: Trainer = (await loadUnit(compileUnit(compile(text), { target: "ts" }))).create({ seed: 1 });
  trainer.write("W", start);
  const { x, target } = trainer.inputs;
  for (let i = 0; i < x!.length; i++) x![i] = i % 5 === 0 ? 1 : (i % 3) - 1;
  for (let n = 0; n < target!.length; n++) target![n] = n % 3;
  const losses: number[] = [];
  for (let step = 0; step < 20; step++) {
    trainer.step(6);
    losses.push(trainer.scalars[trainer.index["loss"]!]!);
  }
  return { losses, W: [...trainer.read("W")], logits: Math.max(...[...trainer.read("W")].map(Math.abs)) };
}

describe("log(sum(exp(z))) at logits of +-1e4", () => {
  it.each(Object.keys(spellings))("%s trains as the safe form does", async (spelling) => {
    const [safe, other] = await Promise.all([train(model(spellings["safe"]!)), train(model(spellings[spelling]!))]);
    expect(safe.logits).toBeGreaterThan(9000);
    expect(other.losses.every(Number.isFinite)).toBe(true);
    expect(other.losses[0]).toBeGreaterThan(1000);
    expect(safe.W).not.toEqual(start);
    expect(other).toEqual(safe);
  });

  it("inspect is told which rewrite did it, and without it the loss is not finite", async () => {
    const module = compile(model(spellings["naive"]!));
    const { applied } = optimise(module.step, opTable);
    expect(applied.map(({ name }) => name)).toContain("log of a sum of exponentials");
    expect(applied[0]!.origins.some(({ span }) => span !== undefined)).toBe(true);
    const unit = compileUnit(module, { target: "ts", without: new Set(["stabilise"]) });
    const trainer = (await loadUnit(unit)).create();
    trainer.write("W", new Float32Array(12).fill(1e4));
    trainer.inputs["x"]!.fill(1);
    trainer.step(6);
    expect(trainer.scalars[trainer.index["loss"]!]).not.toSatisfy(Number.isFinite);
  });
});

describe("gradients of products stay products", () => {
  const [m, k, n] = [96, 80, 112];
  it.each([
    ["x @ W", "x @ W"],
    ["a transpose", "(W.T @ x.T).T"],
    ["a chain", "tanh((x @ W + 1) * 2) @ U @ V.T"],
    ["a broadcast and a sum", `sum(reshape(x, [${m}, ${k}, 1]) * reshape(W, [1, ${k}, ${n}]), axis=1)`],
    ["einsum", 'einsum("mk,kn->mn", x * 2, W)'],
  ])("of %s", (_, expression) => {
    const text = `
model m(x: [${m}, ${k}]) -> [..] {
  param W: [${k}, ${n}] = normal()
  param U: [${n}, ${n}] = normal()
  param V: [${n}, ${n}] = normal()
  ${expression}
}
loss(out) = mean(out ** 2)
train { batch = 1; optimizer = sgd(lr = 0.1); freeze = ["U", "V"] }
`.replace(" -> [..]", "");
    const unit = compileUnit(compile(text), { target: "ts" });
    const step = unit.programs.find(({ name }) => name === "step")!;
    for (const { type } of step.graph.nodes) {
      // The one product that is written out in full is the model's own; its gradients are not.
      if (!expression.startsWith("sum(")) expect(countAt(type.shape, 1)).toBeLessThan((m * n * k) / 10);
    }
    // No buffer holds m * k * n numbers, whatever the graph says: what is multiplied is summed at once.
    expect(unit.plan.bytes).toBeLessThan((4 * m * n * k) / 10);
  });
});
