// Names that mean something everywhere and are no functions: numbers of the step, and constants.
import type { NodeId } from "../../ir/graph.ts";
import { number, tensorValue, truth, type Value } from "../values.ts";
import type { Frame } from "./context.ts";
import { plain, type Site } from "./make.ts";

const scalar =
  (name: string) =>
  (site: Site): Value => {
    const node: NodeId = plain(site, "scalar", [], { name });
    return tensorValue(site.frame.pass.builder, node);
  };

/** Run-time numbers that a trainer sets before each step. */
export const stepScalars: readonly string[] = ["step", "epoch", "steps"];

export const specialNames: ReadonlyMap<string, (site: Site) => Value> = new Map<string, (site: Site) => Value>([
  ["training", ({ frame }: { readonly frame: Frame }) => truth(frame.training)],
  ["N", () => ({ kind: "rows", multiple: 1 })],
  ["inf", () => number(Number.POSITIVE_INFINITY)],
  ["pi", () => number(Math.PI)],
  ["all", () => ({ kind: "string", value: "all" })],
  ...stepScalars.map((name) => [name, scalar(name)] as const),
]);
