// Model files made up for a measurement, compiled from their text.
import { renderText } from "../src/base/render.ts";
import { elaborate } from "../src/dsl/elaborate.ts";
import { parse } from "../src/dsl/parse.ts";
import type { Module } from "../src/ir/module.ts";

export function moduleFromText(text: string): Module {
  const parsed = parse({ path: "bench.nn", text });
  const { module, diagnostics } = elaborate(parsed.file, {});
  if (!module) throw new Error(renderText([...parsed.diagnostics, ...diagnostics], { color: false, width: 120 }));
  return module;
}
