// Reverse-mode differentiation: `gradient` over builder nodes, and the pass that expands `grad` nodes with it.
// Knows derivative rules only through the op table; accumulation and un-broadcasting happen here, once, for all rules.
import { type Builder, type Graph, type Node, type NodeId, type OpTable, type Origin, rebuild } from "./graph.ts";
import { full, unbroadcast } from "./ops/layout.ts";

/**
 * d of / d wrt[i] for each i, as nodes of the builder: `of` is an f32 scalar; a `wrt` that it does not depend on gets zeros.
 *
 * The cotangents of a node are added from its last user to its first, and for one user in the order of its inputs: the
 * order of summation, and so the bits, are the same in every run. Each node between `wrt` and `of` is visited once, so
 * diamonds stay linear.
 */
export function gradient(b: Builder, of: NodeId, wrt: readonly NodeId[]): NodeId[] {
  const type = b.type(of);
  if (type.dtype !== "f32" || type.shape.length > 0) throw new Error("gradients are taken of f32 scalars");
  const lowest = wrt.reduce((low, id) => Math.min(low, id), of);
  const depends = dependents(b, of, lowest, wrt);
  const cotangents = new Map<NodeId, NodeId>();
  if (depends[of]) cotangents.set(of, b.node("const", [], { value: 1, dtype: "f32" }));
  for (let id = of; id >= lowest; id--) {
    const ct = cotangents.get(id);
    if (ct === undefined) continue;
    const node = b.at(id);
    b.mergeOrigins(ct, namesOf(node));
    b.withOrigins(backward(node.origins), () => propagate(b, node, ct, depends, cotangents));
  }
  return wrt.map((id) => cotangents.get(id) ?? full(b, 0, b.type(id)));
}

/** Marks the nodes up to `of` through which a change of a `wrt` can pass. */
function dependents(b: Builder, of: NodeId, lowest: NodeId, wrt: readonly NodeId[]): Uint8Array {
  const depends = new Uint8Array(of + 1);
  for (const id of wrt) if (id <= of) depends[id] = 1;
  for (let id = lowest; id <= of; id++) {
    const { op, inputs, type } = b.at(id);
    const passes = type.dtype === "f32" && b.ops.get(op)!.vjp !== "not-differentiable";
    if (passes && inputs.some((input) => depends[input])) depends[id] = 1;
  }
  return depends;
}

/** Hands the cotangent of a node on to those of its inputs that matter. */
function propagate(b: Builder, node: Node, ct: NodeId, depends: Uint8Array, cotangents: Map<NodeId, NodeId>): void {
  const { vjp } = b.ops.get(node.op)!;
  if (vjp === "not-differentiable" || !node.inputs.some((input) => depends[input])) return;
  if (vjp === "derived") throw new Error(`${node.op} is differentiated through its expansion: expand it first`);
  const parts = vjp(b, ct, { inputs: node.inputs, out: node.id, attrs: node.attrs });
  for (const [i, input] of node.inputs.entries()) {
    const part = parts[i] ?? null;
    if (part === null || !depends[input]) continue;
    const fitting = unbroadcast(b, part, b.type(input).shape);
    const known = cotangents.get(input);
    cotangents.set(input, known === undefined ? fitting : b.node("add", [known, fitting]));
  }
}

/** The origins of nodes that a derivative rule makes at a node; names belong to the values themselves (`namesOf`). */
const backward = (origins: readonly Origin[]): Origin[] =>
  origins.map(({ span, path }) => ({ role: "backward", ...(span ? { span } : {}), ...(path ? { path } : {}) }));

/** The origins that a node's whole cotangent carries: printed, `label: "W"` with role "backward" reads `dW`. */
function namesOf(node: Node): Origin[] {
  const name = node.attrs["name"];
  if (typeof name === "string") {
    const span = node.origins[0]?.span;
    return [{ role: "backward", ...(span ? { span } : {}), label: name }];
  }
  return node.origins.filter(({ label }) => label !== undefined).map((origin) => ({ ...origin, role: "backward" }));
}

/**
 * Before: `grad`, `variable` and `stop_gradient` nodes. After: none. Outputs and updates keep their names and types.
 * Gradients of gradients: nodes come in topological order, so inner gradients are plain nodes when the outer ones are taken.
 */
export function differentiate(graph: Graph, ops: OpTable): Graph {
  return dropMarkers(expandGradients(graph, ops), ops);
}

function expandGradients(graph: Graph, ops: OpTable): Graph {
  // One sweep serves all gradients of one value: a model with a thousand parameters is differentiated once.
  const siblings = new Map<NodeId, Node[]>();
  for (const node of graph.nodes) {
    if (node.op !== "grad") continue;
    const list = siblings.get(node.inputs[0]!);
    if (list) list.push(node);
    else siblings.set(node.inputs[0]!, [node]);
  }
  const place: NodeId[] = [];
  const found = new Map<NodeId, NodeId>();
  const takeGradients = (b: Builder, node: Node, inputs: readonly NodeId[]): NodeId => {
    const known = found.get(node.id);
    if (known !== undefined) return known;
    const together = siblings.get(node.inputs[0]!)!.filter((other) => other.inputs[1]! <= node.inputs[0]!);
    const wrt = together.map((other) => place[other.inputs[1]!]!);
    for (const [i, id] of gradient(b, inputs[0]!, wrt).entries()) found.set(together[i]!.id, id);
    // Still absent: `v` came after `e`, which therefore does not depend on it.
    return found.get(node.id) ?? full(b, 0, b.type(inputs[1]!));
  };
  return rebuild(graph, ops, (b, node, inputs) => {
    let made: NodeId | undefined;
    if (node.op === "grad") made = takeGradients(b, node, inputs);
    else if (ops.get(node.op)!.vjp === "derived") made = expansion(b, node, inputs);
    made ??= b.node(node.op, inputs, node.attrs);
    place[node.id] = made;
    return made;
  });
}

/** The nodes that a derived op stands for, or undefined if it has stages of its own. */
function expansion(b: Builder, node: Node, inputs: readonly NodeId[]): NodeId | undefined {
  const types = inputs.map((id) => b.type(id));
  const lowering = b.ops.get(node.op)!.lower(types, node.attrs, node.type);
  return lowering.kind === "expand" ? lowering.build(b, inputs) : undefined;
}

const markers: ReadonlySet<string> = new Set(["variable", "stop_gradient"]);

const dropMarkers = (graph: Graph, ops: OpTable): Graph =>
  rebuild(graph, ops, (b, node, inputs) => {
    if (!markers.has(node.op)) return undefined;
    b.mergeOrigins(inputs[0]!, node.origins);
    return inputs[0];
  });
