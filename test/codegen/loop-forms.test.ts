// Forms of loops that only some shapes and data reach, against the plain TypeScript of the same model.
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import type { Loop } from "../../src/codegen/loops.ts";
import type { Module } from "../../src/ir/module.ts";
import type { Trainer, TypedArray } from "../../src/runtime/library.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { perceptron } from "./hand-module.ts";
import { loadUnit } from "./load.ts";

const sgd = "train { batch = 16; optimizer = sgd(lr = 0.1) }";

/** Numbers without a pattern, from -1 to 1. */
function fill(column: TypedArray, seed: number): void {
  for (let i = 0; i < column.length; i++) column[i] = Math.sin((i + seed) * 12.9898) * Math.cos(i * 0.731 + seed);
}

async function trained(module: Module, options: CompileOptions, feed: (trainer: Trainer) => void): Promise<number[]> {
  const trainer = (await loadUnit(compile(module, options))).create({ seed: 4 });
  feed(trainer);
  const losses: number[] = [];
  for (const rows of [16, 16, 5, 13]) {
    trainer.step(rows);
    losses.push(trainer.scalars[trainer.index["loss"]!]!);
  }
  return [...losses, ...module.slots.flatMap(({ name }) => [...trainer.read(name)])];
}

const feedFloats = ({ inputs }: Trainer): void => {
  Object.values(inputs).forEach(fill);
};

function expectClose(found: readonly number[], wanted: readonly number[], most: number): void {
  expect(found.length).toBe(wanted.length);
  const worst = wanted.reduce((max, w, i) => Math.max(max, Math.abs(found[i]! - w) / Math.max(1, Math.abs(w))), 0);
  expect(worst).toBeLessThan(most);
}

/** As WebAssembly with vectors, as WebAssembly without recipes, as TypeScript. */
async function expectSameOnTargets(module: Module, feed = feedFloats, most = 1e-5): Promise<void> {
  const ts = await trained(module, { target: "ts" }, feed);
  expect(ts.every(Number.isFinite)).toBe(true);
  expectClose(await trained(module, { target: "wasm" }, feed), ts, most);
  expectClose(await trained(module, { target: "wasm", recipes: "naive" }, feed), ts, most);
}

const kernelsOf = (module: Module, options: CompileOptions): string[] =>
  compile(module, options)
    .programs.find((p) => p.name === "step")!
    .schedule.kernels.flatMap((k) => k.stages.map((s) => s.name));

describe("sums of more than the caches hold", () => {
  const convolutions = compileText(`
model net(x: [N, 12, 26, 26]) -> [N, 12] {
  param a: [20, 12, 3, 3] = randn() / 10
  param b: [12, 20, 3, 3] = randn() / 10
  param c: [12] = zeros()
  sum(conv2d(relu(conv2d(x, a, padding = 1)), b) + reshape(c, [12, 1, 1]), axis = [2, 3]) / 100
}
loss(out, y: [N, 12]) = mse(out, y)
${sgd}`);

  it("are added up block by block on WebAssembly, in TypeScript at once, to the same weights", async () => {
    const blocks = (target: "ts" | "wasm") =>
      kernelsOf(convolutions, { target }).filter((name) => name.startsWith("sums_of_")).length;
    expect(blocks("wasm")).toBeGreaterThan(0);
    expect(blocks("ts")).toBe(0);
    await expectSameOnTargets(convolutions, feedFloats, 3e-5);
  });
});

describe("vectors that hang over the end of a row", () => {
  it.each([5, 6, 7, 9, 10, 11, 13])("a layer of %d, its softmax and its gradients", async (width) => {
    const module = compileText(`
model net(x: [N, 9]) -> [N, ${width}] {
  param w: [9, 7] = randn()
  param v: [7, ${width}] = randn()
  param b: [${width}] = zeros()
  log_softmax(tanh(x @ w) @ v + b)
}
loss(out, y: i32[N]) = nll(out, y)
${sgd}`);
    await expectSameOnTargets(module, ({ inputs }) => {
      fill(inputs["x"]!, 1);
      for (let i = 0; i < 16; i++) inputs["y"]![i] = (i * 3) % width;
    });
  });
});

