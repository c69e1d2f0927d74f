// A compiled model as a library of this process: `nnc train` and `nnc eval` run the code that `nnc build` would write.
import type { Unit } from "../codegen/compile.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import type { Library } from "../runtime/library.ts";

export async function loadLibrary(unit: Unit): Promise<Library> {
  const text = printPlain(emitModule(unit, false), false);
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
}
