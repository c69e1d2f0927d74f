// A module as one Python file: an nn.Module whose methods follow the model's lines, its start values, its optimizer, and the
// loop that trains it, alone or with DistributedDataParallel.

import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import type { ColumnInfo, ConfigValue, Module, SlotInfo } from "../../ir/module.ts";
import { opTable } from "../../ir/ops/table.ts";
import { stabilise } from "../../ir/passes/stabilise.ts";
import { isStatic } from "../../ir/types.ts";
import { dependenceOf } from "../rows.ts";
import { atom, level, type Piece, torchType } from "./expressions.ts";
import helpersText from "./helpers.py";
import runtimeText from "./runtime.py";
import { gradientTargets, type Place, Statements } from "./statements.ts";
import { printUpdates } from "./updates.ts";
import { PythonScope, pythonComment, pythonNumber, pythonString, pythonTuple } from "./words.ts";

/** What names of slots and files are called in the emitted class. */
interface Names {
  readonly attributes: ReadonlyMap<string, string>;
  readonly constants: Map<string, { readonly attribute: string; readonly node: Node }>;
  readonly scope: PythonScope;
}

export interface PyTorchFile {
  readonly text: string;
  /** False where K processes compute something else than one: rows of a batch meet, as in batch normalisation. */
  readonly exactInParts: boolean;
}

/** Names that torch.nn.Module or the emitted class have already. */
const ofModule =
  "T add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict metrics modules named_buffers named_children named_modules named_parameters numbers parameters predict register_buffer register_module register_parameter requires_grad_ set_extra_state share_memory slots state_dict to to_empty train training type xpu zero_grad evaluate".split(
    " ",
  );

export function printPyTorch(module: Module, source: string): PyTorchFile {
  const helpers = new Set(["Random"]);
  const graphs = {
    step: stabilise(module.step, opTable).graph,
    evaluate: stabilise(module.evaluate, opTable).graph,
    init: module.init,
  };
  const names = namesOf(module);
  const forward = forwardMethod(module, graphs.step, names, helpers);
  const evaluated = forwardMethod(module, graphs.evaluate, names, helpers);
  // Without dropout and the like, training and evaluation are one text.
  const isOne = forward.lines.join("\n") === evaluated.lines.join("\n");
  const body = isOne
    ? forward.lines
    : ["if not self.training:", `    return self.evaluate(${forward.call})`, ...forward.lines];
  const methods = [
    method(`forward(self, ${forward.signature})`, [forwardDoc(module, isOne), ...body]),
    ...(isOne ? [] : [method(`evaluate(self, ${forward.signature})`, [evaluateDoc, ...evaluated.lines])]),
    metricsMethod(module, names, helpers),
    ...entryMethods(module, names, helpers),
  ];
  const start = startFunction(module, graphs.init, helpers);
  const updates = printUpdates(module, graphs.step, helpers);
  const loss = graphs.step.outputs.get("loss")!;
  const dependence = dependenceOf(graphs.step, loss);
  const parts = [
    `${head(module, source)}\n${settings(module, dependence === "sum", hasGradients(graphs.evaluate))}`,
    "# ---- Model ----",
    classText(module, names, methods),
    start,
    ...updates.functions,
    optimizerText(module, updates.step),
    "# ---- Functions that PyTorch has in another form ----",
    ...helperTexts(helpers),
    runtimeText,
  ];
  return {
    text: `${parts.map((part) => part.trim()).join("\n\n\n")}\n`,
    exactInParts: dependence === "mean" || dependence === "sum",
  };
}

// ---- Names and settings ----

function namesOf(module: Module): Names {
  const scope = new PythonScope(ofModule);
  const attributes = new Map<string, string>();
  for (const { name, optimizer } of module.slots) if (!optimizer) attributes.set(name, scope.unique(name));
  return { attributes, constants: new Map(), scope };
}

function head(module: Module, source: string): string {
  return `${pythonComment(`${module.name}, exported from ${source} by nnc, for PyTorch 1.13 and later.`)}
#
#   python FILE.py                            on one process
#   python FILE.py --nproc 2                  on two processes of this machine
#   torchrun --nproc_per_node 2 FILE.py       the same; and on several machines: gloo on CPUs, nccl on GPUs
#
# \`--batch\` is the whole batch, which the processes share. \`--help\` lists the options.
import argparse
import csv
import gzip
import json
import math
import os
import socket
import sys
import time

import numpy
import torch
import torch.distributed
import torch.nn.functional as F
`;
}