describe("axes of any size", () => {
  // Tiles are chosen by what fits: each size has its own whole tiles and rests, and a batch of one row has no rest at all.
  it.each([1, 3])("from 1 to 20 in products, batches of %d", async (batch) => {
    for (let size = 1; size <= 20; size++) {
      const module = compileText(`
model net(x: [N, ${size}]) -> [N, ${size}] {
  param w: [${size}, ${size}] = randn() / sqrt(${size})
  param v: [${size}] = ones()
  tanh(x @ w) * sum(w * v, axis = 1)
}
loss(out, y: [N, ${size}]) = mse(out, y)
train { batch = ${batch}; optimizer = sgd(lr = 0.1) }`);
      const results = async (options: CompileOptions): Promise<number[]> => {
        const trainer = (await loadUnit(compile(module, options))).create({ seed: 4 });
        feedFloats(trainer);
        for (let step = 0; step < 3; step++) trainer.step(batch);
        return [trainer.scalars[trainer.index["loss"]!]!, ...trainer.read("w"), ...trainer.read("v")];
      };
      const naive = await results({ target: "ts", recipes: "naive" });
      expect(await results({ target: "ts" })).toEqual(naive);
      expectClose(await results({ target: "wasm" }), naive, 1e-5);
    }
  });
});

describe("integers within an expression", () => {
  it("wrap, and have no -0, as those that are stored", async () => {
    const module = compileText(`
model net(k: i32[N], j: i32[N]) -> ([N], [N], [N]) {
  (1 / f32((k - 3) % 3), f32(abs(k - 2147483647 - 1)) / 1e9, 5 + f32(k % j))
}`);
    for (const target of ["ts", "wasm"] as const) {
      const trainer = (await loadUnit(compile(module, { target, batch: 4 }))).create();
      trainer.inputs["k"]!.set([0, 3, 1, 6]);
      trainer.inputs["j"]!.set([0, 2, 0, 4]);
      trainer.predict(4);
      const [a, b, c] = module.outputs.map((name) => [...trainer.read(name)]);
      expect(a).toEqual([Infinity, Infinity, 1, Infinity]);
      expect(b!.map(Math.fround)).toEqual(
        [-2147483648, 2147483645, 2147483647, 2147483642].map((n) => Math.fround(n / 1e9)),
      );
      expect(c).toEqual([5, 6, 5, 7]);
    }
  });
});

describe("lists of non-zeros", () => {
  // The last has more places than two bytes can tell apart.
  it.each([
    [2, 4],
    [7, 4],
    [63, 10],
    [65, 24],
    [784, 10],
    [70_000, 4],
  ])("of %d bytes a row for %d results lead where dense loops lead", async (inputs, results) => {
    const module = perceptron([results], 16, inputs, 0.8);
    const feed = ({ inputs: { x, target } }: Trainer): void => {
      // Runs of zeros, a full row, an empty row, and whatever stands at the ends.
      for (let n = 0; n < 16; n++) {
        for (let i = 0; i < inputs; i++) {
          const isSet = n === 3 || (n !== 4 && (i * 7 + n * 13 + (i >> 4)) % 11 < n % 5);
          x![n * inputs + i] = isSet || i === inputs - 1 ? 1 + ((i * 31 + n) % 255) : 0;
        }
        target![n] = n % results;
      }
    };
    for (const target of ["ts", "wasm"] as const) {
      expect(kernelsOf(module, { target }).some((name) => name.includes("nonzeros"))).toBe(true);
      const dense = await trained(module, { target, without: new Set(["sparsify"]) }, feed);
      expectClose(await trained(module, { target }, feed), dense, 2e-5);
    }
  });
});

