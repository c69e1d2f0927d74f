// The core primitives, each one record. All else of the library is written in the language (std/*.nn).
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { textOf } from "../../base/span.ts";
import type { NodeId } from "../../ir/graph.ts";
import { type Dim, type DType, isStatic, type Shape } from "../../ir/types.ts";
import { describe, list, number, poison, sizeValue, tensorValue, truth, type Value } from "../values.ts";
import { type Builtin, type BuiltinCall, builtin, listMembers, sizesOf } from "./builtin.ts";
import { randomKey, report, shorten } from "./context.ts";
import { grad, load, stopGradient, total } from "./effects.ts";
import { einsum } from "./einsum.ts";
import { cast, constant, type Operand, promote, rowsNode, toTensor } from "./make.ts";
import { asTruth, choose, elementwise } from "./operators.ts";
import { reshape } from "./reshape.ts";

// ---- Elementwise ----

/** A function of one number: computed now where the number is known. */
const unary = (
  name: string,
  op: string,
  summary: string,
  known?: (x: number) => number,
  least: DType = "f32",
): Builtin =>
  builtin(`${name}(x)`, summary, (call) => {
    const { value } = call.operand("x");
    if (value.kind === "number" && known) return number(known(value.value));
    const nodes = promote(call, [call.operand("x")], `x of ${name}`, least);
    return nodes ? call.make(op, nodes, {}, call.spans("x")) : poison;
  });

/** `max` and `min`: of two, elementwise; of one, over axes. */
const extreme = (name: "max" | "min", known: (...values: number[]) => number): Builtin =>
  builtin(
    `${name}(x, b=, *, axis=, keepdims=false)`,
    `The ${name === "max" ? "larger" : "smaller"} of two values, elementwise; or of one tensor, over \`axis\`.`,
    (call) => {
      const b = call.optional("b");
      if (!b) return reduction(call, name, "i32");
      const x = call.operand("x");
      if (x.value.kind === "number" && b.value.kind === "number") return number(known(x.value.value, b.value.value));
      const nodes = promote(call, [x, b], name, "i32");
      return nodes ? elementwise(call, `${name}imum`, nodes, [x, b]) : poison;
    },
  );

const conversion = (dtype: DType): Builtin =>
  builtin(`${dtype}(x)`, `x as ${dtype}${dtype === "i32" ? ", toward zero" : ""}.`, (call) => {
    const { value } = call.operand("x");
    if (value.kind === "number" && dtype === "bool") return truth(value.value !== 0);
    if (value.kind === "number" && dtype === "i32") return number(Math.trunc(value.value));
    if (value.kind === "bool" && dtype !== "bool") return number(value.value ? 1 : 0);
    const node = toTensor(call, call.operand("x"), `x of ${dtype}`, dtype);
    return node === undefined ? poison : tensorValue(call.frame.pass.builder, cast(call, node, dtype));
  });

// ---- Reductions ----

/** Reduces over `axis`, or over all; a list of known numbers is reduced now. */
function reduction(call: BuiltinCall, op: string, least: DType): Value {
  const operand = call.operand("x");
  const known = knownList(call, operand);
  if (known && known.length > 0 && knownReduction[op]) return number(knownReduction[op](known));
  const nodes = promote(call, [operand], `x of ${call.name}`, least);
  if (!nodes) return poison;
  const axes = call.axes("axis", call.type(nodes[0]!).shape.length);
  const keepdims = call.flag("keepdims", false);
  if (!axes || keepdims === undefined) return poison;
  return call.make(op, nodes, { axes, keepdims }, call.spans("x"));
}

const knownReduction: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  prod: (values) => values.reduce((a, b) => a * b, 1),
  max: (values) => values.reduce((a, b) => Math.max(a, b)),
  min: (values) => values.reduce((a, b) => Math.min(a, b)),
};

/** The numbers of a list that holds nothing else. */
function knownList(call: BuiltinCall, operand: Operand): number[] | undefined {
  if (operand.value.kind !== "list" || call.has("axis")) return undefined;
  const members = listMembers(call, operand, `x of ${call.name}`);
  const numbers = members?.flatMap(({ value }) => (value.kind === "number" ? [value.value] : []));
  return numbers && numbers.length === members!.length ? numbers : undefined;
}

const reducer = (name: string, summary: string): Builtin =>
  builtin(`${name}(x, *, axis=, keepdims=false)`, summary, (call) => reduction(call, name, "i32"));

