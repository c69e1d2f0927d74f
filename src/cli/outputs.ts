// The texts of the files that `nnc build` writes. The same model and options give the same bytes: no dates, no paths.
import { diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import { type Bundles, bundle } from "../codegen/bundle.ts";
import { compile } from "../codegen/compile.ts";
import { printDeclarations } from "../codegen/ts/declarations.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { inferenceOnly, withWeights } from "../codegen/ts/inference.ts";
import { printWithTsMorph } from "../codegen/ts/morph.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { sourceMapOf } from "../inspect/source-lines.ts";
import type { Module } from "../ir/module.ts";
import { compileOptions, type WantedUnit } from "./compile-options.ts";
import { defaultLimits } from "./limits.ts";

type Weights = ReadonlyMap<string, Uint8Array>;

/** By file name. With weights: a library of the trained model alone. */
export async function outputsOf(
  name: string,
  module: Module,
  options: WantedUnit & { readonly maxOutput?: number; readonly sourceMaps?: boolean; readonly weights?: Weights },
): Promise<ReadonlyMap<string, string>> {
  const { weights } = options;
  const unit = compile(weights ? inferenceOnly(module) : module, compileOptions(options));
  const emitted = emitModule(unit, true);
  const doc = weights ? withWeights(emitted, unit.manifest, weights) : emitted;
  const plain = printPlain(doc, true);
  const map = options.sourceMaps ? sourceMapOf(unit, `${name}.ts`, plain) : undefined;
  // Both printers give the same text, so that esbuild can begin while ts-morph is still being loaded.
  const [typescript, bundles] = await Promise.all([printWithTsMorph(`${name}.ts`, doc), bundle(name, plain, map)]);
  const files = new Map([
    [`${name}.ts`, typescript],
    [`${name}.js`, bundles.library],
    [`${name}.d.ts`, printDeclarations(doc, unit.manifest)],
    ...(weights ? [] : [[`${name}.train.js`, bundles.trainer] as const]),
    ...(map === undefined ? [] : mapFiles(name, map, bundles)),
  ]);
  const limit = options.maxOutput ?? defaultLimits.maxOutput;
  for (const [file, text] of files) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limit) throw new Refusal(diagnose(limits, "limit/output", undefined, { file, bytes, limit }));
  }
  return files;
}

const mapFiles = (name: string, map: string, { libraryMap = "", trainerMap = "" }: Bundles): [string, string][] => [
  [`${name}.ts.map`, map],
  [`${name}.js.map`, libraryMap],
  [`${name}.train.js.map`, trainerMap],
];
