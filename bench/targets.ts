// Our targets as the benchmark runs them. A new target is one more line of `targets`.
import { fileURLToPath } from "node:url";
import { renderText } from "../src/base/render.ts";
import { nodeCli } from "../src/cli/cli.ts";
import { loadLibrary } from "../src/cli/in-memory.ts";
import { readModel } from "../src/cli/model-file.ts";
import { type CompileOptions, compile, type Unit } from "../src/codegen/compile.ts";
import type { Module } from "../src/ir/module.ts";
import type { Library } from "../src/runtime/library.ts";
import type { Workload } from "./workloads.ts";

export interface Target {
  readonly name: string;
  readonly options: CompileOptions;
  /** Without the promise that most pixels are zeros, so without zero-skipping. */
  readonly dense?: boolean;
  /** How many threads compute; one unless said. */
  readonly threads?: number;
}

export const targets: readonly Target[] = [
  { name: "ts", options: { target: "ts" } },
  { name: "ts-dense", options: { target: "ts" }, dense: true },
  { name: "wasm", options: { target: "wasm" } },
  { name: "wasm-dense", options: { target: "wasm" }, dense: true },
  { name: "wasm-x2", options: { target: "wasm", threads: true }, threads: 2 },
];

/** The target that all others are compared with. */
export const reference = targets[0]!.name;

export function findTarget(name: string): Target {
  const target = targets.find((t) => t.name === name);
  if (!target) throw new Error(`no target ${name}`);
  return target;
}

/** The folder of the benchmark, wherever the bundle runs. */
export const benchFolder = fileURLToPath(new URL("bench/", `file://${process.cwd()}/`));

export function moduleOf(path: string, source = nodeCli()): Module {
  const { module, diagnostics } = readModel(path, source);
  if (!module) throw new Error(renderText(diagnostics, { color: false, width: 120 }));
  return module;
}

export function unitFor(workload: Workload, { options, dense }: Target): Unit {
  const module = moduleOf(`${benchFolder}${workload.model}`);
  return compile(dense ? withoutZeros(module) : module, options);
}

export const libraryFor = (workload: Workload, target: Target): Promise<Library> =>
  loadLibrary(unitFor(workload, target));

const withoutZeros = (module: Module): Module => ({
  ...module,
  columns: module.columns.map(({ zeros: _, ...column }) => column),
});
