// placeholder
import type { Diagnostic } from "../../base/diagnostic.ts";
import type { Module } from "../../ir/module.ts";
export const writeOnnx = (
  _module: Module,
  _graph: "forward" | "step",
): { readonly bytes: Uint8Array; readonly diagnostics: readonly Diagnostic[] } => ({
  bytes: new Uint8Array(0),
  diagnostics: [],
});