/** The number of elements along axes, as a divisor: a constant, or a multiple of N at run time. */
function countNode(call: BuiltinCall, sizes: Shape): NodeId {
  const fixed = sizes.reduce<number>((product, dim) => product * (isStatic(dim) ? dim : dim.perRow), 1);
  const rows = sizes.filter((dim) => !isStatic(dim));
  if (rows.length === 0) return constant(call, fixed, "f32");
  let count = rowsNode(call, fixed);
  for (const _ of rows.slice(1)) count = call.frame.pass.builder.node("mul", [count, rowsNode(call, 1)]);
  return count;
}

const mean = builtin("mean(x, *, axis=, keepdims=false)", "The mean over `axis`, or over all elements.", (call) => {
  const x = call.float("x");
  if (x === undefined) return poison;
  const { shape } = call.type(x);
  const axes = call.axes("axis", shape.length);
  const keepdims = call.flag("keepdims", false);
  if (!axes || keepdims === undefined) return poison;
  if (axes.length === 0) return tensorValue(call.frame.pass.builder, x);
  const sum = call.make("sum", [x], { axes, keepdims }, call.spans("x"));
  if (sum.kind !== "tensor") return sum;
  return call.make("div", [
    sum.node,
    countNode(
      call,
      axes.map((axis) => shape[axis]!),
    ),
  ]);
});

const cumsum = builtin("cumsum(x, *, axis=-1)", "Running sums along `axis`.", (call) => {
  const nodes = promote(call, [call.operand("x")], "x of cumsum", "i32");
  const axis = nodes && call.axis("axis", call.type(nodes[0]!).shape.length, -1);
  return nodes && axis !== undefined ? call.make("cumsum", nodes, { axis }, call.spans("x")) : poison;
});

// ---- Windows ----

const conv2d = builtin(
  "conv2d(x, w, stride=1, padding=0, dilation=1, groups=1)",
  "Convolution of images x: [n, c, h, w] with filters w: [out, c / groups, kh, kw].",
  (call) => {
    const x = call.float("x");
    const w = call.float("w");
    const stride = call.pair("stride", 1, 1);
    const padding = call.pair("padding", 0, 0);
    const dilation = call.pair("dilation", 1, 1);
    const groups = call.whole("groups", 1, 1);
    if (x === undefined || w === undefined || !stride || !padding || !dilation || groups === undefined) return poison;
    return call.make("conv2d", [x, w], { stride, padding, dilation, groups }, call.spans("x", "w"));
  },
);

const pool = (name: "max_pool" | "avg_pool", signature: string, summary: string): Builtin =>
  builtin(signature, summary, (call) => {
    const x = call.float("x");
    const k = call.pair("k", 1, 1);
    const stride = call.has("stride") ? call.pair("stride", 1, 1) : k;
    const padding = call.pair("padding", 0, 0);
    const counted = name === "avg_pool" ? call.flag("count_padding", true) : true;
    if (x === undefined || !k || !stride || !padding || counted === undefined) return poison;
    const attrs = { k, stride, padding, ...(name === "avg_pool" ? { count_padding: counted } : {}) };
    return call.make(name, [x], attrs, call.spans("x"));
  });

// ---- Layout ----

const transpose = builtin("transpose(x, order)", "The axes of x in another order.", (call) => {
  const x = call.tensor("x");
  const order = call.numbers("order");
  if (x === undefined || !order) return poison;
  const rank = call.type(x).shape.length;
  const perm = order.map((axis) => (axis < 0 ? axis + rank : axis));
  return call.make("transpose", [x], { perm }, call.spans("x"));
});

const broadcast = builtin("broadcast(x, shape)", "x repeated to a shape.", (call) => {
  const x = call.tensor("x");
  const shape = call.shape("shape");
  return x === undefined || !shape ? poison : call.make("broadcast", [x], { shape }, call.spans("x"));
});

const pad = builtin(
  "pad(x, pairs, value=0)",
  "x with `[lo, hi]` elements of `value` added along each axis.",
  (call) => {
    const x = call.tensor("x");
    const members = call.members("pairs");
    const value = call.number("value", 0);
    if (x === undefined || !members || value === undefined) return poison;
    const pairs: number[][] = [];
    for (const member of members) {
      const items = listMembers(call, member, "a pair of pad");
      const sizes = items?.map((item) => item.value);
      if (!sizes) return poison;
      const ok =
        sizes.length === 2 &&
        sizes.every((size) => size.kind === "number" && Number.isInteger(size.value) && size.value >= 0);
      if (!ok) {
        const expected = "[lo, hi] with whole numbers from 0";
        const facts = { what: "a pair of pad", expected, got: describe(member.value) };
        return report(call.frame, diagnose(types, "type/expected", member.span, facts));
      }
      pairs.push(sizes.map((size) => (size.kind === "number" ? size.value : 0)));
    }
    const rank = call.type(x).shape.length;
    if (pairs.length !== rank) {
      const facts = { count: pairs.length, rank, text: shorten(textOf(call.operand("x").span)) };
      return report(call.frame, diagnose(shapes, "shape/pad-pairs", call.operand("pairs").span, facts));
    }
    return call.make("pad", [x], { pairs, value }, call.spans("x"));
  },
);

