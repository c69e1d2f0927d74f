// Which code runs: kernels as WebAssembly where this machine takes them, else as TypeScript.
import { Option } from "commander";
import type { CompileOptions } from "../codegen/compile.ts";
import { UserError } from "../runtime/user-error.ts";

export type Target = CompileOptions["target"];

export const targets: readonly Target[] = ["ts", "wasm"];

export const targetOption = (text: string): Option => new Option("--target <TARGET>", text).choices(targets);

// (module (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt)), which uses four numbers side by side.
const vectors = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** Of no browser, so not among the types. */
declare const WebAssembly: { validate(bytes: Uint8Array): boolean } | undefined;

const runsVectors = (): boolean => typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(vectors));

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
