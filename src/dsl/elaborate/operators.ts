// Operators on values: known numbers are computed now, `k * N` stays a size where it can, tensors become nodes.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { textOf } from "../../base/span.ts";
import type { NodeId } from "../../ir/graph.ts";
import { type Dim, type DType, type Shape, sameDim, shapeText } from "../../ir/types.ts";
import type { ChainOp, CompareOp } from "../ast.ts";
import { describe, isPoisoned, list, number, numberText, poison, tensorValue, truth, type Value } from "../values.ts";
import { report, shorten } from "./context.ts";
import { cast, factsOf, make, type Operand, plain, promote, type Site, standIn, toTensor } from "./make.ts";

export type ArithmeticOp = Exclude<ChainOp, "and" | "or"> | "**";

const opOf: Record<Exclude<ArithmeticOp, "@">, string> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "mod",
  "**": "pow",
};

/** `%` takes the divisor's sign, as Python's does. */
const modulo = (a: number, b: number): number => a - Math.floor(a / b) * b;

const known: Record<Exclude<ArithmeticOp, "@">, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": modulo,
  "**": (a, b) => a ** b,
};

export function arithmetic(site: Site, op: ArithmeticOp, left: Operand, right: Operand): Value {
  const a = left.value;
  const b = right.value;
  if (a.kind === "poison" || b.kind === "poison") return poison;
  if (op === "@") return matmul(site, left, right);
  if (a.kind === "number" && b.kind === "number") {
    const isNew = op === "/" && Number.isInteger(a.value) && Number.isInteger(b.value);
    const quotient = isNew ? `${numberText(a.value)} / ${numberText(b.value)}` : (a.quotient ?? b.quotient);
    return number(known[op](a.value, b.value), quotient);
  }
  if (op === "+" && a.kind === "list" && b.kind === "list") return list([...a.items, ...b.items]);
  if (op === "+" && a.kind === "string" && b.kind === "string") return { kind: "string", value: a.value + b.value };
  const size = sizeArithmetic(op, a, b);
  if (size) return size;
  for (const { value, span } of [left, right]) {
    if (value.kind === "tensor" || value.kind === "number" || value.kind === "rows" || value.kind === "bool") continue;
    if (isPoisoned(value)) return poison;
    const facts = { op, got: describe(value), isList: value.kind === "list", text: shorten(textOf(span)) };
    return report(site.frame, diagnose(types, "type/operator", span, facts));
  }
  const nodes = promote(site, [left, right], `\`${op}\``, op === "/" || op === "**" ? "f32" : "i32");
  if (!nodes) return poison;
  return elementwise(site, opOf[op], nodes, [left, right]);
}

const comparisons: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);

/** An elementwise node of operands of one type; a clash of shapes shows both. */
export function elementwise(site: Site, op: string, nodes: readonly NodeId[], operands: readonly Operand[]): Value {
  const spans = operands.map(({ span }) => span);
  const result = make(site, op, nodes, {}, spans);
  if (result.kind !== "poison") return result;
  // Reported; what follows is checked against the operand of more dimensions. Of equally many, nobody knows which was meant.
  const types = nodes.map((node) => site.frame.pass.builder.type(node));
  const likely = types.reduce((a, b) => (b.shape.length > a.shape.length ? b : a));
  if (types.filter(({ shape }) => shape.length === likely.shape.length).length > 1) return poison;
  return standIn(site, comparisons.has(op) ? { ...likely, dtype: "bool" } : likely);
}

/** Sizes stay sizes under `2 * n`, `n / 2`, `n + n`; all else with N is a run-time scalar. */
function sizeArithmetic(op: ArithmeticOp, a: Value, b: Value): Value | undefined {
  const rows = (multiple: number): Value | undefined =>
    Number.isInteger(multiple) && multiple > 0 ? { kind: "rows", multiple } : undefined;
  if (a.kind === "rows" && b.kind === "number") {
    if (op === "*") return rows(a.multiple * b.value);
    if (op === "/") return rows(a.multiple / b.value);
  }
  if (a.kind === "number" && b.kind === "rows" && op === "*") return rows(a.value * b.multiple);
  if (a.kind === "rows" && b.kind === "rows") {
    if (op === "/") return number(a.multiple / b.multiple);
    if (op === "+") return rows(a.multiple + b.multiple);
    if (op === "-") return rows(a.multiple - b.multiple);
  }
  return undefined;
}

