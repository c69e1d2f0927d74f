// What looks equal and is not: rewriting and interning must keep apart what floating point keeps apart.
import { describe, expect, it } from "vitest";
import { Builder } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { compile } from "../dsl/compile.ts";

/** A model's result at x after all graph passes. */
function optimised(expression: string, x: readonly number[]): number[] {
  const module = compile(`model m(x: [3]) { ${expression} }`);
  const { graph } = optimise(module.predict, opTable);
  return [...interpret(graph, { inputs: new Map([["x", x]]) }).outputs.values()].flatMap(({ data }) => [...data]);
}

describe("rewriting", () => {
  it("0 * x stays where x may not be finite, and goes where it is", () => {
    expect(optimised("0 * exp(x)", [1000, 0, 1])).toEqual([Number.NaN, 0, 0]);
    expect(optimised("0 * tanh(x)", [1000, 0, 1])).toEqual([0, 0, 0]);
  });
  it("x / x and x - x are what they are at 0 and infinity", () => {
    expect(optimised("exp(x) / exp(x)", [1000, 0, 1])).toEqual([Number.NaN, 1, 1]);
    expect(optimised("exp(x) - exp(x)", [1000, 0, 1])).toEqual([Number.NaN, 0, 0]);
  });
});

describe("safe forms", () => {
  const x = [-1.5, 0.2, 2.5];
  const expectNear = (expression: string, f: (v: number) => number): void => {
    for (const [k, value] of optimised(expression, x).entries()) expect(value).toBeCloseTo(f(x[k]!), 12);
  };
  it("are not seen where a constant is another", () => {
    expectNear("log(2 + exp(x))", (v) => Math.log(2 + Math.exp(v)));
    expectNear("1 / (2 + exp(-x))", (v) => 1 / (2 + Math.exp(-v)));
    expectNear("log(2 - 1 / (1 + exp(-x)))", (v) => Math.log(2 - 1 / (1 + Math.exp(-v))));
  });
  it("keep signs", () => {
    expectNear("log(1 / (1 + exp(-x)))", (v) => -Math.log1p(Math.exp(-v)));
    expectNear("log(1 - 1 / (1 + exp(-x)))", (v) => -Math.log1p(Math.exp(v)));
    expectNear("log(1 / (1 + exp(x))) + log(1 + exp(x))", () => 0);
  });
});

describe("interning", () => {
  it("keeps -0 and 0, and the infinities, apart", () => {
    const b = new Builder(opTable);
    const num = (value: number) => b.node("const", [], { value, dtype: "f32" });
    expect(num(-0)).not.toBe(num(0));
    expect(num(0)).toBe(num(0));
    const one = num(1);
    const graph = b.graph(
      new Map([
        ["up", b.node("div", [one, num(0)])],
        ["down", b.node("div", [one, num(-0)])],
      ]),
    );
    const { outputs } = interpret(optimise(graph, opTable).graph);
    expect([...outputs.values()].map(({ data }) => data[0])).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });
});
