// The reference interpreter of graphs, in float64: each op runs through its lowering, so it says what a program means.
// Knows no op but the leaves whose values it is given, and no target.
import { diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import { expand } from "./expand.ts";
import { Builder, type Graph, type Node, type NodeId, type OpTable } from "./graph.ts";
import { interpretStages, type StageContext, type Value } from "./interpret-stage.ts";
import type { Attrs, OpDef } from "./op-def.ts";
import { opTable } from "./ops/table.ts";
import { OUT, type Stage, type ValueId, type ViewMap } from "./stage.ts";
import { countAt, type DType, type TensorType, typeText } from "./types.ts";

export { interpretStages, type StageContext, type Value } from "./interpret-stage.ts";

export interface InterpretOptions {
  /** N; 1 unless given. */
  readonly rows?: number;
  /** Values of `param` and `state` nodes by name, and of `load` nodes by `loadName`. */
  readonly slots?: ReadonlyMap<string, ArrayLike<number>>;
  /** Values of `input` nodes by name. */
  readonly inputs?: ReadonlyMap<string, ArrayLike<number>>;
  /** `lr`, hypers, `step`, `epoch`, `steps`. Random numbers depend on `step` (0 unless given). */
  readonly scalars?: ReadonlyMap<string, number>;
  readonly seed?: number;
  /** f32: every f32 node is rounded to float32, as a store would. */
  readonly round?: "f32";
  readonly ops?: OpTable;
  /** Bytes that all values together may take; more is refused before any is computed. */
  readonly maxBytes?: number;
}

export interface Interpretation {
  readonly outputs: ReadonlyMap<string, Value>;
  /** What each slot will be after the step, by its name. */
  readonly updates: ReadonlyMap<string, Value>;
}

/** The key of a `load` node's value in `InterpretOptions.slots`. */
export const loadName = (attrs: Attrs): string =>
  attrs["tensor"] ? `${String(attrs["file"])}#${String(attrs["tensor"])}` : String(attrs["file"]);

/** Computes the outputs and updates of a graph whose gradients are expanded. */
export function interpret(graph: Graph, options: InterpretOptions = {}): Interpretation {
  const ops = options.ops ?? opTable;
  const expanded = expand(graph, ops);
  const context = {
    rows: options.rows ?? 1,
    seed: options.seed ?? 0,
    step: options.scalars?.get("step") ?? 0,
    ...(options.round ? { round: options.round } : {}),
  };
  refuseMoreThan(options.maxBytes ?? Number.POSITIVE_INFINITY, expanded, context.rows);
  const values: Value[] = [];
  for (const node of expanded.nodes) values.push(runNode(node, values, ops, options, context));
  const { nodes } = expanded;
  return {
    outputs: new Map([...expanded.outputs].map(([name, id]) => [name, values[id]!])),
    updates: new Map(expanded.updates.map(({ slot, next }) => [String(nodes[slot]!.attrs["name"]), values[next]!])),
  };
}

/** Every value is kept until the end, in float64. */
function refuseMoreThan(limit: number, { nodes }: Graph, rows: number): void {
  const sizes = nodes.map(({ type }) => 8 * countAt(type.shape, rows));
  const bytes = sizes.reduce((a, b) => a + b, 0);
  if (bytes <= limit) return;
  const largest = nodes[sizes.reduce((best, size, k) => (size > sizes[best]! ? k : best), 0)]!;
  const facts = { bytes, limit, largest: `\`${largest.op}\`, ${typeText(largest.type)} in float64` };
  throw new Refusal(diagnose(limits, "limit/arena", undefined, facts));
}

function runNode(
  node: Node,
  values: readonly Value[],
  ops: OpTable,
  options: InterpretOptions,
  context: StageContext,
): Value {
  const inputs = node.inputs.map((id) => values[id]!);
  const types = inputs.map(({ type }) => type);
  const lowering = ops.get(node.op)!.lower(types, node.attrs, node.type);
  switch (lowering.kind) {
    case "leaf":
      return leafValue(node, options, context);
    case "reshape":
      return { type: node.type, data: inputs[0]!.data };
    case "view":
      return runStages([viewStage(lowering.map, node.type)], inputs, node.type, [], context);
    case "stages":
      return runStages(lowering.stages, inputs, node.type, lowering.temps ?? [], context);
    case "expand":
      throw new Error(`${node.op} is left after expansion`);
  }
}

function runStages(
  stages: readonly Stage[],
  inputs: readonly Value[],
  out: TensorType,
  temps: readonly TensorType[],
  context: StageContext,
): Value {
  const values = new Map<ValueId, Value>(inputs.entries());
  interpretStages(stages, values, (id) => (id === OUT ? out : temps[-2 - id]!), context);
  return values.get(OUT)!;
}

/** A view as a copy: the stage that reads input 0 at the view's places. */
function viewStage({ at, guard, otherwise }: ViewMap, out: TensorType): Stage {
  const padding = guard ? { guard, otherwise: otherwise ?? 0 } : {};
  const places = out.shape.map((_, axis) => ({ const: 0, terms: [{ axis, mul: 1 }] }));
  return {
    axes: out.shape.map((extent, id) => ({ id, name: `i${id}`, extent, kind: "parallel" })),
    body: { kind: "load", of: 0, at, dtype: out.dtype as DType, ...padding },
    out: { value: OUT, at: places, mode: "set" },
  };
}

function leafValue({ op, inputs, attrs, type }: Node, options: InterpretOptions, { rows, round }: StageContext): Value {
  if (inputs.length > 0) throw new Error(`${op} is a marker: differentiate the graph before it is interpreted`);
  const name = op === "load" ? loadName(attrs) : String(attrs["name"]);
  const given = leafData(op, name, attrs, options);
  if (given === undefined) throw new Error(`${op} ${name} has no value to interpret`);
  const count = countAt(type.shape, rows);
  if (given.length !== count)
    throw new Error(`${op} ${name} is ${typeText(type)}: ${count} values, not ${given.length}`);
  return { type, data: Float64Array.from(given, round && type.dtype === "f32" ? Math.fround : Number) };
}

function leafData(op: string, name: string, attrs: Attrs, options: InterpretOptions): ArrayLike<number> | undefined {
  if (op === "input") return options.inputs?.get(name);
  if (op === "tensor") return attrs["values"] as readonly number[];
  if (op !== "scalar") return options.slots?.get(name);
  const value = options.scalars?.get(name);
  return value === undefined ? undefined : [value];
}

/** Applies one op to values: for samples and tests of single ops. */
export function runOp(
  op: OpDef,
  inputs: readonly { readonly type: TensorType; readonly values: ArrayLike<number> }[],
  attrs: Attrs = {},
  rows = 1,
): Value {
  const b = new Builder(opTable);
  const ids: NodeId[] = inputs.map(({ type: { dtype, shape } }, k) =>
    b.node("input", [], { name: `${k}`, dtype, shape }),
  );
  const graph = b.graph(new Map([["out", b.node(op.name, ids, attrs)]]));
  const columns = new Map(inputs.map(({ values }, k) => [`${k}`, values]));
  return interpret(graph, { rows, inputs: columns }).outputs.get("out")!;
}
