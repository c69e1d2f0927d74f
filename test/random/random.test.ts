// Random models through every oracle, with fixed seeds.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomModel } from "./graphs.ts";
import { cases, run } from "./property.ts";

describe("random models", () => {
  it.each([1, 2, 3])("compute the same however they are compiled, seed %d", (seed) => {
    fc.assert(
      fc.property(cases(2), (one) => {
        expect(run(one), JSON.stringify(one)).toBeUndefined();
      }),
      { seed, numRuns: 50 },
    );
  });

  it("meet most of the op table", () => {
    const ops = new Set<string>();
    for (const { numbers } of fc.sample(cases(1), { seed: 5, numRuns: 600 })) {
      for (const { op } of randomModel(numbers).b.nodes) ops.add(op);
    }
    expect([...ops].sort()).toMatchInlineSnapshot(`
      [
        "abs",
        "add",
        "and",
        "argmax",
        "argmin",
        "avg_pool",
        "broadcast",
        "cast",
        "concat",
        "const",
        "conv2d",
        "cos",
        "cumsum",
        "div",
        "einsum",
        "erf",
        "exp",
        "flip",
        "floor",
        "gather",
        "gt",
        "input",
        "iota",
        "le",
        "log",
        "log1p",
        "log_softmax",
        "logsumexp",
        "lt",
        "max",
        "max_pool",
        "maximum",
        "min",
        "minimum",
        "mod",
        "mul",
        "ne",
        "neg",
        "not",
        "one_hot",
        "or",
        "pad",
        "param",
        "pick",
        "pow",
        "prod",
        "reshape",
        "rows",
        "rsqrt",
        "scalar",
        "sigmoid",
        "sign",
        "sin",
        "slice",
        "softmax",
        "softplus",
        "sqrt",
        "sub",
        "sum",
        "tanh",
        "transpose",
        "uniform",
        "where",
      ]
    `);
  });
});
