// A parameter read under another shape after an update in place would be the new one: every such reader must run first.
import { describe, expect, it } from "vitest";
import { compile as compileUnit } from "../../src/codegen/compile.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile } from "../dsl/compile.ts";

/** The state `old` is what W was before the step, in some other form; W itself is updated in the same step. */
const forms: readonly (readonly [string, string, string])[] = [
  ["a reshape that merges axes", "[12]", "reshape(W, [12])"],
  ["a reshape that splits an axis", "[3, 2, 2]", "reshape(W, [3, 2, 2])"],
  ["a reshape to other axes", "[2, 6]", "tanh(reshape(W, [2, 6]))"],
  ["a transpose", "[4, 3]", "W.T"],
  ["a slice", "[2, 4]", "W[1:3]"],
  ["rows gathered", "[3, 4]", "gather(W, iota(3))"],
  ["a reshape that is gathered from", "[4, 3]", "gather(reshape(W, [4, 3]), iota(4) % 3)"],
];

describe("the old value of a parameter that is updated in place", () => {
  it.each(forms)("as %s", async (_, type, form) => {
    const module = compile(`
model m(x: [N, 3]) -> [N, 4] {
  param W: [3, 4] = normal()
  state old: ${type} = 0
  old <- ${form}
  x @ W + sum(old)
}
loss(out, y: [N, 4]) = mse(out, y)
train { batch = 2; optimizer = sgd(lr = 0.5) }
`);
    const trainer = (await loadUnit(compileUnit(module, { target: "ts" }))).create({ seed: 4 });
    const { x, y } = trainer.inputs;
    for (let i = 0; i < x!.length; i++) x![i] = i * 0.3 - 0.7;
    for (let i = 0; i < y!.length; i++) y![i] = 1 - i * 0.2;
    const slots = new Map(module.slots.map(({ name }) => [name, [...trainer.read(name)]]));
    trainer.step(2);
    const { updates } = interpret(optimise(module.step, opTable).graph, {
      rows: 2,
      slots,
      inputs: new Map([
        ["x", [...x!]],
        ["y", [...y!]],
      ]),
      scalars: new Map([["lr", 0.5]]),
    });
    for (const [name, { data }] of updates) {
      for (const [i, value] of [...trainer.read(name)].entries()) expect(value, name).toBeCloseTo(data[i]!, 5);
    }
  });
});
