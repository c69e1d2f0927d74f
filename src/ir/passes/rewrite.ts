// Rewriting: rules that replace one node by an equal one, and the engine that applies a list of them to a whole graph.
// Knows no op and no rule.
import { attrsKey, Builder, type Graph, type Node, type NodeId, type OpTable, type Origin } from "../graph.ts";
import type { Attrs } from "../op-def.ts";
import { sameType, type TensorType, typeText } from "../types.ts";

/** `before` equals `after` wherever both are finite; both are text of the language and are tested as written. */
export interface Rewrite {
  readonly name: string;
  /** An expression over x, y, z: [3, 4], c: bool[3, 4], i: i32[3]. */
  readonly before: string;
  readonly after: string;
  /** Ops that the replaced node may have. */
  readonly ops: readonly string[];
  /** The replacement, of the same type, or undefined where the rule does not fit. */
  apply(r: Rewriter, node: Node): NodeId | undefined;
}

/** A rule that was applied, and the node that it replaced. */
export interface Applied {
  readonly name: string;
  readonly origins: readonly Origin[];
}

/** Past this depth of rules that call for one another, nodes are made as they are; the next round goes on from there. */
const maxDepth = 24;
/** A correct list of rules settles in two or three rounds. */
const maxRounds = 12;
/** Applications per node and round; past it a pair of rules undoes each other's work. */
const fuelPerNode = 200;

/** Makes nodes in their simplest form. Rules see the graph through it. */
export class Rewriter {
  readonly b: Builder;
  applications = 0;
  private readonly rules: ReadonlyMap<string, readonly Rewrite[]>;
  private readonly settled = new Map<NodeId, NodeId>();
  private readonly uses = new Map<NodeId, number>();
  private readonly note: (rule: Rewrite) => void;
  private readonly fuel: number;
  private depth = 0;

  constructor(
    ops: OpTable,
    rules: ReadonlyMap<string, readonly Rewrite[]>,
    fuel: number,
    note: (rule: Rewrite) => void,
  ) {
    this.b = new Builder(ops);
    this.rules = rules;
    this.fuel = fuel;
    this.note = note;
  }

  at(id: NodeId): Node {
    return this.b.at(id);
  }

  type(id: NodeId): TensorType {
    return this.b.type(id);
  }

  /** The node, if it is an application of `op`. */
  is(id: NodeId, op: string): Node | undefined {
    const node = this.b.at(id);
    return node.op === op ? node : undefined;
  }

  /** Whether more than one node of the graph reads it: then a rule that takes it apart would compute it twice. */
  isShared(id: NodeId): boolean {
    return (this.uses.get(id) ?? 0) > 1;
  }

  countUses(id: NodeId, uses: number): void {
    this.uses.set(id, (this.uses.get(id) ?? 0) + uses);
  }

  /** The node, simplified by the rules. */
  node(op: string, inputs: readonly NodeId[], attrs: Attrs = {}): NodeId {
    return this.simplified(this.b.node(op, inputs, attrs));
  }

  /** What the rules make of a node. */
  simplified(made: NodeId): NodeId {
    if (this.depth >= maxDepth) return made;
    const known = this.settled.get(made);
    if (known !== undefined) return known;
    // A rule that makes the very node it is applied to has nothing to do.
    this.settled.set(made, made);
    this.depth++;
    const result = this.settle(made);
    this.depth--;
    this.settled.set(made, result);
    return result;
  }

  private settle(made: NodeId): NodeId {
    let id = made;
    for (;;) {
      const next = this.step(id);
      if (next === undefined) return id;
      id = next;
    }
  }

  /** The replacement by the first rule that fits. */
  private step(id: NodeId): NodeId | undefined {
    const node = this.b.at(id);
    for (const rule of this.rules.get(node.op) ?? []) {
      const next = rule.apply(this, node);
      if (next === undefined || next === id) continue;
      if (!sameType(this.b.type(next), node.type))
        throw new Error(`rule "${rule.name}" turned ${typeText(node.type)} into ${typeText(this.b.type(next))}`);
      if (++this.applications > this.fuel) throw new Error(`rule "${rule.name}" never comes to an end`);
      this.note(rule);
      return next;
    }
    return undefined;
  }
}

/** Applies the rules to every node, inputs first, again and again until none fits. The result holds only what is needed. */
export function rewriteGraph(
  graph: Graph,
  ops: OpTable,
  rules: readonly Rewrite[],
): { readonly graph: Graph; readonly applied: readonly Applied[] } {
  const byOp = new Map<string, Rewrite[]>();
  for (const rule of rules) {
    for (const op of rule.ops) {
      const list = byOp.get(op);
      if (list) list.push(rule);
      else byOp.set(op, [rule]);
    }
  }
  const applied: Applied[] = [];
  let current = graph;
  for (let round = 0; round < maxRounds; round++) {
    const { next, applications } = rewriteOnce(current, ops, byOp, applied);
    // Rules may try what they then leave: a round that applied some can still end with the same graph.
    const settled = applications === 0 || sameGraph(current, next);
    current = next;
    if (settled) break;
  }
  return { graph: current, applied };
}

function rewriteOnce(
  graph: Graph,
  ops: OpTable,
  rules: ReadonlyMap<string, readonly Rewrite[]>,
  applied: Applied[],
): { next: Graph; applications: number } {
  let here: Node | undefined;
  const seen = new Set<string>();
  const note = (rule: Rewrite) => {
    const key = `${rule.name}@${here!.id}`;
    if (!seen.has(key)) applied.push({ name: rule.name, origins: here!.origins });
    seen.add(key);
  };
  const r = new Rewriter(ops, rules, fuelPerNode * (graph.nodes.length + 10), note);
  const uses = usesOf(graph);
  const place: NodeId[] = [];
  for (const node of graph.nodes) {
    here = node;
    const inputs = node.inputs.map((input) => place[input]!);
    const made = r.b.withOrigins(node.origins, () => r.b.node(node.op, inputs, node.attrs));
    const id = r.b.withOrigins(unnamed(node.origins), () => r.simplified(made));
    if (id !== made) r.b.mergeOrigins(id, node.origins);
    r.countUses(id, uses[node.id]!);
    place.push(id);
  }
  const next = r.b.graph(
    new Map([...graph.outputs].map(([name, id]) => [name, place[id]!])),
    graph.updates.map(({ slot, next }) => ({ slot: place[slot]!, next: place[next]! })),
  );
  return { next, applications: r.applications };
}

/** Whether two graphs have the same nodes in the same order, whatever they came from. */
export function sameGraph(a: Graph, b: Graph): boolean {
  const sameNode = (one: Node, two: Node) =>
    one.op === two.op &&
    one.inputs.every((input, i) => input === two.inputs[i]) &&
    (one.attrs === two.attrs || attrsKey(one.attrs) === attrsKey(two.attrs));
  return a.nodes.length === b.nodes.length && a.nodes.every((node, i) => sameNode(node, b.nodes[i]!));
}

/** The origins of what a rule makes on the way: names belong to the value that is replaced. */
const unnamed = (origins: readonly Origin[]): Origin[] =>
  origins.map(({ role, span, path }) => ({ role, ...(span ? { span } : {}), ...(path ? { path } : {}) }));

function usesOf(graph: Graph): Int32Array {
  const uses = new Int32Array(graph.nodes.length);
  const use = (id: NodeId) => {
    uses[id] = uses[id]! + 1;
  };
  for (const node of graph.nodes) node.inputs.forEach(use);
  for (const id of graph.outputs.values()) use(id);
  for (const { next } of graph.updates) use(next);
  return uses;
}
