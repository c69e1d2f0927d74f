// Graph -> schedule: every node becomes stages (or an inlined constant), one kernel each, in graph order.
// Before: a graph without `grad` nodes. After: values with homes and stages that read them. Stays true: one value per tensor node;
// nothing is fused, nothing is shared, so this form is the meaning that the fused schedule must keep. Knows no targets.
import type { Graph, Node, NodeId, OpTable } from "../ir/graph.ts";
import { loadName } from "../ir/interpret.ts";
import { type Axis, at, type Expr, load, num, OUT, type Stage, type ValueId } from "../ir/stage.ts";
import { type DType, dimText, type TensorType } from "../ir/types.ts";
import { axesOf, stageName, tidyAxes } from "./axes.ts";
import { mapExpr, mapStage } from "./expr.ts";
import { commonRefinement, isDense, reshapeView } from "./reshape-view.ts";
import type { Home, HostStep, Kernel, PlacedStage, Schedule, Value } from "./schedule.ts";

/** Rank-0 ops of numbers that are known before the step runs; they are computed on the host in float64. */
const hostLeaves = new Set(["scalar", "rows"]);

export function toStages(graph: Graph, ops: OpTable): Schedule {
  return new Staging(graph, ops).run();
}

class Staging {
  private readonly graph: Graph;
  private readonly ops: OpTable;
  private readonly values: Value[] = [];
  private readonly kernels: Kernel[] = [];
  private readonly host: HostStep[] = [];
  /** What reading a node means: a value, or an expression that needs none. */
  private readonly meaning = new Map<NodeId, ValueId | { readonly inline: Expr }>();
  private readonly hostNodes = new Set<NodeId>();
  /** Nodes whose every element is one number: a copy of them needs no reading. */
  private readonly constants = new Map<NodeId, Expr>();

  constructor(graph: Graph, ops: OpTable) {
    this.graph = graph;
    this.ops = ops;
  }

  run(): Schedule {
    const outputsOf = new Map<NodeId, string[]>();
    for (const [name, id] of this.graph.outputs) outputsOf.set(id, [...(outputsOf.get(id) ?? []), name]);
    const updateOf = new Map<NodeId, NodeId[]>();
    for (const { slot, next } of this.graph.updates) updateOf.set(next, [...(updateOf.get(next) ?? []), slot]);

    const outputs = new Map<string, ValueId>();
    for (const node of this.graph.nodes) {
      const names = outputsOf.get(node.id) ?? [];
      const slots = updateOf.get(node.id) ?? [];
      const home = this.homeOf(node, names, slots);
      this.stageNode(node, home);
      if (home.kind === "output") outputs.set(names[0]!, this.valueOf(node.id));
      for (const name of names) {
        if (!outputs.has(name)) outputs.set(name, this.copyTo(node, name, { kind: "output", name }));
      }
      const inPlace = home.kind === "slot" && home.version === 1 ? home.slot : undefined;
      for (const slot of slots) {
        const name = this.slotName(slot);
        if (name !== inPlace) this.copyTo(node, name, { kind: "slot", slot: name, version: 1 });
      }
    }
    return { values: this.values, host: this.host, kernels: this.kernels, outputs };
  }

  private slotName(slot: NodeId): string {
    return String(this.graph.nodes[slot]!.attrs.name);
  }

  /** An output or a new slot value is written where it belongs, if the node writes at all. */
  private homeOf(node: Node, outputs: readonly string[], slots: readonly NodeId[]): Home {
    const def = this.ops.get(node.op);
    const kind = def?.lower(
      node.inputs.map((i) => this.graph.nodes[i]!.type),
      node.attrs,
      node.type,
    ).kind;
    if (node.op === "const" || kind === "leaf" || kind === "reshape" || this.isHost(node)) return { kind: "temp" };
    if (slots.length > 0) return { kind: "slot", slot: this.slotName(slots[0]!), version: 1 };
    if (outputs.length > 0) return { kind: "output", name: outputs[0]! };
    return { kind: "temp" };
  }

  private isHost(node: Node): boolean {
    if (node.type.shape.length > 0) return false;
    if (hostLeaves.has(node.op)) return true;
    const elementwise = this.ops.get(node.op)?.elementwise === true;
    return (
      elementwise &&
      node.inputs.some((i) => this.hostNodes.has(i)) &&
      node.inputs.every((i) => this.hostNodes.has(i) || this.graph.nodes[i]!.op === "const")
    );
  }

