// What is fuzzed: every reader of files, the front end, and the compiler behind it. Whatever the bytes, a target gives its answer or
// a mistake that is told; anything thrown besides is a crash. `npm run fuzz` runs many inputs, a test some, another the crashes found.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Refusal } from "../../src/base/diagnostic.ts";
import { renderText } from "../../src/base/render.ts";
import { hasErrors } from "../../src/cli/diagnostics.ts";
import { compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { format } from "../../src/dsl/format.ts";
import { parse } from "../../src/dsl/parse.ts";
import { expressions, programs } from "../dsl/arbitrary.ts";
import { mutate } from "./mutate.ts";
import { readerTargets, type Target } from "./reader-targets.ts";

const limits = { nodes: 3000, rounds: 1000 };

function compileText(text: string, withCode: boolean): void {
  const source = { path: "fuzz.nn", text };
  const parsed = parse(source);
  const { module, diagnostics } = elaborate(parsed.file, { limits });
  renderText([...parsed.diagnostics, ...diagnostics], { color: false, width: 80 });
  format(source);
  if (!withCode || !module || hasErrors([...parsed.diagnostics, ...diagnostics])) return;
  try {
    // Syntax that no engine takes is a crash too.
    new Function(printPlain(emitModule(compile(module, { target: "ts" }), false), false).replaceAll(/^export /gm, ""));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Scripts and tests run in the root of the project. */
const models = "models";
const modelSeeds: readonly Uint8Array[] = [
  ...readdirSync(models)
    .filter((name) => name.endsWith(".nn"))
    .map((name) => new Uint8Array(readFileSync(join(models, name)))),
  bytesOf("model m(x: [N, 4]) { param w: [4] = ones()\n x * w |> tanh }\nloss(out, y: [N, 4]) = mse(out, y)\n"),
];

const mutants = (name: string, withCode: boolean): Target => ({
  name,
  seeds: modelSeeds,
  next: (numbers) => mutate(modelSeeds, numbers),
  run: (bytes) => compileText(textOf(bytes), withCode),
});

/** Texts that a grammar makes: every construct within every other. */
const grammatical = (name: string, texts: fc.Arbitrary<string>): Target => ({
  name,
  seeds: [],
  next: (numbers) => bytesOf(fc.sample(texts, { seed: numbers.below(2 ** 31), numRuns: 1 })[0]!),
  run: (bytes) => compileText(textOf(bytes), true),
});

/** Expressions where all their names mean something, so that they get beyond the first question. */
const bodies = fc.tuple(expressions, expressions).map(
  ([first, second]) => `dim dim = 3
model model(x: [N, 4], y: [N, 4], __proto__: i32[N]) {
  param W: [4, 4] = normal()
  param constructor: [4] = 1
  state train = 0
  h_1 = tanh(x @ W)
  as = ${first}
  loss = ${second}
  (as, loss)
}
loss(out, y: [N, 4]) = mse(out, y)
train { batch = 4 }
`,
);

const frontEnd: readonly Target[] = [
  mutants("language", false),
  mutants("compiler", true),
  grammatical(
    "grammar",
    fc.oneof(
      programs.map(({ plain }) => plain),
      programs.map(({ laidOut }) => laidOut),
    ),
  ),
  grammatical("expressions", bodies),
];

export const targets: readonly Target[] = [...readerTargets, ...frontEnd];

/** Compiling takes a thousand times as long as reading a small file. */
export const isSlow = (target: Target): boolean => frontEnd.includes(target);
