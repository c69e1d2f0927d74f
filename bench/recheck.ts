// How long the page of `nnc explore` takes to check a model again after one more character: what a typist waits for. Each model that
// ships is edited at places spread over its text, and the median of all edits counts. `node scripts/run.mjs bench/recheck.ts [--check]`.
import { readdirSync, readFileSync } from "node:fs";
import { check, type PageModel } from "../src/page/program.ts";

/** Milliseconds, the median over the models. */
const limit = 50;
const edits = 25;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Milliseconds of each edit: a character in, and the text as it was again. */
function editTimes(model: PageModel): number[] {
  const times: number[] = [];
  const timed = (text: string): void => {
    const begin = performance.now();
    check(model, text);
    times.push(performance.now() - begin);
  };
  for (let k = 0; k < edits; k++) {
    const at = Math.floor(((k + 0.5) * model.text.length) / edits);
    timed(`${model.text.slice(0, at)}x${model.text.slice(at)}`);
    timed(model.text);
  }
  return times;
}

const names = readdirSync("models")
  .filter((file) => file.endsWith(".nn"))
  .sort();
const medians: number[] = [];
for (const file of names) {
  const path = `models/${file}`;
  const model: PageModel = { name: file, path, text: readFileSync(path, "utf8"), files: [], data: [] };
  // The engine compiles the compiler first.
  for (let k = 0; k < 3; k++) check(model, model.text);
  const times = editTimes(model);
  medians.push(median(times));
  console.log(
    `${path.padEnd(28)} ${median(times).toFixed(1).padStart(6)} ms, slowest ${Math.max(...times).toFixed(1)} ms, of ${times.length} edits`,
  );
}
const whole = median(medians);
console.log(`re-check after an edit: median over ${names.length} models ${whole.toFixed(1)} ms (limit ${limit} ms)`);
if (process.argv.includes("--check") && whole > limit)
  throw new Error(`checking takes ${whole.toFixed(1)} ms, more than ${limit} ms`);
