// What the models reach and what they cost: `node scripts/run.mjs scripts/measure-models.ts [models/NAME.nn …] [--seeds 3]`.
// Trains each as `nnc train` does, on the same target, once per seed; prints validation results (the median run by its loss) and seconds of
// processor time, which other work on the machine disturbs less than the clock. Data: NNC_DATA_DIR.
import { readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { renderText } from "../src/base/render.ts";
import { nodeCli } from "../src/cli/cli.ts";
import { compileOptions } from "../src/cli/compile-options.ts";
import { loadLibrary } from "../src/cli/in-memory.ts";
import { readModel } from "../src/cli/model-file.ts";
import { runningTarget } from "../src/cli/target.ts";
import { compile } from "../src/codegen/compile.ts";
import type { Library } from "../src/runtime/library.ts";
import { parseOptions } from "../src/runtime/options.ts";
import { planRun } from "../src/runtime/plan.ts";
import { type Results, resultsText } from "../src/runtime/report.ts";
import { Run } from "../src/runtime/run.ts";

interface Measured {
  readonly results: Results;
  readonly seconds: number;
  readonly steps: number;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const io = nodeCli();

async function compiled(path: string): Promise<Library> {
  const { module, diagnostics } = readModel(path, io);
  if (!module) throw new Error(renderText(diagnostics, { color: false, width: 120 }));
  return loadLibrary(compile(module, { ...compileOptions({ reuse: true }), target: runningTarget({}) }));
}

async function measure(library: Library, path: string, seed: number): Promise<Measured> {
  const options = parseOptions([`--seed=${seed}`], "measure");
  const plan = planRun(library.manifest, options, { ...io, folder: dirname(path) });
  const run = new Run(library, plan);
  const begin = cpuSeconds();
  while (run.step < plan.stop) {
    run.next();
    if (!Number.isFinite(run.loss)) throw new Error(`${path}: loss ${run.loss} at step ${run.step}`);
  }
  const seconds = cpuSeconds() - begin;
  const { valid, train } = plan.data.split;
  const results = await run.evaluate(valid.count > 0 ? valid : train, async () => false);
  return { results: results!, seconds, steps: run.step };
}

/** By loss, the first result. */
function medianOf(runs: readonly Measured[]): Measured {
  const sorted = [...runs].sort((a, b) => a.results[0]![1] - b.results[0]![1]);
  return sorted[Math.floor(sorted.length / 2)]!;
}

const words = process.argv.slice(2);
const at = words.indexOf("--seeds");
const [, count = "3"] = at < 0 ? [] : words.splice(at, 2);
const paths =
  words.length > 0
    ? words
    : readdirSync("models")
        .filter((name) => name.endsWith(".nn"))
        .map((name) => `models/${name}`);

for (const path of paths) {
  const begin = cpuSeconds();
  const library = await compiled(path);
  const compiling = cpuSeconds() - begin;
  const runs: Measured[] = [];
  for (let seed = 0; seed < Number(count); seed++) {
    runs.push(await measure(library, path, seed));
    console.log(`  ${basename(path)} seed ${seed}: ${resultsText(runs.at(-1)!.results)}`);
  }
  const { results, seconds, steps } = medianOf(runs);
  console.log(
    `${basename(path)}: ${resultsText(results)}, ${steps} steps in ${seconds.toFixed(1)} s, compiled in ${compiling.toFixed(2)} s`,
  );
}
