// `nnc grad`: textbook equations as goldens; the file it writes computes the same loss and the same gradients.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradientTargets, gradientText } from "../../src/cli/gradient-texts.ts";
import { differentiate } from "../../src/ir/differentiate.ts";
import { lossGraph } from "../../src/ir/gradient-graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { countAt } from "../../src/ir/types.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { compile } from "../dsl/compile.ts";
import { expectClose } from "../ir/differentiate-helpers.ts";
import { batchRows, graphNumbers, randomGraph } from "../ir/random-graphs.ts";
import { gradientModule, withoutDraws } from "../random/modules.ts";
import { models } from "./models.ts";

const read = (text: string): Module => compile(text, { grads: true });

/** The lines below the declarations. */
const equations = (text: string, ...wrt: readonly string[]): string => {
  const module = read(text);
  const { names } = gradientTargets(module, wrt.length > 0 ? wrt : undefined);
  return `\n${gradientText(module, names, "text").split("\n\n")[1]}`;
};

describe("equations read as a textbook has them", () => {
  it("softmax regression", () => {
    expect(equations(models.get("logistic")!)).toMatchInlineSnapshot(`
      "
      logits  = x @ W + b                                   # [N, 3]
      logp    = log_softmax(logits)                         # [N, 3]
      loss    = -mean(pick(logp, target))                   # []
      dlogits = (softmax(logits) - one_hot(target, 3)) / N  # [N, 3]
      db      = sum(dlogits, axis=0)                        # [3]
      dW      = x.T @ dlogits                               # [5, 3]
      "
    `);
  });
  it("mean squared error", () => {
    expect(equations(models.get("mse")!)).toMatchInlineSnapshot(`
      "
      t1   = x @ W - y       # [N, 2]
      loss = mean(t1 ** 2)   # []
      dW   = x.T @ (t1 / N)  # [3, 2]
      "
    `);
  });
  it("layers in a loop: each gradient is called by the value it belongs to", () => {
    const text = `model m(x: [N, 4]) -> [N] {
  h = x
  for i in 0:2 { h = tanh(linear(h, 4, use_bias=false)) }
  h[:, 3]
}
loss(out, y: [N]) = mse(out, y)
`;
    expect(equations(text)).toMatchInlineSnapshot(`
      "
      h                  = tanh(x @ linear_0_0_weight.T)  # [N, 4]
      h_1                = tanh(h @ linear_0_1_weight.T)  # [N, 4]
      out                = h_1[:, 3]                      # [N]
      t1                 = out - y                        # [N]
      loss               = mean(t1 ** 2)                  # []
      dh_1               = pad(reshape(t1, [N, 1]) * (2 / N), [[0, 0], [3, 0]])  # [N, 4]
      t2                 = dh_1 * (1 - h_1 ** 2)          # [N, 4]
      dh                 = t2 @ linear_0_1_weight         # [N, 4]
      dlinear_0_1_weight = t2.T @ h                       # [4, 4]
      dlinear_0_0_weight = (dh * (1 - h ** 2)).T @ x      # [4, 4]
      "
    `);
  });
  it("numbers and sizes in lowest terms, and no sum with a negative term", () => {
    const text = `model m(x: [N, 6]) -> [N, 6] { param w: [6] = ones(); x * w }
loss(out) = 6 * mean(max(out, 1)) - mean(4 * out ** 2)
`;
    expect(equations(text)).toMatchInlineSnapshot(`
      "
      t1   = x * w                                                              # [N, 6]
      loss = sum(max(t1, 1)) / N - 2 * sum(t1 * x * w) / (3 * N)                # []
      dw   = sum((t1 * (-4 / (3 * N)) + where(t1 >= 1, 1 / N, 0)) * x, axis=0)  # [6]
      "
    `);
  });
  it("sigmoid cross-entropy", () => {
    expect(equations(models.get("bce")!)).toMatchInlineSnapshot(`
      "
      z    = x @ w                       # [N]
      loss = -mean(z * y - softplus(z))  # []
      dz   = (sigmoid(z) - y) / N        # [N]
      dw   = x.T @ dz                    # [3]
      "
    `);
  });
  it("layer norm, by two reductions", () => {
    expect(equations(models.get("norm")!, "x")).toMatchInlineSnapshot(`
      "
      centred   = x - mean(x, axis=1, keepdims=true)                         # [N, 6]
      deviation = sqrt(mean(centred ** 2, axis=1, keepdims=true) + 0.00001)  # [N, 1]
      loss      = sum(centred / deviation * gain * target)                   # []
      t1        = target * gain                                              # [N, 6]
      t2        = t1 / deviation                                             # [N, 6]
      t3        = sum(t1 * centred, axis=1, keepdims=true) / deviation / deviation  # [N, 1]
      dcentred  = t2 - t3 / deviation / 6 * centred                          # [N, 6]
      dx        = dcentred - mean(t2, axis=1, keepdims=true)                 # [N, 6]
      "
    `);
  });
  it("attention", () => {
    expect(equations(models.get("attention")!, "q", "k", "v")).toMatchInlineSnapshot(`
      "
      scores  = q @ k.T / 2.8284271247461903                   # [N, 4, 4]
      p       = softmax(scores)                                # [N, 4, 4]
      loss    = sum(p @ v * ct)                                # []
      dp      = ct @ v.T                                       # [N, 4, 4]
      dv      = p.T @ ct                                       # [N, 4, 8]
      dscores = p * (dp - sum(dp * p, axis=2, keepdims=true))  # [N, 4, 4]
      t1      = dscores / 2.8284271247461903                   # [N, 4, 4]
      dq      = t1 @ k                                         # [N, 4, 8]
      dk      = t1.T @ q                                       # [N, 4, 8]
      "
    `);
  });
  it("softmax regression in LaTeX", () => {
    const module = read(models.get("logistic")!);
    expect(`\n${gradientText(module, ["W", "b"], "latex")}`).toMatchInlineSnapshot(`
      "
      \\begin{aligned}
        \\mathrm{logits} &= x \\, W + b && \\scriptstyle [N, 3] \\\\
        \\mathrm{logp} &= \\operatorname{log\\_softmax}\\left(\\mathrm{logits}\\right) && \\scriptstyle [N, 3] \\\\
        L &= -\\operatorname{mean}\\left(\\operatorname{pick}(\\mathrm{logp}, \\mathrm{target})\\right) \\\\
        \\nabla_{\\!\\mathrm{logits}} L &= \\frac{\\operatorname{softmax}\\left(\\mathrm{logits}\\right) - \\mathbf{1}_{\\mathrm{target}}}{N} && \\scriptstyle [N, 3] \\\\
        \\nabla_{\\!b} L &= \\operatorname{sum}_{0}\\left(\\nabla_{\\!\\mathrm{logits}} L\\right) && \\scriptstyle [3] \\\\
        \\nabla_{\\!W} L &= x^{\\top} \\, \\nabla_{\\!\\mathrm{logits}} L && \\scriptstyle [5, 3]
      \\end{aligned}
      "
    `);
  });
});

