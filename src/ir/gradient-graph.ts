// The loss of a module and its gradients as one graph in its plainest form, for people to read and for differences to check.
import { Builder, type Graph, type Node, type NodeId, type Origin } from "./graph.ts";
import type { Module } from "./module.ts";
import { opTable } from "./ops/table.ts";
import { optimise } from "./passes/pipeline.ts";
import { stabilise } from "./passes/stabilise.ts";

/** The graph of `loss` and of `grad.NAME` for each name, gradients not yet expanded. The module was elaborated with `grads`. */
export function lossGraph(module: Module, wrt: readonly string[]): Graph {
  const b = new Builder(opTable);
  const place: NodeId[] = [];
  for (const { op, inputs, attrs, origins } of module.step.nodes) {
    const moved = inputs.map((id) => place[id]!);
    place.push(b.withOrigins(origins, () => b.node(op, moved, attrs)));
  }
  const outputs = ["loss", ...wrt.map((name) => `grad.${name}`)];
  return b.graph(new Map(outputs.map((name) => [name, place[module.step.outputs.get(name)!]!])));
}

/** The same, expanded and simplified. */
export function gradientGraph(module: Module, wrt: readonly string[]): Graph {
  const safe = nameScores(stabilise(lossGraph(module, wrt), opTable).graph);
  return optimise(safe, opTable, new Set(["stabilise"]), { until: "simplify" }).graph;
}

const scoreNames: ReadonlyMap<string, string> = new Map([
  ["log_softmax", "logits"],
  ["logsumexp", "logits"],
  ["softmax", "scores"],
]);

/**
 * What softmax is taken of gets the name that textbooks give it, unless the model has one of more than a letter: then its
 * gradient has that name too.
 */
function nameScores(graph: Graph): Graph {
  const labels = new Map<NodeId, string>();
  for (const { op, inputs } of graph.nodes) {
    const label = scoreNames.get(op);
    const scores = graph.nodes[inputs[0] ?? -1];
    if (label === undefined || !scores || scores.inputs.length === 0) continue;
    if (scores.origins.every((origin) => (origin.label?.length ?? 0) <= 1)) labels.set(scores.id, label);
  }
  const named = (node: Node): Node => {
    const label = labels.get(node.id);
    if (label === undefined) return node;
    const [first = { role: "forward" } satisfies Origin] = node.origins;
    const unnamed = node.origins.slice(1).map(({ label: _, ...origin }) => origin);
    return { ...node, origins: [{ ...first, label }, ...unnamed] };
  };
  return { ...graph, nodes: graph.nodes.map(named) };
}
