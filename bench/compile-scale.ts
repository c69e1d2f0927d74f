// What compiling costs as models grow: `node scripts/run.mjs bench/compile-scale.ts`. Prints, for perceptrons of 100, 300
// and 1,000 layers, seconds of each phase and the size of what is emitted, and the time to check `char_gpt.nn`.
// With --check it fails where a limit is broken; seconds are of the processor, not of the clock.
import { renderText } from "../src/base/render.ts";
import { nodeCli } from "../src/cli/cli.ts";
import { compileOptions } from "../src/cli/compile-options.ts";
import { readModel } from "../src/cli/model-file.ts";
import { compile } from "../src/codegen/compile.ts";
import { emitModule } from "../src/codegen/ts/emit.ts";
import { printPlain } from "../src/codegen/ts/plain.ts";
import { elaborate } from "../src/dsl/elaborate.ts";
import { parse } from "../src/dsl/parse.ts";
import type { Module } from "../src/ir/module.ts";

/** Seconds for the largest perceptron, and for the check of the transformer. */
const limits = { build: 15, check: 0.5 };

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const timed = <T>(work: () => T): { readonly result: T; readonly seconds: number } => {
  const begin = cpuSeconds();
  const result = work();
  return { result, seconds: cpuSeconds() - begin };
};

const perceptron = (layers: number): string => `model deep(x: [N, 16]) -> [N, 10] {
  h = x
  for i in 0:${layers - 1} { h = linear(h, 16) |> relu }
  linear(h, 10)
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train {
  batch     = 64
  optimizer = adam(lr = 1e-3)
}
`;

function moduleOf(text: string): Module {
  const parsed = parse({ path: "deep.nn", text });
  const { module, diagnostics } = elaborate(parsed.file);
  if (!module) throw new Error(renderText([...parsed.diagnostics, ...diagnostics], { color: false, width: 120 }));
  return module;
}

function check(path: string): number {
  return timed(() => {
    const { module, diagnostics } = readModel(path, nodeCli());
    if (!module) throw new Error(renderText(diagnostics, { color: false, width: 120 }));
  }).seconds;
}

const checking = check("models/char_gpt.nn");
console.log(`check models/char_gpt.nn: ${checking.toFixed(2)} s, cold`);

// The processor's caches and V8's compilers are warm for all sizes alike.
compile(moduleOf(perceptron(30)), compileOptions({ reuse: true }));
console.log("layers  elaborate  compile   print  in all  per layer     emitted");
let last = 0;
for (const layers of [100, 300, 1000]) {
  const elaborated = timed(() => moduleOf(perceptron(layers)));
  const compiled = timed(() => compile(elaborated.result, compileOptions({ reuse: true })));
  const printed = timed(() => printPlain(emitModule(compiled.result, false), false));
  last = elaborated.seconds + compiled.seconds + printed.seconds;
  const cell = (seconds: number, width: number) => `${seconds.toFixed(2)} s`.padStart(width);
  console.log(
    `${String(layers).padStart(6)}${cell(elaborated.seconds, 11)}${cell(compiled.seconds, 9)}${cell(printed.seconds, 8)}${cell(last, 8)}` +
      `${((1000 * last) / layers).toFixed(2).padStart(8)} ms${printed.result.length.toLocaleString("en").padStart(12)}`,
  );
}
if (process.argv.includes("--check")) {
  if (last > limits.build) throw new Error(`1,000 layers took ${last.toFixed(1)} s, more than ${limits.build} s`);
  if (checking > limits.check) throw new Error(`checking took ${checking.toFixed(2)} s, more than ${limits.check} s`);
}
