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
import type { Library } from "../runtime/library.ts";

export async function loadLibrary(unit: Unit): Promise<Library> {
  const kernels = unit.target === "wasm" ? { wasm: await assemble(watText(unit)) } : {};
  const text = printPlain(emitModule(unit, false, kernels), false);
  // A debugger that looks into this process finds the model file by it.
  const map = unit.debug
    ? linkedMap(sourceMapOf(unit, "library.js", text, ({ path }) => pathToFileURL(resolve(path)).href))
    : "";
  const url = `data:text/javascript;base64,${Buffer.from(text + map).toString("base64")}`;
  const library: Library = await import(url);
  return unit.threads ? { ...library, url } : library;
}
