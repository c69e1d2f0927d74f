// Simplification: the graph in its plainest form, such as a textbook would print, and the fewest nodes.
//
// Before: a differentiated graph. After: no node that a rule of `rules/` can replace, and none that nothing needs.
// Stays true: types, names of outputs and updates; values within rounding, wherever they are finite.
import type { Graph, OpTable } from "../graph.ts";
import { type Rewrite, rewriteGraph } from "./rewrite.ts";
import { arithmeticRules } from "./rules/arithmetic.ts";
import { contractRules } from "./rules/contract.ts";
import { layoutRules } from "./rules/layout.ts";
import { reduceRules } from "./rules/reduce.ts";
import { safeForms } from "./stabilise.ts";

/** What derivatives of safe forms leave behind: `exp(log_softmax(z))` in the gradient of log_softmax. */
const derivedForms = safeForms.filter((rule) => rule.name === "exp(log_softmax(x))");

export const simplifications: readonly Rewrite[] = [
  ...layoutRules,
  ...derivedForms,
  ...contractRules,
  ...reduceRules,
  ...arithmeticRules,
];

export const simplify = (graph: Graph, ops: OpTable): Graph => rewriteGraph(graph, ops, simplifications).graph;
