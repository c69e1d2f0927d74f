// A view of a graph in the formats of other tools: Graphviz, Mermaid, JSON.
import type { GraphView, ViewNode } from "./graph-view.ts";
import { boxLines } from "./layout.ts";
import { type Side, sideColors } from "./side.ts";

const sides: readonly Side[] = ["forward", "backward", "update"];
const isLeaf = ({ kind }: ViewNode): boolean =>
  kind === "input" || kind === "param" || kind === "state" || kind === "scalar";

/** Calls that are left in the view, as boxes around boxes. */
function callsOf(view: GraphView): ReadonlyMap<string, readonly ViewNode[]> {
  const calls = new Map<string, ViewNode[]>();
  for (const node of view.nodes) {
    const [call] = node.path;
    if (call === undefined || node.kind !== "value") continue;
    const key = `${node.side}:${call}`;
    calls.set(key, [...(calls.get(key) ?? []), node]);
  }
  return new Map([...calls].filter(([, nodes]) => nodes.length > 1));
}

const quotedDot = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, " ")}"`;

export function dotText(view: GraphView): string {
  const labelOf = (node: ViewNode): string =>
    [...boxLines(node), node.place].filter((line) => line !== "").join("\u0000");
  const boxOf = (node: ViewNode): string => {
    const color = isLeaf(node) ? "#888899" : sideColors[node.side];
    // Only the line breaks between our own lines are escapes.
    const label = quotedDot(labelOf(node)).replaceAll("\u0000", "\\n");
    return `${quotedDot(node.id)} [label=${label}, color="${color}"${isLeaf(node) ? ", style=rounded" : ""}];`;
  };
  const calls = callsOf(view);
  const inside = new Set([...calls.values()].flat());
  return [
    "digraph nnc {",
    '  node [shape=box, fontname="monospace", fontsize=10];',
    '  edge [fontname="monospace", fontsize=8, color="#888899"];',
    ...view.nodes.filter((node) => !inside.has(node)).map((node) => `  ${boxOf(node)}`),
    ...[...calls].flatMap(([key, nodes], k) => [
      `  subgraph cluster_${k} {`,
      `    label=${quotedDot(key.slice(key.indexOf(":") + 1))}; color="#ccccd4"; fontname="monospace"; fontsize=9;`,
      ...nodes.map((node) => `    ${boxOf(node)}`),
      "  }",
    ]),
    ...view.edges.map(({ from, to, type }) => `  ${quotedDot(from)} -> ${quotedDot(to)} [label=${quotedDot(type)}];`),
    "}\n",
  ].join("\n");
}

/** Mermaid reads marks of its own in labels: everything but plain words goes as an entity. */
const quotedMermaid = (text: string): string =>
  text.replace(/[^\w .,()=+*/@[\]|-]/gu, (character) => `#${character.codePointAt(0)};`);

export function mermaidText(view: GraphView): string {
  const ids = new Map(view.nodes.map(({ id }, k) => [id, `n${k}`]));
  const boxOf = (node: ViewNode): string => {
    const label = boxLines(node).map(quotedMermaid).join("<br/>");
    const [open, close] = isLeaf(node) ? ["([", "])"] : ["[", "]"];
    return `${ids.get(node.id)}${open}"${label}"${close}:::${isLeaf(node) ? "leaf" : node.side}`;
  };
  return [
    "flowchart TB",
    ...view.nodes.map((node) => `  ${boxOf(node)}`),
    ...view.edges.map(({ from, to, type }) => `  ${ids.get(from)} -->|"${quotedMermaid(type)}"| ${ids.get(to)}`),
    ...sides.map((side) => `  classDef ${side} fill:none,stroke:${sideColors[side]}`),
    "  classDef leaf fill:none,stroke:#888899\n",
  ].join("\n");
}

/** Plain data; origins as places, so that nothing is said twice. */
export function graphJson(view: GraphView): string {
  const nodes = view.nodes.map(({ origins: _, ...node }) => node);
  return `${JSON.stringify({ nodes, edges: view.edges }, null, 2)}\n`;
}
