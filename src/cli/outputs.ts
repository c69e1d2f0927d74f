// The texts of the files that `nnc build` writes. The same model and options give the same bytes: no dates, no paths.
import { diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import { bundle } from "../codegen/bundle.ts";
import { compile } from "../codegen/compile.ts";
import { printDeclarations } from "../codegen/ts/declarations.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printWithTsMorph } from "../codegen/ts/morph.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import type { Module } from "../ir/module.ts";
import { compileOptions, type WantedUnit } from "./compile-options.ts";
import { defaultLimits } from "./limits.ts";

/** By file name. */
export async function outputsOf(
  name: string,
  module: Module,
  options: WantedUnit & { readonly maxOutput?: number },
): Promise<ReadonlyMap<string, string>> {
  const unit = compile(module, compileOptions(options));
  const doc = emitModule(unit, true);
  // Both printers give the same text, so that esbuild can begin while ts-morph is still being loaded.
  const [typescript, bundles] = await Promise.all([
    printWithTsMorph(`${name}.ts`, doc),
    bundle(name, printPlain(doc, true)),
  ]);
  const files = new Map([
    [`${name}.ts`, typescript],
    [`${name}.js`, bundles.library],
    [`${name}.d.ts`, printDeclarations(doc, unit.manifest)],
    [`${name}.train.js`, bundles.trainer],
  ]);
  const limit = options.maxOutput ?? defaultLimits.maxOutput;
  for (const [file, text] of files) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limit) throw new Refusal(diagnose(limits, "limit/output", undefined, { file, bytes, limit }));
  }
  return files;
}
