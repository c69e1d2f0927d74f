// Making nodes out of values: constants, casts, promotion of element types, and what a shape rule says against it.
import { diagnose, type Note } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { type Span, textOf } from "../../base/span.ts";
import type { Builder, NodeId } from "../../ir/graph.ts";
import type { Attrs, ShapeError } from "../../ir/op-def.ts";
import { type Dim, type DType, dimText, type Shape, sameDim, type TensorType, typeText } from "../../ir/types.ts";
import { describe, isPoisoned, poison, type TensorValue, tensorValue, type Value } from "../values.ts";
import { type Frame, originOf, report, shorten } from "./context.ts";

/** Where nodes are made: for their origin, and for what is said when they cannot be. */
export interface Site {
  readonly frame: Frame;
  readonly span: Span;
}

/** A value and the text it came from. */
export interface Operand {
  readonly value: Value;
  readonly span: Span;
}

const builderOf = (site: Site): Builder => site.frame.pass.builder;

/** A node that cannot be refused. */
export const plain = (site: Site, op: string, inputs: readonly NodeId[], attrs: Attrs = {}): NodeId => {
  const b = builderOf(site);
  return b.withOrigins([originOf(site.frame, site.span)], () => b.node(op, inputs, attrs));
};

/** A node, or the report of its shape rule. `spans` are the texts of the inputs. */
export function make(
  site: Site,
  op: string,
  inputs: readonly NodeId[],
  attrs: Attrs = {},
  spans: readonly Span[] = [],
): Value {
  const b = builderOf(site);
  if (!site.frame.pass.hasRoom(site.frame, site.span)) return poison;
  const made = b.withOrigins([originOf(site.frame, site.span)], () => b.tryNode(op, inputs, attrs));
  return typeof made === "number" ? tensorValue(b, made) : refuse(site, op, made, inputs, spans);
}

function refuse(site: Site, op: string, error: ShapeError, inputs: readonly NodeId[], spans: readonly Span[]): Value {
  const b = builderOf(site);
  const guilty = error.inputs
    .map((i) => ({ node: inputs[i]!, span: spans[i], item: itemText(spans, i) }))
    .filter(({ node }) => node !== undefined);
  const all = guilty.flatMap(({ node, span, item }) => factsOf(b, node, span, item));
  const notes = all.filter((note, i) => all.findIndex(({ message }) => message === note.message) === i);
  const facts = { op, ...error.facts };
  const catalogue = error.code in shapes ? shapes : error.code in types ? types : undefined;
  const diagnostic = catalogue
    ? diagnose(catalogue as typeof shapes, error.code as never, site.span, facts as never, notes)
    : diagnose(
        shapes,
        "shape/op",
        site.span,
        { op, types: inputs.map((id) => typeText(b.type(id))).join(" and ") },
        notes,
      );
  return report(site.frame, diagnostic);
}

/** Items of a list stand at the list's place: there the number of the item is told. */
const itemText = (spans: readonly Span[], place: number): string =>
  spans.filter((span) => span === spans[place]).length > 1 ? `item ${place} of ` : "";

/** What a tensor is and, where another line says so, where its sizes come from. */
export function factsOf(b: Builder, node: NodeId, span: Span | undefined, item = ""): Note[] {
  const type = typeText(b.type(node));
  const notes: Note[] = span ? [{ message: `${item}\`${shorten(textOf(span))}\` is ${type}`, span }] : [];
  const seen = new Set<string>();
  for (const dim of b.type(node).shape) {
    const source = sourceOf(b, node, dim);
    const node2 = b.at(source);
    const place = node2.origins[0]?.span;
    const name = node2.attrs["name"];
    if (source === node || !place || typeof name !== "string" || seen.has(name)) continue;
    seen.add(name);
    notes.push({ message: `${dimText(dim)} comes from \`${name}\`, which is ${typeText(node2.type)}`, span: place });
  }
  const self = b.at(node);
  const declared = self.origins[0]?.span;
  const name = self.attrs["name"];
  if (typeof name !== "string" || !declared || declared === span || notes.length > 1) return notes;
  const declaration = { message: `\`${name}\` is declared here as ${type}`, span: declared };
  // Where the name itself stands there, its declaration says all.
  return span && textOf(span) === name ? [declaration] : [...notes, declaration];
}

/** The leaf that a size came from: up through inputs that have the same size. */
function sourceOf(b: Builder, node: NodeId, dim: Dim): NodeId {
  let at = node;
  for (;;) {
    const next = b.at(at).inputs.find((input) => b.type(input).shape.some((size) => sameDim(size, dim)));
    if (next === undefined) return at;
    at = next;
  }
}

