// Places boxes and edges of a view on the plane, by dagre. The same view gives the same picture. Knows no format.
import { Graph, layout } from "@dagrejs/dagre";
import type { GraphView, ViewNode } from "./graph-view.ts";

export interface PlacedBox {
  readonly node: ViewNode;
  /** Middle, width and height. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** What it says, line by line. */
  readonly lines: readonly string[];
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly edges: readonly PlacedEdge[];
}

/** Of the monospace type that boxes are set in, at 12 px. */
const charWidth = 7.25;
export const lineHeight = 16;
const padding = 10;
const longest = 46;

const cut = (text: string): string => (text.length <= longest ? text : `${text.slice(0, longest - 1)}…`);

/** Name, what is computed, shape. */
export function boxLines({ name, text, type, kind }: ViewNode): string[] {
  const first = name === "" ? text : name;
  const second = name === "" ? "" : text;
  return [cut(first), ...(second === "" || kind === "input" || kind === "param" ? [] : [cut(second)]), type].map(
    String,
  );
}

export function layOut(view: GraphView): Layout {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 30, marginx: 12, marginy: 12 });
  graph.setDefaultEdgeLabel(() => ({}));
  const lines = new Map(view.nodes.map((node) => [node.id, boxLines(node)]));
  for (const { id } of view.nodes) {
    const said = lines.get(id)!;
    const width = Math.max(...said.map((line) => line.length)) * charWidth + 2 * padding;
    graph.setNode(id, { width: Math.round(width), height: said.length * lineHeight + 10 });
  }
  for (const { from, to } of view.edges) graph.setEdge(from, to);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  // Edges may swing out farther than any box.
  const along = view.edges.flatMap(({ from, to }) => (graph.edge(from, to) as { points: { x: number }[] }).points);
  const left = Math.floor(along.reduce((least, { x }) => Math.min(least, x), 0));
  const right = Math.ceil(along.reduce((most, { x }) => Math.max(most, x), Math.max(0, width)));
  return {
    width: right - left,
    height: Math.ceil(Math.max(0, height)),
    boxes: view.nodes.map((node) => {
      const at = graph.node(node.id) as { x: number; y: number; width: number; height: number };
      return { node, x: at.x - left, y: at.y, width: at.width, height: at.height, lines: lines.get(node.id)! };
    }),
    edges: view.edges.map(({ from, to, type }) => {
      const { points } = graph.edge(from, to) as { points: { x: number; y: number }[] };
      return { from, to, type, points: points.map(({ x, y }) => ({ x: x - left, y })) };
    }),
  };
}
