// Which code runs: kernels as WebAssembly where this machine takes them, else as TypeScript.
import { Option } from "commander";
import { runsVectors } from "../base/vectors.ts";
import type { CompileOptions } from "../codegen/compile.ts";
import { UserError } from "../runtime/user-error.ts";

export type Target = CompileOptions["target"];

export const targets: readonly Target[] = ["ts", "wasm"];

export const targetOption = (text: string): Option => new Option("--target <TARGET>", text).choices(targets);

/** The target asked for, else the fastest that runs here; `--debug` is for TypeScript, which debuggers step through. */
export function runningTarget({ target, debug }: { readonly target?: Target; readonly debug?: boolean }): Target {
  if (target === "wasm") {
    refuseDebug(target, debug);
    if (!runsVectors())
      throw new UserError("usage/option", "this machine runs no WebAssembly with vectors", "Take --target ts.");
  }
  return target ?? (debug || !runsVectors() ? "ts" : "wasm");
}

export function refuseDebug(target: Target, debug: boolean | undefined): void {
  if (target === "wasm" && debug)
    throw new UserError("usage/option", "--debug is for TypeScript, not for WebAssembly", "Take --target ts.");
}
