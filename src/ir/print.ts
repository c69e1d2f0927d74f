// A graph as text, one line per node, for `--print-after`, `nnc inspect` and goldens of passes. Changes and decides nothing.
import { numberText } from "../base/number-text.ts";
import { fileNameOf, positionAt } from "../base/span.ts";
import type { Graph, Node, Origin } from "./graph.ts";
import type { AttrValue } from "./op-def.ts";
import { dimText, typeText } from "./types.ts";

/**
 * Nodes go by the name of their slot or binding (`dW` for the cotangent of `W`), else by number; constants stand where
 * they are used.
 *
 *     %4 = einsum("nk,km->nm") x, weights : [N, 10]      # logistic.nn:11
 */
export function printGraph(graph: Graph): string {
  const names = nameNodes(graph.nodes);
  const lines: [text: string, origin: string][] = [];
  for (const node of graph.nodes) {
    if (isInline(node)) continue;
    const inputs = node.inputs.map((id) => names[id]).join(", ");
    const call = `${node.op}${attrsText(node, names[node.id]!)}${inputs && ` ${inputs}`}`;
    lines.push([`${names[node.id]} = ${call} : ${typeText(node.type)}`, originText(node.origins)]);
  }
  const width = Math.min(72, Math.max(0, ...lines.map(([text]) => text.length)));
  const body = lines.map(([text, origin]) => (origin ? `${text.padEnd(width)}  # ${origin}` : text));
  for (const [name, id] of graph.outputs) body.push(`output ${name} = ${names[id]}`);
  for (const { slot, next } of graph.updates) body.push(`${names[slot]} <- ${names[next]}`);
  return `${body.join("\n")}\n`;
}

const isInline = (node: Node): boolean => node.op === "const";

function nameNodes(nodes: readonly Node[]): string[] {
  const taken = new Set<string>();
  const names: string[] = [];
  const fallback = ({ id }: Node): string => `%${id}`;
  // Slots and columns first: their names are theirs even where a binding before them has the same.
  for (const node of nodes) {
    const name = node.attrs["name"];
    if (isInline(node)) names[node.id] = constantText(node);
    else if (typeof name === "string") names[node.id] = claim(name, taken) ?? fallback(node);
  }
  for (const node of nodes) names[node.id] ??= claim(bindingName(node), taken) ?? fallback(node);
  return names;
}

function claim(name: string | undefined, taken: Set<string>): string | undefined {
  if (name === undefined || taken.has(name)) return undefined;
  taken.add(name);
  return name;
}

function bindingName({ origins }: Node): string | undefined {
  const origin = origins.find(({ label }) => label !== undefined);
  if (!origin) return undefined;
  const path = [...(origin.path ?? []), origin.label].join(".");
  return origin.role === "backward" ? `d${path}` : path;
}

function constantText({ attrs, type }: Node): string {
  const value = attrs["value"]!;
  if (type.dtype === "bool") return value ? "true" : "false";
  return type.dtype === "i32" ? `i32(${valueText(value)})` : valueText(value);
}

/** What the type after the colon says already. */
const unsaid: ReadonlySet<string> = new Set(["dtype", "shape", "to"]);

function attrsText({ op, attrs }: Node, reference: string): string {
  if (op === "einsum") {
    const { inputs, output } = attrs;
    return `("${(inputs as readonly string[]).join(",")}->${output}")`;
  }
  const parts: string[] = [];
  for (const [name, value] of Object.entries(attrs)) {
    if (unsaid.has(name) || value === false || (name === "name" && value === reference)) continue;
    parts.push(value === true ? name : `${name}=${valueText(value)}`);
  }
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

function valueText(value: AttrValue): string {
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) {
    const items = value as readonly AttrValue[];
    const shown = items.length > 8 ? items.slice(0, 8) : items;
    return `[${shown.map(valueText).join(", ")}${shown.length < items.length ? `, … ${items.length} in all` : ""}]`;
  }
  if (typeof value === "object" && value !== null && "perRow" in value) return dimText(value);
  return JSON.stringify(value);
}

function originText(origins: readonly Origin[]): string {
  const origin = origins.find(({ span }) => span !== undefined);
  if (!origin?.span) return "";
  const { source, start } = origin.span;
  const file = fileNameOf(source);
  const role = origin.role === "backward" || origin.role === "update" ? ` ${origin.role}` : "";
  return `${file}:${positionAt(source, start).line}${role}`;
}
