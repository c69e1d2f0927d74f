// The graph: immutable nodes in topological order, and the builder that interns them.
// Knows op records only through the table it is given; no op is named here.
import { numberText } from "../base/number-text.ts";
import type { Span } from "../base/span.ts";
import { type Attrs, type AttrValue, isShapeError, type OpDef, type ShapeError } from "./op-def.ts";
import type { TensorType } from "./types.ts";

/** Index into `Graph.nodes`; inputs are always smaller. */
export type NodeId = number;

export type Role = "forward" | "loss" | "metric" | "backward" | "update" | "init";

/** Where a node came from. Interning and fusion merge lines, so a node has a list of them. */
export interface Origin {
  readonly role: Role;
  /** The expression, or for a derived node that of the node it was derived from. */
  readonly span?: Span;
  /** The bound name, if the expression is a binding's whole right side: `h`, `fc1.weight`. */
  readonly label?: string;
  /** How often the body at `path` had given this label before: rounds of a `for` bind one name again and again. */
  readonly rebound?: number;
  /** Path of calls that led here, outermost first: `block_0`, `attention`. Groups for folding, chains for errors. */
  readonly path?: readonly string[];
}

export interface Node {
  readonly id: NodeId;
  readonly op: string;
  readonly inputs: readonly NodeId[];
  readonly attrs: Attrs;
  readonly type: TensorType;
  readonly origins: readonly Origin[];
}

/** A slot's value after the step. `slot` is a `param` or `state` node. */
export interface Update {
  readonly slot: NodeId;
  readonly next: NodeId;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly outputs: ReadonlyMap<string, NodeId>;
  readonly updates: readonly Update[];
}

export type OpTable = ReadonlyMap<string, OpDef>;

/** A text that is equal for equal attributes; -0, NaN and infinities are told apart. */
export function attrsKey(attrs: Attrs): string {
  let key = "";
  for (const name of inOrder(Object.keys(attrs))) key += `${key === "" ? "" : ";"}${name}=${attrText(attrs[name]!)}`;
  return key;
}

/** Sorts a few names where they lie: `sort` takes memory for each call, and this runs for every node. */
function inOrder(names: string[]): string[] {
  for (let i = 1; i < names.length; i++) {
    const name = names[i]!;
    let at = i;
    for (; at > 0 && names[at - 1]! > name; at--) names[at] = names[at - 1]!;
    names[at] = name;
  }
  return names;
}

function attrText(value: AttrValue): string {
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) return `[${value.map(attrText).join(",")}]`;
  return JSON.stringify(value);
}

const sameOrigin = (a: Origin, b: Origin): boolean =>
  a.role === b.role &&
  a.label === b.label &&
  a.rebound === b.rebound &&
  a.span?.start === b.span?.start &&
  a.span?.end === b.span?.end &&
  a.span?.source === b.span?.source &&
  a.path?.join("/") === b.path?.join("/");

/** At most this many origins are kept of one node; past it, the first ones tell enough. */
const maxOrigins = 8;

/** Makes nodes: infers types, and gives equal applications one node. */
export class Builder {
  readonly ops: OpTable;
  private readonly list: Node[] = [];
  private readonly interned = new Map<string, NodeId>();
  /** How many nodes have been given each label, by its whole path. */
  private readonly labelled = new Map<string, number>();
  /** Added to every node made; passes set it while they rebuild a node. */
  private current: readonly Origin[] = [];

  constructor(ops: OpTable) {
    this.ops = ops;
  }

  get nodes(): readonly Node[] {
    return this.list;
  }

  at(id: NodeId): Node {
    const node = this.list[id];
    if (!node) throw new Error(`no node ${id}`);
    return node;
  }

  type(id: NodeId): TensorType {
    return this.at(id).type;
  }

  /** Runs `make` with `origins` on every node it adds. */
  withOrigins<T>(origins: readonly Origin[], make: () => T): T {
    const outer = this.current;
    this.current = origins;
    try {
      return make();
    } finally {
      this.current = outer;
    }
  }

