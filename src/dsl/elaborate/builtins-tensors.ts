// Primitives that arrange, index or make tensors, and those that tell facts of their types.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { textOf } from "../../base/span.ts";
import type { NodeId } from "../../ir/graph.ts";
import { rangeOf } from "../../ir/ranges.ts";
import { type Dim, isStatic, type Shape } from "../../ir/types.ts";
import { describe, list, number, poison, sizeValue, tensorValue, truth, type Value } from "../values.ts";
import { type Builtin, type BuiltinCall, builtin, listMembers, sizesOf } from "./builtin.ts";
import { countNode } from "./builtins-math.ts";
import { randomKey, report, shorten } from "./context.ts";
import { type Operand, plain, promote, toTensor } from "./make.ts";

// ---- Layout ----

export const transpose = builtin("transpose(x, order)", "The axes of x in another order.", (call) => {
  const x = call.tensor("x");
  const order = call.numbers("order");
  if (x === undefined || !order) return poison;
  const rank = call.type(x).shape.length;
  const perm = order.map((axis) => (axis < 0 ? axis + rank : axis));
  return call.make("transpose", [x], { perm }, call.spans("x"));
});

export const broadcast = builtin("broadcast(x, shape)", "x repeated to a shape.", (call) => {
  const x = call.tensor("x");
  const shape = call.shape("shape");
  return x === undefined || !shape ? poison : call.make("broadcast", [x], { shape }, call.spans("x"));
});

export const pad = builtin(
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

export const concat = builtin("concat(list, axis=0)", "Tensors joined along an axis that exists.", (call) => {
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

export const flip = builtin("flip(x, *, axis=)", "x reversed along `axis`, or along all.", (call) => {
  const x = call.tensor("x");
  const axes = x === undefined ? undefined : call.axes("axis", call.type(x).shape.length);
  return x === undefined || !axes ? poison : call.make("flip", [x], { axes }, call.spans("x"));
});

// ---- Indexing ----

/** Ids of a place among `count`, checked in the step where it is not known that they are in range. */
function idsWithin(call: BuiltinCall, ids: NodeId, count: Dim | undefined): NodeId {
  const range = rangeOf((id) => call.frame.pass.builder.at(id), ids);
  const isKnown = count === undefined || (range && isStatic(count) && range.low >= 0 && range.high < count);
  return isKnown ? ids : plain(call, "within", [ids], { count });
}

export const gather = builtin("gather(table, ids)", "Rows of a table: shape(ids) + the shape of a row.", (call) => {
  const table = call.tensor("table");
  const ids = call.ids("ids");
  return table === undefined || ids === undefined
    ? poison
    : call.make("gather", [table, idsWithin(call, ids, call.type(table).shape[0])], {}, call.spans("table", "ids"));
});

export const pick = builtin("pick(x, ids)", "Of each row of the last axis, the element that ids names.", (call) => {
  const x = call.tensor("x");
  const ids = call.ids("ids");
  return x === undefined || ids === undefined
    ? poison
    : call.make("pick", [x, idsWithin(call, ids, call.type(x).shape.at(-1))], {}, call.spans("x", "ids"));
});

export const oneHot = builtin("one_hot(ids, k)", "Rows of k zeros with a 1 where ids says.", (call) => {
  const ids = call.ids("ids");
  const count = call.whole("k", 1);
  return ids === undefined || count === undefined ? poison : call.make("one_hot", [ids], { count }, call.spans("ids"));
});

export const iota = builtin("iota(n)", "The whole numbers 0 to n - 1: i32[n].", (call) => {
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

export const tensor = builtin(
  "tensor(list)",
  "A constant tensor of known numbers: f32, or i32 through i32(…).",
  (call) => {
    const found = literal(call, call.operand("list"));
    return found ? call.make("tensor", [], { ...found, dtype: "f32" }) : poison;
  },
);

// ---- Random numbers ----

export const random = (name: "uniform" | "normal", summary: string): Builtin =>
  builtin(`${name}(shape=)`, summary, (call) => {
    const shape = call.shape("shape", call.frame.initShape);
    return shape ? call.make(name, [], { shape, key: randomKey(call.frame, name) }) : poison;
  });

// ---- Facts of types ----

/** The shape of a value that has one. */
function shapeFact(call: BuiltinCall, operand: Operand): Shape | undefined {
  if (operand.value.kind === "tensor") return operand.value.builder.type(operand.value.node).shape;
  return toTensor(call, operand, `\`x\` of ${call.name}`) === undefined ? undefined : [];
}

export const rank = builtin("rank(x)", "The number of axes of x.", (call) => {
  const shape = shapeFact(call, call.operand("x"));
  return shape ? number(shape.length) : poison;
});

export const shape = builtin(
  "shape(x=)",
  "The sizes of x as a list; in a start value, without x, those of what is declared.",
  (call) => {
    const operand = call.optional("x");
    const found = operand ? shapeFact(call, operand) : call.frame.initShape;
    if (found) return list(found.map(sizeValue));
    return operand ? poison : report(call.frame, diagnose(types, "type/no-shape", call.span, { name: "shape" }));
  },
);

export const size = builtin("size(x, *, axis=)", "The number of elements of x, or along `axis`.", (call) => {
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

export const len = builtin("len(list)", "The number of items of a list.", (call) => {
  const members = call.members("list");
  return members ? number(members.length) : poison;
});

export const isList = builtin("is_list(x)", "Whether x is a list: for arguments that are a number or a list.", (call) =>
  truth(call.operand("x").value.kind === "list"),
);
