// A model as a class of PyTorch: parameters and states with the names of the model file, methods that follow its lines.
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import type { ColumnInfo, Module, SlotInfo } from "../../ir/module.ts";
import { opTable } from "../../ir/ops/table.ts";
import { stabilise } from "../../ir/passes/stabilise.ts";
import { isStatic } from "../../ir/types.ts";
import { atom, level, type Piece, torchType } from "./pieces.ts";
import { gradientTargets, type Place, Statements } from "./statements.ts";
import { PythonScope, pythonString, pythonTuple } from "./words.ts";

/** What names of slots and files are called in the emitted class. */
interface Names {
  readonly attributes: ReadonlyMap<string, string>;
  readonly constants: Map<string, { readonly attribute: string; readonly node: Node }>;
  readonly scope: PythonScope;
}

/** Names that torch.nn.Module or the emitted class have already. */
const ofModule =
  "T add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict metrics modules named_buffers named_children named_modules named_parameters numbers parameters predict register_buffer register_module register_parameter requires_grad_ set_extra_state share_memory slots state_dict to to_empty train training type xpu zero_grad evaluate".split(
    " ",
  );

/** The class; `helpers` grows by the functions that it calls. */
export function printClass(module: Module, step: Graph, evaluate: Graph, helpers: Set<string>): string {
  const names = namesOf(module);
  const forward = forwardMethod(module, step, names, helpers);
  const evaluated = forwardMethod(module, evaluate, names, helpers);
  // Without dropout and the like, training and evaluation are one text.
  const isOne = forward.lines.join("\n") === evaluated.lines.join("\n");
  const body = isOne
    ? forward.lines
    : ["if not self.training:", `    return self.evaluate(${forward.call})`, ...forward.lines];
  return classText(module, names, helpers, [
    method(`forward(self, ${forward.signature})`, [forwardDoc(module, isOne), ...body]),
    ...(isOne ? [] : [method(`evaluate(self, ${forward.signature})`, [evaluateDoc, ...evaluated.lines])]),
    metricsMethod(module, names, helpers),
    ...entryMethods(module, names, helpers),
  ]);
}

function namesOf(module: Module): Names {
  const scope = new PythonScope(ofModule);
  const attributes = new Map<string, string>();
  for (const { name, optimizer } of module.slots) if (!optimizer) attributes.set(name, scope.unique(name));
  return { attributes, constants: new Map(), scope };
}

const forwardDoc = (module: Module, isOne: boolean): string =>
  `"""Loss, results (${module.outputs.map((name) => name.replace(/[\\"]/g, "_")).join(", ")}) and new states of a batch${isOne ? "" : " in training"}; the results alone with \`predict\`."""`;
const evaluateDoc = '"""The same without training."""';

const method = (signature: string, lines: readonly string[]): string =>
  [`    def ${signature}:`, ...lines.map((line) => (line === "" ? "" : `        ${line}`))].join("\n");

interface Forward {
  readonly signature: string;
  readonly call: string;
  readonly lines: readonly string[];
}

