// A model for use alone: no step, no optimizer, and its trained parameters in the file itself. Knows no printer.
import type { Graph } from "../../ir/graph.ts";
import type { Module } from "../../ir/module.ts";
import type { Manifest } from "../../runtime/library.ts";
import { type FunctionDoc, functionDoc, type ModuleDoc, type StatementDoc } from "../module-doc.ts";
import { base64Constant, bytesOfBase64 } from "./base64.ts";
import { quote } from "./text.ts";

const nothing: Graph = { nodes: [], outputs: new Map(), updates: [] };

/** The module without what only training needs; parameters begin as zeros, since they come from a file. */
export function inferenceOnly(module: Module): Module {
  const inputs = module.columns.filter(({ role }) => role === "input");
  const slots = module.slots.filter(({ optimizer }) => !optimizer);
  const { train: _, ...rest } = module;
  return {
    ...rest,
    slots,
    columns: inputs,
    scalars: module.scalars.filter(({ name }) => reads(module, name)),
    metrics: [],
    init: nothing,
    step: nothing,
    evaluate: nothing,
  };
}

const reads = ({ predict, entries }: Module, scalar: string): boolean =>
  [predict, ...entries.map(({ graph }) => graph)].some(({ nodes }) =>
    nodes.some(({ op, attrs }) => op === "scalar" && attrs["name"] === scalar),
  );

/** The library whose `create` gives a model with these parameters, kept as base64 of their bytes in the manifest's order. */
export function withWeights(doc: ModuleDoc, manifest: Manifest, weights: ReadonlyMap<string, Uint8Array>): ModuleDoc {
  const bytes = manifest.slots.map(({ name }) => weights.get(name)!);
  const docs = ["Parameters and states: little-endian bytes in the order of `manifest.slots`, as base64."];
  const constant = base64Constant("weights", docs, bytes);
  const arrays = { f32: "Float32Array", i32: "Int32Array", bool: "Uint8Array", u8: "Uint8Array" } as const;
  let at = 0;
  const reads = manifest.slots.map(({ name, dtype }, k) => {
    const array = arrays[dtype];
    const width = array === "Uint8Array" ? 1 : 4;
    const from = at;
    at += bytes[k]!.length;
    const end = at;
    return `trainer.write(${quote(name)}, new ${array}(bytes.slice(${from}, ${end}).buffer)); // ${(end - from) / width} numbers`;
  });
  const allocate = doc.statements.find((s) => s.kind === "function" && s.name === "create") as FunctionDoc;
  const create: StatementDoc = functionDoc({
    name: "create",
    exported: true,
    docs: ["The trained model, with its own memory."],
    parameters: allocate.parameters,
    returnType: "Trainer",
    lines: [
      "const trainer = allocate(options);",
      `const bytes = ${bytesOfBase64("weights")};`,
      ...reads,
      "return trainer;",
    ],
  });
  const statements = doc.statements.map((statement) =>
    statement === allocate
      ? { ...allocate, name: "allocate", exported: false, docs: ["The model with its own memory, not yet filled."] }
      : statement,
  );
  return { statements: [...statements, constant, create] };
}
