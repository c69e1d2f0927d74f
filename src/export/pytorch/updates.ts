// The updates of a step as Python: one function per rule, whatever optimizer the file or the library wrote, and the calls
// for all parameters. A `grad` node is what PyTorch's autograd left: `g`. Knows no optimizer by name.
import type { Graph, Node, NodeId, Update } from "../../ir/graph.ts";
import type { Module } from "../../ir/module.ts";
import { sourceLine } from "../source-line.ts";
import { atom, type Piece } from "./expressions.ts";
import { neededFor, type Place, Statements } from "./statements.ts";
import { PythonScope, pythonComment, pythonString } from "./words.ts";

/** The updates of a parameter and of the optimizer's states for it. */
interface Group {
  readonly param: string;
  /** `v` of `optimizer.v.fc1.weight`, with the state's own name. */
  readonly states: readonly { readonly short: string; readonly slot: string }[];
  readonly updates: readonly Update[];
}

interface Rule {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly lines: readonly string[];
  readonly comment: string | undefined;
  readonly states: readonly string[];
  readonly params: string[];
  readonly numbers: readonly string[];
  readonly shared: ReadonlySet<string>;
}

export interface UpdateText {
  /** Functions, one per rule. */
  readonly functions: readonly string[];
  /** Statements of `step(self, numbers)`, over `p`, `g` and `s`: parameters, gradients and states by name. */
  readonly step: readonly string[];
}

/** Whose a value is: a parameter's, several parameters', or nobody's. */
const nobody = 0;
const several = -1;

export function printUpdates(module: Module, graph: Graph, helpers: Set<string>): UpdateText {
  const groups = groupsOf(module, graph);
  const owners = ownersOf(graph, groups);
  const { statements, names: sharedNames } = sharedValues(graph, groups, owners, helpers);
  const rules = new Map<string, Rule>();
  for (const group of groups) {
    const rule = ruleOf(graph, group, owners, sharedNames, helpers);
    const key = JSON.stringify([rule.comment, rule.parameters, rule.lines, [...rule.shared]]);
    const known = rules.get(key);
    if (known) known.params.push(group.param);
    else rules.set(key, rule);
  }
  const scope = new PythonScope(["p", "g", "s", "name", "numbers"]);
  const all = [...rules.values()].map((rule) => ({ ...rule, name: scope.unique(rule.name) }));
  return { functions: all.map(functionText), step: [...statements, ...all.flatMap(callText)] };
}

function groupsOf(module: Module, graph: Graph): Group[] {
  const own = new Set(module.slots.filter(({ optimizer }) => optimizer).map(({ name }) => name));
  const params = new Map<string, Update[]>();
  const states = new Map<string, { short: string; slot: string }[]>();
  for (const update of graph.updates) {
    const name = slotName(graph, update.slot);
    if (graph.nodes[update.slot]!.op === "param") params.set(name, [update, ...(params.get(name) ?? [])]);
    else if (own.has(name)) {
      const { param, short } = ownerOf(module, name);
      params.set(param, [...(params.get(param) ?? []), update]);
      states.set(param, [...(states.get(param) ?? []), { short, slot: name }]);
    }
  }
  return [...params].map(([param, updates]) => ({ param, updates, states: states.get(param) ?? [] }));
}

/** `optimizer.m.fc1.weight` is the state m of fc1.weight. */
function ownerOf(module: Module, state: string): { readonly param: string; readonly short: string } {
  let param = "";
  for (const { name, kind } of module.slots) {
    if (kind === "param" && state.endsWith(`.${name}`) && name.length > param.length) param = name;
  }
  return { param, short: state.slice("optimizer.".length, -param.length - 1) };
}

const slotName = (graph: Graph, id: NodeId): string => String(graph.nodes[id]!.attrs["name"]);

/** 1 + the place of the group whose leaves alone a node is computed from. */
function ownersOf(graph: Graph, groups: readonly Group[]): Int32Array {
  const owners = new Int32Array(graph.nodes.length);
  const places = new Map<string, number>();
  for (const [k, { param, states }] of groups.entries()) {
    places.set(param, k + 1);
    for (const { slot } of states) places.set(slot, k + 1);
  }
  for (const node of graph.nodes) {
    if (node.op === "param" || node.op === "state") owners[node.id] = places.get(slotName(graph, node.id)) ?? several;
    else if (node.op === "grad") owners[node.id] = owners[node.inputs[1]!]!;
    else if (node.op === "input") owners[node.id] = several;
    else {
      for (const input of node.inputs) {
        const owner = owners[input]!;
        if (owner === nobody || owner === owners[node.id]) continue;
        owners[node.id] = owners[node.id] === nobody ? owner : several;
      }
    }
  }
  return owners;
}

/** Gradients and slots by name, as the step sees them. */
function leaves(graph: Graph, module: (node: Node) => Piece | undefined): Map<NodeId, Piece> {
  const given = new Map<NodeId, Piece>();
  for (const node of graph.nodes) {
    const piece = module(node);
    if (piece) given.set(node.id, piece);
  }
  return given;
}