/** Of batch axes: not `k`, `m`, `n`, which the product itself has. */
const letters = "abcdefghijlopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** NumPy's `@`: batches broadcast, a vector on either side drops its axis. */
function matmul(site: Site, left: Operand, right: Operand): Value {
  const nodes = promote(site, [left, right], "`@`", "i32");
  if (!nodes) return poison;
  const [a, b] = nodes as [NodeId, NodeId];
  const { builder } = site.frame.pass;
  const shapeA = builder.type(a).shape;
  const shapeB = builder.type(b).shape;
  const facts = {
    left: shapeText(shapeA),
    right: shapeText(shapeB),
    leftText: shorten(textOf(left.span)),
    rightText: shorten(textOf(right.span)),
  };
  const notes = (): ReturnType<typeof factsOf> => [
    ...factsOf(builder, a, left.span),
    ...factsOf(builder, b, right.span),
  ];
  if (shapeA.length === 0 || shapeB.length === 0) {
    return report(site.frame, diagnose(shapes, "shape/matmul-scalar", site.span, facts, notes()));
  }
  const rowsA = shapeA.length > 1 ? [shapeA[shapeA.length - 2]!] : [];
  const columnsB = shapeB.length > 1 ? [shapeB[shapeB.length - 1]!] : [];
  const inner = shapeA[shapeA.length - 1]!;
  const innerB = shapeB[Math.max(shapeB.length - 2, 0)]!;
  const batchA = shapeA.slice(0, -2);
  const batchB = shapeB.slice(0, -2);
  if (!sameDim(inner, innerB)) {
    const clash = { ...facts, columns: shapeText([inner]).slice(1, -1), rows: shapeText([innerB]).slice(1, -1) };
    report(site.frame, diagnose(shapes, "shape/matmul", site.span, clash, notes()));
    const batch = batchA.length >= batchB.length ? batchA : batchB;
    return standIn(site, { dtype: builder.type(a).dtype, shape: [...batch, ...rowsA, ...columnsB] });
  }
  // Batch axes are labelled from the right, so that they line up; an axis of 1 that must repeat is left out.
  const rank = Math.max(batchA.length, batchB.length);
  if (rank > letters.length) return report(site.frame, diagnose(shapes, "shape/rank", site.span, { rank: rank + 2 }));
  let batch = "";
  let labelsA = "";
  let labelsB = "";
  const keptA: Dim[] = [];
  const keptB: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const letter = letters[i]!;
    const sizeA = batchA[batchA.length - rank + i];
    const sizeB = batchB[batchB.length - rank + i];
    batch += letter;
    const repeats = (mine: Dim, other: Dim | undefined): boolean => mine === 1 && other !== undefined && other !== 1;
    if (sizeA !== undefined && sizeB !== undefined && !sameDim(sizeA, sizeB) && sizeA !== 1 && sizeB !== 1) {
      return report(site.frame, diagnose(shapes, "shape/matmul-batch", site.span, facts, notes()));
    }
    if (sizeA !== undefined && !repeats(sizeA, sizeB)) {
      labelsA += letter;
      keptA.push(sizeA);
    }
    if (sizeB !== undefined && !repeats(sizeB, sizeA)) {
      labelsB += letter;
      keptB.push(sizeB);
    }
  }
  const n = shapeA.length > 1 ? "n" : "";
  const m = shapeB.length > 1 ? "m" : "";
  const inputs = [`${labelsA}${n}k`, `${labelsB}k${m}`];
  const operandA = reshaped(site, a, [...keptA, ...shapeA.slice(batchA.length)]);
  const operandB = reshaped(site, b, [...keptB, ...shapeB.slice(batchB.length)]);
  return make(site, "einsum", [operandA, operandB], { inputs, output: `${batch}${n}${m}` }, [left.span, right.span]);
}

/** The same elements in another shape; nothing where it is the same. */
export function reshaped(site: Site, node: NodeId, shape: Shape): NodeId {
  const now = site.frame.pass.builder.type(node).shape;
  const same = now.length === shape.length && now.every((dim, i) => sameDim(dim, shape[i]!));
  return same ? node : plain(site, "reshape", [node], { shape });
}

const compareOp: Record<CompareOp, string> = { "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge" };

const compareKnown: Record<CompareOp, (a: number, b: number) => boolean> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

export function compare(site: Site, op: CompareOp, left: Operand, right: Operand): Value {
  const a = left.value;
  const b = right.value;
  if (a.kind === "poison" || b.kind === "poison") return poison;
  if (a.kind === "number" && b.kind === "number") return truth(compareKnown[op](a.value, b.value));
  const numeric = (value: Value): boolean =>
    value.kind === "tensor" || value.kind === "number" || value.kind === "rows" || value.kind === "bool";
  const bothKnown = a.kind !== "tensor" && b.kind !== "tensor";
  if (op === "==" || op === "!=") {
    const equal = bothKnown ? equalKnown(a, b) : undefined;
    if (equal !== undefined) return truth(equal === (op === "=="));
  }
  for (const { value, span } of [left, right]) {
    if (numeric(value)) continue;
    if (isPoisoned(value)) return poison;
    const facts = { op, got: describe(value), isList: value.kind === "list", text: shorten(textOf(span)) };
    return report(site.frame, diagnose(types, "type/operator", span, facts));
  }
  const nodes = promote(site, [left, right], `\`${op}\``, "i32");
  if (!nodes) return poison;
  return elementwise(site, compareOp[op], nodes, [left, right]);
}

