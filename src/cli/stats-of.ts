// The numbers of `nnc stats`, and their tables.
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import type { Unit } from "../codegen/compile.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { assemble } from "../codegen/wat/assemble.ts";
import { watText, watTextApart } from "../codegen/wat/module.ts";
import { leastTime, measureCeiling, type Trial } from "../inspect/ceiling.ts";
import { kernelCosts, programOf } from "../inspect/costs.ts";
import { lifetimeText, memoryView } from "../inspect/memory-view.ts";
import { instantiate, multiplyAdds } from "../inspect/multiply-adds.ts";
import { type Profile, profiledText } from "../inspect/profile.ts";
import { countAt } from "../ir/types.ts";
import type { Io } from "../runtime/io.ts";
import type { Library } from "../runtime/library.ts";
import { parseOptions } from "../runtime/options.ts";
import { planRun } from "../runtime/plan.ts";
import { Run } from "../runtime/run.ts";
import { bytesText, count, grouped } from "../runtime/user-error.ts";
import { tableText } from "./table.ts";

export interface KernelTime {
  readonly milliseconds: number;
  /** What the machine would need at best, as a share of what was measured. */
  readonly share: number;
}

export interface Stats {
  readonly model: string;
  readonly program: string;
  readonly batch: number;
  readonly parameters: number;
  readonly flops: number;
  readonly bytes: number;
  readonly arena: { readonly bytes: number; readonly persistent: number; readonly withoutReuse: number };
  readonly kernels: readonly {
    readonly name: string;
    readonly flops: number;
    readonly bytes: number;
    readonly milliseconds?: number;
    readonly share?: number;
  }[];
  /** In bytes. `typescript` holds kernels of WebAssembly as base64; `wasm`: what they are before that. */
  readonly emitted: {
    readonly typescript: number;
    readonly wasm?: number;
    readonly minified: number;
    readonly gzip: number;
  };
  readonly measured?: Measured;
}

