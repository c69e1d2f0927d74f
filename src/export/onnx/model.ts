// A program of a module as an ONNX model: the model alone, or a whole training step, whose updated parameters are results.
import { shorten, visible } from "../../base/frame.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import type { Module } from "../../ir/module.ts";
import { opTable } from "../../ir/ops/table.ts";
import { optimise } from "../../ir/passes/pipeline.ts";
import { type Dim, isStatic, type Storage, type TensorType } from "../../ir/types.ts";
import { isHost } from "../host.ts";
import { sourceLine } from "../source-line.ts";
import { operators } from "./ops.ts";
import { type ElementName, modelBytes, type TensorText, type ValueInfo } from "./schema.ts";
import { castTo, OnnxWriter } from "./writer.ts";

/** Numbers of parameters by name: these become constants of the graph, the others stay inputs. */
export type Weights = ReadonlyMap<string, Uint8Array>;

export function writeOnnx(module: Module, kind: "forward" | "step", weights: Weights = new Map()): Uint8Array {
  const { graph } = optimise(kind === "step" ? module.step : module.predict, opTable, new Set(), { until: "simplify" });
  return new ModelWriter(module, graph, kind, weights).write();
}

const element = (dtype: Storage): ElementName => dtype;

const sizeName = (dim: Dim): number | string => (isStatic(dim) ? dim : dim.perRow === 1 ? "N" : `${dim.perRow}N`);

/** Leaves that are given when the graph runs, by the name of their input. */
function inputName({ op, attrs }: Node): string | undefined {
  if (op === "input" || op === "param" || op === "state" || op === "scalar") return String(attrs["name"]);
  if (op === "load")
    return attrs["tensor"] ? `${String(attrs["file"])}#${String(attrs["tensor"])}` : String(attrs["file"]);
  if (op === "uniform" || op === "normal") return `${op}.${String(attrs["key"])}`;
  return undefined;
}

class ModelWriter {
  private readonly module: Module;
  private readonly graph: Graph;
  private readonly kind: "forward" | "step";
  private readonly weights: Weights;
  private readonly inputs = new Map<string, ValueInfo>();
  private readonly host: readonly boolean[];
  private readonly values: string[] = [];
  private readonly asTensor = new Map<number, string>();
  private readonly w: OnnxWriter;

  constructor(module: Module, graph: Graph, kind: "forward" | "step", weights: Weights) {
    this.module = module;
    this.graph = graph;
    this.kind = kind;
    this.weights = weights;
    this.host = isHost(graph);
    const outputs = this.outputs().map(({ name }) => name);
    // Every column is an input, also one that nothing reads: the rows are counted by it.
    for (const { name, type, role } of module.columns)
      if (kind === "step" || role === "input") this.declare(name, type);
    for (const node of graph.nodes) this.declareLeaf(node);
    const rows = module.columns.find(
      ({ name, type }) => this.inputs.has(name) && type.shape.length > 0 && !isStatic(type.shape[0]!),
    );
    const rowsOf = rows && { name: rows.name, perRow: (rows.type.shape[0] as { readonly perRow: number }).perRow };
    this.w = new OnnxWriter([...this.inputs.keys(), ...outputs], rowsOf);
  }

  private declare(name: string, type: TensorType, dtype: ElementName = element(type.dtype), doc?: string): void {
    const value = { name, type: dtype, shape: type.shape.map(sizeName) };
    this.inputs.set(name, doc === undefined ? value : { ...value, doc });
  }

  private declareLeaf(node: Node): void {
    const name = inputName(node);
    if (name === undefined || this.inputs.has(name)) return;
    if (node.op === "scalar") this.declare(name, node.type, "f64", "a run-time number");
    else if (node.op === "uniform")
      this.declare(name, node.type, "f32", "random numbers in 0 <= u < 1, new at each step");
    else if (node.op === "normal") this.declare(name, node.type, "f32", "standard normal numbers, new at each step");
    else this.declare(name, node.type);
  }

  /** Results, and for a step the parameters and states after it. */
  private outputs(): { readonly name: string; readonly id: number }[] {
    const { graph, module } = this;
    const names = this.kind === "step" ? ["loss", ...module.outputs] : module.outputs;
    const results = names.map((name) => ({ name, id: graph.outputs.get(name)! }));
    const news = graph.updates.map(({ slot, next }) => ({
      name: `next.${String(graph.nodes[slot]!.attrs["name"])}`,
      id: next,
    }));
    return [...results, ...news];
  }

  write(): Uint8Array {
    for (const node of this.graph.nodes) this.values.push(this.value(node));
    const { w, weights } = this;
    const outputs = this.outputs().map(({ name, id }) => {
      w.nameOutput(this.tensor(id), name);
      const { type } = this.graph.nodes[id]!;
      return { name, type: element(type.dtype), shape: type.shape.map(sizeName) };
    });
    const known = [...this.inputs.values()].filter(({ name }) => weights.has(name));
    const initializers: TensorText[] = known.map(({ name, type, shape }) => ({
      name,
      type,
      shape: shape as number[],
      bytes: weights.get(name)!,
    }));
    // Numbers that only stood in for others are left out.
    const read = new Set(w.nodes.flatMap(({ inputs }) => inputs));
    const graph = {
      name: this.module.name,
      nodes: w.nodes,
      initializers: [...initializers, ...w.initializers].filter(({ name }) => read.has(name)),
      inputs: [...this.inputs.values()].filter(({ name }) => !weights.has(name)),
      outputs,
    };
    return modelBytes(graph, "nnc");
  }

  private value(node: Node): string {
    const name = inputName(node);
    if (name !== undefined) return name;
    const { w } = this;
    const write = operators.get(node.op);
    if (!write) throw new Error(`${node.op} is left in a graph for ONNX`);
    const host = this.host[node.id]!;
    const line = sourceLine(node)?.text.trim() ?? "";
    w.doc = shorten(visible(line), 120);
    w.wanted = labelOf(node);
    return write({
      w,
      node,
      inputs: node.inputs.map((id) => this.graph.nodes[id]!),
      args: node.inputs.map((id) => (host ? this.values[id]! : this.tensor(id))),
      number: host ? "f64" : "f32",
    });
  }

  /** A node's value for an op on tensors: numbers of the host are rounded to f32 once. */
  private tensor(id: number): string {
    const node = this.graph.nodes[id]!;
    if (!this.host[id] || node.type.dtype !== "f32") return this.values[id]!;
    if (node.op === "const") return this.w.constant("f32", [node.attrs["value"] as number]);
    const known = this.asTensor.get(id);
    if (known !== undefined) return known;
    const cast = this.w.add("Cast", [this.values[id]!], { to: castTo.f32 });
    this.asTensor.set(id, cast);
    return cast;
  }
}

/** The name of a value in viewers: `hidden`, `dhidden` for its gradient. */
function labelOf({ origins }: Node): string | undefined {
  const origin = origins.find(({ label }) => label !== undefined);
  if (!origin) return undefined;
  const path = [...(origin.path ?? []), origin.label].join(".");
  return origin.role === "backward" ? `d${path}` : path;
}
