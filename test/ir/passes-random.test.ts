// Every graph pass on, off and alone gives the same numbers, values and gradients, on random graphs; gradients are
// those of differences; most rules are met on the way.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Graph, type NodeId, rebuild } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { graphPasses, optimise } from "../../src/ir/passes/pipeline.ts";
import { rewriteGraph, sameGraph } from "../../src/ir/passes/rewrite.ts";
import { simplifications } from "../../src/ir/passes/simplify.ts";
import { printGraph } from "../../src/ir/print.ts";
import { verify } from "../../src/ir/verify.ts";
import { evaluate, expectClose, finiteDifferences } from "./differentiate-helpers.ts";
import { batchRows, graphNumbers, type RandomGraph, randomGraph } from "./random-graphs.ts";

const runs = { numRuns: 400, seed: 20_240_607 };

/** The graph of results, loss and the gradients of the loss. */
function withGradients({ b, inputs, loss, results }: RandomGraph): Graph {
  const outputs = new Map<string, NodeId>([["loss", loss]]);
  for (const [i, id] of results.entries()) outputs.set(`y${i}`, id);
  for (const id of inputs) outputs.set(`d.${String(b.at(id).attrs["name"])}`, b.node("grad", [loss, id]));
  return b.graph(outputs);
}

const optional = graphPasses.filter((pass) => !pass.required).map((pass) => pass.name);
const subsets = [[], ...optional.map((name) => [name])];

describe("passes on random graphs", () => {
  it("keep every value and gradient", () => {
    fc.assert(
      fc.property(graphNumbers, (numbers) => {
        const random = randomGraph(numbers);
        const graph = withGradients(random);
        const plain = optimise(graph, opTable, new Set(optional)).graph;
        const wanted = evaluate(plain, random.columns, batchRows);
        for (const without of subsets) {
          const { graph: found } = optimise(graph, opTable, new Set(without), {
            after: (_, between) => verify(between, opTable),
          });
          const values = evaluate(found, random.columns, batchRows);
          for (const [name, value] of wanted)
            expectClose(values.get(name)!, value, 1e-7, `${name} without [${without}]`);
        }
      }),
      runs,
    );
  });

  it("settle: simplifying twice changes nothing", () => {
    fc.assert(
      fc.property(graphNumbers, (numbers) => {
        const once = optimise(withGradients(randomGraph(numbers)), opTable, new Set(), { until: "simplify" }).graph;
        const twice = rewriteGraph(once, opTable, simplifications).graph;
        if (!sameGraph(once, twice)) expect(printGraph(twice)).toBe(printGraph(once));
      }),
      runs,
    );
  });

  it("take gradients that differences confirm", () => {
    fc.assert(
      fc.property(graphNumbers, (numbers) => {
        const random = randomGraph(numbers);
        const { b, inputs, loss, columns } = random;
        const found = evaluate(optimise(withGradients(random), opTable).graph, columns, batchRows);
        const alone = b.graph(new Map([["loss", loss]]));
        for (const id of inputs) {
          const name = String(b.at(id).attrs["name"]);
          const of = (given: ReadonlyMap<string, readonly number[]>) =>
            evaluate(alone, given, batchRows).get("loss")![0]!;
          expectClose(found.get(`d.${name}`)!, finiteDifferences(of, columns, name, 1e-5), 1e-5, `d${name}`);
        }
      }),
      { numRuns: 100, seed: 7, examples: [] },
    );
  });

  it("meet most rules", () => {
    const met = new Map<string, number>();
    const note = (names: readonly { name: string }[]) => {
      for (const { name } of names) met.set(name, (met.get(name) ?? 0) + 1);
    };
    for (const numbers of fc.sample(graphNumbers, { numRuns: 1500, seed: 11 })) {
      const graph = withGradients(randomGraph(numbers));
      const { graph: differentiated, applied } = optimise(graph, opTable, new Set(), { until: "differentiate" });
      note(applied);
      note(rewriteGraph(differentiated, opTable, simplifications).applied);
    }
    // Each rule has its own test; here most must come up by themselves, so that they meet one another.
    const never = simplifications.filter(({ name }) => !met.has(name)).map(({ name }) => name);
    expect(never.length, never.join(", ")).toBeLessThan(4);
  });

  it("share equal nodes and drop what nothing needs when a graph is rebuilt", () => {
    const { b, inputs } = randomGraph([1, 2, 3]);
    const [x] = inputs as [NodeId];
    b.node("exp", [x]);
    const graph = b.graph(new Map([["y", b.node("tanh", [x])]]));
    const twice = { ...graph, nodes: [...graph.nodes, { ...graph.nodes.at(-1)!, id: graph.nodes.length }] };
    const rebuilt = rebuild(
      {
        ...twice,
        outputs: new Map([
          ["y", 1],
          ["z", 2],
        ]),
      },
      opTable,
      () => undefined,
    );
    expect(rebuilt.nodes.map(({ op }) => op)).toEqual(["input", "tanh"]);
    expect(rebuilt.outputs.get("y")).toBe(rebuilt.outputs.get("z"));
  });
});
