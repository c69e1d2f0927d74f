// Folds a picture that is too large to draw: what one line of the model makes becomes one box per side of the step, and lines that feed
// each other round after round (the body of a `for`) become one. Stays true: the edges between what is left; the result has no cycle.
import { positionAt } from "../base/span.ts";
import { fold, presetFolds } from "./fold.ts";
import type { GraphView, ViewEdge, ViewNode } from "./graph-view.ts";

/** More boxes than this take seconds to lay out, and nobody reads them. */
export const mostBoxes = 300;

/** Calls folded where the whole does not fit a screen; lines, where even that is too much to draw. */
export function foldToFit(view: GraphView): GraphView {
  const calls = fold(view, presetFolds(view));
  return calls.nodes.length > mostBoxes ? foldLines(calls) : calls;
}

export function foldLines(view: GraphView): GraphView {
  const keys = new Map(view.nodes.map((node) => [node.id, keyOf(node)]));
  const next = new Map<string, Set<string>>([...new Set(keys.values())].map((key) => [key, new Set()]));
  for (const { from, to } of view.edges) next.get(keys.get(from)!)!.add(keys.get(to)!);
  const circles = circlesOf(next);
  const members = new Map<string, ViewNode[]>();
  const boxOf = (id: string): string => circles.get(keys.get(id)!)!;
  for (const node of view.nodes) {
    const box = boxOf(node.id);
    const known = members.get(box);
    if (known) known.push(node);
    else members.set(box, [node]);
  }
  const nodes = [...members].map(([key, nodes]) => (nodes.length === 1 ? nodes[0]! : lineBox(key, nodes)));
  const ids = new Map([...members].map(([key, nodes]) => [key, nodes.length === 1 ? nodes[0]!.id : key]));
  const seen = new Set<string>();
  const edges = view.edges.flatMap((edge): ViewEdge[] => {
    const [from, to] = [ids.get(boxOf(edge.from))!, ids.get(boxOf(edge.to))!];
    const pair = `${from} ${to}`;
    if (from === to || seen.has(pair)) return [];
    seen.add(pair);
    return [{ from, to, type: edge.type }];
  });
  return { nodes, edges };
}

/** Columns and the results of the model stay by themselves; parameters go with those of their line. */
function keyOf({ id, kind, side, place }: ViewNode): string {
  if (place === "" || kind === "input" || kind === "scalar" || (kind === "result" && side !== "backward")) return id;
  return `line:${kind === "param" || kind === "state" ? kind : side}:${place}`;
}

function lineBox(id: string, nodes: readonly ViewNode[]): ViewNode {
  const last = nodes.at(-1)!;
  const lines = [...new Set(nodes.map(({ place }) => place))].map((place) => place.replace(/^.*:/, ""));
  const size = nodes.reduce((sum, node) => sum + node.size, 0);
  const what = last.kind === "param" ? "parameters" : last.kind === "state" ? "states" : "operations";
  return {
    id,
    name: lines.length === 1 ? lineText(last) : `lines ${lines.slice(0, -1).join(", ")} and ${lines.at(-1)}`,
    text: `${size} ${what}`,
    op: "call",
    type: last.type,
    side: last.side,
    kind: "group",
    place: last.place,
    // Of a thousand equal rounds a few say as much as all.
    origins: nodes.slice(0, 64).flatMap(({ origins }) => origins),
    path: [],
    size,
  };
}

function lineText({ origins }: ViewNode): string {
  const span = origins.find((origin) => origin.span !== undefined)?.span;
  if (!span) return "";
  const { line } = positionAt(span.source, span.start);
  return span.source.text.split("\n", line).at(-1)!.trim();
}

/** Each node with the first of those that it leads to and that lead back to it (Tarjan's way, without recursion). */
function circlesOf(next: ReadonlyMap<string, ReadonlySet<string>>): Map<string, string> {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const circle = new Map<string, string>();
  const open: string[] = [];
  for (const root of next.keys()) {
    if (order.has(root)) continue;
    const path: { readonly key: string; readonly rest: Iterator<string> }[] = [];
    const enter = (key: string): void => {
      order.set(key, order.size);
      low.set(key, order.get(key)!);
      open.push(key);
      path.push({ key, rest: next.get(key)!.values() });
    };
    enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const { key, rest } = top;
      const step = rest.next();
      if (!step.done) {
        if (!order.has(step.value)) enter(step.value);
        else if (!circle.has(step.value)) low.set(key, Math.min(low.get(key)!, order.get(step.value)!));
        continue;
      }
      path.pop();
      const outer = path.at(-1);
      if (outer) low.set(outer.key, Math.min(low.get(outer.key)!, low.get(key)!));
      if (low.get(key) !== order.get(key)) continue;
      for (let member = open.pop()!; ; member = open.pop()!) {
        circle.set(member, key);
        if (member === key) break;
      }
    }
  }
  return circle;
}
