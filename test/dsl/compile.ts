// Compiles model files in tests: to a module, or to the codes of what is wrong.
import type { Diagnostic } from "../../src/base/diagnostic.ts";
import { renderText } from "../../src/base/render.ts";
import { type ElaborateOptions, elaborate } from "../../src/dsl/elaborate.ts";
import { defaultLimits, parse } from "../../src/dsl/parse.ts";
import type { Module } from "../../src/ir/module.ts";

export interface Checked {
  readonly module?: Module;
  readonly diagnostics: readonly Diagnostic[];
}

/** Tests of what comes after the reader go past its limit on words. */
const anyLength = { ...defaultLimits, tokens: Number.POSITIVE_INFINITY };

export function check(text: string, options: ElaborateOptions = {}): Checked {
  const parsed = parse({ path: "test.nn", text }, anyLength);
  const { module, diagnostics } = elaborate(parsed.file, options);
  return { ...(module ? { module } : {}), diagnostics: [...parsed.diagnostics, ...diagnostics] };
}

export const codes = (text: string, options: ElaborateOptions = {}): string[] =>
  check(text, options).diagnostics.map(({ code }) => code);

export function compile(text: string, options: ElaborateOptions = {}): Module {
  const { module, diagnostics } = check(text, options);
  if (!module) throw new Error(renderText(diagnostics, { color: false, width: 120 }));
  return module;
}
