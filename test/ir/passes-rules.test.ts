// Every rewrite says in the language what it does: `before` compiles, is rewritten by that rule, and equals `after`.
import { describe, expect, it } from "vitest";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import { differentiate } from "../../src/ir/differentiate.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { masks } from "../../src/ir/passes/masks.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { type Rewrite, rewriteGraph } from "../../src/ir/passes/rewrite.ts";
import { simplifications } from "../../src/ir/passes/simplify.ts";
import { safeForms } from "../../src/ir/passes/stabilise.ts";
import { evaluate, expectClose } from "./differentiate-helpers.ts";

const own = simplifications.filter((rule) => !safeForms.includes(rule));

/** The rules of each pass, and what runs before it. */
const groups: readonly [pass: string, before: (graph: Graph) => Graph, rules: readonly Rewrite[]][] = [
  ["stabilise", (graph) => graph, safeForms],
  ["simplify", (graph) => differentiate(graph, opTable), own],
];

function compile(text: string): Graph {
  const source = {
    path: "rule.nn",
    text: `model rule(x: [3, 4], y: [3, 4], z: [3, 4], c: bool[3, 4], i: i32[3]) = ${text}\n`,
  };
  const { file, diagnostics: syntax } = parse(source);
  const { module, diagnostics } = elaborate(file);
  const messages = [...syntax, ...diagnostics].filter((d) => d.severity === "error").map((d) => d.message);
  if (!module) throw new Error(`${text}: ${messages.join("; ")}`);
  return module.predict;
}

const wave = (seed: number) => Array.from({ length: 12 }, (_, k) => Math.sin(k * 1.7 + seed) * 1.5 + 0.1);
const columns = new Map([
  ["x", wave(1)],
  ["y", wave(2)],
  ["z", wave(3)],
  ["c", [1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1]],
  ["i", [2, 0, 3]],
]);
const off = new Set(["stabilise", "simplify"]);
const allOff = new Set([...off, "masks"]);
const elements = (graph: Graph) => evaluate(optimise(graph, opTable, off).graph, columns).get("out")!;

describe.each(groups)("%s", (_, passes, rules) => {
  it.each(rules.map((rule) => [rule.before, rule.after, rule] as const))("%s is %s", (_, __, rule) => {
    const before = compile(rule.before);
    const wanted = elements(before);
    expect(wanted.every(Number.isFinite)).toBe(true);
    expectClose(elements(compile(rule.after)), wanted, 1e-12, "after");
    const ready = passes(before);
    const { graph, applied } = rewriteGraph(ready, opTable, rules);
    expect(applied.map(({ name }) => name)).toContain(rule.name);
    expectClose(elements(graph), wanted, 1e-12, "rewritten");
    expectClose(elements(rewriteGraph(ready, opTable, [rule]).graph), wanted, 1e-12, "by this rule alone");
  });
});

/** Permutations that are not their own inverse, and signs: where a rule's own example could not tell one way from the other. */
const turned = [
  ["transpose of a contraction", 'transpose(einsum("ij,ik->ijk", x, y), [1, 2, 0])'],
  ["transposes into labels", 'einsum("ijk,jl->ikl", transpose(stack([x, y]), [1, 2, 0]), x.T)'],
  ["transpose of nothing, or twice", "transpose(transpose(stack([x, y]), [1, 2, 0]), [1, 0, 2])"],
  ["signs and scales in one place", "-(x - y)"],
  ["signs and scales in one place", "-(x - y) / 2 + z"],
] as const;

describe("simplify", () => {
  it.each(turned)("%s, one axis after the other", (name, text) => {
    const before = compile(text);
    const { graph, applied } = rewriteGraph(before, opTable, own);
    expect(applied.map((rule) => rule.name)).toContain(name);
    expectClose(elements(graph), elements(before), 1e-12, text);
  });
});

describe("masks", () => {
  const asks = (graph: Graph): string[] =>
    graph.nodes.flatMap(({ op, inputs }) =>
      ["le", "lt", "ge", "gt"].includes(op) ? [inputs.map((id) => graph.nodes[id]!.op).join(` ${op} `)] : [],
    );

  it.each([
    ["x <= 0", "maximum le const"],
    ["x > 0", "maximum gt const"],
    ["0 >= x", "const ge maximum"],
    ["0 < x", "const lt maximum"],
    // Where max(0, x) is 0 these tell nothing.
    ["x < 0", "input lt const"],
    ["x >= 0", "input ge const"],
    ["x <= 1", "input le const"],
    ["y <= 0", "input le const"],
  ])("%s beside max(0, x) is %s", (question, asked) => {
    const before = compile(`max(0, x) + where(${question}, 2, z)`);
    const after = masks(before, opTable);
    expect(asks(after)).toEqual([asked]);
    for (const edge of [Number.NaN, 0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-45]) {
      const inputs = new Map(columns).set("x", [edge, ...wave(1).slice(1)]);
      const [a, b] = [before, after].map((g) => evaluate(optimise(g, opTable, allOff).graph, inputs).get("out")!);
      expect(b).toEqual(a);
    }
  });
});
