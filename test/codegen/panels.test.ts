// Panels of a large matrix, copied before they are read again and again: against the plain TypeScript of the same model.
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import type { Module } from "../../src/ir/module.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { loadUnit } from "./load.ts";
import { results } from "./results.ts";

const net = (k: number, m: number, body: string, batch: number, optimizer = "adam(lr = 0.01)"): Module =>
  compileText(`
model net(x: [N, ${k}]) -> [N, ${m}] {
  param w: [${k}, ${m}] = randn() / sqrt(${k})
  param b: [${m}] = randn()
  ${body}
}
loss(out, y: [N, ${m}]) = mse(out, y)
train { batch = ${batch}; optimizer = ${optimizer} }`);

const panelsIn = (module: Module, options: CompileOptions): number =>
  compile(module, options)
    .programs.flatMap((p) => p.schedule.kernels)
    .filter((kernel) => kernel.stages[0]!.name.startsWith("panel_")).length;

function expectClose(found: readonly number[], wanted: readonly number[], most: number): void {
  expect(found.length).toBe(wanted.length);
  const worst = wanted.reduce((max, w, i) => Math.max(max, Math.abs(found[i]! - w) / Math.max(1, Math.abs(w))), 0);
  expect(worst).toBeLessThan(most);
}

describe("panels", () => {
  it.each([
    [400, 16, "x @ w", 48],
    [512, 40, "relu(x @ w) + x[:, 0:1]", 64],
    [393, 31, "x @ w * 2", 63],
  ])("of a product of [%d, %d] alone, %s, give the same outputs, row by row", async (k, m, body, batch) => {
    const module = compileText(`model m(x: [N, ${k}]) -> [N, ${m}] {\n  param w: [${k}, ${m}] = randn()\n  ${body}\n}`);
    const outputs = async (options: CompileOptions): Promise<number[]> => {
      const trainer = (await loadUnit(compile(module, { ...options, batch }))).create({ seed: 4 });
      const x = trainer.inputs["x"]!;
      for (let i = 0; i < x.length; i++) x[i] = Math.sin(i * 12.9898) * Math.cos(i * 0.731);
      return [batch, 1, 9].flatMap((n) => {
        trainer.predict(n);
        return [...trainer.read("out")];
      });
    };
    const naive = await outputs({ target: "ts", recipes: "naive" });
    expect(panelsIn(module, { target: "ts", batch })).toBeGreaterThan(0);
    expect(await outputs({ target: "ts" })).toEqual(naive);
    if (m % 8 === 0) expect(panelsIn(module, { target: "wasm", batch })).toBeGreaterThan(0);
    expectClose(await outputs({ target: "wasm" }), naive, 1e-4);
  });

  it.each([
    [400, 16, "x @ w", 48],
    [401, 24, "relu(x @ w + b)", 52],
    [512, 64, "x @ w + b * x[:, 0:1]", 64],
    [393, 40, "x @ w * 2 + b", 63],
    [400, 31, "relu(x @ w + b)", 48],
  ])("of [%d, %d] in %s, batches of %d", async (k, m, body, batch) => {
    const module = net(k, m, body, batch);
    // WebAssembly has transposed weights where the columns are no whole number of vectors.
    for (const target of m % 4 === 0 ? (["ts", "wasm"] as const) : (["ts"] as const))
      expect(panelsIn(module, { target })).toBeGreaterThan(0);
    const rows = [batch, 1, 4, 7, batch - 1];
    const wanted = await results(module, rows, { target: "ts", recipes: "naive" });
    expect(await results(module, rows, { target: "ts" })).toEqual(wanted);
    expectClose(await results(module, rows, { target: "wasm" }), wanted, 1e-4);
  });

  it("over the batch, in gradients of large batches, have names and results as the others", async () => {
    const module = net(64, 64, "x @ w", 448, "sgd(lr = 0.05)");
    const names = compile(module, { target: "wasm" }).programs.flatMap((p) => p.procedures.map(({ name }) => name));
    expect(names.filter((name) => name.startsWith("panel_"))).toEqual([
      expect.stringMatching(/^panel_matmul\w*_64x64xN$/),
    ]);
    const wanted = await results(module, [448, 401, 3], { target: "ts", recipes: "naive" });
    expectClose(await results(module, [448, 401, 3], { target: "wasm" }), wanted, 1e-4);
  });

  it.each([32, 33, 34, 35])(
    "of %d columns give the same bits as the matrix, and as threads without them",
    async (m) => {
      const module = net(416, m, "relu(x @ w + b)", 64);
      const rows = [64, 13];
      const options: CompileOptions = { target: "wasm" };
      if (m === 32) expect(panelsIn(module, options)).toBeGreaterThan(0);
      expect(panelsIn(module, { ...options, threads: true })).toBe(0);
      const wanted = await results(module, rows, options);
      expect(await results(module, rows, { ...options, without: new Set(["panels"]) })).toEqual(wanted);
      expect(await results(module, rows, { ...options, reuse: false })).toEqual(wanted);
      expect(await results(module, rows, { ...options, threads: true })).toEqual(wanted);
    },
  );

  it("are made in TypeScript of fewer rows that share places of the cache, and not of those beside each other", async () => {
    const [shared, apart] = [net(128, 128, "relu(x @ w + b)", 64), net(128, 136, "relu(x @ w + b)", 64)];
    expect(panelsIn(shared, { target: "ts" })).toBeGreaterThan(0);
    expect(panelsIn(apart, { target: "ts" })).toBe(0);
    const wanted = await results(shared, [64, 9], { target: "ts", recipes: "naive" });
    expect(await results(shared, [64, 9], { target: "ts" })).toEqual(wanted);
  });

  it("are made for batches, and not for what may be asked of one row", () => {
    const programsOf = (module: Module, options: CompileOptions): string[] =>
      compile(module, options)
        .programs.filter((p) => p.procedures.some(({ name }) => name.startsWith("panel_")))
        .map(({ name }) => name);
    const trained = programsOf(net(512, 32, "x @ w", 64), { target: "wasm" });
    expect(trained).toContain("evaluate");
    expect(trained).not.toContain("predict");
    const product = compileText("model m(x: [N, 512]) -> [N, 32] {\n  param w: [512, 32] = randn()\n  x @ w\n}");
    expect(programsOf(product, { target: "wasm", batch: 64 })).toEqual(["predict"]);
    expect(programsOf(product, { target: "wasm" })).toEqual([]);
  });

  it("are not made where few rows read them, the matrix is small, or the build is for looking into", () => {
    const options: CompileOptions = { target: "wasm" };
    expect(panelsIn(net(512, 32, "x @ w", 16), options)).toBe(0);
    expect(panelsIn(net(96, 32, "x @ w", 64), options)).toBe(0);
    expect(panelsIn(net(512, 32, "x @ w", 64), { target: "ts", debug: true })).toBe(0);
  });
});
