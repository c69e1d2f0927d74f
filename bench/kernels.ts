// Compiled kernels against the ceilings of the core, measured in the same run; odd sizes against their round neighbours.
import { loadLibrary } from "../src/cli/in-memory.ts";
import { compile } from "../src/codegen/compile.ts";
import { type Ceilings, ceilings } from "./ceilings.ts";
import { moduleFromText } from "./sources.ts";
import { targets } from "./targets.ts";

export interface KernelRow {
  readonly target: string;
  readonly name: string;
  /** Operations per second; a multiply-add counts two. */
  readonly speed: number;
  /** What the core could do just before or after: its speed drifts. */
  readonly ceilings: Ceilings;
  /** For an odd size: the row it is to be compared with. */
  readonly neighbour?: string;
}

export interface KernelResult {
  readonly rows: readonly KernelRow[];
}

interface Case {
  readonly name: string;
  readonly model: string;
  readonly rows: number;
  readonly program: "step" | "predict";
  readonly operations: number;
  readonly neighbour?: string;
}

const product = (n: number, k: number, m: number): Case => ({
  name: `[${n}, ${k}] @ [${k}, ${m}]`,
  model: `model m(x: [N, ${k}]) -> [N, ${m}] {
  param w: [${k}, ${m}] = randn()
  x @ w
}`,
  rows: n,
  program: "predict",
  operations: 2 * n * k * m,
});

/** A product, its loss and the update of its weights: two products. */
const layer = (n: number, k: number, m: number, neighbour?: string): Case => ({
  name: `step of [${n}, ${k}] @ [${k}, ${m}]`,
  model: `model m(x: [N, ${k}]) -> [N, ${m}] {
  param w: [${k}, ${m}] = randn()
  x @ w
}
loss(out, y: [N, ${m}]) = mse(out, y)
train { batch = ${n}
  optimizer = sgd(lr = 0.0001) }`,
  rows: n,
  program: "step",
  operations: 4 * n * k * m,
  ...(neighbour === undefined ? {} : { neighbour }),
});

/** A convolution of 8 by 16 channels. */
const windows = (height: number, width: number, neighbour?: string): Case => {
  const size = 24;
  const out = (size - height + 1) * (size - width + 1);
  return {
    name: `conv ${height}x${width}`,
    model: `model m(x: [N, 8, ${size}, ${size}]) {
  param w: [16, 8, ${height}, ${width}] = randn()
  conv2d(x, w)
}`,
    rows: 16,
    program: "predict",
    operations: 2 * 16 * out * 16 * 8 * height * width,
    ...(neighbour === undefined ? {} : { neighbour }),
  };
};

const round = layer(64, 784, 16).name;
const cases: readonly Case[] = [
  ...[64, 128, 256, 512, 1024].map((n) => product(n, n, n)),
  product(64, 784, 10),
  layer(64, 784, 16),
  layer(63, 784, 16, round),
  layer(64, 783, 16, round),
  layer(64, 784, 17, round),
  windows(4, 8),
  windows(5, 7, windows(4, 8).name),
];

/** Which pages of memory an arena gets is the system's luck: about one in fourteen takes 1.5 times as long, for as long as it lives. */
const arenas = 3;

export async function kernels(quick: boolean, clock: Clock): Promise<KernelResult> {
  const bestTime = (work: () => void, span: number): number => best(work, span, clocks[clock]);
  const seconds = quick ? 0.2 : 0.8;
  const rows: KernelRow[] = [];
  let before = ceilings(seconds, bestTime);
  for (const { name: target, options, dense, threads } of targets) {
    if (dense || threads) continue;
    for (const { name, model, rows: batch, program, operations, neighbour } of cases) {
      const library = await loadLibrary(compile(moduleFromText(model), { ...options, batch }));
      const times = Array.from({ length: arenas }, () => {
        const trainer = library.create();
        for (const input of Object.values(trainer.inputs)) fill(input);
        return bestTime(() => trainer[program](batch), seconds / 2);
      });
      const speed = operations / Math.min(...times);
      const after = ceilings(seconds, bestTime);
      const beside = { scalar: Math.max(before.scalar, after.scalar), simd: Math.max(before.simd, after.simd) };
      rows.push({ target, name, speed, ceilings: beside, ...(neighbour === undefined ? {} : { neighbour }) });
      before = after;
    }
  }
  return { rows };
}

/** Dense numbers around 0, none of them 0. */
function fill(values: { [index: number]: number; readonly length: number }): void {
  for (let i = 0; i < values.length; i++) values[i] = (((i * 7919) % 1009) - 504.5) / 1009;
}

/** Calls before anything is timed: by then V8 has compiled what it will compile. */
const warmUp = { calls: 50, seconds: 2 };

/** Seconds from some moment on; CPU counts this process' alone. */
const clocks = {
  wall: () => performance.now() / 1000,
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },
};
type Clock = keyof typeof clocks;

/** Seconds of one call, the best of many short spans: what the core can do, not what else the machine did. */
function best(work: () => void, seconds: number, now: () => number): number {
  const warm = now();
  for (let k = 0; k < warmUp.calls && now() - warm < warmUp.seconds; k++) work();
  const span = seconds / 40;
  let calls = 1;
  let least = Number.POSITIVE_INFINITY;
  const begin = now();
  while (now() - begin < seconds) {
    const start = now();
    for (let k = 0; k < calls; k++) work();
    const taken = now() - start;
    least = Math.min(least, taken / calls);
    if (taken < span) calls = Math.ceil(calls * Math.min(2, span / Math.max(taken, 1e-7)));
  }
  return least;
}
