import type { NodeId } from "../../ir/graph.ts";
import { type DType, isStatic, type Shape } from "../../ir/types.ts";
import { number, poison, tensorValue, truth, type Value } from "../values.ts";
import { type Builtin, type BuiltinCall, builtin, listMembers } from "./builtin.ts";
import { cast, constant, type Operand, promote, rowsNode, toTensor } from "./make.ts";
import { asTruth, choose, elementwise } from "./operators.ts";

// ---- Elementwise ----

/** A function of one number: computed now where the number is known. */
export const unary = (
  name: string,
  op: string,
  summary: string,
  known?: (x: number) => number,
  least: DType = "f32",
): Builtin =>
  builtin(`${name}(x)`, summary, (call) => {
    const { value } = call.operand("x");
    if (value.kind === "number" && known) return number(known(value.value));
    const nodes = promote(call, [call.operand("x")], `\`x\` of ${name}`, least);
    return nodes ? call.make(op, nodes, {}, call.spans("x")) : poison;
  });

/** `max` and `min`: of two, elementwise; of one, over axes. */
export const extreme = (name: "max" | "min", known: (...values: number[]) => number): Builtin =>
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

export const conversion = (dtype: DType): Builtin =>
  builtin(`${dtype}(x)`, `x as ${dtype}${dtype === "i32" ? ", toward zero" : ""}.`, (call) => {
    const { value } = call.operand("x");
    if (value.kind === "number" && dtype === "bool") return truth(value.value !== 0);
    if (value.kind === "number" && dtype === "i32") return number(Math.trunc(value.value));
    if (value.kind === "bool" && dtype !== "bool") return number(value.value ? 1 : 0);
    const node = toTensor(call, call.operand("x"), `\`x\` of ${dtype}`, dtype);
    return node === undefined ? poison : tensorValue(call.frame.pass.builder, cast(call, node, dtype));
  });

// ---- Reductions ----

/** Reduces over `axis`, or over all; a list of known numbers is reduced now. */
function reduction(call: BuiltinCall, op: string, least: DType): Value {
  const operand = call.operand("x");
  const known = knownList(call, operand);
  if (known && known.length > 0 && knownReduction[op]) return number(knownReduction[op](known));
  const nodes = promote(call, [operand], `\`x\` of ${call.name}`, least);
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
  const members = listMembers(call, operand, `\`x\` of ${call.name}`);
  const numbers = members?.flatMap(({ value }) => (value.kind === "number" ? [value.value] : []));
  return numbers && numbers.length === members!.length ? numbers : undefined;
}

export const reducer = (name: string, summary: string): Builtin =>
  builtin(`${name}(x, *, axis=, keepdims=false)`, summary, (call) => reduction(call, name, "i32"));

/** The number of elements along axes, as a divisor: a constant, or a multiple of N at run time. */
export function countNode(call: BuiltinCall, sizes: Shape): NodeId {
  const fixed = sizes.reduce<number>((product, dim) => product * (isStatic(dim) ? dim : dim.perRow), 1);
  const rows = sizes.filter((dim) => !isStatic(dim));
  if (rows.length === 0) return constant(call, fixed, "f32");
  let count = rowsNode(call, fixed);
  for (const _ of rows.slice(1)) count = call.frame.pass.builder.node("mul", [count, rowsNode(call, 1)]);
  return count;
}

export const mean = builtin(
  "mean(x, *, axis=, keepdims=false)",
  "The mean over `axis`, or over all elements.",
  (call) => {
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
  },
);

export const cumsum = builtin("cumsum(x, *, axis=-1)", "Running sums along `axis`.", (call) => {
  const nodes = promote(call, [call.operand("x")], "x of cumsum", "i32");
  const axis = nodes && call.axis("axis", call.type(nodes[0]!).shape.length, -1);
  return nodes && axis !== undefined ? call.make("cumsum", nodes, { axis }, call.spans("x")) : poison;
});

// ---- Windows ----

export const conv2d = builtin(
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

export const pool = (name: "max_pool" | "avg_pool", signature: string, summary: string): Builtin =>
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

export const where = builtin("where(c, a, b)", "a where c is true, else b; elementwise.", (call) => {
  const condition = asTruth(call, call.operand("c"), "c of where");
  if (condition === undefined) return poison;
  if (typeof condition === "number") return choose(call, condition, call.operand("a"), call.operand("b"));
  const value = plainTruth(call, condition);
  return choose(call, value, call.operand("a"), call.operand("b"));
});

const plainTruth = (call: BuiltinCall, value: boolean): NodeId => constant(call, value ? 1 : 0, "bool");
