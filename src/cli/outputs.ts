// The texts of the files that `nnc build` writes. The same model and options give the same bytes: no dates, no paths.
import { createHash } from "node:crypto";
import { diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import type { Source } from "../base/span.ts";
import { type Bundles, bundle } from "../codegen/bundle.ts";
import { compile } from "../codegen/compile.ts";
import { printDeclarations } from "../codegen/ts/declarations.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { inferenceOnly, withWeights } from "../codegen/ts/inference.ts";
import { printWithTsMorph } from "../codegen/ts/morph.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { assemble } from "../codegen/wat/assemble.ts";
import { watText } from "../codegen/wat/module.ts";
import { sourceMapOf } from "../inspect/source-lines.ts";
import type { Module } from "../ir/module.ts";
import { compileOptions, type WantedUnit } from "./compile-options.ts";
import { defaultLimits } from "./limits.ts";

type Weights = ReadonlyMap<string, Uint8Array>;

/** Bytes by file name. With weights: a library of the trained model alone. */
export async function outputsOf(
  name: string,
  module: Module,
  options: WantedUnit & {
    readonly maxOutput?: number;
    readonly sourceMaps?: boolean;
    readonly weights?: Weights;
    /** Where WebAssembly stands: in the library, or in a file beside it. */
    readonly wasm?: "inline" | "file";
    /** Where a file of the model lies, seen from the folder of the outputs; for maps. */
    readonly nameOf?: (source: Source) => string;
  },
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { weights } = options;
  const unit = compile(weights ? inferenceOnly(module) : module, compileOptions(options));
  const kernels = unit.target === "wasm" ? assemble(watText(unit)) : undefined;
  const isBeside = kernels !== undefined && options.wasm === "file";
  const emitted = emitModule(unit, true, kernels && !isBeside ? { wasm: kernels } : {});
  const doc = weights ? withWeights(emitted, unit.manifest, weights) : emitted;
  const plain = printPlain(doc, true);
  // Breakpoints in the model are what a debug build is for.
  const hasMaps = options.sourceMaps || options.debug;
  const map = hasMaps ? sourceMapOf(unit, `${name}.ts`, plain, options.nameOf) : undefined;
  // Both printers give the same text, so that esbuild can begin while ts-morph is still being loaded.
  const [typescript, bundles] = await Promise.all([
    printWithTsMorph(`${name}.ts`, doc),
    bundle(name, plain, {
      map,
      threads: unit.threads,
      ...(isBeside ? { kernels: { file: `${name}.wasm`, sha256: sha256(kernels) } } : {}),
    }),
  ]);
  const texts = [
    [`${name}.ts`, typescript],
    [`${name}.js`, bundles.library],
    [`${name}.d.ts`, printDeclarations(doc, unit.manifest)],
    ...(weights ? [] : [[`${name}.train.js`, bundles.trainer] as const]),
    ...(map === undefined ? [] : mapFiles(name, map, bundles)),
  ] as const;
  const encoder = new TextEncoder();
  const files = new Map([
    ...texts.map(([file, text]) => [file, encoder.encode(text)] as const),
    ...(isBeside ? [[`${name}.wasm`, kernels] as const] : []),
  ]);
  const limit = options.maxOutput ?? defaultLimits.maxOutput;
  for (const [file, { length: bytes }] of files) {
    if (bytes > limit) throw new Refusal(diagnose(limits, "limit/output", undefined, { file, bytes, limit }));
  }
  return files;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const mapFiles = (name: string, map: string, { libraryMap = "", trainerMap = "" }: Bundles): [string, string][] => [
  [`${name}.ts.map`, map],
  [`${name}.js.map`, libraryMap],
  [`${name}.train.js.map`, trainerMap],
];
