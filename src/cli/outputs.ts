// The texts of the files that `nnc build` writes. The same model and options give the same bytes: no dates, no paths.
import { bundle } from "../codegen/bundle.ts";
import { compile } from "../codegen/compile.ts";
import { printDeclarations } from "../codegen/ts/declarations.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printWithTsMorph } from "../codegen/ts/morph.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import type { Module } from "../ir/module.ts";
import { compileOptions } from "./compile-options.ts";

/** By file name. */
export async function outputsOf(
  name: string,
  module: Module,
  options: { readonly batch?: number; readonly reuse: boolean },
): Promise<ReadonlyMap<string, string>> {
  const unit = compile(module, compileOptions(options));
  const doc = emitModule(unit, true);
  // Both printers give the same text, so that esbuild can begin while ts-morph is still being loaded.
  const [typescript, bundles] = await Promise.all([
    printWithTsMorph(`${name}.ts`, doc),
    bundle(name, printPlain(doc, true)),
  ]);
  return new Map([
    [`${name}.ts`, typescript],
    [`${name}.js`, bundles.library],
    [`${name}.d.ts`, printDeclarations(doc, unit.manifest)],
    [`${name}.train.js`, bundles.trainer],
  ]);
}