export interface Measured {
  readonly steps: number;
  readonly data: string;
  readonly kernels: readonly KernelTime[];
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What is counted: the training step, or predictions where there is no loss. */
const shownProgram = (unit: Unit) => programOf(unit, "step") ?? programOf(unit, "predict")!;

export async function measureUnit(model: string, unit: Unit, measured: Measured | undefined): Promise<Stats> {
  const program = shownProgram(unit);
  const kernels = kernelCosts(unit, program);
  const sum = (of: (kernel: (typeof kernels)[number]) => number): number => kernels.reduce((n, k) => n + of(k), 0);
  const params = unit.module.slots.filter(({ kind }) => kind === "param");
  const passing = unit.plan.temporaries.filter((each) => each.program === program.name);
  return {
    model,
    program: program.name,
    batch: unit.batch,
    parameters: params.reduce((n, { type }) => n + countAt(type.shape, 1), 0),
    flops: sum(({ flops }) => flops),
    bytes: sum(({ bytes }) => bytes),
    arena: {
      bytes: unit.plan.bytes,
      persistent: unit.plan.persistentBytes,
      withoutReuse: unit.plan.persistentBytes + passing.reduce((n, { bytes }) => n + bytes, 0),
    },
    kernels: kernels.map(({ name, flops, bytes }, k) => ({ name, flops, bytes, ...measured?.kernels[k] })),
    emitted: await emittedSizes(unit),
    ...(measured ? { measured } : {}),
  };
}

async function emittedSizes(unit: Unit): Promise<Stats["emitted"]> {
  const kernels: { readonly wasm?: Uint8Array } = unit.target === "wasm" ? { wasm: assemble(watText(unit)) } : {};
  const text = printPlain(emitModule(unit, true, kernels), true);
  const { transform } = await import("esbuild");
  const { code } = await transform(text, { loader: "ts", minify: true, format: "esm" });
  return {
    typescript: Buffer.byteLength(text),
    ...(kernels.wasm ? { wasm: kernels.wasm.length } : {}),
    minified: Buffer.byteLength(code),
    gzip: gzipSync(code, { level: 9 }).length,
  };
}

interface ProfileOptions {
  readonly data?: string;
  readonly dataDir?: string;
  readonly batch?: number;
  readonly steps: number;
}

/** Steps that are thrown away: the engine compiles during them. */
const warmUp = 100;

export async function profileUnit(unit: Unit, path: string, options: ProfileOptions, io: Io): Promise<Measured> {
  const words = [
    ...(options.data === undefined ? [] : [`--data=${options.data}`]),
    ...(options.dataDir === undefined ? [] : [`--data-dir=${options.dataDir}`]),
    ...(options.batch === undefined ? [] : [`--batch=${options.batch}`]),
  ];
  const wasm = unit.target === "wasm" ? assemble(watTextApart(unit)) : undefined;
  const text = profiledText(unit, wasm);
  const library = (await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`)) as Library & {
    readonly profile: Profile;
  };
  const plan = planRun(library.manifest, parseOptions(words, "nnc stats"), { ...io, folder: dirname(path) });
  const run = new Run(library, plan);
  for (let step = 0; step < warmUp; step++) run.next();
  const { milliseconds, calls } = library.profile;
  milliseconds.fill(0);
  calls.fill(0);
  for (let step = 0; step < options.steps; step++) run.next();
  const ceiling = measureCeiling(() => performance.now(), arithmeticOf(unit.target));
  const kernels = kernelCosts(unit, shownProgram(unit)).map(({ flops, bytes }, k): KernelTime => {
    const each = milliseconds[k]! / calls[k]!;
    return { milliseconds: each, share: leastTime(ceiling, flops, bytes) / each };
  });
  return { steps: options.steps, data: plan.data.title, kernels, ...ceiling };
}

/** What a kernel of the target may do at best, one round after the other. */
function arithmeticOf(target: Unit["target"]): Trial | undefined {
  if (target === "ts") return undefined;
  const { text, operations } = multiplyAdds("v128");
  const run = instantiate(assemble(text));
  const rounds = 200;
  return { operations: operations * rounds, run: () => run(rounds) };
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

export function statsText(facts: Stats, unit: Unit, width: number): string {
  const { arena, emitted, kernels, measured } = facts;
  const within = emitted.wasm === undefined ? "" : `, with ${bytesText(emitted.wasm)} of WebAssembly as base64`;
  const saved = arena.withoutReuse > arena.bytes ? `; ${bytesText(arena.withoutReuse)} if nothing were shared` : "";
  const head = tableText([
    ["model", `${unit.module.name}, up to ${count(facts.batch, "row")} per call`],
    ["parameters", grouped(facts.parameters)],
    [
      facts.program,
      `${grouped(facts.flops)} flops, ${grouped(facts.bytes)} bytes touched, ${count(kernels.length, "kernel")}`,
    ],
    ["arena", `${bytesText(arena.bytes)}, of it ${bytesText(arena.persistent)} that stays${saved}`],
    [
      "emitted",
      `${bytesText(emitted.typescript)} TypeScript${within}, ${bytesText(emitted.minified)} minified, ${bytesText(emitted.gzip)} gzip`,
    ],
  ]);
  const total = measured?.kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0) ?? 0;
  const columns = ["kernel", "flops", "bytes", "flops/byte", ...(measured ? ["µs", "of step", "of ceiling"] : [])];
  const rows = kernels.map(({ name, flops, bytes, milliseconds = 0, share = 0 }) => [
    name,
    grouped(flops),
    grouped(bytes),
    (flops / Math.max(bytes, 1)).toFixed(2),
    ...(measured ? [(1000 * milliseconds).toFixed(1), percent(milliseconds / total), percent(share)] : []),
  ]);
  const timing = measured
    ? `\nmeasured on ${grouped(measured.steps)} steps of ${measured.data}: ${(1000 * total).toFixed(1)} µs per step in kernels, as ${unit.target === "ts" ? "TypeScript" : "WebAssembly"}.\n` +
      `The ceiling of one thread here, now: ${(measured.flopsPerSecond / 1e9).toFixed(2)} Gflop/s from registers, ` +
      `${(measured.bytesPerSecond / 1e9).toFixed(1)} GB/s from memory. A kernel whose data lie in caches may pass it.\n`
    : "";
  const view = memoryView(unit, shownProgram(unit));
  return `${head}\n${tableText([columns, ...rows], [1, 2, 3, 4, 5, 6])}${timing}\ntemporaries, and the kernels that need them\n${lifetimeText(view, width)}`;
}
