// What a driver must know of a compiled model, as plain data.
import { hashText } from "../base/hash.ts";
import { attrsKey } from "../ir/graph.ts";
import { loadName } from "../ir/interpret.ts";
import type { ColumnInfo, ConfigValue, EntryInfo, Module } from "../ir/module.ts";
import type { TensorType } from "../ir/types.ts";
import type {
  ColumnManifest,
  DataArgument,
  EntryManifest,
  LoadManifest,
  Manifest,
  TensorInfo,
} from "../runtime/library.ts";
import type { Plan } from "./plan.ts";

export function makeManifest(module: Module, target: string, batch: number, plan: Plan): Manifest {
  const { train } = module;
  const loads = loadsOf(module);
  return {
    model: module.name,
    target,
    batch,
    arenaBytes: plan.bytes,
    program: hashText(programText(module)),
    slots: module.slots.map((s) => ({
      ...tensorInfo(s.name, s.type),
      kind: s.kind,
      optimizer: s.optimizer,
      trained: s.trained,
    })),
    columns: module.columns.map((column) => columnInfo({ ...column, ...indexBound(module, column) })),
    ...(loads.length > 0 ? { loads } : {}),
    ...(module.entries.length > 0 ? { entries: module.entries.map(entryInfo) } : {}),
    outputs: module.outputs.map((name) => tensorInfo(name, typeOfOutput(module, name))),
    hasLoss: module.step.outputs.has("loss"),
    metrics: module.metrics,
    scalars: module.scalars.map(({ name, value }) => ({ name, value })),
    ...(train
      ? {
          train: {
            ...(train.data
              ? {
                  data: {
                    source: train.data.source,
                    positional: train.data.positional.map(argument),
                    named: [...train.data.named].map(([name, value]) => [name, argument(value)] as const),
                  },
                }
              : {}),
            batch: train.batch,
            epochs: train.epochs,
            seed: train.seed,
            shuffle: train.shuffle,
            dropLast: train.dropLast,
            init: train.init.map(({ prefix, file }) => ({ prefix, file })),
          },
        }
      : {}),
  };
}

/** What a training step computes, without names of values and places in files. */
const programText = ({ step }: Module): string =>
  JSON.stringify([
    // JSON has neither -0 nor numbers that are not finite.
    step.nodes.map(({ op, inputs, attrs, type }) => [op, inputs, attrsKey(attrs), type.dtype, type.shape]),
    [...step.outputs],
    step.updates,
  ]);

/** The constants that the module's graphs read from files, each once. */
function loadsOf(module: Module): LoadManifest[] {
  const loads = new Map<string, LoadManifest>();
  const graphs = [module.step, module.evaluate, module.predict, ...module.entries.map((e) => e.graph)];
  for (const node of graphs.flatMap((g) => g.nodes)) {
    if (node.op !== "load") continue;
    const name = loadName(node.attrs);
    const { file, tensor } = node.attrs;
    loads.set(name, {
      ...tensorInfo(name, node.type),
      file: String(file),
      ...(tensor ? { tensor: String(tensor) } : {}),
    });
  }
  return [...loads.values()];
}

/**
 * A whole-number column that picks rows of a table must name rows that are there, whatever the model says by `class[N] < k`:
 * the driver checks its values when data is loaded, since a typed array read out of range is silently undefined.
 */
function indexBound(module: Module, column: ColumnInfo): { readonly classes?: number } {
  if (column.type.dtype !== "i32") return {};
  const bounds = [module.step, module.evaluate, module.predict].flatMap(({ nodes }) =>
    nodes.flatMap(({ op, inputs }) => {
      const given = inputs[1] === undefined ? undefined : nodes[inputs[1]];
      const ids = given?.op === "within" ? nodes[given.inputs[0]!] : given;
      if (ids?.op !== "input" || ids.attrs["name"] !== column.name) return [];
      const { shape } = nodes[inputs[0]!]!.type;
      const size = op === "gather" ? shape[0] : op === "pick" ? shape.at(-1) : undefined;
      return typeof size === "number" ? [size] : [];
    }),
  );
  if (column.classes !== undefined) bounds.push(column.classes);
  return bounds.length > 0 ? { classes: Math.min(...bounds) } : {};
}

export const tensorInfo = (name: string, type: TensorType): TensorInfo => ({
  name,
  dtype: type.dtype,
  shape: type.shape,
});

const columnInfo = (column: ColumnInfo): ColumnManifest => ({
  ...tensorInfo(column.name, column.type),
  role: column.role,
  ...(column.classes === undefined ? {} : { classes: column.classes }),
});

/** Inputs of further models, by the names under which a driver fills them: `sample.z`. */
export const entryInputs = (module: Module): ColumnInfo[] =>
  module.entries.flatMap((entry) => entry.inputs.map((input) => ({ ...input, name: `${entry.name}.${input.name}` })));

const entryInfo = ({ name, inputs, outputs, graph }: EntryInfo): EntryManifest => ({
  name,
  inputs: inputs.map((input) => columnInfo({ ...input, name: `${name}.${input.name}` })),
  outputs: outputs.map((output) => tensorInfo(`${name}.${output}`, graph.nodes[graph.outputs.get(output)!]!.type)),
});

export function typeOfOutput(module: Module, name: string): TensorType {
  const id = module.predict.outputs.get(name);
  if (id === undefined) throw new Error(`predict has no output ${name}`);
  return module.predict.nodes[id]!.type;
}

const argument = (value: ConfigValue): DataArgument => value;