describe("long functions of a tile's sums", () => {
  /** Rounds over the rows of a tile, in all programs. */
  const roundsIn = (module: Module): number => {
    const steps: number[] = [];
    const visit = (loops: readonly Loop[]): void => {
      for (const loop of loops) {
        if (loop.kind === "for" && loop.variable.startsWith("row")) steps.push(loop.step);
        if (loop.kind === "for" || loop.kind === "if") visit(loop.body);
      }
    };
    for (const { procedures } of compile(module, { target: "wasm" }).programs)
      for (const p of procedures) visit(p.body);
    return steps.length;
  };
  const net = (activation: string, inputs: number, width: number, update = "p - 0.1 * g"): Module =>
    compileText(`
optimizer own(p, g) {
  p <- ${update}
}
model net(x: [N, ${inputs}]) -> [N, 5] {
  param w: [${inputs}, ${width}] = randn() / 3
  param b: [${width}] = randn()
  param v: [${width}, 5] = randn() / 3
  h = x @ w + b
  ${activation} @ v
}
loss(out, y: [N, 5]) = mse(out, y)
train { batch = 16; optimizer = own() }`);

  it.each([
    ["the sum itself", "tanh(h)"],
    ["a value that is kept", "gelu_tanh(h)"],
    ["two values that are kept", "(sigmoid(h) * tanh(h) + erf(h))"],
    ["one that is made of others", "softplus(h)"],
  ])("of %s are computed row by row, whatever the sizes", async (_, activation) => {
    for (const [inputs, width] of [
      [9, 16],
      [12, 24],
      [33, 13],
      [8, 7],
      [5, 40],
    ] as const)
      await expectSameOnTargets(net(activation, inputs, width));
    expect(roundsIn(net(activation, 9, 16))).toBeGreaterThan(0);
  });

  it.each([
    ["a flag", "tanh(x @ a) > 0.1", "where(h, x, 0.5)", "where(h, 1, 0)"],
    [
      "a whole number",
      "where(tanh(sum(reshape(x, [N, 16, 1]) * a, axis = 1)) > 0.1, iota(16), 2 * iota(16))",
      "x",
      "h",
    ],
  ])("are computed at once where the result is %s, which holds no sum", async (_, long, factor, number) => {
    const module = compileText(`
model net(x: [N, 16]) -> [N, 16] {
  param a: [16, 16] = randn() / 3
  h = ${long}
  ${factor} * sum(${number}, axis = -1, keepdims = true) + cumsum(${number}, axis = 0)
}
loss(out, y: [N, 16]) = mse(out, y)
train { batch = 16; optimizer = sgd(lr = 0.001) }`);
    await expectSameOnTargets(module);
  });

  it("are computed at once where the sum would overwrite what they read", async () => {
    const module = net("h", 16, 32, "p - tanh(p) * tanh(g)");
    expect(kernelsOf(module, { target: "wasm" }).some((name) => /^matmul_.*(tanh|sub)/.test(name))).toBe(true);
    expect(roundsIn(module)).toBe(0);
    await expectSameOnTargets(module);
  });
});

describe("a softmax of which parts are masked", () => {
  const module = compileText(`
model net(x: [N, 6]) -> [N, 6] {
  param w: [6, 6] = randn()
  softmax(where(x > 0.2, -inf, x @ w))
}
loss(out, y: [N, 6]) = mse(out, y)
${sgd}`);

  it("gives exactly 0 there, and finite gradients", async () => {
    const feed = ({ inputs: { x, y } }: Trainer): void => {
      fill(x!, 1);
      for (let n = 0; n < 16; n++) x![n * 6] = -0.5;
      fill(y!, 2);
    };
    await expectSameOnTargets(module, feed);
    const trainer = (await loadUnit(compile(module, { target: "wasm" }))).create({ seed: 4 });
    feed(trainer);
    trainer.predict(16);
    const out = trainer.read("out");
    const { x } = trainer.inputs;
    const masked = [...out.keys()].filter((i) => x![i]! > 0.2);
    expect(masked.length).toBeGreaterThan(10);
    expect(masked.every((i) => out[i] === 0)).toBe(true);
  });
});