  private stageNode(node: Node, home: Home): void {
    if (node.op === "const") {
      this.meaning.set(node.id, { inline: num(Number(node.attrs.value), node.type.dtype as DType) });
      return;
    }
    if (this.isHost(node)) {
      this.hostNodes.add(node.id);
      this.stageHost(node);
      return;
    }
    const inputTypes = node.inputs.map((i) => this.graph.nodes[i]!.type);
    const def = this.ops.get(node.op)!;
    const lowering = def.lower(inputTypes, node.attrs, node.type);
    if (lowering.kind === "leaf") {
      this.meaning.set(node.id, this.addLeaf(node));
    } else if (lowering.kind === "view") {
      const axes = axesOf(node.type.shape);
      const { map } = lowering;
      const read: Expr = {
        ...load(0, map.at, exprType(inputTypes[0]!)),
        ...(map.guard ? { guard: map.guard, otherwise: map.otherwise ?? 0 } : {}),
      } as Expr;
      this.place(node, home, [{ axes, body: read, out: identityOut(axes) }], []);
    } else if (lowering.kind === "reshape") {
      this.stageReshape(node, home);
    } else if (lowering.kind === "stages") {
      this.place(node, home, lowering.stages, lowering.temps ?? []);
    } else {
      throw new Error(`${node.op} must be expanded before scheduling`);
    }
  }

  private stageHost(node: Node): void {
    if (node.op === "rows") {
      this.meaning.set(node.id, { inline: { kind: "size", dim: { perRow: Number(node.attrs.multiple) } } });
      return;
    }
    const id = this.addValue(this.nameOf(node), node.type, { kind: "host" }, node);
    this.meaning.set(node.id, id);
    if (node.op === "scalar") this.host.push({ value: id, body: { kind: "scalar", name: String(node.attrs.name) } });
    else {
      const lowering = this.ops.get(node.op)!.lower(
        node.inputs.map((i) => this.graph.nodes[i]!.type),
        node.attrs,
        node.type,
      );
      if (lowering.kind !== "stages") throw new Error(`${node.op} on the host`);
      this.host.push({ value: id, body: this.resolve(lowering.stages[0]!.body, node.inputs, []) });
    }
  }

  private addLeaf(node: Node): ValueId | { readonly inline: Expr } {
    const name = String(node.attrs.name ?? node.op);
    switch (node.op) {
      case "param":
      case "state":
        return this.addValue(name, node.type, { kind: "slot", slot: name, version: 0 }, node);
      case "input":
        return this.addValue(
          node.type.dtype === "u8" ? `${name}_bytes` : name,
          node.type,
          { kind: "column", name },
          node,
        );
      case "tensor":
        return this.addValue(
          this.nameOf(node),
          node.type,
          { kind: "constant", values: node.attrs.values as readonly number[] },
          node,
        );
      case "load":
        return this.addValue(this.nameOf(node), node.type, { kind: "file", name: loadName(node.attrs) }, node);
      default:
        throw new Error(`the leaf ${node.op} has no place in a schedule`);
    }
  }

  /** Adds a node's stages; its last result goes to `home`. */
  private place(node: Node, home: Home, stages: readonly Stage[], temps: readonly TensorType[]): void {
    const tempIds = temps.map((type, i) =>
      this.addValue(`${this.nameOf(node)}_part${i + 1}`, type, { kind: "temp" }, node),
    );
    const out = this.addValue(this.nameOf(node, home), node.type, home, node);
    for (const stage of stages) {
      const resolved = this.resolveStage(stage, node.inputs, tempIds);
      if (stages.length === 1 && resolved.body.kind === "num" && !resolved.reduce)
        this.constants.set(node.id, resolved.body);
      const target = stage.out.value === OUT ? out : tempIds[-2 - stage.out.value]!;
      this.addStage({ ...resolved, out: { ...resolved.out, value: target } }, node);
    }
    this.meaning.set(node.id, out);
  }

  private addStage(stage: Stage, node: Node): void {
    const tidy = tidyAxes(stage);
    const placed: PlacedStage = { ...tidy, name: stageName(node.op, tidy), origins: node.origins };
    this.kernels.push({ stages: [placed], shared: tidy.axes.filter((a) => a.kind === "parallel").length });
  }

  private resolveStage(stage: Stage, inputs: readonly NodeId[], temps: readonly ValueId[]): Stage {
    return mapStage(stage, (e) => this.resolveNode(e, inputs, temps));
  }

  private resolve(expr: Expr, inputs: readonly NodeId[], temps: readonly ValueId[]): Expr {
    return mapExpr(expr, (e) => this.resolveNode(e, inputs, temps));
  }

