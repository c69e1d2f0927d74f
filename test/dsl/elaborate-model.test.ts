// Whole files through the elaborator: the graphs they become.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderText } from "../../src/base/render.ts";
import { type ElaborateOptions, elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import type { Module } from "../../src/ir/module.ts";
import { printGraph } from "../../src/ir/print.ts";

export function compile(text: string, options: ElaborateOptions = {}): Module {
  const parsed = parse({ path: "test.nn", text });
  const { module, diagnostics } = elaborate(parsed.file, options);
  const all = [...parsed.diagnostics, ...diagnostics];
  if (!module) throw new Error(renderText(all, { color: false, width: 100 }));
  return module;
}

describe("models", () => {
  for (const name of ["mnist_logistic", "mnist_mlp"]) {
    it(name, () => {
      const module = compile(readFileSync(`models/${name}.nn`, "utf8"));
      console.log(
        printGraph(module.step),
        printGraph(module.evaluate),
        printGraph(module.init),
        module.slots.map((s) => s.name),
      );
      expect(module.slots.length).toBeGreaterThan(1);
    });
  }
});
