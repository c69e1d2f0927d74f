// Modules of kernels, byte for byte what wabt makes of their text: those of the repository's models and of random ones.
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { watText, watTextApart } from "../../src/codegen/wat/module.ts";
import { moduleOf } from "../models/load.ts";
import { randomModel } from "../random/graphs.ts";
import { moduleOf as randomModule } from "../random/oracles.ts";
import { cases } from "../random/property.ts";
import { wabtBytes } from "./wabt.ts";

/** Compared as a whole first: of two long lists a test tells every difference. */
function expectSame(text: string): void {
  const [found, wanted] = [assemble(text), wabtBytes(text)];
  const place = found.findIndex((byte, k) => byte !== wanted[k]);
  expect({ bytes: found.length, differsAt: place }).toEqual({ bytes: wanted.length, differsAt: -1 });
}

const models = ["models", "bench/models"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".nn"))
    .map((name) => `${folder}/${name}`),
);

it.each(models)("%s", (path) => expectSame(watText(compile(moduleOf(path), { target: "wasm" }))));

describe("other modules of a model", () => {
  const module = moduleOf("bench/models/gpt.nn");

  it("for threads", () => expectSame(watText(compile(module, { target: "wasm", threads: true }))));

  it("with each kernel exported", () => expectSame(watTextApart(compile(module, { target: "wasm" }))));
});

it.each([
  ["one thread", {}],
  ["threads", { threads: true }],
  ["naive recipes", { recipes: "naive" }],
] as const)("random models, %s", (_, options: Partial<CompileOptions>) => {
  for (const { numbers } of fc.sample(cases(1), { seed: 12, numRuns: 30 })) {
    const unit = compile(randomModule(randomModel(numbers)), { target: "wasm", ...options });
    expectSame(watText(unit));
  }
});
