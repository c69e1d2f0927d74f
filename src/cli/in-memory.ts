// A compiled model as a library of this process: `nnc train` and `nnc eval` run the code that `nnc build` would write.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { linkedMap } from "../codegen/bundle.ts";
import type { Unit } from "../codegen/compile.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { assemble } from "../codegen/wat/assemble.ts";
import { watText } from "../codegen/wat/module.ts";
import { sourceMapOf } from "../inspect/source-lines.ts";
import type { Library, Trainer } from "../runtime/library.ts";

/** Of no browser, so not among the types. */
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };

/** With kernels of WebAssembly, `create` is given them compiled. */
interface Emitted extends Library {
  create(options?: { readonly seed?: number; readonly wasm?: object }): Trainer;
}

export async function loadLibrary(unit: Unit): Promise<Library> {
  const text = printPlain(emitModule(unit, false), false);
  // A debugger that looks into this process finds the model file by it.
  const map = unit.debug
    ? linkedMap(sourceMapOf(unit, "library.js", text, ({ path }) => pathToFileURL(resolve(path)).href))
    : "";
  const url = `data:text/javascript;base64,${Buffer.from(text + map).toString("base64")}`;
  const { manifest, create }: Emitted = await import(url);
  const library = unit.threads ? { manifest, create, url } : { manifest, create };
  if (unit.target === "ts") return library;
  const wasm = new WebAssembly.Module(assemble(watText(unit)));
  return { ...library, create: (options = {}) => create({ ...options, wasm }) };
}
