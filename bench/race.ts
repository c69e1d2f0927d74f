// One workload: all peers check their losses, then take turns round by round, so that a slow moment of the machine hits
// all alike. Knows no peer by name.
import { PeerFailure, type PeerKind, PeerProcess, type Timing } from "./peer.ts";
import { median, spread } from "./stats.ts";
import type { Workload } from "./workloads.ts";

export interface RaceOptions {
  readonly rounds: number;
  /** Length of a round and of all rounds of one peer, in seconds. */
  readonly round: number;
  readonly patience: number;
  /** Steps whose losses are compared, and the seconds after which a slow peer is let off the rest. */
  readonly check: { readonly steps: number; readonly seconds: number };
  readonly clock: keyof Timing;
  readonly say: (text: string) => void;
  /** Whether the machine has a core for a second thread at this moment: asked before and after each round of peers with threads. */
  readonly hasSecondCore: () => Promise<boolean>;
}

/** A peer with threads is measured if the machine had a core for them in so many rounds. */
const leastRounds = 3;
const hasThreads = ({ threads = 1 }: PeerKind): boolean => threads > 1;

export interface Entry {
  readonly peer: string;
  readonly title: string;
  readonly version?: string;
  /** Why there is no measurement. */
  readonly failed?: string;
  readonly steps?: number;
  /** Seconds per step, one number per round. */
  readonly samples?: readonly number[];
  readonly seconds?: number;
  readonly spread?: number;
  /** Median over the rounds of this peer's time by the reference's in the same round: above 1 is slower. */
  readonly ratio?: number;
  /** Wall time by CPU time: above 1.1 the machine was busy with other things. */
  readonly wait?: number;
  readonly check?: { readonly steps: number; readonly difference: number; readonly agrees: boolean };
  readonly peakBytes?: number;
}

export interface RaceResult {
  readonly workload: string;
  readonly entries: readonly Entry[];
}

interface Runner {
  readonly process: PeerProcess;
  readonly version: string;
  losses: readonly number[];
  stepsPerRound: number;
  spent: number;
  /** Round -> seconds per step. */
  readonly samples: Map<number, number>;
  readonly waits: number[];
}

export async function race(
  workload: Workload,
  inputs: string,
  kinds: readonly PeerKind[],
  reference: string,
  options: RaceOptions,
): Promise<RaceResult> {
  const runners = new Map<PeerKind, Runner | PeerFailure>();
  for (const kind of kinds) {
    options.say(`${workload.name}: ${kind.name}`);
    runners.set(kind, await guarded(() => start(kind, inputs, options)));
  }
  const running = () => [...runners].filter((pair): pair is [PeerKind, Runner] => !(pair[1] instanceof PeerFailure));
  for (let round = 0; round < options.rounds; round++) {
    options.say(`${workload.name}: round ${round + 1} of ${options.rounds}`);
    for (const [kind, runner] of running()) {
      const expected = runner.spent / Math.max(runner.samples.size, 1);
      if (round >= 2 && runner.spent + expected > options.patience) continue;
      const time = hasThreads(kind) ? timeQuietRound : timeRound;
      const failure = await guarded(() => time(runner, round, options));
      if (failure instanceof PeerFailure) runners.set(kind, failure);
    }
  }
  const base = running().find(([kind]) => kind.name === reference)?.[1];
  const truth = (running().find(([kind]) => kind.name === "torch")?.[1] ?? base)?.losses;
  const entries: Entry[] = [];
  for (const [kind, runner] of runners) {
    const name = { peer: kind.name, title: kind.title };
    if (runner instanceof PeerFailure) entries.push({ ...name, failed: runner.message });
    else if (hasThreads(kind) && runner.samples.size < leastRounds) {
      await runner.process.end();
      const often = `in ${runner.samples.size} of ${options.rounds} rounds`;
      entries.push({ ...name, failed: `not measurable: the machine had a second core ${often}` });
    } else entries.push({ ...name, ...(await finish(runner, base, truth, workload.tolerance)) });
  }
  return { workload: workload.name, entries };
}

async function guarded<T>(work: () => Promise<T>): Promise<T | PeerFailure> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PeerFailure) return error;
    throw error;
  }
}

/** Starts a peer, takes its losses, and finds how many steps make a round. */
async function start(kind: PeerKind, inputs: string, { check, round, clock }: RaceOptions): Promise<Runner> {
  const process = new PeerProcess(kind, inputs);
  try {
    const { version } = await process.ready();
    const { losses } = await process.losses(check.steps, check.seconds);
    let steps = 1;
    let taken = (await process.time(steps))[clock];
    while (taken < round / 2) {
      steps = Math.min(steps * 8, Math.max(steps + 1, Math.ceil((steps * round) / Math.max(taken, 1e-6))));
      taken = (await process.time(steps))[clock];
    }
    return { process, version, losses, stepsPerRound: steps, spent: 0, samples: new Map(), waits: [] };
  } catch (error) {
    process.kill();
    throw error;
  }
}

async function timeRound(runner: Runner, round: number, { clock }: RaceOptions): Promise<void> {
  const timing = await runner.process.time(runner.stepsPerRound);
  runner.samples.set(round, timing[clock] / runner.stepsPerRound);
  runner.spent += timing.wall;
  runner.waits.push(timing.wall / timing.cpu);
}

/** A round that counts if the machine had a core for the second thread before and after it. */
async function timeQuietRound(runner: Runner, round: number, options: RaceOptions): Promise<void> {
  if (!(await options.hasSecondCore())) return;
  await timeRound(runner, round, options);
  if (!(await options.hasSecondCore())) runner.samples.delete(round);
}

async function finish(
  runner: Runner,
  base: Runner | undefined,
  truth: readonly number[] | undefined,
  tolerance: number,
) {
  const samples = [...runner.samples.values()];
  const ratios = [...runner.samples].flatMap(([round, seconds]) => {
    const other = base?.samples.get(round);
    return other === undefined ? [] : [seconds / other];
  });
  return {
    version: runner.version,
    steps: runner.stepsPerRound * samples.length,
    samples,
    seconds: median(samples),
    spread: spread(samples),
    ...(ratios.length === 0 ? {} : { ratio: median(ratios) }),
    wait: median(runner.waits),
    ...(truth === undefined ? {} : { check: compare(runner.losses, truth, tolerance) }),
    peakBytes: await runner.process.end(),
  };
}

/** Losses of the steps that both took. */
function compare(losses: readonly number[], truth: readonly number[], tolerance: number) {
  const steps = Math.min(losses.length, truth.length);
  let difference = 0;
  for (let k = 0; k < steps; k++) {
    const off = Math.abs(losses[k]! - truth[k]!);
    difference = Number.isFinite(off) ? Math.max(difference, off) : Number.POSITIVE_INFINITY;
  }
  return { steps, difference, agrees: steps >= 2 && difference <= tolerance };
}