const concat = builtin("concat(list, axis=0)", "Tensors joined along an axis that exists.", (call) => {
  const members = call.members("list");
  if (!members) return poison;
  if (members.length === 0) {
    const facts = { what: "list of concat", expected: "at least one tensor", got: "an empty list" };
    return report(call.frame, diagnose(types, "type/expected", call.operand("list").span, facts));
  }
  const nodes = promote(call, members, "an item of concat");
  if (!nodes) return poison;
  const axis = call.axis("axis", call.type(nodes[0]!).shape.length, 0);
  return axis === undefined
    ? poison
    : call.make(
        "concat",
        nodes,
        { axis },
        members.map(({ span }) => span),
      );
});

const flip = builtin("flip(x, *, axis=)", "x reversed along `axis`, or along all.", (call) => {
  const x = call.tensor("x");
  const axes = x === undefined ? undefined : call.axes("axis", call.type(x).shape.length);
  return x === undefined || !axes ? poison : call.make("flip", [x], { axes }, call.spans("x"));
});

// ---- Indexing ----

const gather = builtin("gather(table, ids)", "Rows of a table: shape(ids) + the shape of a row.", (call) => {
  const table = call.tensor("table");
  const ids = call.ids("ids");
  return table === undefined || ids === undefined
    ? poison
    : call.make("gather", [table, ids], {}, call.spans("table", "ids"));
});

const pick = builtin("pick(x, ids)", "Of each row of the last axis, the element that ids names.", (call) => {
  const x = call.tensor("x");
  const ids = call.ids("ids");
  return x === undefined || ids === undefined ? poison : call.make("pick", [x, ids], {}, call.spans("x", "ids"));
});

const oneHot = builtin("one_hot(ids, k)", "Rows of k zeros with a 1 where ids says.", (call) => {
  const ids = call.ids("ids");
  const count = call.whole("k", 1);
  return ids === undefined || count === undefined ? poison : call.make("one_hot", [ids], { count }, call.spans("ids"));
});

const iota = builtin("iota(n)", "The whole numbers 0 to n - 1: i32[n].", (call) => {
  const shape = sizesOf(call, call.operand("n"), "n of iota");
  return shape?.length === 1 ? call.make("iota", [], { count: shape[0]! }) : poison;
});

/** Numbers of nested lists in row-major order, and their shape; a lopsided list is reported. */
function literal(call: BuiltinCall, operand: Operand): { values: number[]; shape: number[] } | undefined {
  const values: number[] = [];
  const shape: number[] = [];
  let level: Value[] = [operand.value];
  const expected = "numbers in lists of equal lengths";
  const facts = { what: "list of tensor", expected, got: describe(operand.value) };
  while (level.length > 0 && level[0]!.kind !== "number" && level[0]!.kind !== "bool") {
    const next: Value[] = [];
    let length: number | undefined;
    for (const value of level) {
      const items =
        value.kind === "list" || value.kind === "range"
          ? listMembers(call, { value, span: operand.span }, "list of tensor")
          : undefined;
      length ??= items?.length;
      if (!items || items.length === 0 || items.length !== length) {
        report(call.frame, diagnose(types, "type/expected", operand.span, facts));
        return undefined;
      }
      for (const item of items) next.push(item.value);
    }
    shape.push(length!);
    level = next;
  }
  for (const value of level) {
    if (value.kind !== "number" && value.kind !== "bool") {
      report(call.frame, diagnose(types, "type/expected", operand.span, facts));
      return undefined;
    }
    values.push(Number(value.value));
  }
  return { values, shape };
}

const tensor = builtin("tensor(list)", "A constant tensor of known numbers: f32, or i32 through i32(…).", (call) => {
  const found = literal(call, call.operand("list"));
  return found ? call.make("tensor", [], { ...found, dtype: "f32" }) : poison;
});

// ---- Random numbers ----

const random = (name: "uniform" | "normal", summary: string): Builtin =>
  builtin(`${name}(shape=)`, summary, (call) => {
    const shape = call.shape("shape", call.frame.initShape);
    return shape ? call.make(name, [], { shape, key: randomKey(call.frame, name) }) : poison;
  });

// ---- Facts of types ----

/** The shape of a value that has one. */
function shapeFact(call: BuiltinCall, operand: Operand): Shape | undefined {
  if (operand.value.kind === "tensor") return operand.value.builder.type(operand.value.node).shape;
  return toTensor(call, operand, `x of ${call.name}`) === undefined ? undefined : [];
}