  /** Turns an op's own ids into values of this program. */
  private resolveNode(e: Expr, inputs: readonly NodeId[], temps: readonly ValueId[]): Expr {
    if (e.kind === "call" && e.fn === "pow") return reducePower(e);
    if (e.kind === "call" && e.fn === "div" && e.dtype === "f32") return halvings(e);
    // Bytes read as f32 already.
    if (
      e.kind === "call" &&
      e.fn === "cast" &&
      e.dtype === "f32" &&
      e.args[0]!.kind === "load" &&
      e.args[0]!.dtype === "f32"
    )
      return e.args[0]!;
    if (e.kind !== "load" && e.kind !== "gather") return e;
    if (e.of === OUT) throw new Error("an op may not read its own result");
    if (e.of < OUT) return { ...e, of: temps[-2 - e.of]! };
    const meaning = this.meaning.get(inputs[e.of]!)!;
    return typeof meaning === "number" ? { ...e, of: meaning } : meaning.inline;
  }

  /** Split and squeezed dimensions are a view; else the same storage under another shape, or a copy. */
  private stageReshape(node: Node, home: Home): void {
    const source = node.inputs[0]!;
    const from = this.graph.nodes[source]!.type;
    const view = reshapeView(from.shape, node.type.shape);
    if (view) {
      const axes = axesOf(node.type.shape);
      this.place(node, home, [{ axes, body: load(0, view, exprType(from)), out: identityOut(axes) }], []);
      return;
    }
    const base = this.meaning.get(source);
    if (typeof base === "number" && isDense(from.shape) && isDense(node.type.shape)) {
      const id = this.addValue(this.nameOf(node), node.type, { kind: "temp" }, node, base);
      this.meaning.set(node.id, id);
      return;
    }
    const refined = commonRefinement(from.shape, node.type.shape);
    if (!refined) throw new Error(`no copy from ${from.shape.map(dimText)} to ${node.type.shape.map(dimText)}`);
    const { axes, from: reads, to: writes } = refined;
    this.place(
      node,
      home,
      [{ axes, body: load(0, reads, exprType(from)), out: { value: OUT, at: writes, mode: "set" } }],
      [],
    );
  }

  private copyTo(node: Node, name: string, home: Home): ValueId {
    const axes = axesOf(node.type.shape);
    const id = this.addValue(name, node.type, home, node);
    const body =
      this.constants.get(node.id) ??
      this.resolve(
        load(
          0,
          axes.map((a) => at(a.id)),
          exprType(node.type),
        ),
        [node.id],
        [],
      );
    this.addStage(
      { axes, body, out: { value: id, at: axes.map((a) => at(a.id)), mode: "set" } },
      { ...node, op: "copy" },
    );
    return id;
  }

  private valueOf(node: NodeId): ValueId {
    const meaning = this.meaning.get(node);
    if (typeof meaning !== "number") throw new Error(`node ${node} has no value`);
    return meaning;
  }

  private addValue(name: string, type: TensorType, home: Home, node: Node, alias?: ValueId): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, type, home, origins: node.origins, ...(alias === undefined ? {} : { alias }) });
    return id;
  }

  /** The bound name, with `d` before it for a gradient; else what the op is. */
  private nameOf(node: Node, home?: Home): string {
    if (home?.kind === "slot") return home.slot;
    if (home?.kind === "output") return home.name;
    if (node.op === "scalar") return String(node.attrs.name);
    const labelled = node.origins.find((o) => o.label !== undefined);
    const label = labelled?.label ?? node.op;
    return labelled?.role === "backward" && !label.startsWith("d") ? `d${label}` : label;
  }
}

/** Powers with small known exponents as products and roots. */
function reducePower(e: Extract<Expr, { kind: "call" }>): Expr {
  const [base, exponent] = e.args as [Expr, Expr];
  if (exponent.kind !== "num") return e;
  const call = (fn: "mul" | "div" | "sqrt" | "rsqrt", ...args: Expr[]): Expr => ({
    kind: "call",
    fn,
    args,
    dtype: e.dtype,
  });
  if (exponent.value === 1) return base;
  if (exponent.value === 2) return call("mul", base, base);
  if (exponent.value === 3) return call("mul", call("mul", base, base), base);
  if (exponent.value === -1) return call("div", num(1, e.dtype), base);
  return e;
}

/** Division by a power of two as the product with its reciprocal: the same bits, at less than a quarter of the price. */
function halvings(e: Extract<Expr, { kind: "call" }>): Expr {
  const [value, divisor] = e.args as [Expr, Expr];
  if (divisor.kind !== "num" || !Number.isInteger(Math.log2(divisor.value)) || Math.abs(Math.log2(divisor.value)) > 100)
    return e;
  return { ...e, fn: "mul", args: [value, num(1 / divisor.value, "f32")] };
}

const exprType = (type: TensorType): DType => (type.dtype === "u8" ? "f32" : type.dtype);

const identityOut = (axes: readonly Axis[]): Stage["out"] => ({
  value: OUT,
  at: axes.map((a) => at(a.id)),
  mode: "set",
});
