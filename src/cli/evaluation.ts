// One evaluation of a model on given tensors: what is asked for, whether the tensors fit, and the answer of the interpreter.
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { evaluation as catalogue } from "../base/diagnostics/evaluation.ts";
import { limits as limitCodes } from "../base/diagnostics/limits.ts";
import { suggest } from "../base/suggest.ts";
import { type Graph, rebuild } from "../ir/graph.ts";
import { interpret, loadName } from "../ir/interpret.ts";
import type { Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { optimise } from "../ir/passes/pipeline.ts";
import { countAt, dimAt, isStatic, shapeText, type TensorType, typeText } from "../ir/types.ts";
import { loadConstants } from "../runtime/constants.ts";
import type { LoadManifest } from "../runtime/library.ts";
import type { Places } from "../runtime/locate.ts";
import type { TensorToWrite } from "../runtime/safetensors.ts";
import type { GivenTensor } from "./tensor-files.ts";

/** A model cut down to what is evaluated: no optimizer, no updates, one program. */
export interface Evaluation {
  readonly module: Module;
  /** `step` where there is a loss, else `predict`. */
  readonly program: "step" | "predict";
  readonly graph: Graph;
  /** Names of gradients to write, with the types of what they belong to. */
  readonly gradients: ReadonlyMap<string, TensorType>;
}

export interface Bound {
  readonly faults: readonly Diagnostic[];
  /** N; 1 where the model has none. */
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ArrayLike<number>>;
  readonly slots: ReadonlyMap<string, ArrayLike<number>>;
}

export interface Settings {
  readonly seed: number;
  readonly scalars: ReadonlyMap<string, number>;
  readonly places: Places;
  readonly maxArena: number;
}

/** Mistakes in the given tensors that are told; of more, the number. */
export const shownFaults = 5;

export function evaluationOf(module: Module, grads: boolean): Evaluation {
  const hasLoss = module.step.outputs.has("loss");
  const graph = withoutUpdates(hasLoss ? module.step : module.predict);
  const gradients = new Map<string, TensorType>();
  if (grads && hasLoss) {
    for (const { name, type, kind } of module.slots) if (kind === "param") gradients.set(`grad.${name}`, type);
    for (const { name, type, role } of module.columns) {
      if (type.dtype === "f32" && (role === "input" || graph.outputs.has(`grad.${name}`)))
        gradients.set(`grad.${name}`, type);
    }
  }
  const empty: Graph = { nodes: [], outputs: new Map(), updates: [] };
  return {
    module: {
      ...module,
      slots: module.slots.filter(({ optimizer }) => !optimizer),
      step: hasLoss ? graph : empty,
      evaluate: empty,
      metrics: [],
      entries: [],
    },
    program: hasLoss ? "step" : "predict",
    graph,
    gradients,
  };
}

const withoutUpdates = (graph: Graph): Graph => rebuild({ ...graph, updates: [] }, opTable, () => undefined);

export const taskFaults = (module: Module, grads: boolean): Diagnostic[] =>
  grads && !module.step.outputs.has("loss")
    ? [diagnose(catalogue, "eval/no-loss", undefined, { model: module.name })]
    : [];

interface Wanted {
  readonly name: string;
  readonly what: string;
  readonly type: TensorType;
  readonly classes?: number;
}

/** Checks the given tensors against the model: names, shapes, sizes, types, values; N comes from them. */
export function bindTensors(
  { module }: Evaluation,
  given: ReadonlyMap<string, GivenTensor>,
  maxArena = Number.POSITIVE_INFINITY,
): Bound {
  const columns: Wanted[] = module.columns.map(({ name, type, role, classes }) => ({
    name,
    type,
    what: role,
    ...(classes === undefined ? {} : { classes }),
  }));
  const slots: Wanted[] = module.slots.map(({ name, type, kind }) => ({
    name,
    type,
    what: kind === "param" ? "parameter" : "state",
  }));
  const wanted = new Map([...slots, ...columns].map((each) => [each.name, each]));
  const faults: Diagnostic[] = [];
  for (const name of given.keys()) {
    // A saved file has the optimizer's states, of whichever optimizer trained it; an evaluation reads none.
    if (wanted.has(name) || name.startsWith("optimizer.")) continue;
    faults.push(diagnose(catalogue, "eval/extra", undefined, { name, suggestion: suggest(name, wanted.keys()) }));
  }
  let rows: { readonly of: string; readonly count: number } | undefined;
  for (const each of wanted.values()) {
    const tensor = given.get(each.name);
    if (!tensor) {
      const facts = { name: each.name, what: each.what, type: typeText(each.type) };
      faults.push(diagnose(catalogue, "eval/missing", undefined, facts));
      continue;
    }
    const count = rowsOf(each.type, tensor.shape);
    const wrong =
      count === undefined ? wrongShape(each, tensor) : (tooLarge(each, tensor, maxArena) ?? wrongType(each, tensor));
    if (wrong) faults.push(wrong);
    else if (count !== "any" && count !== undefined) {
      rows ??= { of: each.name, count };
      if (count !== rows.count) {
        const facts = { name: each.name, rows: count, first: rows.of, others: rows.count };
        faults.push(diagnose(catalogue, "eval/rows", undefined, facts));
      }
    }
  }
  const valuesOf = (list: readonly Wanted[]) =>
    faults.length > 0
      ? new Map<string, ArrayLike<number>>()
      : new Map(list.flatMap(({ name }) => (given.has(name) ? [[name, given.get(name)!.values] as const] : [])));
  return { faults, rows: rows?.count ?? 1, columns: valuesOf(columns), slots: valuesOf(slots) };
}

/** N of a tensor of this type; `any` where the type has none; undefined where the shape does not fit. */
function rowsOf(type: TensorType, shape: readonly number[]): number | "any" | undefined {
  if (shape.length !== type.shape.length) return undefined;
  let rows: number | "any" = "any";
  for (const [axis, dim] of type.shape.entries()) {
    const size = shape[axis]!;
    if (isStatic(dim)) {
      if (size !== dim) return undefined;
      continue;
    }
    const count = size / dim.perRow;
    if (!Number.isInteger(count) || count < 1 || (rows !== "any" && rows !== count)) return undefined;
    rows = count;
  }
  return rows;
}

const wrongShape = ({ name, what, type }: Wanted, { shape }: GivenTensor): Diagnostic =>
  diagnose(catalogue, "eval/shape", undefined, { name, what, type: typeText(type), got: shapeText(shape) });

/** Told before its numbers are read. */
function tooLarge({ name }: Wanted, { dtype, shape }: GivenTensor, limit: number): Diagnostic | undefined {
  const bytes = shape.reduce((product, size) => product * size, 4);
  const type = `${dtype}${shapeText(shape)}`;
  return bytes > limit ? diagnose(limitCodes, "limit/size", undefined, { name, type, bytes, limit }) : undefined;
}

function wrongType({ name, what, type, classes }: Wanted, { dtype, values }: GivenTensor): Diagnostic | undefined {
  const isFloat = /^B?F/.test(dtype) && dtype !== "BOOL";
  const fits =
    type.dtype === "f32"
      ? isFloat
      : type.dtype === "bool"
        ? dtype === "BOOL" || dtype === "U8"
        : !isFloat && dtype !== "BOOL";
  if (!fits) return diagnose(catalogue, "eval/type", undefined, { name, what, type: typeText(type), got: dtype });
  const count = classes ?? (type.dtype === "bool" ? 2 : undefined);
  if (count === undefined) return undefined;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (value >= 0 && value < count) continue;
    const allowed = classes === undefined ? "0 or 1" : `a class from 0 to ${count - 1}`;
    return diagnose(catalogue, "eval/value", undefined, { name, what, index, value, allowed });
  }
  return undefined;
}

