// A part of a graph as Python statements: values that are used once stand where they are used, others get names; a comment
// quotes the model's line above what came of it. Knows no op.
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { type Dim, isStatic, type Shape, sameShape } from "../../ir/types.ts";
import { sourceLine } from "../source-line.ts";
import { type Bounds, boundsOf } from "./bounds.ts";
import { expressions } from "./expressions.ts";
import { atom, level, type Piece } from "./pieces.ts";
import { type PythonScope, pythonComment, pythonTuple } from "./words.ts";

/** Longest expression that is put into another one, and that is a result without a name. */
const longest = 60;
const longestResult = 100;

export interface Place {
  readonly scope: PythonScope;
  /** Values that are there already: columns, parameters, `p`, `g`. */
  readonly given: ReadonlyMap<NodeId, Piece>;
  /** `, device=x.device` behind tensors that are made here. */
  readonly device: string;
  readonly helpers: Set<string>;
  scalar(name: string): string;
  /** Where a constant that is read from a file lies. */
  file?(node: Node): string;
  /** A shape that has a shorter name: `p.shape`. */
  readonly like?: { readonly shape: Shape; readonly text: string };
  /** Names without the calls that led to them. */
  readonly shortNames?: boolean;
}

export interface Body {
  readonly lines: string[];
  /** The values of the roots, by node. */
  readonly values: ReadonlyMap<NodeId, Piece>;
}

/** The nodes that the roots need, but for what is given. */
export function neededFor(graph: Graph, roots: Iterable<NodeId>, given: ReadonlyMap<NodeId, unknown>): Uint8Array {
  const needed = new Uint8Array(graph.nodes.length);
  for (const id of roots) needed[id] = 1;
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (needed[id] && !given.has(id)) for (const input of graph.nodes[id]!.inputs) needed[input] = 1;
  }
  return needed;
}

/** What gradients are taken by, but for parameters and marked variables, which are variables already. */
export function gradientTargets(graph: Graph): ReadonlySet<NodeId> {
  const targets = graph.nodes.flatMap(({ op, inputs }) => (op === "grad" ? [inputs[1]!] : []));
  return new Set(targets.filter((id) => !["param", "variable"].includes(graph.nodes[id]!.op)));
}

/** Prints graphs into one function after another; values that an earlier call named are known to later ones. */
export class Statements {
  private readonly graph: Graph;
  private readonly place: Place;
  private readonly pieces = new Map<NodeId, Piece>();
  private lastLine: string | undefined;
  /** Values that the model itself takes gradients by: each must be a variable to PyTorch. */
  private readonly variables: ReadonlySet<NodeId>;
  private readonly bounds: readonly Bounds[];

  constructor(graph: Graph, place: Place) {
    this.graph = graph;
    this.place = place;
    for (const [id, piece] of place.given) this.pieces.set(id, piece);
    this.variables = gradientTargets(graph);
    this.bounds = boundsOf(graph);
  }

  /** Statements for `roots` as far as they are not known yet; `names` are wished for. */
  print(roots: readonly NodeId[], names: ReadonlyMap<NodeId, string> = new Map(), later: readonly NodeId[] = []): Body {
    const { nodes } = this.graph;
    const needed = neededFor(this.graph, roots, this.pieces);
    const uses = this.countUses(needed, roots, later);
    const lines: string[] = [];
    const consumers = this.soleConsumers(needed);
    for (const node of nodes) {
      if (!needed[node.id] || this.pieces.has(node.id)) continue;
      const piece = this.variables.has(node.id) ? this.asVariable(this.piece(node)) : this.piece(node);
      const wanted = names.get(node.id) ?? this.label(node);
      const isSmall = (piece.host && node.inputs.length === 0) || node.op === "rows" || node.op === "const";
      const isOneUse = uses[node.id] === 1 && piece.text.length <= (roots.includes(node.id) ? longestResult : longest);
      const reader = consumers.get(node.id);
      // Of several values with one name only the last keeps it: `x`, scaled.
      const isUnnamed = wanted === undefined || (reader && this.label(reader) === wanted);
      const sameLine = !reader || sourceLine(reader)?.key === sourceLine(node)?.key;
      if (!names.has(node.id) && (isSmall || (isOneUse && sameLine && isUnnamed) || isName(piece))) {
        this.pieces.set(node.id, piece);
        continue;
      }
      const name = this.replaces(node, wanted, uses) ? wanted! : this.place.scope.unique(wanted ?? node.op);
      const source = sourceLine(node);
      if (source && source.key !== this.lastLine) lines.push(pythonComment(source.text));
      this.lastLine = source?.key ?? this.lastLine;
      lines.push(`${name} = ${piece.text}`);
      this.pieces.set(node.id, atom(name, piece.host));
    }
    return { lines, values: new Map(roots.map((id) => [id, this.pieces.get(id)!])) };
  }

  /** How often a value is read: by needed nodes, as a root, and by what is printed later. */
  private countUses(needed: Uint8Array, roots: readonly NodeId[], later: readonly NodeId[]): Uint32Array {
    const uses = new Uint32Array(this.graph.nodes.length);
    const all = neededFor(this.graph, [...roots, ...later], this.pieces);
    for (const node of this.graph.nodes) {
      if (all[node.id] && !this.pieces.has(node.id)) {
        // A value read from before and behind the seam must have a name.
        for (const input of node.inputs) uses[input]! += needed[node.id] ? 1 : 2;
      }
    }
    for (const id of roots) uses[id]!++;
    return uses;
  }

  /** The node that reads a value, where only one does; none for a root. */
  private soleConsumers(needed: Uint8Array): Map<NodeId, Node> {
    const found = new Map<NodeId, Node>();
    for (const node of this.graph.nodes) {
      if (needed[node.id]) for (const input of node.inputs) found.set(input, node);
    }
    return found;
  }

  /** Whether nothing else reads the value that has the wanted name: `x = x / 255`. */
  private replaces(node: Node, wanted: string | undefined, uses: Uint32Array): boolean {
    for (let at = node.inputs[0]; at !== undefined && uses[at] === 1; at = this.graph.nodes[at]!.inputs[0]) {
      if (this.pieces.get(at)!.text === wanted) return true;
    }
    return false;
  }

  private asVariable({ text }: Piece): Piece {
    this.place.helpers.add("variable");
    return atom(`variable(${text})`);
  }

  private label({ origins }: Node): string | undefined {
    const origin = origins.find(({ label }) => label !== undefined);
    if (!origin) return undefined;
    return this.place.shortNames ? origin.label : [...(origin.path ?? []), origin.label].join("_");
  }

  private piece(node: Node): Piece {
    const { place } = this;
    const expression = expressions.get(node.op);
    if (!expression) throw new Error(`${node.op} cannot be written in PyTorch`);
    const size = (dim: Dim): string => (isStatic(dim) ? String(dim) : dim.perRow === 1 ? "n" : `${dim.perRow} * n`);
    return expression({
      node,
      args: node.inputs.map((id) => this.pieces.get(id)!),
      inputs: node.inputs.map((id) => this.graph.nodes[id]!),
      bounds: node.inputs.map((id) => this.bounds[id]!),
      device: place.device,
      size,
      shape: (shape) =>
        place.like && sameShape(place.like.shape, shape) ? place.like.text : pythonTuple(shape.map(size)),
      helper(name) {
        place.helpers.add(name);
        return name;
      },
      scalar: (name) => atom(place.scalar(name), true),
      constant: () => atom(place.file!(node)),
    });
  }
}

const isName = ({ text, level: at }: Piece): boolean => at === level.atom && /^[\w.]+$/.test(text);