  /** The node, or what its shape rule says against it. */
  tryNode(op: string, inputs: readonly NodeId[], attrs: Attrs = {}): NodeId | ShapeError {
    const key = `${op}(${inputs.join(",")})${attrsKey(attrs)}`;
    const known = this.interned.get(key);
    if (known !== undefined) {
      this.mergeOrigins(known, this.current);
      return known;
    }
    const def = this.ops.get(op);
    if (!def) throw new Error(`no op ${op}`);
    const type = def.infer(
      inputs.map((id) => this.type(id)),
      attrs,
    );
    if (isShapeError(type)) return type;
    const id = this.list.length;
    this.list.push({ id, op, inputs, attrs, type, origins: this.current });
    this.interned.set(key, id);
    return id;
  }

  /** The node; a broken shape rule here is a bug in the compiler. */
  node(op: string, inputs: readonly NodeId[], attrs: Attrs = {}): NodeId {
    const made = this.tryNode(op, inputs, attrs);
    if (typeof made !== "number") {
      const types = inputs.map((id) => JSON.stringify(this.type(id))).join(", ");
      throw new Error(`${op}(${types}) ${attrsKey(attrs)}: ${made.code} ${JSON.stringify(made.facts)}`);
    }
    return made;
  }

  /** Adds origins to a node that another line made first. */
  mergeOrigins(id: NodeId, more: readonly Origin[]): void {
    const node = this.at(id);
    if (node.origins.length >= maxOrigins) return;
    const fresh = more.filter((o) => !node.origins.some((known) => sameOrigin(known, o)));
    if (fresh.length > 0) this.list[id] = { ...node, origins: [...node.origins, ...fresh].slice(0, maxOrigins) };
  }

  /** Calls a node by the name it is bound to, in the body at `path`, unless it has a name. */
  label(id: NodeId, label: string, path: readonly string[]): void {
    const node = this.at(id);
    const [first, ...more] = node.origins;
    if (first && node.origins.every((origin) => origin.label === undefined)) {
      const long = [...path, label].join(".");
      const rebound = this.labelled.get(long) ?? 0;
      this.labelled.set(long, rebound + 1);
      const again = rebound > 0 ? { rebound } : {};
      this.list[id] = { ...node, origins: [{ ...first, label, ...again, path }, ...more] };
    }
  }

  /** The graph of what `outputs` and `updates` need, renumbered; nodes that nothing needs are left out. */
  graph(outputs: ReadonlyMap<string, NodeId>, updates: readonly Update[] = []): Graph {
    const needed = new Uint8Array(this.list.length);
    for (const id of outputs.values()) needed[id] = 1;
    for (const { slot, next } of updates) {
      needed[slot] = 1;
      needed[next] = 1;
    }
    for (let id = this.list.length - 1; id >= 0; id--) {
      if (needed[id]) for (const input of this.list[id]!.inputs) needed[input] = 1;
    }
    const place = new Int32Array(this.list.length);
    const nodes: Node[] = [];
    for (const node of this.list) {
      if (!needed[node.id]) continue;
      place[node.id] = nodes.length;
      nodes.push({ ...node, id: nodes.length, inputs: node.inputs.map((input) => place[input]!) });
    }
    return {
      nodes,
      outputs: new Map([...outputs].map(([name, id]) => [name, place[id]!])),
      updates: updates.map(({ slot, next }) => ({ slot: place[slot]!, next: place[next]! })),
    };
  }
}

/**
 * Rebuilds a graph node by node: `visit` returns the replacement of a node whose inputs are already replaced,
 * or undefined to keep it. The result holds only what is still needed.
 */
export function rebuild(
  graph: Graph,
  ops: OpTable,
  visit: (b: Builder, node: Node, inputs: readonly NodeId[]) => NodeId | undefined,
): Graph {
  const b = new Builder(ops);
  const place: NodeId[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => place[input]!);
    place.push(b.withOrigins(node.origins, () => visit(b, node, inputs) ?? b.node(node.op, inputs, node.attrs)));
  }
  return b.graph(
    new Map([...graph.outputs].map(([name, id]) => [name, place[id]!])),
    graph.updates.map(({ slot, next }) => ({ slot: place[slot]!, next: place[next]! })),
  );
}
