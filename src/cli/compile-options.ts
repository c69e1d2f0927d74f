// The options of commands as the code generator takes them.
import type { CompileOptions } from "../codegen/compile.ts";

export const compileOptions = (options: { readonly batch?: number; readonly reuse: boolean }): CompileOptions => ({
  target: "ts",
  reuse: options.reuse,
  ...(options.batch === undefined ? {} : { batch: options.batch }),
});
