// Graph -> schedule: every node becomes stages (or an inlined constant), one kernel each, in graph order.
// Before: a graph without `grad` nodes. After: values with homes and stages that read them. Stays true: one value per tensor node;
// nothing is fused, nothing is shared, so this form is the meaning that the fused schedule must keep. Knows no targets.
import type { Graph, Node, NodeId, OpTable } from "../ir/graph.ts";
import { loadName } from "../ir/interpret.ts";
import {
  type Affine,
  type Axis,
  type AxisId,
  at,
  type Expr,
  fixed,
  isAffine,
  load,
  num,
  OUT,
  type Stage,
  type ValueId,
} from "../ir/stage.ts";
import { countAt, type Dim, type DType, dimText, mulDims, type Shape, sameDim, type TensorType } from "../ir/types.ts";
import { compose, composeExpr, mapExpr, mapStage } from "./expr.ts";
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
    const body = this.resolve(
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

const exprType = (type: TensorType): DType => (type.dtype === "u8" ? "f32" : type.dtype);

/** One parallel axis per dimension; letters as in papers, the batch called n. */
export function axesOf(shape: Shape): Axis[] {
  const letters = "ijklpqrstuvw";
  return shape.map((extent, id) => ({
    id,
    name: id === 0 && typeof extent !== "number" ? "n" : (letters[id] ?? `i${id}`),
    extent,
    kind: "parallel",
  }));
}

/** Parallel axes first, none of extent 1, named as in papers: the batch n, then i, j, k. */
function tidyAxes(stage: Stage): Stage {
  const single = new Map(stage.axes.filter((a) => a.extent === 1).map((a) => [a.id, fixed(0)]));
  const kept = stage.axes.filter((a) => !single.has(a.id));
  const axes = [...kept.filter((a) => a.kind === "parallel"), ...kept.filter((a) => a.kind !== "parallel")];
  const letters = ["i", "j", "k", "l", "p", "q", "r", "s", "t", "u", "v", "w"];
  const taken = new Set<string>();
  const named = axes.map((axis): Axis => {
    const wanted =
      typeof axis.extent !== "number" ? "n" : /^[a-z]+$/.test(axis.name) && axis.name !== "n" ? axis.name : undefined;
    const name =
      wanted !== undefined && !taken.has(wanted) ? wanted : (letters.find((l) => !taken.has(l)) ?? `axis${axis.id}`);
    taken.add(name);
    return { ...axis, name };
  });
  if (single.size === 0) return { ...stage, axes: named };
  const place = (p: Affine): Affine => compose(p, single)!;
  const expr = (e: Expr): Expr => composeExpr(e, single)!;
  const { reduce, epilogue } = stage;
  // A sum over nothing but single elements is those elements.
  const folds = named.some((a) => a.kind !== "parallel");
  return {
    axes: named,
    body: expr(stage.body),
    ...(reduce && (folds || reduce.index)
      ? { reduce: reduce.index ? { ...reduce, index: expr(reduce.index) } : reduce }
      : {}),
    ...(epilogue ? { epilogue: expr(epilogue) } : {}),
    out: { ...stage.out, at: stage.out.at.map((p) => (isAffine(p) ? place(p) : expr(p))) },
  };
}

const identityOut = (axes: readonly Axis[]): Stage["out"] => ({
  value: OUT,
  at: axes.map((a) => at(a.id)),
  mode: "set",
});

/** Elements lie without gaps for every N: N, if anywhere, is the outermost size that counts. */
export function isDense(shape: Shape): boolean {
  const first = shape.findIndex((dim) => dim !== 1);
  return shape.every((dim, i) => typeof dim === "number" || i <= Math.max(first, 0));
}

/** The input's places in terms of the result's axes, if each input size is a product of whole result sizes. */
export function reshapeView(from: Shape, to: Shape): Affine[] | undefined {
  const places: Affine[] = [];
  let next = 0;
  for (const dim of from) {
    if (dim === 1) {
      places.push(fixed(0));
      continue;
    }
    let product: Dim | undefined = 1;
    const group: AxisId[] = [];
    while (next < to.length && product !== undefined && !sameDim(product, dim)) {
      if (to[next] !== 1) {
        group.push(next);
        product = mulDims(product, to[next]!);
      }
      next++;
    }
    if (product === undefined || !sameDim(product, dim)) return undefined;
    const terms: { axis: AxisId; mul: Dim }[] = [];
    let stride: Dim = 1;
    for (const axis of group.toReversed()) {
      terms.unshift({ axis, mul: stride });
      const wider = mulDims(stride, to[axis]!);
      if (wider === undefined && axis !== group[0]) return undefined;
      stride = wider ?? stride;
    }
    places.push({ const: 0, terms });
  }
  return to.slice(next).every((dim) => dim === 1) ? places : undefined;
}

/** Axes that both shapes are made of: [a, b * c] and [a * b, c] are both made of a, b, c. */
function commonRefinement(from: Shape, to: Shape): { axes: Axis[]; from: Affine[]; to: Affine[] } | undefined {
  const pieces: Dim[] = [];
  const cut = (a: Dim[], b: Dim[]): boolean => {
    while (a.length > 0 || b.length > 0) {
      if (a.at(-1) === 1) {
        a.pop();
        continue;
      }
      if (b.at(-1) === 1) {
        b.pop();
        continue;
      }
      const x = a.pop();
      const y = b.pop();
      if (x === undefined || y === undefined) return false;
      if (sameDim(x, y)) pieces.unshift(x);
      else {
        const xOverY = divideDims(x, y);
        const yOverX = divideDims(y, x);
        if (xOverY !== undefined) {
          pieces.unshift(y);
          a.push(xOverY);
        } else if (yOverX !== undefined) {
          pieces.unshift(x);
          b.push(yOverX);
        } else return false;
      }
    }
    return true;
  };
  if (!cut([...from], [...to])) return undefined;
  const fromView = reshapeView(from, pieces);
  const toView = reshapeView(to, pieces);
  return fromView && toView ? { axes: axesOf(pieces), from: fromView, to: toView } : undefined;
}

function divideDims(a: Dim, b: Dim): Dim | undefined {
  const whole = (x: number): number | undefined => (Number.isInteger(x) && x > 0 ? x : undefined);
  if (typeof b === "number") {
    if (typeof a === "number") return whole(a / b);
    const k = whole(a.perRow / b);
    return k === undefined ? undefined : { perRow: k };
  }
  return typeof a === "number" ? undefined : whole(a.perRow / b.perRow);
}

const sizeText = (dim: Dim): string =>
  typeof dim === "number" ? String(dim) : dim.perRow === 1 ? "N" : `${dim.perRow}N`;

/** `einsum` stages with two operands are what people call a matmul. */
export function stageName(op: string, stage: Stage): string {
  const sizes = stage.axes.map((a) => sizeText(a.extent)).join("x");
  const base = op === "einsum" ? (stage.reduce ? "matmul" : "outer") : op;
  return sizes === "" ? base : `${base}_${sizes}`;
}

/** Elements at a batch of n rows; 1 for a scalar. */
export const elements = (type: TensorType, n: number): number => countAt(type.shape, n);
