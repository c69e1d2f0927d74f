// Checks that a graph is what every pass may take it for. A failure is a bug in the compiler, so it throws.
// Knows op records only through the table.
import { attrsKey, type Graph, type Node, type NodeId, type OpTable } from "./graph.ts";
import { isShapeError } from "./op-def.ts";
import { sameType, typeText } from "./types.ts";

/** Returns the graph if it is sound: numbered in order, typed as its ops say, updates of slots only and once each. */
export function verify(graph: Graph, ops: OpTable): Graph {
  const { nodes, outputs, updates } = graph;
  for (const [place, node] of nodes.entries()) checkNode(node, place, nodes, ops);
  for (const [name, id] of outputs) need(nodes[id], `output ${name} is node ${id}, which does not exist`);
  const updated = new Map<NodeId, NodeId>();
  for (const { slot, next } of updates) {
    const target = need(nodes[slot], `an update of node ${slot}, which does not exist`);
    const value = need(nodes[next], `node ${slot} becomes node ${next}, which does not exist`);
    if (target.op !== "param" && target.op !== "state")
      throw new Error(`an update of ${label(target)}, which is no slot`);
    if (updated.has(slot)) throw new Error(`${label(target)} is updated twice, to ${updated.get(slot)} and to ${next}`);
    if (!sameType(target.type, value.type)) {
      throw new Error(`${label(target)} is ${typeText(target.type)} and becomes ${typeText(value.type)}`);
    }
    updated.set(slot, next);
  }
  checkSlots(nodes);
  return graph;
}

function checkNode(node: Node, place: number, nodes: readonly Node[], ops: OpTable): void {
  if (node.id !== place) throw new Error(`node ${node.id} stands at place ${place}`);
  const def = need(ops.get(node.op), `node ${place} has the op ${node.op}, which is not in the table`);
  for (const input of node.inputs) {
    if (!(Number.isInteger(input) && input >= 0 && input < place)) {
      throw new Error(`${label(node)} reads node ${input}, which does not come before it`);
    }
  }
  const types = node.inputs.map((input) => nodes[input]!.type);
  const type = def.infer(types, node.attrs);
  const call = `${label(node)} of ${types.map(typeText).join(", ") || "nothing"} {${attrsKey(node.attrs)}}`;
  if (isShapeError(type)) throw new Error(`${call}: ${type.code} ${JSON.stringify(type.facts)}`);
  if (!sameType(type, node.type)) throw new Error(`${call} is ${typeText(type)}, and says ${typeText(node.type)}`);
}

/** One name is one slot: two nodes of a name that differ in kind or type would be read as one. */
function checkSlots(nodes: readonly Node[]): void {
  const known = new Map<string, Node>();
  for (const node of nodes) {
    if (node.op !== "param" && node.op !== "state" && node.op !== "input") continue;
    const name = String(node.attrs["name"]);
    const kind = node.op === "input" ? "input" : "slot";
    const other = known.get(`${kind} ${name}`);
    if (other) throw new Error(`${label(other)} and ${label(node)} are both called ${name}`);
    known.set(`${kind} ${name}`, node);
  }
}

const label = (node: Node): string => `%${node.id} ${node.op}`;

function need<T>(found: T | undefined, message: string): T {
  if (found === undefined) throw new Error(message);
  return found;
}
