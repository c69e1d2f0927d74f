// Module -> unit: every program of a model optimised, scheduled, lowered and planned. Decides nothing itself; it is the list of phases.
import { diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import type { Graph } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { optimise } from "../ir/passes/pipeline.ts";
import { typeText } from "../ir/types.ts";
import type { Manifest } from "../runtime/library.ts";
import { checkPlan } from "./check-plan.ts";
import { type HostProgram, hostProgram, ScalarPlaces } from "./host.ts";
import { KeptNames, keepBindings, keepValues } from "./keep.ts";
import { type KernelKey, kernelKey } from "./kernel-key.ts";
import type { Procedure } from "./loops.ts";
import { lowerToLoops } from "./lower.ts";
import { loweringContext } from "./lower-context.ts";
import { entryInputs, makeManifest } from "./manifest.ts";
import { NameScope } from "./names.ts";
import { withPart } from "./parts.ts";
import { placingPasses, schedulePasses } from "./passes/pipeline.ts";
import { type Plan, type Program, planMemory } from "./plan.ts";
import { chooseRecipe, naive } from "./recipes.ts";
import type { Caps, Kernel, Recipe, Schedule } from "./schedule.ts";
import { leastCalls, type SharedKernels, shareKernels } from "./share-kernels.ts";
import { stageText } from "./stage-text.ts";
import { toStages } from "./to-stages.ts";

export interface CompileOptions {
  /** Kernels as TypeScript, or as WebAssembly with four numbers side by side. */
  readonly target: "ts" | "wasm";
  /** The largest number of rows a call takes; the model's `batch` unless said. */
  readonly batch?: number;
  /** Temporaries may share bytes. */
  readonly reuse?: boolean;
  /** Names of passes that are left out. */
  readonly without?: ReadonlySet<string>;
  /** `naive`: one element at a time, no tiles. */
  readonly recipes?: "cost-model" | "naive";
  /** Each fused intermediate is rounded as its store would be. */
  readonly strictFloat?: boolean;
  /** Bytes the arena may take, 2 GiB unless said; more is refused. */
  readonly maxArena?: number;
  /** Worker threads may share the kernels of the target `wasm`, in one memory. The same bits as without. */
  readonly threads?: boolean;
  /** Nothing is fused, every intermediate has a name and bytes of its own, and numbers that are none are reported. */
  readonly debug?: boolean;
}

/** A compiled model: programs over one arena. */
export interface Unit {
  readonly target: CompileOptions["target"];
  readonly module: Module;
  readonly batch: number;
  readonly debug: boolean;
  /** Whether workers may take part in its programs. */
  readonly threads: boolean;
  readonly programs: readonly (Program & {
    readonly graph: Graph;
    readonly recipes: readonly Recipe[];
    readonly host: HostProgram;
  })[];
  readonly plan: Plan;
  readonly scalars: ScalarPlaces;
  readonly kernels: SharedKernels;
  readonly manifest: Manifest;
}

const caps: Record<CompileOptions["target"], Caps> = {
  ts: { lanes: 1, sumsInF32: false, accumulators: 10 },
  wasm: { lanes: 4, sumsInF32: true, accumulators: 8, tight: 10 },
};

/** Rows per call where nothing says more: a model without `train` and without N. */
const defaultBatch = 1;

export function compile(module: Module, options: CompileOptions): Unit {
  const batch = options.batch ?? module.train?.batch ?? defaultBatch;
  const scalars = new ScalarPlaces(module);
  const zeros = new Map(module.columns.flatMap((c) => (c.zeros === undefined ? [] : [[c.name, c.zeros] as const])));
  const kept = options.debug ? new KeptNames(module) : undefined;
  const graphs = programGraphs(module).map(({ name, graph }) => {
    const whole = kept ? keepBindings(graph, name, kept) : graph;
    return { name, graph: optimise(whole, opTable, options.without).graph };
  });
  const fused = new Map(graphs.map(({ name, graph }) => [name, fuse(name, graph, batch, options, zeros, kept)]));
  const schedules = arrange(fused, options, batch);
  const programs = graphs.map(({ name, graph }) => {
    const schedule = schedules.get(name)!;
    const lowered = lowerKernels(name, schedule, batch, options);
    const procedures = lowered.map((l) => l.procedure);
    const host = hostProgram(schedule, procedures, scalars);
    return { name, graph, schedule, procedures, recipes: lowered.map((l) => l.recipe), host };
  });
  const plan = planMemory(programs, batch, options.reuse ?? true, [...module.columns, ...entryInputs(module)]);
  checkArena(plan, options.maxArena ?? defaultMaxArena);
  if (options.target === "wasm" && plan.bytes > addressable)
    throw new Refusal(diagnose(limits, "limit/addresses", undefined, { bytes: plan.bytes, limit: addressable }));
  const faults = checkPlan(programs, plan, batch);
  if (faults.length > 0) throw new Error(`unsound memory plan: ${faults[0]}`);
  const kernels = shareKernels(programs, plan);
  return {
    target: options.target,
    module,
    batch,
    debug: kept !== undefined,
    threads: sharesWork(options),
    programs,
    plan,
    scalars,
    kernels,
    manifest: makeManifest(module, options.target, batch, plan),
  };
}

const sharesWork = ({ target, threads }: CompileOptions): boolean => target === "wasm" && threads === true;

const defaultMaxArena = 2 ** 31;

/** Bytes of arena that a WebAssembly memory holds beside the scalars. */
const addressable = 2 ** 32 - 2 ** 20;

function checkArena({ bytes, persistent, temporaries }: Plan, limit: number): void {
  if (bytes <= limit) return;
  const largest = [...persistent.values(), ...temporaries].reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const facts = { bytes, limit, largest: `\`${largest.name.replace(/^[a-z]+:/, "")}\`, ${typeText(largest.type)}` };
  throw new Refusal(diagnose(limits, "limit/arena", undefined, facts));
}

/** The programs a module has, in the order of the emitted file. */
export function programGraphs(module: Module): { readonly name: string; readonly graph: Graph }[] {
  const programs = [{ name: "init", graph: module.init }];
  if (module.step.outputs.size > 0) programs.push({ name: "step", graph: module.step });
  if (module.evaluate.outputs.size > 0) programs.push({ name: "evaluate", graph: module.evaluate });
  programs.push({ name: "predict", graph: module.predict });
  for (const entry of module.entries) programs.push({ name: `entry:${entry.name}`, graph: entry.graph });
  return programs;
}

/** Stages of one program, fused. */
function fuse(
  name: string,
  graph: Graph,
  batch: number,
  options: CompileOptions,
  zeros: ReadonlyMap<string, number>,
  kept: KeptNames | undefined,
): Schedule {
  let schedule: Schedule = toStages(graph, opTable);
  for (const pass of schedulePasses) {
    if (pass.required || !(options.debug || options.without?.has(pass.name)))
      schedule = pass.run(schedule, { batch, strictFloat: options.strictFloat ?? false, zeros });
  }
  if (kept) schedule = keepValues(schedule, name, kept);
  // A new arena is all zeros: parameters that start there need no code.
  if (name === "init")
    schedule = { ...schedule, kernels: schedule.kernels.filter((kernel) => !fillsWithZeros(kernel)) };
  return schedule;
}

/** How values lie and are copied, as the target asks for it. */
function arrange(
  schedules: ReadonlyMap<string, Schedule>,
  options: CompileOptions,
  batch: number,
): ReadonlyMap<string, Schedule> {
  const target = caps[options.target];
  if (options.recipes === "naive" || options.debug) return schedules;
  return placingPasses
    .filter(({ everywhere }) => everywhere || target.lanes > 1)
    .filter(({ name, alone }) => !(options.without?.has(name) || (alone && sharesWork(options))))
    .reduce((current, pass) => pass.run(current, target, batch), schedules);
}

const fillsWithZeros = ({ stages }: Kernel): boolean =>
  stages.every(({ body, reduce, epilogue }) => !reduce && !epilogue && body.kind === "num" && Object.is(body.value, 0));

interface Lowered {
  readonly recipe: Recipe;
  readonly procedure: Procedure;
}

/** Every kernel as a procedure. Of kernels that will be one function, one is lowered, and the others are it at other addresses. */
function lowerKernels(program: string, schedule: Schedule, batch: number, options: CompileOptions): Lowered[] {
  const names = new NameScope();
  const context = loweringContext(schedule, batch, {
    strictFloat: options.strictFloat ?? false,
    sumsInF32: caps[options.target].sumsInF32,
  });
  const keys = schedule.kernels.map((kernel) => kernelKey(context, kernel));
  const counts = new Map<string, number>();
  for (const { text } of keys) counts.set(text, (counts.get(text) ?? 0) + 1);
  const firsts = new Map<string, Lowered & { readonly key: KernelKey }>();
  return schedule.kernels.map((kernel, k) => {
    const key = keys[k]!;
    const name = names.unique(kernelName(kernel));
    const first = firsts.get(key.text);
    if (first) return { recipe: first.recipe, procedure: relocate(schedule, kernel, first, key, name) };
    const chosen =
      options.recipes === "naive" || options.debug
        ? naive
        : chooseRecipe(schedule, kernel, caps[options.target], batch);
    const recipe = sharesWork(options) ? withPart(schedule, kernel, chosen, batch) : chosen;
    const made = lowerToLoops(context, kernel, recipe, name, key.text);
    const isWide = recipe.tiles.size > 0 || recipe.lanes !== undefined;
    const plain = isWide && lowerToLoops(context, kernel, naive, name, key.text);
    const procedure = plain ? { ...made, naive: plain.body } : made;
    if (counts.get(key.text)! >= leastCalls(program)) firsts.set(key.text, { recipe, procedure, key });
    return { recipe, procedure };
  });
}

/** The loops of an equal kernel over this one's operands. */
function relocate(
  schedule: Schedule,
  kernel: Kernel,
  first: Lowered & { readonly key: KernelKey },
  key: KernelKey,
  name: string,
): Procedure {
  const { procedure } = first;
  const own = new Map(first.key.values.map((value, i) => [value, key.values[i]!]));
  const streams = new Map(first.key.streams.map((stream, i) => [stream, key.streams[i]!]));
  return {
    ...procedure,
    name,
    doc: kernel.stages.map((stage) => stageText(schedule, stage)),
    buffers: procedure.buffers.map((b) => ({ ...b, value: own.get(b.value)! })),
    hosts: procedure.hosts.map((h) => ({ ...h, value: own.get(h.value)! })),
    streams: procedure.streams.map((s) => ({ ...s, key: streams.get(s.key)! })),
    origins: kernel.stages.flatMap((s) => s.origins),
  };
}

/** One stage's own name; for several what they do, in order: `max_exp_sum_log_64x10`. */
function kernelName(kernel: Kernel): string {
  const names = kernel.stages.map((s) => s.name);
  if (names.length === 1) return names[0]!;
  const sizes = /_[0-9Nx]+$/;
  const works = [...new Set(names.map((n) => n.replace(sizes, "")))];
  const size = names.map((n) => sizes.exec(n)?.[0] ?? "").reduce((a, b) => (b.length > a.length ? b : a));
  const all = works.join("_");
  return `${all.length <= 40 ? all : `${works.slice(0, 3).join("_")}_and_${works.length - 3}_more`}${size}`;
}
