// Programs as WebAssembly against the same programs as TypeScript: every model of the repository from the same start.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Project } from "ts-morph";
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printWithTsMorph } from "../../src/codegen/ts/morph.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { watText } from "../../src/codegen/wat/module.ts";
import type { Module } from "../../src/ir/module.ts";
import type { Manifest, Trainer, TypedArray } from "../../src/runtime/library.ts";
import { moduleOf } from "../models/load.ts";
import { perceptron } from "./hand-module.ts";
import { loadUnit } from "./load.ts";

const models = resolve(import.meta.dirname, "../../models");

async function trainerOf(module: Module, options: CompileOptions): Promise<{ trainer: Trainer; manifest: Manifest }> {
  const library = await loadUnit(compile(module, options));
  return { trainer: library.create({ seed: 5 }), manifest: library.manifest };
}

/** Numbers without a pattern that fit each column. */
function fillInputs({ inputs }: Trainer, manifest: Manifest): void {
  let state = 12345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const columns = [...manifest.columns, ...(manifest.entries ?? []).flatMap((e) => e.inputs)];
  for (const { name, dtype, classes } of columns) {
    const column = inputs[name]!;
    for (let i = 0; i < column.length; i++) {
      if (dtype === "f32") column[i] = next(2000) / 1000 - 1;
      else if (dtype === "u8") column[i] = next(5) === 0 ? next(256) : 0;
      else column[i] = next(classes ?? 2);
    }
  }
}

/** The largest difference, as a part of the larger number where that is above 1. */
function worst(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    if (Object.is(x, y)) continue;
    most = Math.max(most, Math.abs(x - y) / Math.max(1, Math.abs(x), Math.abs(y)));
    if (Number.isNaN(most)) return Number.POSITIVE_INFINITY;
  }
  return most;
}

type Method = "step" | "evaluate" | "predict";

describe("every model computes as WebAssembly what it computes as TypeScript", () => {
  for (const file of readdirSync(models).filter((name) => name.endsWith(".nn"))) {
    it(file, async () => {
      const module = moduleOf(join(models, file));
      const ts = await trainerOf(module, { target: "ts" });
      const wasm = await trainerOf(module, { target: "wasm" });
      const { manifest } = ts;
      const tensor = (name: string): [TypedArray, TypedArray] => [ts.trainer.read(name), wasm.trainer.read(name)];
      // The same bits are drawn, and what is made of them may differ by a rounding.
      for (const { name } of manifest.slots) expect(worst(...tensor(name)), name).toBeLessThan(1e-6);
      for (const { trainer } of [ts, wasm]) fillInputs(trainer, manifest);
      const rows = Math.max(1, manifest.batch - 1);
      const compare = (method: Method): void => {
        for (const { trainer } of [ts, wasm]) trainer[method](rows);
        for (const [name, place] of Object.entries(ts.trainer.index)) {
          const [a, b] = [ts, wasm].map(({ trainer }) => [trainer.scalars[place]!]) as [number[], number[]];
          expect(worst(a, b), `${name} after ${method}`).toBeLessThan(2e-5);
        }
      };
      if (manifest.hasLoss) {
        for (let step = 0; step < 3; step++) {
          compare("step");
          for (const { name } of manifest.slots)
            expect(worst(...tensor(name)), `${name}, step ${step}`).toBeLessThan(2e-5);
          for (const { name } of manifest.slots) wasm.trainer.write(name, ts.trainer.read(name));
        }
        compare("evaluate");
      }
      compare("predict");
      for (const { name } of manifest.outputs) expect(worst(...tensor(name)), name).toBeLessThan(2e-5);
    }, 400_000);
  }
});

describe("the emitted file", () => {
  const alone = compile(perceptron([5, 3]), { target: "wasm" });

  const shared = compile(perceptron([5, 3]), { target: "wasm", threads: true });

  for (const [way, unit, isInside] of [
    ["with the kernels in it", alone, true],
    ["with the kernels beside it", alone, false],
    ["for threads", shared, true],
    ["for threads, with the kernels beside it", shared, false],
  ] as const) {
    it(`is the same from both printers and has no type errors, ${way}`, async () => {
      const doc = emitModule(unit, true, isInside ? { wasm: assemble(watText(unit)) } : {});
      const text = printPlain(doc, true);
      expect(await printWithTsMorph("model.ts", doc)).toBe(text);
      const compilerOptions = {
        strict: true,
        target: 9,
        lib: ["lib.es2022.d.ts"],
        types: [],
      };
      const project = new Project({ useInMemoryFileSystem: true, compilerOptions });
      const file = project.createSourceFile("model.ts", text);
      expect(
        file.getPreEmitDiagnostics().map((d) => `${d.getLineNumber()}: ${JSON.stringify(d.getMessageText())}`),
      ).toEqual([]);
      file.replaceWithText(text.replace(/programs\.run_step\b/, "programs.run_steps"));
      expect(file.getPreEmitDiagnostics().length).toBe(1);
    });
  }

  it("takes a compiled module where the kernels are not in it", async () => {
    const bytes = assemble(watText(alone));
    const text = printPlain(emitModule(alone, false), false);
    const url = `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`;
    const library = (await import(/* @vite-ignore */ url)) as {
      create(options: { readonly seed: number; readonly wasm: object }): Trainer;
    };
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };
    const beside = library.create({ seed: 2, wasm: new WebAssembly.Module(bytes) });
    const inside = (await loadUnit(alone)).create({ seed: 2 });
    for (const trainer of [beside, inside]) trainer.step(3);
    expect([...beside.read("W0")]).toEqual([...inside.read("W0")]);
  });

  it("a kernel may be called like a function that it could call", () => {
    const [kernel, ...others] = alone.kernels.functions;
    const renamed = new Map([[kernel!.name, "normal"]]);
    const calls = [...alone.kernels.calls].map(
      ([program, list]) => [program, list.map((c) => ({ ...c, name: renamed.get(c.name) ?? c.name }))] as const,
    );
    const text = watText({
      ...alone,
      kernels: { functions: [{ ...kernel!, name: "normal" }, ...others], calls: new Map(calls) },
    });
    expect(text).toContain("(func $normal.kernel ");
    expect(assemble(text)).toBeInstanceOf(Uint8Array);
  });
});
