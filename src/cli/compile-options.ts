// The options of commands as the code generator takes them.
import type { CompileOptions } from "../codegen/compile.ts";
import type { CodeOptions } from "./options.ts";

export interface WantedUnit extends CodeOptions {
  readonly target?: CompileOptions["target"];
  readonly batch?: number;
  readonly maxArena?: number;
  readonly threads?: boolean;
}

export const compileOptions = (options: WantedUnit): CompileOptions => ({
  target: options.target ?? "ts",
  reuse: options.reuse,
  ...(options.dense ? { without: new Set(["sparsify"]) } : {}),
  ...(options.debug ? { debug: true } : {}),
  ...(options.threads ? { threads: true } : {}),
  ...(options.strictFloat ? { strictFloat: true } : {}),
  ...(options.batch === undefined ? {} : { batch: options.batch }),
  ...(options.maxArena === undefined ? {} : { maxArena: options.maxArena }),
});