const fileTypes = { f32: "F32", i32: "I32", bool: "BOOL", u8: "U8" } as const;

/** The answers as they are written: results and loss in order, then gradients; zeros where the loss does not reach. */
export function answers(
  { graph, gradients }: Evaluation,
  rows: number,
  read: (name: string) => ArrayLike<number>,
): TensorToWrite[] {
  const tensor = (name: string, { dtype, shape }: TensorType, values: ArrayLike<number>): TensorToWrite => ({
    name,
    dtype: fileTypes[dtype],
    shape: shape.map((dim) => dimAt(dim, rows)),
    values,
  });
  const computed = [...graph.outputs].filter(([name]) => gradients.has(name) || !name.startsWith("grad."));
  const unreached = [...gradients].filter(([name]) => !graph.outputs.has(name));
  return [
    ...computed.map(([name, id]) => tensor(name, graph.nodes[id]!.type, read(name))),
    ...unreached.map(([name, type]) => tensor(name, type, new Float32Array(countAt(type.shape, rows)))),
  ];
}

/** In float64, each op by its own definition; naive spellings of safe forms are made safe, and nothing else is changed. */
export async function evaluateByInterpreter(
  task: Evaluation,
  bound: Bound,
  settings: Settings,
): Promise<TensorToWrite[]> {
  const { graph } = optimise(task.graph, opTable, new Set(["simplify"]), { until: "differentiate" });
  const loaded = loadedConstants(graph, settings.places);
  const { outputs } = interpret(graph, {
    rows: bound.rows,
    seed: settings.seed,
    inputs: bound.columns,
    slots: new Map([...bound.slots, ...loaded]),
    scalars: scalarValues(task.module, settings),
    maxBytes: settings.maxArena,
  });
  return answers(task, bound.rows, (name) => outputs.get(name)!.data);
}

/** The numbers of the files that a graph loads, by the names that the interpreter asks for. */
export function loadedConstants(graph: Graph, places: Places): Map<string, ArrayLike<number>> {
  const loads = graph.nodes.flatMap(({ op, attrs, type }): LoadManifest[] => {
    if (op !== "load") return [];
    const tensor = attrs["tensor"] ? { tensor: String(attrs["tensor"]) } : {};
    return [{ name: loadName(attrs), dtype: type.dtype, shape: type.shape, file: String(attrs["file"]), ...tensor }];
  });
  const loaded = new Map<string, ArrayLike<number>>();
  loadConstants({ write: (name, values) => void loaded.set(name, values) }, { loads }, places);
  return loaded;
}

/** Run-time scalars: as given, else as the model starts with them; the clock stands at 0. */
export const scalarValues = (module: Module, { scalars }: Settings): Map<string, number> =>
  new Map([
    ...["step", "epoch", "steps"].map((name) => [name, 0] as const),
    ...module.scalars.map(({ name, value }) => [name, scalars.get(name) ?? value] as const),
  ]);
