// Hostile inputs for every reader, the front end and the compiler: mutants of good files, and texts made by the grammar. Each target
// runs in a process of its own, until a number of inputs or a time is used up; a reader may take 200 MB in all. A crash is written
// below test/hostile/crashes, where the tests run it from then on.
// `npm run fuzz [-- --seconds 20 --mutants 1000000 --seed 1 --only csv]`.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { hashText } from "../src/base/hash.ts";
import { Integers } from "../src/runtime/integers.ts";
import { grouped } from "../src/runtime/user-error.ts";
import { readerTargets, type Target } from "../test/hostile/reader-targets.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    mutants: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

const folder = "test/hostile/crashes";
/** Of the whole process. */
const readerMegabytes = 200;

/** Seconds of processor time for one input: more is a hang. */
const longest = 10;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Runs inputs until they or the time are used up; whether none crashed. */
async function campaign(target: Target): Promise<boolean> {
  const numbers = new Integers(Number(values.seed), 0);
  const begin = performance.now();
  const end = begin + Number(values.seconds) * 1000;
  const seen = new Set<string>();
  let slowest = 0;
  let count = 0;
  let now = begin;
  // A refusal's trace is never looked at, and costs more than all the rest.
  Error.stackTraceLimit = 0;
  for (; count < Number(values.mutants) && now < end; count++) {
    // What is measured is what one input takes, not what waits to be collected or, as zlib's engines do, to be closed in the next turn.
    if (count % 200 === 0) await new Promise((next) => setImmediate(next));
    if (count % 2000 === 0) collect();
    const bytes = target.next(numbers);
    const trace = crashOf(target, bytes);
    if (trace !== undefined) {
      // One of each kind: by the place where it was thrown.
      const place = trace.split("\n").find((line) => line.trim().startsWith("at ")) ?? trace;
      if (!seen.has(place)) {
        seen.add(place);
        const file = `${folder}/${target.name}.${hashText(place)}`;
        mkdirSync(folder, { recursive: true });
        writeFileSync(file, bytes);
        console.log(`${file}\n${trace}`);
      }
    }
    const after = performance.now();
    slowest = Math.max(slowest, after - now);
    now = after;
  }
  const megabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${target.name.padEnd(12)} ${grouped(count).padStart(9)} inputs in ${((now - begin) / 1000).toFixed(0)} s, ` +
      `slowest ${Math.round(slowest)} ms, ${seen.size} kinds of crash, at most ${megabytes} MB`,
  );
  return seen.size === 0 && !(readerTargets.includes(target) && megabytes > readerMegabytes);
}

function crashOf(target: Target, bytes: Uint8Array): string | undefined {
  const before = process.cpuUsage();
  try {
    target.run(bytes);
    const { user, system } = process.cpuUsage(before);
    return user + system < longest * 1e6 ? undefined : `slow: ${((user + system) / 1e6).toFixed(1)} s`;
  } catch (error) {
    if (Error.stackTraceLimit > 0) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  // Once more, with its trace.
  Error.stackTraceLimit = 30;
  const trace = crashOf(target, bytes);
  Error.stackTraceLimit = 0;
  return trace ?? "it crashes the first time only";
}

const reader = readerTargets.find(({ name }) => name === values.only);
if (reader) process.exitCode = (await campaign(reader)) ? 0 : 1;
else {
  // The compiler takes memory of its own: loaded where it is wanted.
  const { targets } = await import("../test/hostile/fuzz-targets.ts");
  const only = targets.find(({ name }) => name === values.only);
  if (only) process.exitCode = (await campaign(only)) ? 0 : 1;
  else if (values.only !== undefined) {
    console.error(`there is no ${values.only}; there are ${targets.map(({ name }) => name).join(", ")}`);
    process.exitCode = 2;
  } else {
    const { seconds, mutants, seed } = values;
    const argv = ["--seconds", seconds, "--mutants", mutants, "--seed", seed, "--only"];
    const runs = targets.map(({ name }) =>
      spawnSync(process.execPath, ["scripts/run.mjs", "scripts/fuzz.ts", ...argv, name], { stdio: "inherit" }),
    );
    process.exitCode = runs.every(({ status }) => status === 0) ? 0 : 1;
  }
}