function configText(value: ConfigValue): string {
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : pythonNumber(value, false);
  if (typeof value === "string") return pythonString(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${(value as readonly ConfigValue[]).map(configText).join(", ")}]`;
  const { range } = value as { readonly range: readonly (number | null)[] };
  return `{"range": [${range.map((end) => (end === null ? "None" : String(end))).join(", ")}]}`;
}

const columnText = ({ name, type, classes }: ColumnInfo): string => {
  const sizes = type.shape.map((dim) => (isStatic(dim) ? String(dim) : "None"));
  return pythonTuple([
    pythonString(name),
    pythonString(torchType(type.dtype).slice("torch.".length)),
    pythonTuple(sizes),
    classes === undefined ? "None" : String(classes),
  ]);
};

function settings(module: Module, isSum: boolean, needsGradients: boolean): string {
  const train = module.train!;
  const data = train.data;
  const named =
    data && [...data.named].map(([name, value]) => `${pythonString(name)}: ${configText(value)}`).join(", ");
  const numbers = module.scalars.map(({ name, value }) => `${pythonString(name)}: ${pythonNumber(value, false)}`);
  return `MODEL = ${pythonString(module.name)}
# Columns of the data: name, type, shape with None for the rows, number of classes.
COLUMNS = [${module.columns.map((column) => `\n    ${columnText(column)},`).join("")}
]
DATA = ${data ? `{"source": ${pythonString(data.source)}, "positional": [${data.positional.map(configText).join(", ")}], "named": {${named}}}` : "None"}
BATCH, EPOCHS, SEED, SHUFFLE, DROP_LAST = ${train.batch}, ${train.epochs}, ${train.seed}, ${train.shuffle ? "True" : "False"}, ${train.dropLast ? "True" : "False"}
# Run-time numbers and their start values: --lr, --set.
NUMBERS = {${numbers.join(", ")}}
METRICS = [${module.metrics.map(pythonString).join(", ")}]
# Files that parameters start from: the path that they are below, the file.
INIT = [${train.init.map(({ prefix, file }) => `(${pythonString(prefix === "" ? "" : `${prefix}.`)}, ${pythonString(file)})`).join(", ")}]
# Whether the loss is a mean over the rows of the batch, and not their sum: how K processes put theirs together.
LOSS_IS_MEAN = ${isSum ? "False" : "True"}
# Whether loss or metrics hold gradients themselves.
NEEDS_GRADIENTS = ${needsGradients ? "True" : "False"}
`;
}

const hasGradients = (graph: Graph): boolean => graph.nodes.some(({ op }) => op === "grad");

// ---- The class ----

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

function classText(module: Module, names: Names, methods: readonly string[]): string {
  const own = module.slots.filter(({ optimizer }) => !optimizer);
  const sizes = (slot: SlotInfo): string => pythonTuple(slot.type.shape.map(String));
  const slots = own.map((slot) => {
    const attribute = names.attributes.get(slot.name)!;
    const empty = `torch.empty(${sizes(slot)}, dtype=${torchType(slot.type.dtype)})`;
    if (slot.kind === "state") return `        self.register_buffer("${attribute}", ${empty})`;
    const fixed = slot.trained ? "" : ", requires_grad=False";
    return `        self.${attribute} = torch.nn.Parameter(${empty}${fixed})`;
  });
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
        }

`;
}

// ---- Start values and optimizer ----

function startFunction(module: Module, graph: Graph, helpers: Set<string>): string {
  const scope = new PythonScope(["seed"]);
  const place: Place = {
    scope,
    given: new Map(),
    device: "",
    helpers,
    scalar: (name) => `NUMBERS.get(${pythonString(name)}, 0.0)`,
  };
  const slots = module.slots.filter(({ name }) => graph.outputs.has(name));
  const roots = slots.map(({ name }) => graph.outputs.get(name)!);
  const { lines, values } = new Statements(graph, place).print(roots);
  const entries = slots.map(({ name, type }, k) => {
    const piece = values.get(roots[k]!)!;
    const text = piece.host ? `torch.tensor(${piece.text}, dtype=${torchType(type.dtype)})` : piece.text;
    return `        ${pythonString(name)}: ${text},`;
  });
  const body = [...lines.map((line) => `    ${line}`), "    return {", ...entries, "    }"];
  return `
def start(seed):
    """Start values of all parameters and states, by name."""
    random = Random(seed)
${body.join("\n")}

`;
}

function optimizerText(module: Module, step: readonly string[]): string {
  const states = module.slots
    .filter(({ optimizer }) => optimizer)
    .map(({ name, type }) => {
      const shape = pythonTuple(type.shape.map(String));
      return `            ${pythonString(name)}: torch.zeros(${shape}, dtype=${torchType(type.dtype)}),`;
    });
  const usesState = states.length > 0;
  return `

class Optimizer:
    """The updates of the model file, by the gradients that backward left in the parameters."""

    def __init__(self, model):
        self.model = model
        self.state = {${usesState ? `\n${states.join("\n")}\n        ` : ""}}

    @torch.no_grad()
    def step(self, numbers):
        p, s = self.model.slots(), self.state
        g = {name: torch.zeros_like(value) if value.grad is None else value.grad for name, value in p.items()}
${step.map((line) => `        ${line}`).join("\n") || "        pass"}

    def put(self, name, states, values):
        """Stores the new values of a parameter and of the optimizer's states for it."""
        slots = [self.model.slots()[name], *(self.state[f"optimizer.{state}.{name}"] for state in states)]
        for slot, value in zip(slots, values):
            slot.copy_(value)

`;
}

// ---- Helpers ----

/** The helpers that are called, with those that they call, in the order of their file. */
function helperTexts(wanted: ReadonlySet<string>): string[] {
  const parts = helpersText
    .split(/\n\n\n/)
    .filter((part) => !part.startsWith("# "))
    .flatMap((part) => part.trim().split(/\n(?=TAIL = )/));
  const named = parts.map((text) => ({ name: /^(?:def |class )?(\w+)/.exec(text)![1]!, text }));
  const needed = new Set<string>();
  const work = [...wanted];
  for (let name = work.pop(); name !== undefined; name = work.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const { text } = named.find((each) => each.name === name)!;
    for (const other of named) if (other.name !== name && reads(text, other.name)) work.push(other.name);
  }
  return named.filter(({ name }) => needed.has(name)).map(({ text }) => text);
}

/** Calls and constants, not words of a sentence. */
const reads = (text: string, name: string): boolean =>
  new RegExp(/^[A-Z_]+$/.test(name) ? `\\b${name}\\b` : `\\b${name}\\(`).test(text);
