// The equations of `nnc grad` as whole texts: lined up for people, a model file, LaTeX, JSON.
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { gradients } from "../base/diagnostics/gradients.ts";
import { visible } from "../base/frame.ts";
import { suggest } from "../base/suggest.ts";
import { drawsNumbers, type Equation, type Equations, equationsOf, type Given } from "../ir/equations.ts";
import { gradientGraph } from "../ir/gradient-graph.ts";
import { parsable, readable } from "../ir/language-notation.ts";
import { latex } from "../ir/latex-notation.ts";
import type { Module } from "../ir/module.ts";
import { numberPiece } from "../ir/pieces.ts";
import { typeText } from "../ir/types.ts";

export type EquationFormat = "text" | "latex" | "nn" | "json";

/** What gradients are taken by: the names asked for, or every parameter. The module was elaborated with `grads`. */
export function gradientTargets(
  module: Module,
  asked: readonly string[] | undefined,
): { readonly names: readonly string[]; readonly faults: readonly Diagnostic[] } {
  if (!module.step.outputs.has("loss")) {
    return { names: [], faults: [diagnose(gradients, "grad/no-loss", undefined, { model: module.name })] };
  }
  const known = [...module.step.outputs.keys()].flatMap((name) => (name.startsWith("grad.") ? [name.slice(5)] : []));
  const params = new Set(module.slots.flatMap(({ name, kind }) => (kind === "param" ? [name] : [])));
  const names = [...new Set(asked ?? known.filter((name) => params.has(name)))];
  const faults = names
    .filter((name) => !known.includes(name))
    .map((name) => {
      const facts = { name: visible(name), model: module.name, suggestion: suggest(name, known) };
      return diagnose(gradients, "grad/unknown-name", undefined, facts);
    });
  return { names, faults };
}

export function gradientText(module: Module, names: readonly string[], format: EquationFormat): string {
  const graph = gradientGraph(module, names);
  switch (format) {
    case "text":
      return linedUp(equationsOf(graph, readable));
    case "latex":
      return aligned(equationsOf(graph, latex));
    case "nn":
      return modelFile(module, equationsOf(graph, parsable), drawsNumbers(graph));
    case "json":
      return json(module, equationsOf(graph, readable));
  }
}

// ---- For people ----

/** Longest line of a model file. */
const lineWidth = 120;

/** Expressions up to this width share one column of shapes. */
const columnWidth = 72;

function linedUp({ given, lines }: Equations): string {
  const declared = given.map(({ kind, name, node }) => `${kind} ${name}: ${typeText(node.type)}\n`);
  const nameWidth = Math.max(...lines.map(({ name }) => name.length));
  const written = lines.map(({ name, text }) => `${name.padEnd(nameWidth)} = ${text}`);
  const width = Math.max(...written.map(({ length }) => length).filter((length) => length <= columnWidth), 0);
  const shown = lines.map(({ type }, k) => `${written[k]!.padEnd(width)}  # ${typeText(type)}\n`);
  return `${declared.join("")}\n${shown.join("")}`;
}

function aligned({ lines }: Equations): string {
  const shown = lines.map(({ name, text, type }) => {
    const sizes = type.shape.length === 0 ? "" : ` && \\scriptstyle ${typeText(type).replace(/ \*/g, "")}`;
    return `  ${name} &= ${text}${sizes}`;
  });
  return `\\begin{aligned}\n${shown.join(" \\\\\n")}\n\\end{aligned}\n`;
}

function json(module: Module, { given, lines }: Equations): string {
  const equations = lines.map(({ name, text, type, role, of }) => ({ name, type: typeText(type), text, role, of }));
  const leaves = given.map(({ kind, slot, name, node }) => ({ name, kind, slot, type: typeText(node.type) }));
  return `${JSON.stringify({ model: module.name, given: leaves, equations }, null, 2)}\n`;
}

// ---- As a model file ----

/** A file whose model has the loss and the gradients as results. Its parameters go by the names in the equations. */
function modelFile(module: Module, { given, lines }: Equations, isRandom: boolean): string {
  const of = (kind: Given["kind"]): Given[] => given.filter((each) => each.kind === kind);
  const renamed = given.filter(({ slot, name, kind }) => slot !== name && kind !== "load");
  const results = lines.filter(({ role }) => role !== "value");
  const head = [
    `# The loss of \`${module.name}\` and its gradients, made by \`nnc grad\`.`,
    ...renamed.map(({ slot, name }) => `# ${name} is ${visible(slot)}.`),
    ...(isRandom
      ? ["# Random numbers are keyed by their place in a file: here they are others than in the model itself."]
      : []),
  ];
  const hypers = module.scalars.filter(({ name }) => of("scalar").some(({ slot }) => slot === name));
  const globals = hypers.map(({ name, value }) => `hyper ${name} = ${numberPiece(value).text}`);
  const inputs = of("input").map(
    ({ slot, name, node }) => `${name}: ${columnType(module, slot) ?? typeText(node.type)}`,
  );
  // No result of a model may be called `loss`.
  const types = results.map(({ name, type, role }) => `${role === "loss" ? "value" : name}: ${typeText(type)}`);
  const declared = [
    ...of("param").map(({ name, node }) => `param ${name}: ${typeText(node.type)} = 0`),
    ...of("state").map(({ name, node }) => `state ${name}: ${typeText(node.type)} = 0`),
    ...of("load").map(({ name, node }) => `${name} = ${loadText(node.attrs)}`),
  ];
  const body = [...declared, ...lines.map(({ name, text }: Equation) => `${name} = ${text}`), lastLine(results)];
  return [
    ...head,
    "",
    ...globals,
    ...(globals.length > 0 ? [""] : []),
    ...header(`model ${module.name}_gradients`, inputs, types),
    ...body.map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

/** One line, or one for the inputs and one for each result. */
function header(name: string, inputs: readonly string[], results: readonly string[]): string[] {
  const line = `${name}(${inputs.join(", ")}) -> (${results.join(", ")}) {`;
  if (line.length <= lineWidth) return [line];
  return [`${name}(${inputs.join(", ")}) -> (`, ...results.map((result) => `  ${result},`), ") {"];
}

const lastLine = (results: readonly Equation[]): string =>
  results.length === 1 ? results[0]!.name : `(${results.map(({ name }) => name).join(", ")})`;

/** `class[N] < 10` where the column has classes. */
function columnType(module: Module, slot: string): string | undefined {
  const column = module.columns.find(({ name }) => name === slot);
  if (column?.classes === undefined) return undefined;
  return `class${typeText({ ...column.type, dtype: "f32" })} < ${column.classes}`;
}

const loadText = (attrs: Given["node"]["attrs"]): string =>
  `load(${[attrs["file"], attrs["tensor"]]
    .filter((text) => text !== undefined && text !== null && text !== "")
    .map((text) => JSON.stringify(text))
    .join(", ")})`;
