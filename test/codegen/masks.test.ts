// What masks rule out is left out: the same bits as without, also over memory that held other numbers, for masks of any form.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bandText } from "../../src/codegen/bands.ts";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import type { Module } from "../../src/ir/module.ts";
import type { Trainer } from "../../src/runtime/library.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { loadUnit } from "./load.ts";

const batch = 4;

/** Losses and parameters after steps of full and of smaller batches. */
async function trained(module: Module, options: CompileOptions): Promise<number[]> {
  const trainer: Trainer = (await loadUnit(compile(module, options))).create({ seed: 3 });
  for (const column of Object.values(trainer.inputs))
    for (let i = 0; i < column.length; i++) column[i] = Math.sin(i * 12.9898) * Math.cos(i * 0.731);
  const losses = [batch, batch, 1, 3].map((rows) => {
    trainer.step(rows);
    return trainer.scalars[trainer.index["loss"]!]!;
  });
  return [...losses, ...module.slots.flatMap(({ name }) => [...trainer.read(name)])];
}

/** Stages of the training step that visit some of their points, as text. */
const visitsOf = (module: Module, options: CompileOptions = { target: "ts" }): string[] =>
  compile(module, options)
    .programs.find(({ name }) => name === "step")!
    .schedule.kernels.flatMap(({ stages }) => stages.map(bandText))
    .filter((text) => text !== undefined);

/** What the training step makes in part, or of parts. */
const partlyVisited = (module: Module): string[] => {
  const { kernels, values } = compile(module, { target: "ts" }).programs.find(({ name }) => name === "step")!.schedule;
  return kernels.flatMap(({ stages }) => stages.filter(({ band }) => band).map(({ out }) => values[out.value]!.name));
};

interface Form {
  /** Places that ask, and places that are asked. */
  readonly t: number;
  readonly s: number;
  readonly width: number;
  readonly mask: string;
  /** What is made of the masked scores. */
  readonly weights: string;
  /** Added to the result: what somebody else reads. */
  readonly beside: string;
}

const textOf = ({ t, s, width, mask, weights, beside }: Form): string => `
model net(x: [N, ${t}, ${width}], z: [N, ${s}, ${width}]) -> [N, ${t}, ${width}] {
  param query: [${width}, ${width}] = randn() / 2
  param key: [${width}, ${width}] = randn() / 2
  param value: [${width}, ${width}] = randn() / 2
  param gate: [${t}, ${s}] = randn()
  scores = (x @ query) @ (z @ key).T / 4
  i = reshape(iota(${t}), [${t}, 1])
  k = iota(${s})
  mask = ${mask}
  weights = ${weights}
  flat = reshape(weights, [N, ${t * s}])
  weights @ (z @ value) + ${beside}
}
loss(out, y: [N, ${t}, ${width}]) = mse(out, y)
train { batch = ${batch}; optimizer = sgd(lr = 0.1) }`;

const causal: Form = {
  t: 24,
  s: 24,
  width: 5,
  mask: "k <= i",
  weights: "softmax(where(mask, scores, -inf))",
  beside: "0",
};

const skipping = "skip-masked";

async function expectSame(module: Module): Promise<void> {
  for (const target of ["ts", "wasm"] as const) {
    const plain = await trained(module, { target, strictFloat: true, without: new Set([skipping]) });
    expect(plain.every(Number.isFinite)).toBe(true);
    for (const reuse of target === "ts" ? [true, false] : [true]) {
      const found = await trained(module, { target, strictFloat: true, reuse });
      expect(found.length).toBe(plain.length);
      if (target === "ts") expect(found).toEqual(plain);
      else for (const [i, x] of plain.entries()) expect(Math.abs(found[i]! - x)).toBeLessThan(2e-5 * (1 + Math.abs(x)));
    }
  }
}

const numbers = fc.integer({ min: 3, max: 34 });
const compared = (offsets: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom("<=", "<", ">=", ">"), offsets, fc.boolean())
    .map(([sign, offset, turned]) => (turned ? `i + ${offset} ${sign} k` : `k ${sign} i + ${offset}`));
const offsets = fc.integer({ min: 0, max: 20 });
const masks = fc.oneof(
  compared(offsets),
  fc.tuple(compared(offsets), compared(offsets)).map(([a, b]) => `${a} and ${b}`),
  fc.tuple(offsets, offsets).map(([a, b]) => `k <= i + ${a} and i <= k + ${b}`),
  compared(offsets).map((a) => `not (${a})`),
);
const sizes = {
  t: numbers,
  s: numbers,
  width: fc.integer({ min: 1, max: 9 }),
  beside: fc.constantFrom("0", "mean(scores * scores)", "mean(abs(flat))"),
};
const forms: fc.Arbitrary<Form> = fc.oneof(
  fc.record({
    ...sizes,
    mask: masks,
    weights: fc.constantFrom("tanh(where(mask, scores, 0))", "where(mask, scores, 0) * gate"),
  }),
  // Every row has something left: without it there is no softmax.
  fc.record({
    ...sizes,
    mask: offsets.map((offset) => `k <= i + ${offset}`),
    weights: fc.constantFrom("softmax(where(mask, scores, -inf))", "softmax(where(not mask, -inf, scores))"),
  }),
);

describe("masks", () => {
  it("leave out sums, maxima and results, forward and backward, of causal attention", async () => {
    const module = compileText(textOf(causal));
    const visits = visitsOf(module);
    expect(visits.filter((text) => text.endsWith("up to i in blocks of 8")).length).toBeGreaterThanOrEqual(5);
    // The gradients of keys and values sum over the places that see them.
    expect(visits.filter((text) => text.includes(" from "))).toHaveLength(2);
    expect(visitsOf(module, { target: "ts", without: new Set([skipping]) })).toEqual([]);
    await expectSame(module);
  });

  it.each([
    ["nearly all that is left", { ...causal, mask: "k <= i + 16" }],
    ["sizes below a block", { ...causal, t: 7, s: 7 }],
    [
      "conditions on data",
      { ...causal, mask: "reshape(z, [N, 24, 5])[:, :, 0:1].T <= 0", weights: "tanh(where(mask, scores, 0))" },
    ],
  ] as const)("leave out nothing of %s", async (_, form) => {
    const module = compileText(textOf(form));
    expect(visitsOf(module)).toEqual([]);
  });

  it("that are finite leave out gradients alone", () => {
    const module = compileText(textOf({ ...causal, weights: "softmax(where(mask, scores, -9))" }));
    // The gradient of the scores, and two sums over it.
    expect(partlyVisited(module)).toHaveLength(3);
  });

  it("leave a value whole that somebody else reads", async () => {
    const whole = compileText(textOf({ ...causal, beside: "mean(scores * scores)" }));
    expect(partlyVisited(compileText(textOf(causal)))).toContain("x_2");
    expect(partlyVisited(whole)).not.toContain("scores");
    await expectSame(whole);
  });

  it.each(["k <= i and i <= k + 9", "k <= i and k + 10 > i", "not (k > i) and k >= i - 9"])(
    "of a window (%s) leave out both sides",
    async (mask) => {
      const module = compileText(textOf({ ...causal, t: 40, s: 40, mask }));
      expect(visitsOf(module)).toContain("m from i - 16 up to i in blocks of 8");
      await expectSame(module);
    },
  );

  it("of any form change no bit", async () => {
    await fc.assert(
      fc.asyncProperty(forms, (form) => expectSame(compileText(textOf(form)))),
      { numRuns: 16 },
    );
  }, 300_000);
});