/** Equality of known values, or undefined where it is only known at run time. */
function equalKnown(a: Value, b: Value): boolean | undefined {
  if (a.kind === "number" && b.kind === "number") return a.value === b.value;
  if (a.kind === "bool" && b.kind === "bool") return a.value === b.value;
  if (a.kind === "string" && b.kind === "string") return a.value === b.value;
  if (a.kind === "rows" && b.kind === "rows") return a.multiple === b.multiple;
  if (a.kind === "list" && b.kind === "list") {
    if (a.items.length !== b.items.length) return false;
    let result: boolean | undefined = true;
    for (const [i, item] of a.items.entries()) {
      // N equals no number: as parts of shapes, sizes that differ differ for good.
      const sizes = item.kind === "rows" || b.items[i]!.kind === "rows";
      const same = sizes ? JSON.stringify(item) === JSON.stringify(b.items[i]) : equalKnown(item, b.items[i]!);
      if (same === undefined) result = undefined;
      else if (!same) return false;
    }
    return result;
  }
  const comparable = (v: Value): boolean => v.kind === "string" || v.kind === "list" || v.kind === "bool";
  return a.kind !== b.kind && (comparable(a) || comparable(b)) ? false : undefined;
}

export function negate(site: Site, operand: Operand): Value {
  const { value } = operand;
  if (value.kind === "poison") return poison;
  if (value.kind === "number") return number(-value.value);
  const nodes = promote(site, [operand], "`-`", "i32");
  return nodes ? make(site, "neg", nodes, {}, [operand.span]) : poison;
}

/** The operand of `and`, `or`, `not` or a condition: a known truth, a bool tensor, or a report. */
export function asTruth(site: Site, operand: Operand, what: string): boolean | NodeId | undefined {
  const { value, span } = operand;
  if (isPoisoned(value)) return undefined;
  if (value.kind === "bool") return value.value;
  if (value.kind === "tensor") {
    const node = toTensor(site, operand, what);
    if (node === undefined) return undefined;
    if (site.frame.pass.builder.type(node).dtype === "bool") return node;
  }
  const facts = { what, got: describe(value), text: shorten(textOf(span)) };
  report(site.frame, diagnose(types, "type/truth", span, facts));
  return undefined;
}

/** Both sides of `and` and `or` when neither is decided by the left alone. */
export function logic(site: Site, op: "and" | "or", left: Operand, right: Operand): Value {
  const a = asTruth(site, left, `\`${op}\``);
  const b = asTruth(site, right, `\`${op}\``);
  if (a === undefined || b === undefined) return poison;
  const { builder } = site.frame.pass;
  if (typeof a === "boolean" && typeof b === "boolean") return truth(op === "and" ? a && b : a || b);
  // `true and t` is t; `false and t` is false in t's shape.
  if (typeof a === "boolean" && typeof b === "number" && a === (op === "and")) return tensorValue(builder, b);
  if (typeof b === "boolean" && typeof a === "number" && b === (op === "and")) return tensorValue(builder, a);
  const node = (side: boolean | NodeId): NodeId =>
    typeof side === "number" ? side : plain(site, "const", [], { value: side ? 1 : 0, dtype: "bool" });
  return elementwise(site, op, [node(a), node(b)], [left, right]);
}

export function negateTruth(site: Site, operand: Operand): Value {
  const side = asTruth(site, operand, "`not`");
  if (side === undefined) return poison;
  if (typeof side === "boolean") return truth(!side);
  return make(site, "not", [side], {}, [operand.span]);
}

/** `where(condition, a, b)` on tensors and numbers; a list goes item by item. */
export function choose(site: Site, condition: NodeId, left: Operand, right: Operand): Value {
  const a = left.value;
  const b = right.value;
  if (a.kind === "poison" || b.kind === "poison") return poison;
  if (a.kind === "nothing" && b.kind === "nothing") return a;
  if (a.kind === "list" && b.kind === "list" && a.items.length === b.items.length) {
    const pairs = a.items.map((item, i) =>
      choose(site, condition, { value: item, span: left.span }, { value: b.items[i]!, span: right.span }),
    );
    return list(pairs);
  }
  for (const { value, span } of [left, right]) {
    if (value.kind === "tensor" || value.kind === "number" || value.kind === "rows" || value.kind === "bool") continue;
    if (isPoisoned(a) || isPoisoned(b)) return poison;
    return report(site.frame, diagnose(types, "type/sides", span, { left: describe(a), right: describe(b) }));
  }
  const nodes = promote(site, [left, right], "a side of `if`");
  if (!nodes) return poison;
  return make(site, "where", [condition, ...nodes], {}, [site.span, left.span, right.span]);
}

/** A value as a tensor of an element type. */
export const asDType = (site: Site, operand: Operand, what: string, dtype: DType): NodeId | undefined => {
  const node = toTensor(site, operand, what, dtype);
  return node === undefined ? undefined : cast(site, node, dtype);
};
