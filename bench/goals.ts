// What each target is held to, and whether this run reached it. Goals of a target that was not measured are left out.
import type { JobRow } from "./jobs.ts";
import type { KernelResult } from "./kernels.ts";
import type { RaceResult } from "./race.ts";

export interface Verdict {
  readonly goal: string;
  readonly found: number;
  readonly wanted: number;
  /** Whether more is better. */
  readonly atLeast: boolean;
  readonly reached: boolean;
}

interface RaceGoal {
  readonly target: string;
  readonly workload: string;
  readonly peer: string;
  /** So many times the peer's speed, at least. */
  readonly times: number;
}

const goal = (target: string, workload: string, peer: string, times: number): RaceGoal => ({
  target,
  workload,
  peer,
  times,
});

const raceGoals: readonly RaceGoal[] = [
  goal("ts", "logreg", "torch", 1),
  goal("ts", "logreg", "jax-js", 4),
  goal("ts", "mlp", "tfjs-cpu", 10),
  goal("ts", "mlp", "jax-js", 1 / 1.3),
  goal("ts", "mlp-big", "tfjs-cpu", 8),
  goal("ts", "cnn", "jax-js", 25),
  goal("ts", "cnn", "tfjs-cpu", 100),
  goal("ts", "gpt", "tfjs-cpu", 10),
  goal("wasm", "logreg", "torch-tuned", 3),
  goal("wasm", "logreg", "jax-js", 20),
  goal("wasm", "mlp", "torch-tuned", 1),
  goal("wasm", "mlp", "jax-js", 4),
  goal("wasm", "mlp-big", "torch", 1),
  goal("wasm", "mlp-big", "torch-tuned", 1 / 1.4),
  goal("wasm", "mlp-big", "jax-js", 3),
  goal("wasm", "cnn", "torch", 1.3),
  goal("wasm", "cnn", "jax-js", 200),
  goal("wasm", "gpt", "torch", 1),
  goal("wasm", "gpt", "torch-tuned", 1 / 1.2),
  goal("wasm", "gpt", "jax-js", 4),
  ...["mlp", "mlp-big", "cnn", "gpt"].map((workload) => goal("wasm-x2", workload, "wasm", 1.7)),
];

/** Shares of a ceiling, for products whose name the pattern fits. */
const kernelGoals = [
  { target: "ts", kernels: /^\[(64|128|256|512), \1\]/, ceiling: "scalar", share: 0.4 },
  { target: "wasm", kernels: /^\[(64|128|256|512), \1\]|784, 10\]/, ceiling: "simd", share: 0.8 },
  { target: "wasm", kernels: /^\[1024, 1024\]/, ceiling: "simd", share: 0.55 },
] as const;

/** An odd size may take so many times its round neighbour's time per operation. */
const oddLimit = 1.4;

const jobGoals = [
  { job: "nnc train", what: "cpu", limit: 1.2, per: 1, unit: "s of CPU" },
  { job: "nnc train", what: "peakBytes", limit: 150, per: 1e6, unit: "MB" },
  { job: "the built wasm trainer, whole run", what: "wall", limit: 0.45, per: 1, unit: "s" },
] as const;

export interface Results {
  readonly races: readonly RaceResult[];
  readonly kernels?: KernelResult | undefined;
  readonly jobs?: readonly JobRow[] | undefined;
}

export const verdicts = (results: Results): Verdict[] => [
  ...results.races.flatMap(raceVerdicts),
  ...(results.kernels ? kernelVerdicts(results.kernels) : []),
  ...(results.jobs ? jobVerdicts(results.jobs) : []),
];

const atLeast = (text: string, found: number, wanted: number): Verdict => ({
  goal: text,
  found,
  wanted,
  atLeast: true,
  reached: found >= wanted,
});

const atMost = (text: string, found: number, wanted: number): Verdict => ({
  goal: text,
  found,
  wanted,
  atLeast: false,
  reached: found <= wanted,
});

function raceVerdicts({ workload, entries }: RaceResult): Verdict[] {
  const ratioOf = (name: string): number | undefined => entries.find((e) => e.peer === name)?.ratio;
  return raceGoals.flatMap((g) => {
    const [ours, theirs] = [ratioOf(g.target), ratioOf(g.peer)];
    if (g.workload !== workload || ours === undefined || theirs === undefined) return [];
    return [atLeast(`${g.target} on ${workload}: times ${g.peer}'s speed`, theirs / ours, g.times)];
  });
}

function kernelVerdicts({ rows }: KernelResult): Verdict[] {
  return rows.flatMap((row) => {
    const found: Verdict[] = [];
    const wanted = kernelGoals.find((k) => k.target === row.target && k.kernels.test(row.name));
    if (wanted) {
      const share = row.speed / row.ceilings[wanted.ceiling];
      found.push(atLeast(`${row.target}: ${row.name}, share of the ${wanted.ceiling} ceiling`, share, wanted.share));
    }
    const round = rows.find((r) => r.target === row.target && r.name === row.neighbour);
    if (round)
      found.push(
        atMost(`${row.target}: ${row.name}, times the cost of ${round.name}`, round.speed / row.speed, oddLimit),
      );
    return found;
  });
}

const jobVerdicts = (rows: readonly JobRow[]): Verdict[] =>
  jobGoals.flatMap(({ job, what, limit, per, unit }) => {
    const row = rows.find((r) => r.name.startsWith(job));
    const found = row?.[what];
    return row === undefined || found === undefined ? [] : [atMost(`${row.name}, ${unit}`, found / per, limit)];
  });
