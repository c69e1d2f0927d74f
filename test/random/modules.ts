// Random graphs as modules: the same graph through the interpreter, through equations, and through the code generator.
import { Builder, type Graph, type NodeId } from "../../src/ir/graph.ts";
import type { ColumnInfo, Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { countAt } from "../../src/ir/types.ts";
import { batchRows, type RandomGraph } from "../ir/random-graphs.ts";

const empty: Graph = { nodes: [], outputs: new Map(), updates: [] };
const origin = { role: "forward" } as const;

/** A module with nothing in it but what is given. */
export const bareModule = (parts: Partial<Module>): Module => ({
  name: "random",
  slots: [],
  columns: [],
  scalars: [],
  outputs: [],
  metrics: [],
  init: empty,
  step: empty,
  evaluate: empty,
  predict: empty,
  entries: [],
  bindings: [],
  ...parts,
});

const nameOf = ({ b }: RandomGraph, id: NodeId): string => String(b.at(id).attrs["name"]);

const columnsOf = (random: RandomGraph): ColumnInfo[] =>
  random.inputs.map((id) => ({ name: nameOf(random, id), type: random.b.type(id), role: "input", origin }));

/** The graph with an input in place of each tensor of random numbers. */
export function withoutDraws(random: RandomGraph): RandomGraph {
  const { inputs, results, loss, columns } = random;
  const b = new Builder(opTable);
  const place: NodeId[] = [];
  const given = new Map(columns);
  const drawn: NodeId[] = [];
  for (const { op, inputs: of, attrs, type } of random.b.nodes) {
    if (op !== "uniform" && op !== "normal") {
      place.push(
        b.node(
          op,
          of.map((id) => place[id]!),
          attrs,
        ),
      );
      continue;
    }
    const name = `u${drawn.length}`;
    const id = b.node("input", [], { name, ...type });
    given.set(
      name,
      Array.from({ length: countAt(type.shape, batchRows) }, (_, i) => (i * 0.618 + 0.1 * drawn.length) % 1),
    );
    drawn.push(id);
    place.push(id);
  }
  const moved = (ids: readonly NodeId[]): NodeId[] => ids.map((id) => place[id]!);
  return { b, inputs: [...moved(inputs), ...drawn], results: moved(results), loss: place[loss]!, columns: given };
}

/** Its step has the loss and the gradient by each input, as elaboration with `grads` makes them. */
export function gradientModule(random: RandomGraph): Module {
  const { b, inputs, loss } = random;
  const outputs = new Map<string, NodeId>([["loss", loss]]);
  for (const id of inputs) outputs.set(`grad.${nameOf(random, id)}`, b.node("grad", [loss, id]));
  const scalars = [{ name: "lr", value: 0.5, origin }];
  return bareModule({ columns: columnsOf(random), scalars, step: b.graph(outputs) });
}
