// Small parts that op records share: dtype and broadcasting rules, loops over a shape, the words of derivative rules.
// No op's own meaning is here.
//
// Codes that shape rules give, and their facts:
//   type/operand     {op, type, takes, place}   input `place` (from 1) has a dtype the op does not take
//   type/mixed       {op, left, right}          two inputs must have one dtype
//   shape/broadcast  {op, left, right, leftSize, rightSize}   sizes that neither agree nor are 1
//   shape/axis       {op, axis, rank, type}     no such axis
//   shape/rows       {op, type}                 two sizes that hold N and a third axis outside them: no index counts that
//   shape/grad       {rank}                     gradients are taken of scalars
import type { Builder, NodeId } from "../graph.ts";
import type { Lowering, Sample, ShapeError } from "../op-def.ts";
import { type Affine, type Axis, at, type Expr, fixed, load, OUT, type Stage, type ValueId } from "../stage.ts";
import {
  type Dim,
  type DType,
  dimText,
  f32,
  mulDims,
  type Shape,
  type Storage,
  sameDim,
  sameShape,
  type TensorType,
  typeText,
} from "../types.ts";

// ---- Rules ----

/** What ops take that only move elements. Bytes enter the graph through a cast and nothing else. */
export const movable: readonly DType[] = ["f32", "i32", "bool"];

/** The size two sizes give together, or undefined where they do not fit. */
export const broadcastDims = (a: Dim, b: Dim): Dim | undefined =>
  sameDim(a, b) || b === 1 ? a : a === 1 ? b : undefined;

/** NumPy's rule: shapes are aligned at their last axis; sizes agree or one of them is 1. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: Dim[] = [];
  for (let d = 0; d < rank; d++) {
    const dim = broadcastDims(a[d - rank + a.length] ?? 1, b[d - rank + b.length] ?? 1);
    if (dim === undefined) return undefined;
    shape.push(dim);
  }
  return shape;
}

/** The shape of all inputs together, or what two of them have against each other. */
export function broadcastInputs(op: string, inputs: readonly TensorType[]): Shape | ShapeError {
  let shape: Shape = [];
  for (const [k, { shape: next }] of inputs.entries()) {
    const joined = broadcastShapes(shape, next);
    if (!joined) return broadcastError(op, inputs, shape, k);
    shape = joined;
  }
  return shape;
}

function broadcastError(op: string, inputs: readonly TensorType[], shape: Shape, guilty: number): ShapeError {
  const right = inputs[guilty]!.shape;
  const fromEnd = (of: Shape, d: number): Dim => of[of.length - d] ?? 1;
  let d = 1;
  while (broadcastDims(fromEnd(shape, d), fromEnd(right, d)) !== undefined) d++;
  const other = inputs.findIndex((input) => broadcastDims(fromEnd(input.shape, d), fromEnd(right, d)) === undefined);
  const facts = {
    op,
    left: typeText(inputs[other]!),
    right: typeText(inputs[guilty]!),
    leftSize: dimText(fromEnd(shape, d)),
    rightSize: dimText(fromEnd(right, d)),
  };
  return { code: "shape/broadcast", facts, inputs: [guilty, other] };
}

/** The error for an input whose dtype is not among `takes`, if there is one. */
export function checkOperands(op: string, inputs: readonly TensorType[], takes: readonly Storage[]): ShapeError | null {
  const place = inputs.findIndex((input) => !takes.includes(input.dtype));
  if (place < 0) return null;
  const facts = { op, type: typeText(inputs[place]!), takes: takes.join(" or "), place: place + 1 };
  return { code: "type/operand", facts, inputs: [place] };
}

/** The error for inputs of more than one dtype, if there is one. */
export function checkOneType(op: string, inputs: readonly TensorType[]): ShapeError | null {
  const place = inputs.findIndex((input) => input.dtype !== inputs[0]!.dtype);
  if (place < 0) return null;
  const facts = { op, left: typeText(inputs[0]!), right: typeText(inputs[place]!) };
  return { code: "type/mixed", facts, inputs: [place, 0] };
}

/** The error for an axis outside the input, if there is one. */
export function checkAxes(op: string, input: TensorType, axes: readonly number[]): ShapeError | null {
  const rank = input.shape.length;
  const wrong = axes.find((axis) => !(Number.isInteger(axis) && axis >= 0 && axis < rank));
  if (wrong === undefined) return null;
  return { code: "shape/axis", facts: { op, axis: wrong, rank, type: typeText(input) }, inputs: [0] };
}

/** Inputs of one dtype among `takes`, broadcast; the result has that dtype, or `gives`. */
export function inferBroadcast(
  op: string,
  inputs: readonly TensorType[],
  takes: readonly DType[],
  gives?: DType,
): TensorType | ShapeError {
  const wrong = checkOperands(op, inputs, takes) ?? checkOneType(op, inputs);
  if (wrong) return wrong;
  const shape = broadcastInputs(op, inputs);
  return "code" in shape ? shape : { dtype: gives ?? inputs[0]!.dtype, shape };
}