/** Values of several parameters, such as the norm of all gradients: computed once, before any update. */
function sharedValues(graph: Graph, groups: readonly Group[], owners: Int32Array, helpers: Set<string>) {
  const roots = new Set<NodeId>();
  const given = leaves(graph, ({ op, inputs, attrs }) => {
    if (op === "grad") return atom(`g[${pythonString(slotName(graph, inputs[1]!))}]`);
    if (op === "param") return atom(`p[${pythonString(String(attrs["name"]))}]`);
    return op === "state" ? atom(`s[${pythonString(String(attrs["name"]))}]`) : undefined;
  });
  for (const [k, { updates }] of groups.entries()) {
    const needed = neededFor(
      graph,
      updates.map(({ next }) => next),
      new Map([...graph.nodes.keys()].filter((id) => given.has(id) || owners[id] === several).map((id) => [id, true])),
    );
    for (const node of graph.nodes) {
      const isForeign = owners[node.id] === several || (owners[node.id]! > 0 && owners[node.id] !== k + 1);
      if (needed[node.id] && isForeign) roots.add(node.id);
    }
  }
  const scope = new PythonScope(["p", "g", "s", "name", "numbers"]);
  const place: Place = { scope, given, device: "", helpers, scalar: numberText, shortNames: true };
  const names = new Map([...roots].map((id, k) => [id, `shared_${k}`]));
  const { lines } = new Statements(graph, place).print([...roots], names);
  // Another parameter as it was: its own update may come first.
  const copies = [...names].flatMap(([id, name]) =>
    given.has(id) ? [`${name} = ${given.get(id)!.text}.clone()`] : [],
  );
  return { statements: [...copies, ...lines], names };
}

const numberText = (name: string): string => `numbers[${pythonString(name)}]`;

function ruleOf(
  graph: Graph,
  { param, states, updates }: Group,
  owners: Int32Array,
  sharedNames: ReadonlyMap<NodeId, string>,
  helpers: Set<string>,
): Rule {
  const scope = new PythonScope(["p", "g"]);
  const stateNames = new Map(states.map(({ short, slot }) => [slot, scope.unique(short)]));
  const numbers = new Map<string, string>();
  const shared = new Set<string>();
  const ownStates = new Set(states.map(({ slot }) => slot));
  const given = leaves(graph, ({ id, op, inputs, attrs }) => {
    if (sharedNames.has(id)) {
      const name = sharedNames.get(id)!;
      shared.add(name);
      return atom(name);
    }
    if (op === "grad" && slotName(graph, inputs[1]!) === param) return atom("g");
    if (op === "param" && attrs["name"] === param) return atom("p");
    if (op === "state" && ownStates.has(String(attrs["name"]))) return atom(stateNames.get(String(attrs["name"]))!);
    return undefined;
  });
  const roots = updates.map(({ next }) => next);
  const isRead = neededFor(graph, roots, given);
  const read = new Set<string>();
  for (const node of graph.nodes) if (isRead[node.id] && given.has(node.id)) read.add(given.get(node.id)!.text);
  for (const name of shared) if (!read.has(name)) shared.delete(name);
  for (const node of graph.nodes) {
    if (!isRead[node.id] || node.op !== "scalar" || owners[node.id] !== nobody) continue;
    const name = String(node.attrs["name"]);
    if (!numbers.has(name)) numbers.set(name, scope.unique(name));
  }
  const paramNode = graph.nodes[updates[0]!.slot]!;
  const place: Place = {
    scope,
    given,
    device: ", device=p.device",
    helpers,
    scalar: (name) => numbers.get(name)!,
    like: { shape: paramNode.type.shape, text: "p.shape" },
    shortNames: true,
  };
  const { lines, values } = new Statements(graph, place).print(roots);
  const results = roots.map((id) => values.get(id)!.text);
  const entry = graph.nodes[updates[0]!.next]!;
  const statements = lines.filter((line) => !line.startsWith("#"));
  return {
    name: ruleName(entry),
    parameters: ["p", "g", ...stateNames.values(), ...numbers.values(), ...shared],
    lines: [...statements, `return ${results.join(", ")}${results.length === 1 ? "," : ""}`],
    comment: sourceLine(entry)?.text,
    states: states.map(({ short }) => short),
    params: [param],
    numbers: [...numbers.keys()],
    shared,
  };
}

/** The function that the entry calls: the last segment of the path that led to the update. */
const ruleName = ({ origins }: Node): string =>
  `${origins.find(({ role }) => role === "update")?.path?.at(-1) ?? "new"}_update`;

function functionText({ name, parameters, lines, comment, states }: Rule): string {
  const news = ["p", ...states].join(", ");
  return [
    ...(comment === undefined ? [] : [pythonComment(comment)]),
    `def ${name}(${parameters.join(", ")}):`,
    `    """The new ${news} of a parameter with the gradient g."""`,
    ...lines.map((line) => `    ${line}`),
  ].join("\n");
}

function callText({ name, params, states, numbers, shared }: Rule): string[] {
  const args = [
    "p[name]",
    "g[name]",
    ...states.map((state) => `s[${pythonString(`optimizer.${state}.`)} + name]`),
    ...numbers.map(numberText),
    ...shared,
  ];
  return [
    "for name in (",
    ...params.map((param) => `    ${pythonString(param)},`),
    "):",
    `    self.put(name, [${states.map(pythonString).join(", ")}], ${name}(${args.join(", ")}))`,
  ];
}
