// The updates of a step as Python: one function per rule, whatever optimizer the file or the library wrote, and the calls
// for all parameters. A `grad` node is what PyTorch's autograd left: `g`. Knows no optimizer by name.
import type { Graph, Node, NodeId, Update } from "../../ir/graph.ts";
import type { Module } from "../../ir/module.ts";
import { sourceLine } from "../source-line.ts";
import { atom, type Piece } from "./pieces.ts";
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
  /** For each rule the Python name of the list of its parameters, these, and the short names of its states. */
  readonly rules: readonly {
    readonly names: string;
    readonly params: readonly string[];
    readonly states: readonly string[];
  }[];
  /** Statements of `step(self, numbers)`, over `p`, `g` and `s`: parameters, gradients and states by name. */
  readonly step: readonly string[];
}

/** All parameters that are trained, in the emitted optimizer. */
export const everyName = "self.trained";

/** `optimizer.v.NAME`, in a loop over names. */
export const stateName = (state: string): string => `f${pythonString(`optimizer.${state}.{name}`)}`;

/** Whose a value is: a parameter's, several parameters', or nobody's. */
const nobody = 0;
const several = -1;

export function printUpdates(module: Module, graph: Graph, helpers: Set<string>): UpdateText {
  const groups = groupsOf(module, graph);
  const owners = ownersOf(graph, groups);
  const { statements, names: sharedNames } = sharedValues(graph, groups, owners, helpers);
  const rules = new Map<string, Rule>();
  for (const [k, group] of groups.entries()) {
    const rule = ruleOf(graph, group, k + 1, owners, sharedNames, helpers);
    const key = JSON.stringify([rule.comment, rule.parameters, rule.lines, [...rule.shared]]);
    const known = rules.get(key);
    if (known) known.params.push(group.param);
    else rules.set(key, rule);
  }
  const scope = new PythonScope(["p", "g", "s", "name", "numbers"]);
  const trained = module.slots.filter((slot) => slot.kind === "param" && slot.trained).length;
  const all = [...rules.values()].map((rule) => {
    const name = scope.unique(rule.name);
    return { ...rule, name, names: rule.params.length === trained ? everyName : `self.by_${name}` };
  });
  return { functions: all.map(functionText), rules: all, step: [...statements, ...all.flatMap(callText)] };
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

/** 1 + the place of the group whose update alone reads a value. */
function readersOf(graph: Graph, groups: readonly Group[]): Int32Array {
  const readers = new Int32Array(graph.nodes.length);
  const join = (id: NodeId, reader: number): void => {
    readers[id] = readers[id] === nobody || readers[id] === reader ? reader : several;
  };
  for (const [k, { updates }] of groups.entries()) for (const { next } of updates) join(next, k + 1);
  for (const { id, op, inputs } of graph.nodes.toReversed()) {
    if (readers[id] !== nobody && op !== "grad") for (const input of inputs) join(input, readers[id]!);
  }
  return readers;
}

const isLeaf = ({ op }: Node): boolean => op === "grad" || op === "param" || op === "state" || op === "input";

/** What a group's update gets from outside: other parameters, and what several updates make of several parameters. */
const isShared = (node: Node, group: number, owners: Int32Array, readers: Int32Array): boolean =>
  owners[node.id] !== nobody && owners[node.id] !== group && (isLeaf(node) || readers[node.id] === several);

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
  const readers = readersOf(graph, groups);
  for (const [k, { updates }] of groups.entries()) {
    const shared = new Map(
      graph.nodes.filter((node) => isShared(node, k + 1, owners, readers)).map((node) => [node.id, true]),
    );
    const news = updates.map(({ next }) => next);
    const needed = neededFor(graph, news, new Map([...given.keys(), ...shared.keys()].map((id) => [id, true])));
    for (const id of shared.keys()) if (needed[id]) roots.add(id);
  }
  const scope = new PythonScope(["p", "g", "s", "name", "numbers", "device"]);
  const place: Place = { scope, given, device: ", device=device", helpers, scalar: numberText, shortNames: true };
  const names = new Map([...roots].map((id, k) => [id, `shared_${k}`]));
  const { lines } = new Statements(graph, place).print([...roots], names);
  // Another parameter as it was: its own update may come first.
  const copies = [...names].flatMap(([id, name]) =>
    given.has(id) ? [`${name} = ${given.get(id)!.text}.clone()`] : [],
  );
  const device = lines.some((line) => line.includes("device=device")) ? ["device = next(iter(p.values())).device"] : [];
  return { statements: [...device, ...copies, ...lines], names };
}

const numberText = (name: string): string => `numbers[${pythonString(name)}]`;

function ruleOf(
  graph: Graph,
  { param, states, updates }: Group,
  group: number,
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
    if (op === "grad" && slotName(graph, inputs[1]!) === param) return atom("g");
    if (op === "param" && attrs["name"] === param) return atom("p");
    if (op === "state" && ownStates.has(String(attrs["name"]))) return atom(stateNames.get(String(attrs["name"]))!);
    const name = owners[id] === group ? undefined : sharedNames.get(id);
    if (name !== undefined) shared.add(name);
    return name === undefined ? undefined : atom(name);
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

function callText({ name, names, states, numbers, shared }: Rule & { readonly names: string }): string[] {
  const args = [
    "p[name]",
    "g[name]",
    ...states.map((state) => `s[${stateName(state)}]`),
    ...numbers.map(numberText),
    ...shared,
  ];
  return [
    `for name in ${names}:`,
    `    self.put(name, [${states.map(pythonString).join(", ")}], ${name}(${args.join(", ")}))`,
  ];
}
