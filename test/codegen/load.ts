// Loads what the compiler emits: a unit as a module of plain JavaScript.
import type { Unit } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { watText } from "../../src/codegen/wat/module.ts";
import type { Library } from "../../src/runtime/library.ts";

/** The library as plain JavaScript. */
export function libraryText(unit: Unit): string {
  const options = unit.target === "wasm" ? { wasm: assemble(watText(unit)) } : {};
  return printPlain(emitModule(unit, false, options), false);
}

export async function loadUnit(unit: Unit): Promise<Library> {
  const text = libraryText(unit);
  const module: unknown = await import(
    /* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(text).toString("base64")}`
  );
  return module as Library;
}