/** Values in no pattern, f32 in -1.3..1.3; whole numbers below their classes. */
function valuesOf(module: Module): Map<string, number[]> {
  let k = 0;
  const noise = (): number => 1.3 * Math.sin(12.9898 * ++k);
  const values = new Map<string, number[]>();
  for (const { name, type, classes } of module.columns) {
    const one = type.dtype === "f32" ? noise : () => Math.floor(Math.abs(noise()) * 100) % (classes ?? 2);
    values.set(name, Array.from({ length: countAt(type.shape, batchRows) }, one));
  }
  for (const { name, type } of module.slots) values.set(name, Array.from({ length: countAt(type.shape, 1) }, noise));
  return values;
}

const scalars = (module: Module): Map<string, number> =>
  new Map(module.scalars.map(({ name, value }) => [name, value]));

/** Holds the written file to the numbers of the model it was made of. */
function expectSame(module: Module, values: ReadonlyMap<string, number[]>): void {
  const { names } = gradientTargets(
    module,
    [...module.step.outputs.keys()].flatMap((o) => (o.startsWith("grad.") ? [o.slice(5)] : [])),
  );
  const text = gradientText(module, names, "nn");
  const again = compile(text);
  const run = { rows: batchRows, inputs: values, slots: values };
  const wanted = interpret(differentiate(lossGraph(module, names), opTable), {
    ...run,
    scalars: scalars(module),
  }).outputs;
  const json = JSON.parse(gradientText(module, names, "json")) as {
    given: { name: string; slot: string }[];
    equations: { name: string; role: string; of?: string }[];
  };
  const renamed = new Map(json.given.map(({ name, slot }) => [name, values.get(slot)!]));
  const found = interpret(differentiate(again.predict, opTable), {
    rows: batchRows,
    inputs: renamed,
    slots: renamed,
    scalars: scalars(again),
  }).outputs;
  for (const [name, value] of wanted) {
    const line = json.equations.find(({ role, of }) => (name === "loss" ? role === "loss" : of === name.slice(5)))!;
    const result = found.get(line.role === "loss" ? "value" : line.name)!.data;
    // Where the model itself overflows, the safe forms of the equations need not.
    if (value.data.every(Number.isFinite)) expectClose(result, value.data, 1e-7, `${name}\n${text}`);
  }
}

describe("the file that --format nn writes", () => {
  it.each([...models])("computes the loss and gradients of %s", (_, text) => {
    const module = read(text);
    expectSame(module, valuesOf(module));
  });

  it("computes those of random graphs", () => {
    fc.assert(
      fc.property(graphNumbers, (numbers) => {
        // Random numbers are keyed by their place: in another file they are others.
        const random = withoutDraws(randomGraph(numbers));
        expectSame(gradientModule(random), random.columns);
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

describe("the command", () => {
  const folder = folderWith({ "m.nn": models.get("logistic")!, "p.nn": "model p(x: [N, 2]) { x }\n" });
  it("prints the gradients asked for", async () => {
    const { code, stdout } = await nnc(["grad", `${folder}/m.nn`, "--wrt", "b"]);
    expect(code).toBe(0);
    expect(stdout).toContain("db     = mean(softmax(logits) - one_hot(target, 3), axis=0)");
    expect(stdout).not.toContain("dW");
  });
  it("gives a machine one JSON value, the equations or what is wrong", async () => {
    const { stdout } = await nnc(["grad", `${folder}/m.nn`, "--format", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ model: "logistic", equations: expect.any(Array) });
    const wrong = await nnc(["grad", `${folder}/m.nn`, "--format", "json", "--wrt", "w"]);
    expect(JSON.parse(wrong.stdout)).toMatchObject([{ code: "grad/unknown-name" }]);
  });
  it("tells a name that is none, and a file without a loss", async () => {
    expect(await nnc(["grad", `${folder}/m.nn`, "--wrt", "w"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Did you mean `W`?"),
    });
    expect(await nnc(["grad", `${folder}/p.nn`])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("grad/no-loss"),
    });
  });
});
