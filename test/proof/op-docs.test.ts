// The examples of the op records, which docs/ops.md prints: each compiles, uses its op, and runs.
import { describe, expect, it } from "vitest";
import { differentiate } from "../../src/ir/differentiate.ts";
import { expand } from "../../src/ir/expand.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { compile } from "../dsl/compile.ts";

const values = new Map([
  ["x", [0.31, -1.27, 0.83, 0.47, 1.09, -0.59, 0.11, 0.73, -0.41, 1.31, 0.67, -0.89]],
  ["y", [1.1, 0.2, -0.7, 0.9, -0.3, 1.4, 0.6, -1.2, 0.8, 0.5, -0.1, 1.6]],
  ["i", [2, 0, 1]],
]);

/** What becomes of ops on the way: written as one, met as another. */
const met = (graph: Graph): Set<string> => {
  const ops = new Set<string>();
  const note = ({ nodes }: Graph): void => {
    for (const { op } of nodes) ops.add(op);
  };
  note(graph);
  optimise(graph, opTable, undefined, { after: (_, between) => note(between) });
  note(expand(differentiate(graph, opTable), opTable));
  return ops;
};

/** Leaves that come with a model around the expression, or with N. */
const withoutExample = new Set(["param", "state", "load", "variable", "rows"]);

describe("examples of op records", () => {
  it.each([...opTable.values()].map((op) => [op.name, op] as const))("%s", (name, op) => {
    const module = compile(`model m(x: [3, 4], y: [3, 4], i: class[3] < 4) {\n  ${op.doc.example}\n}\n`);
    if (!withoutExample.has(name)) expect([...met(module.predict)], op.doc.example).toContain(name);
    const { outputs } = interpret(differentiate(module.predict, opTable), {
      inputs: values,
      scalars: new Map([["step", 3]]),
    });
    for (const [, { data }] of outputs) expect(data.length).toBeGreaterThan(0);
    expect(op.doc.summary).toMatch(/\.$/);
    expect(op.doc.math).not.toBe("");
    expect(op.doc.derivative).not.toBe("");
  });
});