/** Stands where a mistake was, with the type that was surely meant, so that the lines after it are still checked. */
export function standIn(site: Site, type: TensorType): TensorValue {
  const b = builderOf(site);
  return tensorValue(b, b.node("input", [], { name: "?", dtype: type.dtype, shape: type.shape }));
}

export const typeOf = (value: TensorValue): TensorType => value.builder.type(value.node);
export const dtypeOf = (value: TensorValue): DType => typeOf(value).dtype as DType;
export const shapeOf = (value: TensorValue): Shape => typeOf(value).shape;

const rankOf: Record<DType, number> = { bool: 0, i32: 1, f32: 2 };
export const widest = (a: DType, b: DType): DType => (rankOf[a] >= rankOf[b] ? a : b);

const fitsI32 = (value: number): boolean => Number.isInteger(value) && Math.abs(value) < 2 ** 31;

export const constant = (site: Site, value: number, dtype: DType): NodeId => plain(site, "const", [], { value, dtype });

export function cast(site: Site, node: NodeId, to: DType): NodeId {
  return builderOf(site).type(node).dtype === to ? node : plain(site, "cast", [node], { to });
}

/** `k * N` as an f32 scalar. */
export const rowsNode = (site: Site, multiple: number): NodeId => plain(site, "rows", [], { multiple });

/**
 * A value as a tensor. A known number takes f32, or `dtype` where it fits; a value that is no number or tensor is
 * reported, in terms of `what` it was to be.
 */
export function toTensor(site: Site, operand: Operand, what: string, dtype?: DType): NodeId | undefined {
  const { value } = operand;
  switch (value.kind) {
    case "tensor":
      return here(site, operand);
    case "number":
      return constant(site, value.value, dtype === "i32" && fitsI32(value.value) ? "i32" : "f32");
    case "bool":
      return constant(site, value.value ? 1 : 0, "bool");
    case "rows":
      return rowsNode(site, value.multiple);
    case "poison":
      return undefined;
    default:
      if (isPoisoned(value)) return undefined;
      report(
        site.frame,
        diagnose(types, "type/tensor", operand.span, { what, got: describe(value), isList: value.kind === "list" }),
      );
      return undefined;
  }
}

/** Brings tensors and known numbers to their common element type: bool < i32 < f32; a known number fits itself in. */
export function promote(
  site: Site,
  operands: readonly Operand[],
  what: string,
  least: DType = "bool",
): NodeId[] | undefined {
  let dtype = least;
  for (const { value } of operands) {
    if (value.kind === "tensor") dtype = widest(dtype, dtypeOf(value));
    else if (value.kind === "rows") dtype = "f32";
  }
  for (const { value } of operands) {
    if (value.kind === "number") dtype = widest(dtype, fitsI32(value.value) ? "i32" : "f32");
  }
  if (operands.every(({ value }) => value.kind !== "tensor" && value.kind !== "bool")) dtype = "f32";
  const nodes: NodeId[] = [];
  for (const operand of operands) {
    const node =
      operand.value.kind === "number" ? constant(site, operand.value.value, dtype) : toTensor(site, operand, what);
    if (node === undefined) return undefined;
    nodes.push(cast(site, node, dtype));
  }
  return nodes;
}

/** The tensor as a node of the graph being built: a start value is built apart, and may hold constants and parameters. */
export function here(site: Site, operand: Operand): NodeId | undefined {
  const { value } = operand;
  if (value.kind !== "tensor") return undefined;
  const { pass } = site.frame;
  if (value.builder === pass.builder) return value.node;
  const from = value.builder;
  const copies = new Map<NodeId, NodeId>();
  const work = [value.node];
  while (work.length > 0) {
    const id = work[work.length - 1]!;
    const node = from.at(id);
    const missing = copies.has(id) ? [] : node.inputs.filter((input) => !copies.has(input));
    if (missing.length > 0) {
      work.push(...missing);
      continue;
    }
    work.pop();
    if (copies.has(id)) continue;
    const name = node.attrs["name"];
    if (node.op === "param" || node.op === "state") {
      const initial = pass.session.initial.get(String(name));
      if (initial !== undefined) {
        copies.set(id, initial);
        continue;
      }
    }
    if (
      node.op === "param" ||
      node.op === "state" ||
      node.op === "input" ||
      node.op === "scalar" ||
      node.op === "rows"
    ) {
      const source = typeof name === "string" ? name : "N";
      report(
        site.frame,
        diagnose(types, "type/start-value", operand.span, { source, text: shorten(textOf(operand.span)) }),
      );
      return undefined;
    }
    const inputs = node.inputs.map((input) => copies.get(input)!);
    copies.set(
      id,
      pass.builder.withOrigins(node.origins, () => pass.builder.node(node.op, inputs, node.attrs)),
    );
  }
  return copies.get(value.node);
}