// ---- Loops ----

/** How a stored element is read: bytes as f32. */
export const readAs = (dtype: Storage): DType => (dtype === "u8" ? "f32" : dtype);

/** One parallel axis per dimension, ids 0, 1, …. */
export const parallelAxes = (shape: Shape): Axis[] =>
  shape.map((extent, id) => ({ id, name: `i${id}`, extent, kind: "parallel" }));

/** Reads value `of` at the place of the result's element; sizes of 1 are stretched. */
export function readBroadcast(of: ValueId, type: TensorType, out: Shape): Expr {
  const offset = out.length - type.shape.length;
  const places = type.shape.map((dim, d) => (sameDim(dim, out[d + offset]!) ? at(d + offset) : fixed(0)));
  return load(of, places, readAs(type.dtype));
}

/** One stage that computes each element of the result from the inputs' elements at its place. */
export function mapLowering(
  inputs: readonly TensorType[],
  out: TensorType,
  body: (...elements: readonly Expr[]) => Expr,
): Lowering {
  const stage: Stage = {
    axes: parallelAxes(out.shape),
    body: body(...inputs.map((type, k) => readBroadcast(k, type, out.shape))),
    out: { value: OUT, at: out.shape.map((_, d) => at(d)), mode: "set" },
  };
  return { kind: "stages", stages: [stage] };
}

/** Strides of a row-major index over `shape`, or undefined where one would hold N twice. */
export function rowMajorStrides(shape: Shape): readonly Dim[] | undefined {
  const strides: Dim[] = [];
  let stride: Dim | undefined = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (stride === undefined) return undefined;
    strides.unshift(stride);
    stride = mulDims(stride, shape[d]!);
  }
  return strides;
}

/** The row-major index over the axes `ids`, whose sizes are `shape`. */
export function rowMajorIndex(ids: readonly number[], shape: Shape): Expr {
  const strides = rowMajorStrides(shape);
  if (!strides) throw new Error("a row-major index holds N * N; the shape rule must refuse it");
  const place: Affine = { const: 0, terms: ids.map((axis, k) => ({ axis, mul: strides[k]! })) };
  return { kind: "index", at: place };
}

// ---- Axes of reductions ----

/** The shape with the reduced axes kept as 1. */
export const keptShape = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((dim, d) => (axes.includes(d) ? 1 : dim));

/** The shape without the reduced axes. */
export const droppedShape = (shape: Shape, axes: readonly number[]): Shape => shape.filter((_, d) => !axes.includes(d));

/** A reduction's result with the reduced axes put back as 1, so that it broadcasts against the input. */
export function withKeptAxes(b: Builder, reduced: NodeId, input: NodeId, axes: readonly number[]): NodeId {
  const shape = keptShape(b.type(input).shape, axes);
  return sameShape(b.type(reduced).shape, shape) ? reduced : b.node("reshape", [reduced], { shape });
}

// ---- Words of derivative rules ----

/** The ops as functions of nodes: `mul(ct, sub(num(1), mul(y, y)))`. */
export function words(b: Builder) {
  const one = (op: string) => (x: NodeId) => b.node(op, [x]);
  const two = (op: string) => (x: NodeId, y: NodeId) => b.node(op, [x, y]);
  const reduction =
    (op: string) =>
    (x: NodeId, axes: readonly number[], keepdims = true) =>
      b.node(op, [x], { axes, keepdims });
  return {
    num: (value: number) => b.node("const", [], { value, dtype: "f32" }),
    int: (value: number) => b.node("const", [], { value, dtype: "i32" }),
    cast: (x: NodeId, to: DType) => b.node("cast", [x], { to }),
    where: (condition: NodeId, x: NodeId, y: NodeId) => b.node("where", [condition, x, y]),
    add: two("add"),
    sub: two("sub"),
    mul: two("mul"),
    div: two("div"),
    mod: two("mod"),
    pow: two("pow"),
    maximum: two("maximum"),
    minimum: two("minimum"),
    eq: two("eq"),
    lt: two("lt"),
    gt: two("gt"),
    ge: two("ge"),
    and: two("and"),
    neg: one("neg"),
    abs: one("abs"),
    sign: one("sign"),
    floor: one("floor"),
    exp: one("exp"),
    log: one("log"),
    sqrt: one("sqrt"),
    sin: one("sin"),
    cos: one("cos"),
    sigmoid: one("sigmoid"),
    softplus: one("softplus"),
    sum: reduction("sum"),
    prod: reduction("prod"),
    max: reduction("max"),
    min: reduction("min"),
  };
}

// ---- Samples ----

type Given = Sample["inputs"][number];

/** A sample's input. */
export const given = (type: TensorType, ...values: readonly number[]): Given => ({ type, values });

/** A sample's input: an f32 vector. */
export const vec = (...values: readonly number[]): Given => given(f32(values.length), ...values);

/** A sample's input: an f32 scalar. */
export const scalar = (value: number): Given => given(f32(), value);
