// A stage that reads a value at its own point and at another one cannot run in the loop that makes the value.
import { describe, expect, it } from "vitest";
import { compile as compileUnit } from "../../src/codegen/compile.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile } from "../dsl/compile.ts";

const expressions: readonly string[] = [
  "v = sum(x ** 2, axis=1)\n  w = exp(v) / 100\n  w * flip(w, axis=0) + sin(w)",
  "v = max(x, axis=1)\n  e = exp(v)\n  e / sum(e) + flip(e, axis=0)",
  "v = logsumexp(x, axis=0)\n  w = tanh(v)\n  concat([w[1:], w[0:1]], axis=0) * w + cumsum(w)",
  "h = tanh(x @ x[0:1].T)\n  h + flip(h, axis=0) * mean(h)",
  "v = sum(x, axis=1, keepdims=true)\n  w = exp(-v)\n  x * w + flip(x * w, axis=1) + w * flip(w, axis=0)",
];

describe("values read at several points", () => {
  it.each(expressions)("%s", async (expression) => {
    const module = compile(`model m(x: [5, 4]) {\n  ${expression}\n}\n`);
    const trainer = (await loadUnit(compileUnit(module, { target: "ts" }))).create();
    const { x } = trainer.inputs;
    for (let i = 0; i < x!.length; i++) x![i] = Math.sin(3.7 * i);
    // Twice: what the first call leaves behind must not help the second.
    for (const sign of [1, -1]) {
      for (let i = 0; i < x!.length; i++) x![i]! *= sign;
      trainer.predict(1);
      const { graph } = optimise(module.predict, opTable);
      const wanted = interpret(graph, { inputs: new Map([["x", [...x!]]]) }).outputs.get("out")!.data;
      for (const [i, value] of [...trainer.read("out")].entries()) expect(value).toBeCloseTo(wanted[i]!, 4);
    }
  });
});