function forwardMethod(module: Module, graph: Graph, names: Names, helpers: Set<string>): Forward {
  const scope = new PythonScope(["states"]);
  const columns = columnNames(module.columns, scope);
  const inputs = module.columns.filter(({ role }) => role === "input").map(({ name }) => columns.get(name)!);
  const targets = module.columns.filter(({ role }) => role === "target").map(({ name }) => columns.get(name)!);
  const place = placeOf(graph, columns, names, helpers, scope);
  const statements = new Statements(graph, place);
  const results = module.outputs.map((name) => graph.outputs.get(name)!);
  const loss = graph.outputs.get("loss")!;
  const own = new Set(module.slots.filter(({ optimizer }) => !optimizer).map(({ name }) => name));
  const updates = graph.updates.filter(
    ({ slot }) => graph.nodes[slot]!.op === "state" && own.has(String(graph.nodes[slot]!.attrs["name"])),
  );
  const later = [loss, ...updates.map(({ next }) => next)];
  const wishes = new Map(module.outputs.map((name) => [graph.outputs.get(name)!, name]));
  const model = statements.print(results, wishes, later);
  const rest = statements.print(later, new Map([[loss, "loss_of_batch"]]));
  const shown = results.map((id) => tensorText(model.values.get(id)!));
  const states = updates.map(
    ({ slot, next }) =>
      `${pythonString(String(graph.nodes[slot]!.attrs["name"]))}: ${tensorText(rest.values.get(next)!)}.detach()`,
  );
  const lines = [
    ...model.lines,
    "if predict:",
    `    return ${pythonTuple(shown)}`,
    ...rest.lines,
    `return ${tensorText(rest.values.get(loss)!)}, ${pythonTuple(shown)}, {${states.join(", ")}}`,
  ];
  const variables = [...gradientTargets(graph)].flatMap(
    (id) => columns.get(String(graph.nodes[id]!.attrs["name"])) ?? [],
  );
  if (variables.length > 0) helpers.add("variable");
  const all = [
    ...preamble(lines, module.columns, columns),
    ...variables.map((name) => `${name} = variable(${name})`),
    ...lines,
  ];
  const parameters = [...inputs, ...targets.map((name) => `${name}=None`)];
  return {
    signature: [...parameters, "predict=False"].join(", "),
    call: [...inputs, ...targets, "predict"].join(", "),
    lines: all,
  };
}

/** A value as a tensor: a number of Python's own may be what a program gives. */
const tensorText = (piece: Piece): string =>
  piece.host ? `torch.tensor(float(${piece.text}))` : piece.level < level.atom ? `(${piece.text})` : piece.text;

