// The graph passes, in order. A pass is a function of a graph; each says what it does to floating-point results.
import { differentiate } from "../differentiate.ts";
import { expand } from "../expand.ts";
import type { Graph, OpTable } from "../graph.ts";
import { masks } from "./masks.ts";
import type { Applied } from "./rewrite.ts";
import { simplify } from "./simplify.ts";
import { stabilise } from "./stabilise.ts";

/** exact: the same bits on or off. rounding: the same where intermediates are rounded as stores. reorder: within 1e-5. */
export type FloatContract = "exact" | "rounding" | "reorder";

export interface Pass {
  readonly name: string;
  readonly contract: FloatContract;
  readonly summary: string;
  /** Cannot be left out: later phases do not know what it takes away. */
  readonly required?: boolean;
  /** Adds what it has to report to `applied`. */
  run(graph: Graph, ops: OpTable, applied: Applied[]): Graph;
}

export const graphPasses: readonly Pass[] = [
  {
    name: "stabilise",
    contract: "reorder",
    summary: "expressions that overflow as written become safe forms",
    run(graph, ops, applied) {
      const stabilised = stabilise(graph, ops);
      applied.push(...stabilised.applied);
      return stabilised.graph;
    },
  },
  {
    name: "differentiate",
    contract: "exact",
    summary: "gradients become ordinary nodes",
    required: true,
    run: differentiate,
  },
  {
    name: "simplify",
    contract: "reorder",
    summary: "the plainest form: constants folded, common factors, no needless movement",
    run: simplify,
  },
  {
    name: "masks",
    contract: "rounding",
    summary: "a gradient through max(0, x) asks its result, so that x need not be kept",
    run: masks,
  },
  {
    name: "expand",
    contract: "exact",
    summary: "safe forms and long contractions become ops that have loops",
    required: true,
    run: expand,
  },
];

export interface PassOptions {
  /** The last pass to run: `simplify` for gradients as a textbook prints them. */
  readonly until?: string;
  /** Called with the graph after each pass, for `nnc inspect --after` and for checks between passes. */
  readonly after?: (pass: Pass, graph: Graph) => void;
}

export interface Optimised {
  readonly graph: Graph;
  /** The safe forms that were found, rule and place, for `nnc inspect`. */
  readonly applied: readonly Applied[];
}

/** Runs the passes but those named in `without`; required ones run all the same. */
export function optimise(
  graph: Graph,
  ops: OpTable,
  without: ReadonlySet<string> = new Set(),
  options: PassOptions = {},
): Optimised {
  const applied: Applied[] = [];
  let current = graph;
  for (const pass of graphPasses) {
    if (pass.required || !without.has(pass.name)) {
      current = pass.run(current, ops, applied);
      options.after?.(pass, current);
    }
    if (pass.name === options.until) break;
  }
  return { graph: current, applied };
}
