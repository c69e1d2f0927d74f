// Mutants of good files for every reader, the front end and the compiler, until a number of them or a time is used up.
// A crash is written below test/hostile/crashes, where the tests run it from then on. `npm run fuzz [-- --seconds 60 --seed 1 --only csv]`.
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { hashText } from "../src/base/hash.ts";
import { Integers } from "../src/runtime/integers.ts";
import { grouped } from "../src/runtime/user-error.ts";
import { mutate, targets } from "../test/hostile/fuzz-targets.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    mutants: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

const folder = "test/hostile/crashes";
const chosen = targets.filter(({ name }) => values.only === undefined || name === values.only);
let crashes = 0;
for (const target of chosen) {
  const numbers = new Integers(Number(values.seed), 0);
  const begin = performance.now();
  const end = begin + Number(values.seconds) * 1000;
  const seen = new Set<string>();
  let slowest = 0;
  let count = 0;
  let now = begin;
  for (; count < Number(values.mutants) && now < end; count++) {
    const bytes = mutate(target, numbers);
    try {
      target.run(bytes);
    } catch (error) {
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
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
  crashes += seen.size;
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${target.name.padEnd(12)} ${grouped(count).padStart(9)} mutants in ${((now - begin) / 1000).toFixed(1)} s, ` +
      `slowest ${Math.round(slowest)} ms, ${seen.size} kinds of crash, memory so far ${memory} MB`,
  );
}
process.exitCode = crashes === 0 ? 0 : 1;