/** The number of rows and the source of random numbers, where lines read them. */
function preamble(
  lines: readonly string[],
  columns: readonly ColumnInfo[],
  names: ReadonlyMap<string, string>,
): string[] {
  const text = lines.filter((line) => !line.startsWith("#")).join("\n");
  const column = columns.find(({ type }) => type.shape.length > 0 && !isStatic(type.shape[0]!));
  const found: string[] = [];
  if (/\bn\b/.test(text) && column) {
    const { perRow } = column.type.shape[0] as { readonly perRow: number };
    found.push(`n = ${names.get(column.name)}.shape[0]${perRow === 1 ? "" : ` // ${perRow}`}`);
  }
  if (/\brandom\./.test(text)) found.push("random = self.random");
  if (/\bdevice=device\b/.test(text)) found.push("device = next(self.parameters()).device");
  return found;
}

const columnNames = (columns: readonly ColumnInfo[], scope: PythonScope): Map<string, string> =>
  new Map(columns.map(({ name }) => [name, scope.unique(name)]));

function placeOf(
  graph: Graph,
  columns: ReadonlyMap<string, string>,
  names: Names,
  helpers: Set<string>,
  scope: PythonScope,
): Place {
  const given = new Map<NodeId, Piece>();
  for (const { id, op, attrs } of graph.nodes) {
    const name = String(attrs["name"]);
    if (op === "input" && columns.has(name)) given.set(id, atom(columns.get(name)!));
    if ((op === "param" || op === "state") && names.attributes.has(name)) {
      given.set(id, atom(`self.${names.attributes.get(name)}`));
    }
  }
  return {
    scope,
    given,
    device: ", device=device",
    helpers,
    scalar: (name) => `self.numbers[${pythonString(name)}]`,
    file: (node) => `self.${constantOf(node, names)}`,
  };
}

function constantOf(node: Node, names: Names): string {
  const key = JSON.stringify([node.attrs["file"], node.attrs["tensor"]]);
  const known = names.constants.get(key);
  if (known) return known.attribute;
  const attribute = names.scope.unique(`constant_${names.constants.size}`);
  names.constants.set(key, { attribute, node });
  return attribute;
}

/** Metrics from the results and the columns. */
function metricsMethod(module: Module, names: Names, helpers: Set<string>): string {
  const graph = module.evaluate;
  const scope = new PythonScope(["outputs"]);
  const columns = columnNames(module.columns, scope);
  const place = placeOf(graph, columns, names, helpers, scope);
  const given = new Map(place.given);
  const outputs = module.outputs.map((name) => scope.unique(name));
  for (const [k, name] of module.outputs.entries()) {
    const id = graph.outputs.get(name)!;
    if (!given.has(id)) given.set(id, atom(outputs[k]!));
  }
  const roots = module.metrics.map((name) => graph.outputs.get(`metric.${name}`)!);
  const { lines, values } = new Statements(graph, { ...place, given }).print(roots);
  const results = module.metrics.map((name, k) => `${pythonString(name)}: ${values.get(roots[k]!)!.text}`);
  const body = [...lines, `return {${results.join(", ")}}`];
  const signature = [...columns.values()].join(", ");
  return method(`metrics(self, outputs, ${signature})`, [
    `"""Metrics of a batch, from the results of the model."""`,
    ...(module.metrics.length > 0 ? [`${pythonTuple(outputs)} = outputs`] : []),
    ...preamble(body, module.columns, columns),
    ...body,
  ]);
}

/** Further models: methods by their own names. */
const entryMethods = (module: Module, names: Names, helpers: Set<string>): string[] =>
  module.entries.map((entry) => {
    const graph = stabilise(entry.graph, opTable).graph;
    const scope = new PythonScope();
    const columns = columnNames(entry.inputs, scope);
    const place = placeOf(graph, columns, names, helpers, scope);
    const roots = entry.outputs.map((name) => graph.outputs.get(name)!);
    const wishes = new Map(entry.outputs.map((name, k) => [roots[k]!, name]));
    const { lines, values } = new Statements(graph, place).print(roots, wishes);
    const body = [...lines, `return ${pythonTuple(roots.map((id) => tensorText(values.get(id)!)))}`];
    return method(`${names.scope.unique(entry.name)}(${["self", ...columns.values()].join(", ")})`, [
      `"""A further model of the file, without training."""`,
      ...preamble(body, entry.inputs, columns),
      ...body,
    ]);
  });

function classText(module: Module, names: Names, helpers: Set<string>, methods: readonly string[]): string {
  const own = module.slots.filter(({ optimizer }) => !optimizer);
  const sizes = (slot: SlotInfo): string => pythonTuple(slot.type.shape.map(String));
  const slots = own.map((slot) => {
    const attribute = names.attributes.get(slot.name)!;
    const type = slot.type.dtype === "f32" ? "" : `, dtype=${torchType(slot.type.dtype)}`;
    const empty = `torch.empty(${sizes(slot)}${type})`;
    if (slot.kind === "state") return `        self.register_buffer("${attribute}", ${empty})`;
    const fixed = slot.trained ? "" : ", requires_grad=False";
    return `        self.${attribute} = torch.nn.Parameter(${empty}${fixed})`;
  });
  if (names.constants.size > 0) helpers.add("constant");
  const constants = [...names.constants.values()].map(({ attribute, node }) => {
    const { file, tensor } = node.attrs;
    const read = `constant(folders, ${pythonString(String(file))}, ${pythonString(String(tensor ?? ""))}, ${torchType(node.type.dtype)})`;
    return `        self.register_buffer("${attribute}", ${read}, persistent=False)`;
  });
  const entries = own.map(({ name }) => `            ${pythonString(name)}: self.${names.attributes.get(name)},`);
  return `class Model(torch.nn.Module):
    """${module.name.replace(/[\\"]/g, "_")}: its parameters have the names of the model file in \`slots()\` and in files."""

    def __init__(self, folders=(".",)):
        super().__init__()
${[...slots, ...constants].join("\n")}
        # Numbers that may change from step to step, and the source of random ones.
        self.numbers = {**NUMBERS, "step": 0.0, "epoch": 0.0, "steps": 1.0}
        self.random = Random()

${methods.join("\n\n")}

    def slots(self):
        """Parameters and states by name."""
        return {
${entries.join("\n")}
        }`;
}
