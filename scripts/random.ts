// `npm run random -- --count 10000 [--seed S]`: random models through every oracle; prints what differs, shrunk, and what did not compile.
import { parseArgs } from "node:util";
import fc from "fast-check";
import { printGraph } from "../src/ir/print.ts";
import { randomModel } from "../test/random/graphs.ts";
import { moduleOf } from "../test/random/oracles.ts";
import { type Case, cases, run } from "../test/random/property.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "1000" }, seed: { type: "string", default: "0" } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];

interface Failure {
  readonly kind: "differs" | "does not compile or run";
  /** Equal causes are counted together. */
  readonly cause: string;
  readonly detail: string;
}

/** What is wrong with a case; undefined where nothing is. */
function failureOf(one: Case): Failure | undefined {
  try {
    const found = run(one);
    return found && { kind: "differs", cause: found.oracle, detail: found.difference };
  } catch (error) {
    const [first = ""] = String(error instanceof Error ? error.message : error).split("\n");
    const kind = "does not compile or run";
    return {
      kind,
      cause: first.replace(/\d+/g, "#").slice(0, 60),
      detail: error instanceof Error ? error.stack! : first,
    };
  }
}

/** Shorter lists and smaller numbers, as long as the same thing is wrong. */
function shrink(one: Case, { kind, cause }: Failure): Case {
  let best: Case = one;
  const attempt = (next: Case): boolean => {
    const found = failureOf(next);
    if (found?.kind !== kind || (kind !== "differs" && found.cause !== cause)) return false;
    best = next;
    return true;
  };
  for (const variant of best.variants) if (attempt({ ...best, variants: [variant] })) break;
  for (const rows of [1, 2]) if (rows < best.rows && attempt({ ...best, rows })) break;
  if (best.steps > 1) attempt({ ...best, steps: 1 });
  for (let size = Math.floor(best.numbers.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= best.numbers.length; ) {
      const numbers = best.numbers.filter((_, i) => i < at || i >= at + size);
      if (numbers.length === 0 || !attempt({ ...best, numbers })) at += size;
    }
  }
  for (let i = 0; i < best.numbers.length; i++) attempt({ ...best, numbers: best.numbers.with(i, 0) });
  return best;
}

const start = performance.now();
const found = new Map<string, { readonly failure: Failure; times: number }>();
for (const [k, one] of fc.sample(cases(2), { seed, numRuns: count }).entries()) {
  const failure = failureOf(one);
  if (failure) {
    const key = `${failure.kind}: ${failure.cause}`;
    const known = found.get(key);
    found.set(key, { failure, times: (known?.times ?? 0) + 1 });
    if (!known) {
      const shrunk = shrink(one, failure);
      console.log(`${key}\n${failureOf(shrunk)!.detail.split("\n").slice(0, 8).join("\n")}\n${JSON.stringify(shrunk)}`);
      console.log(printGraph(moduleOf(randomModel(shrunk.numbers)).step));
    }
  }
  if (k % 1000 === 999) console.log(`${k + 1} models, ${Math.round((performance.now() - start) / 1000)} s`);
}

const total = (kind: Failure["kind"]): number =>
  [...found.values()].reduce((sum, { failure, times }) => sum + (failure.kind === kind ? times : 0), 0);
console.log(
  `${count} models, seed ${seed}: ${total("differs")} differ, ${total("does not compile or run")} do not compile or run`,
);
for (const [key, { times }] of found) console.log(`  ${times} x ${key}`);
process.exitCode = found.size > 0 ? 1 : 0;