const rank = builtin("rank(x)", "The number of axes of x.", (call) => {
  const shape = shapeFact(call, call.operand("x"));
  return shape ? number(shape.length) : poison;
});

const shape = builtin(
  "shape(x=)",
  "The sizes of x as a list; in a start value, without x, those of what is declared.",
  (call) => {
    const operand = call.optional("x");
    const found = operand ? shapeFact(call, operand) : call.frame.initShape;
    if (found) return list(found.map(sizeValue));
    return operand ? poison : report(call.frame, diagnose(types, "type/no-shape", call.span, { name: "shape" }));
  },
);

const size = builtin("size(x, *, axis=)", "The number of elements of x, or along `axis`.", (call) => {
  const found = shapeFact(call, call.operand("x"));
  const axes = found && call.axes("axis", found.length);
  if (!axes) return poison;
  const sizes: Dim[] = axes.map((axis) => found[axis]!);
  const rows = sizes.filter((dim) => !isStatic(dim)).length;
  const product = sizes.reduce<number>((a, dim) => a * (isStatic(dim) ? dim : dim.perRow), 1);
  if (rows === 0) return number(product);
  if (rows === 1) return { kind: "rows", multiple: product };
  return tensorValue(call.frame.pass.builder, countNode(call, sizes));
});

const len = builtin("len(list)", "The number of items of a list.", (call) => {
  const members = call.members("list");
  return members ? number(members.length) : poison;
});

const isList = builtin("is_list(x)", "Whether x is a list: for arguments that are a number or a list.", (call) =>
  truth(call.operand("x").value.kind === "list"),
);

const where = builtin("where(c, a, b)", "a where c is true, else b; elementwise.", (call) => {
  const condition = asTruth(call, call.operand("c"), "c of where");
  if (condition === undefined) return poison;
  if (typeof condition === "number") return choose(call, condition, call.operand("a"), call.operand("b"));
  const value = plainTruth(call, condition);
  return choose(call, value, call.operand("a"), call.operand("b"));
});

const plainTruth = (call: BuiltinCall, value: boolean): NodeId => constant(call, value ? 1 : 0, "bool");

const all: readonly Builtin[] = [
  unary("exp", "exp", "e to the x.", Math.exp),
  unary("expm1", "expm1", "exp(x) - 1, exact near 0.", Math.expm1),
  unary("log", "log", "The natural logarithm.", Math.log),
  unary("log1p", "log1p", "log(1 + x), exact near 0.", Math.log1p),
  unary("sqrt", "sqrt", "The square root.", Math.sqrt),
  unary("rsqrt", "rsqrt", "1 / sqrt(x).", (x) => 1 / Math.sqrt(x)),
  unary("tanh", "tanh", "The hyperbolic tangent.", Math.tanh),
  unary("sin", "sin", "The sine, of radians.", Math.sin),
  unary("cos", "cos", "The cosine, of radians.", Math.cos),
  unary("erf", "erf", "The error function."),
  unary("abs", "abs", "The absolute value.", Math.abs, "i32"),
  unary("floor", "floor", "The largest whole number that is not above x.", Math.floor),
  unary("sign", "sign", "-1, 0 or 1.", Math.sign, "i32"),
  extreme("max", Math.max),
  extreme("min", Math.min),
  where,
  conversion("f32"),
  conversion("i32"),
  conversion("bool"),
  reducer("sum", "The sum over `axis`, or over all elements."),
  reducer("prod", "The product over `axis`, or over all elements."),
  mean,
  reducer("argmax", "The place of the largest element along `axis`: i32, the first of equals."),
  reducer("argmin", "The place of the smallest element along `axis`: i32, the first of equals."),
  cumsum,
  einsum,
  conv2d,
  pool("max_pool", "max_pool(x, k, stride=k, padding=0)", "The largest element of each window of images [n, c, h, w]."),
  pool(
    "avg_pool",
    "avg_pool(x, k, stride=k, padding=0, count_padding=true)",
    "The mean of each window of images [n, c, h, w].",
  ),
  reshape,
  transpose,
  broadcast,
  pad,
  concat,
  flip,
  gather,
  pick,
  oneHot,
  iota,
  tensor,
  random("uniform", "Random numbers in 0 <= u < 1, new ones at each step."),
  random("normal", "Random numbers of mean 0 and variance 1, new ones at each step."),
  rank,
  shape,
  size,
  len,
  isList,
  load,
  total,
  grad,
  stopGradient,
];

export const builtins: ReadonlyMap<string, Builtin> = new Map(all.map((entry) => [entry.name, entry]));
