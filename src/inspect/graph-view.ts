// A graph as a picture needs it: what is a box, what it says, what it is joined to, which call it belongs to.
// Knows no layout and no format.
import { fileNameOf, positionAt } from "../base/span.ts";
import type { Graph, Node, NodeId, Origin } from "../ir/graph.ts";
import { languagePiece, meanOf, meanPiece } from "../ir/notation.ts";
import { type Piece, word } from "../ir/pieces.ts";
import { typeText } from "../ir/types.ts";
import { type Side, sideOfAll } from "./side.ts";
import { viewNames } from "./view-names.ts";

export interface ViewNode {
  readonly id: string;
  /** Its binding, slot or output: `dlogits`; empty where it has none. */
  readonly name: string;
  /** What it computes, over the names of its operands: `x @ weights`. */
  readonly text: string;
  readonly op: string;
  /** `[N, 10]`. */
  readonly type: string;
  readonly side: Side;
  readonly kind: "input" | "param" | "state" | "scalar" | "value" | "result" | "update" | "group";
  /** `model.nn:11`. */
  readonly place: string;
  readonly origins: readonly Origin[];
  /** Calls that led here, outermost first. */
  readonly path: readonly string[];
  /** Nodes that it stands for. */
  readonly size: number;
}

export interface ViewEdge {
  readonly from: string;
  readonly to: string;
  /** What flows along it. */
  readonly type: string;
}

export interface GraphView {
  readonly nodes: readonly ViewNode[];
  readonly edges: readonly ViewEdge[];
}

export interface ViewOptions {
  /** One box for a whole expression: what has no name and one reader is written where it is read. */
  readonly compact: boolean;
}

/** Written where they are used. */
const inline: ReadonlySet<string> = new Set(["const", "rows"]);
const leaves: ReadonlySet<string> = new Set(["input", "param", "state", "load", "scalar"]);

/** The longest text that is written into another box. */
const longestInner = 40;

export function viewOf(graph: Graph, { compact }: ViewOptions): GraphView {
  const names = viewNames(graph);
  const results = new Map([...graph.outputs].map(([name, id]) => [id, name.replace(/^grad\./, "d")]));
  const updates = new Map(graph.updates.map(({ slot, next }) => [next, names[slot] ?? "?"]));
  const uses = usesOf(graph);
  const isUnnamed = (id: NodeId): boolean => names[id] === undefined && !results.has(id) && !updates.has(id);
  const pieces: Piece[] = [];
  /** Boxes that stand in a node's text. */
  const reads: NodeId[][] = [];
  /** Where a node's text comes from, what is written into it included. */
  const sources: Origin[][] = [];
  const nodes: ViewNode[] = [];
  const edges: ViewEdge[] = [];
  for (const node of graph.nodes) {
    const { id, op } = node;
    const { text, parts } = expressionOf(graph, node, pieces, uses);
    const inner = [...new Set(parts.flatMap((part) => reads[part]!))];
    const origins = [
      ...graph.nodes[id]!.origins,
      ...parts.flatMap((part) => (reads[part]!.includes(part) ? [] : sources[part]!)),
    ];
    sources[id] = origins;
    const isInner =
      (inline.has(op) && isUnnamed(id)) ||
      (compact && isUnnamed(id) && uses[id] === 1 && text !== undefined && text.text.length <= longestInner);
    if (isInner) {
      pieces[id] = text ?? word(op);
      reads[id] = inner;
      continue;
    }
    const called = results.get(id) ?? names[id];
    const name = updates.has(id) ? `${updates.get(id)} ←` : (called ?? "");
    nodes.push(boxOf({ ...node, origins }, name, text?.text ?? "", kindOf(node, results.has(id), updates.has(id))));
    for (const from of inner) edges.push({ from: boxId(from), to: boxId(id), type: typeText(graph.nodes[from]!.type) });
    // What has no name is a dot in its readers' texts: the edge says what it is.
    pieces[id] = word(called ?? "·");
    reads[id] = [id];
  }
  return { nodes, edges };
}

/** What a node computes, and the nodes that its text reads: of a mean those of its sum. */
function expressionOf(
  graph: Graph,
  node: Node,
  pieces: readonly Piece[],
  uses: Int32Array,
): { readonly text: Piece | undefined; readonly parts: readonly NodeId[] } {
  if (leaves.has(node.op)) return { text: undefined, parts: node.inputs };
  const site = (of: Node) => ({ graph, node: of, args: of.inputs.map((input) => pieces[input]!) });
  const sum = meanOf(graph, node);
  if (sum && uses[sum.id] === 1) return { text: meanPiece(site(sum)), parts: sum.inputs };
  return { text: languagePiece(site(node)), parts: node.inputs };
}

function usesOf({ nodes, outputs, updates }: Graph): Int32Array {
  const uses = new Int32Array(nodes.length);
  for (const { inputs } of nodes) for (const id of inputs) uses[id]!++;
  for (const id of outputs.values()) uses[id]!++;
  for (const { next } of updates) uses[next]!++;
  return uses;
}

const boxId = (id: NodeId): string => `n${id}`;

function kindOf({ op }: Node, isResult: boolean, isUpdate: boolean): ViewNode["kind"] {
  if (isUpdate) return "update";
  if (op === "input" || op === "param" || op === "state" || op === "scalar") return op;
  return isResult ? "result" : "value";
}

function boxOf(node: Node, name: string, text: string, kind: ViewNode["kind"]): ViewNode {
  const { id, op, type, origins } = node;
  const side = kind === "param" || kind === "input" || kind === "state" ? "forward" : sideOfAll(origins);
  const path = origins.find((origin) => origin.path !== undefined)?.path ?? [];
  return {
    id: boxId(id),
    name,
    text,
    op,
    type: typeText(type),
    side,
    kind,
    place: placeOf(origins),
    origins,
    path,
    size: 1,
  };
}

/** `model.nn:11`, of the first origin that has a place. */
export function placeOf(origins: readonly Origin[]): string {
  const span = origins.find((origin) => origin.span !== undefined)?.span;
  if (!span) return "";
  return `${fileNameOf(span.source)}:${positionAt(span.source, span.start).line}`;
}
