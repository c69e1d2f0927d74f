// How long the page of `nnc explore` takes to check a model again after one more character: what a typist waits for. Each model that
// ships is edited at places spread over its text.
import { readdirSync, readFileSync } from "node:fs";
import { check, type PageModel } from "../src/page/program.ts";
import { median } from "./stats.ts";
import { table } from "./table.ts";

export interface RecheckRow {
  readonly model: string;
  /** Milliseconds by the clock: the median of the edits, and the slowest. */
  readonly median: number;
  readonly slowest: number;
}

/** Milliseconds, for the median over the models. */
export const recheckLimit = 50;

/** Places in a text at which a character goes in, and out again. */
const places = 25;

export function recheckTimes(): RecheckRow[] {
  const names = readdirSync("models").filter((file) => file.endsWith(".nn"));
  return names.sort().map((file) => {
    const path = `models/${file}`;
    const model: PageModel = { name: file, path, text: readFileSync(path, "utf8"), files: [], data: [] };
    const times = editTimes(model);
    return { model: path, median: median(times), slowest: Math.max(...times) };
  });
}

function editTimes(model: PageModel): number[] {
  // The engine compiles the compiler first.
  for (let k = 0; k < 3; k++) check(model, model.text);
  const timed = (text: string): number => {
    const begin = performance.now();
    check(model, text);
    return performance.now() - begin;
  };
  return Array.from({ length: places }, (_, k) => {
    const at = Math.floor(((k + 0.5) * model.text.length) / places);
    return [timed(`${model.text.slice(0, at)}x${model.text.slice(at)}`), timed(model.text)];
  }).flat();
}

export function recheckTable(rows: readonly RecheckRow[]): string {
  const whole = median(rows.map((row) => row.median));
  const verdict = whole <= recheckLimit ? "" : ", MISSED";
  const text = (ms: number): string => `${ms.toFixed(1)} ms`;
  return `${table(
    ["checked again after an edit", "median", "slowest"],
    rows.map((row) => [row.model, text(row.median), text(row.slowest)]),
  )}\n\nMedian over the models: ${text(whole)} (at most ${recheckLimit} ms${verdict}).`;
}
