// The graphs that `nnc inspect` can show, and the stages of passes on them.
import { programGraphs } from "../codegen/compile.ts";
import { schedulePasses } from "../codegen/passes/pipeline.ts";
import type { Schedule } from "../codegen/schedule.ts";
import { toStages } from "../codegen/to-stages.ts";
import { gradientGraph } from "../ir/gradient-graph.ts";
import { type Graph, rebuild } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { graphPasses, optimise } from "../ir/passes/pipeline.ts";
import type { Applied } from "../ir/passes/rewrite.ts";

export type GraphName = "forward" | "backward" | "step" | "eval";

export const graphNames: readonly GraphName[] = ["forward", "backward", "step", "eval"];

/** All passes by name, in the order they run. */
export const passNames: readonly string[] = [...new Set([...graphPasses, ...schedulePasses].map(({ name }) => name))];

export const isGraphPass = (name: string): boolean => graphPasses.some((pass) => pass.name === name);

export interface NamedGraph {
  readonly name: string;
  readonly graph: Graph;
  /** Gradients stand in it already: it is shown as it is. */
  readonly isFinal?: boolean;
}

/** Further models are programs by their own name. */
export const programName = (program: string): string => program.replace(/^entry:/, "");

export interface GraphChoice {
  readonly graph?: GraphName;
  readonly program?: string;
}

/** What was asked for; all programs where nothing was. Empty where the model has no such graph. */
export function chosenGraphs(module: Module, { graph, program }: GraphChoice): NamedGraph[] {
  const all = programGraphs(module).map(({ name, graph: of }) => ({ name: programName(name), graph: of }));
  const named = (name: string): NamedGraph[] => all.filter((each) => each.name === name);
  switch (graph) {
    case "forward":
      return named("step").map(({ graph: step }) => ({ name: "forward", graph: forwardOf(step) }));
    case "backward":
      return module.step.outputs.has("loss") ? [{ name: "backward", graph: backwardOf(module), isFinal: true }] : [];
    case "step":
      return named("step");
    case "eval":
      return named("evaluate");
    default:
      return program === undefined ? all : named(program);
  }
}

const forwardOf = (step: Graph): Graph =>
  rebuild(
    { ...step, outputs: new Map([...step.outputs].filter(([name]) => !name.startsWith("grad."))), updates: [] },
    opTable,
    () => undefined,
  );

/** The loss and the gradients of all that is trained, as a textbook prints them. The module was elaborated with `grads`. */
export function backwardOf(module: Module): Graph {
  const params = module.slots.filter(({ kind, name }) => kind === "param" && module.step.outputs.has(`grad.${name}`));
  return gradientGraph(
    module,
    params.map(({ name }) => name),
  );
}

export interface Passed {
  readonly graph: Graph;
  readonly applied: readonly Applied[];
  /** As the named pass found it. */
  readonly before: Graph;
}

/** A graph as the named pass left it; by all passes where none is named. */
export function afterPass(graph: Graph, until: string | undefined): Passed {
  let before = graph;
  let current = graph;
  const { applied } = optimise(graph, opTable, undefined, {
    ...(until === undefined ? {} : { until }),
    after: (_, result) => {
      before = current;
      current = result;
    },
  });
  return { graph: current, applied, before };
}

/** The same for a pass over kernels. */
export function scheduleAfter(
  module: Module,
  graph: Graph,
  until: string,
  batch: number,
): { readonly before: Schedule; readonly after: Schedule } {
  const zeros = new Map(
    module.columns.flatMap(({ name, zeros: share }) => (share === undefined ? [] : [[name, share] as const])),
  );
  let before = toStages(afterPass(graph, undefined).graph, opTable);
  let after = before;
  for (const pass of schedulePasses) {
    before = after;
    after = pass.run(before, { batch, strictFloat: false, zeros });
    if (pass.name === until) break;
  }
  return { before, after };
}
