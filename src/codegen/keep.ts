// What a debug build can look at: every binding of the model and every value made on the way gets a name and bytes of its own.
// Contract: exact. Before: temporaries that share bytes. After: results that outlive the call. Stays true: what is computed.
import type { Graph, Node, NodeId, Origin } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import type { PlacedStage, Schedule, Value } from "./schedule.ts";

/** Gives each name once. Programs but the trained one say whose value it is: `evaluate.h`. */
export class KeptNames {
  private readonly taken: Set<string>;
  private readonly main: string;

  constructor(module: Module) {
    this.main = module.step.outputs.size > 0 ? "step" : "predict";
    const { slots, outputs, metrics, step } = module;
    this.taken = new Set([
      ...slots.map(({ name }) => name),
      ...outputs,
      ...step.outputs.keys(),
      ...metrics.map((name) => `metric.${name}`),
    ]);
  }

  unique(program: string, name: string): string {
    // A further model's results carry its name already.
    const base = program === this.main || program.startsWith("entry:") ? name : `${program}.${name}`;
    let unique = base;
    for (let count = 2; this.taken.has(unique); count++) unique = `${base}_${count}`;
    this.taken.add(unique);
    return unique;
  }
}

/** Where a name was bound, outermost call first: `encode.h`. */
const boundName = ({ path = [], label }: Origin): string => [...path, label].join(".");

/** Bindings, and gradients by parameters, become outputs, so that no rewriting can lose them. */
export function keepBindings(graph: Graph, program: string, names: KeptNames): Graph {
  // Start values are parameters and states themselves.
  if (program === "init") return graph;
  const known = new Set(graph.outputs.values());
  const kept = graph.nodes.flatMap((node): (readonly [string, NodeId])[] => {
    const name = known.has(node.id) ? undefined : nodeName(graph, node);
    return name === undefined ? [] : [[names.unique(program, name), node.id]];
  });
  return { ...graph, outputs: new Map([...graph.outputs, ...kept]) };
}

function nodeName({ nodes }: Graph, { op, inputs, origins }: Node): string | undefined {
  const [first, by] = inputs.map((id) => nodes[id]!);
  if (op === "grad" && by?.op === "param") return `grad.${String(by.attrs.name)}`;
  // Bytes of a column as numbers; the column is what they become when they are scaled.
  if (!first || (op === "cast" && first.op === "input")) return undefined;
  const bound = origins.find(({ label }) => label !== undefined);
  return bound && boundName(bound);
}

/** Temporaries become outputs: gradients as `grad.h`, the rest by what they do. */
export function keepValues(schedule: Schedule, program: string, names: KeptNames): Schedule {
  if (program === "init") return schedule;
  const makers = new Map(schedule.kernels.flatMap(({ stages }) => stages.map((stage) => [stage.out.value, stage])));
  const outputs = new Map(schedule.outputs);
  const values = schedule.values.map((value): Value => {
    const maker = makers.get(value.id);
    if (value.home.kind !== "temp" || value.alias !== undefined || !maker) return value;
    const name = names.unique(program, valueName(value, maker));
    outputs.set(name, value.id);
    return { ...value, home: { kind: "output", name } };
  });
  return { ...schedule, values, outputs };
}

const sizes = /_[0-9Nx]+$/;

function valueName({ name, origins }: Value, maker: PlacedStage): string {
  const bound = origins.find(({ label }) => label !== undefined);
  // A step on the way to a result has a name of its own.
  if (bound && !/_(?:part\d+|next)$/.test(name))
    return bound.role === "backward" ? `grad.${boundName(bound)}` : boundName(bound);
  return [...(origins[0]?.path ?? []), maker.name.replace(sizes, "")].join(".");
}
