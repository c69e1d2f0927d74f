// A node as an expression of the language, given its operands as expressions. Knows op names; not which nodes get a line.
import type { Graph, Node, NodeId } from "./graph.ts";
import type { Attrs, AttrValue } from "./op-def.ts";
import { type Dim, dimText, isStatic, productOf, type Shape, sameDim, sameShape, shapeText } from "./types.ts";

/** An expression and how tightly its outermost operator binds. */
export interface Piece {
  readonly text: string;
  readonly level: number;
  /** Of a slice: what is sliced, and what stands for each axis. */
  readonly part?: { readonly of: string; readonly items: readonly string[] };
}

/** Binding strengths, as the language's grammar has them. */
export const level = { or: 3, and: 4, not: 5, compare: 6, sum: 7, product: 8, negation: 9, power: 10, postfix: 11 };

export const word = (text: string): Piece => ({ text, level: level.postfix });

/** What a notation needs to know around a node: the graph, and its operands as expressions. */
export interface Site {
  readonly graph: Graph;
  readonly node: Node;
  readonly args: readonly Piece[];
}

export const within = (piece: Piece, least: number): string => (piece.level < least ? `(${piece.text})` : piece.text);

export const call = (name: string, ...args: readonly (string | undefined)[]): Piece =>
  word(`${name}(${args.filter((arg) => arg !== undefined).join(", ")})`);

/** left-associative: the right operand needs to bind tighter. */
const infix = (at: number, sign: string, [a, b]: readonly Piece[], rightTighter = true): Piece => ({
  text: `${within(a!, at)} ${sign} ${within(b!, rightTighter ? at + 1 : at)}`,
  level: at,
});

/** `x ** 2`: right-associative, and tighter than a sign before it. */
const power = (x: Piece, y: Piece): Piece => ({
  text: `${within(x, level.postfix)} ** ${within(y, level.negation)}`,
  level: level.power,
});

/** x * x, which is what becomes of x ** 2. */
export const isSquare = ({ op, inputs, type }: Node): boolean =>
  op === "mul" && inputs[0] === inputs[1] && type.dtype === "f32";

// ---- Numbers ----

export function numberPiece(value: number): Piece {
  if (Number.isNaN(value)) return { text: "inf - inf", level: level.sum };
  const size = Number.isFinite(value) ? String(Math.abs(value)) : "inf";
  return value < 0 || Object.is(value, -0) ? { text: `-${size}`, level: level.negation } : word(size);
}

export function constantPiece({ attrs, type }: Node): Piece {
  if (type.dtype === "bool") return word(attrs["value"] ? "true" : "false");
  return numberPiece(Number(attrs["value"]));
}

const rowsPiece = ({ attrs }: Node): Piece =>
  attrs["multiple"] === 1 ? word("N") : { text: dimText({ perRow: Number(attrs["multiple"]) }), level: level.product };

/** Nested lists of numbers, row by row. */
function literal(values: readonly number[], shape: readonly number[]): string {
  let items = values.map((value) => numberPiece(value).text);
  for (const size of [...shape].reverse()) {
    const lists: string[] = [];
    for (let i = 0; i < items.length; i += Math.max(1, size)) lists.push(`[${items.slice(i, i + size).join(", ")}]`);
    items = lists;
  }
  return items[0] ?? "[]";
}

function tensorPiece({ attrs, type }: Node): Piece {
  const { shape } = type;
  const text = call("tensor", literal(attrs["values"] as readonly number[], shape.map(Number)));
  return type.dtype === "f32" ? text : call(type.dtype, text.text);
}

// ---- Axes, means, products ----

/** `axis=0`, `axis=[0, 2]`; nothing where all axes are meant. */
function axisText(axes: readonly number[], rank: number, preset?: number): string | undefined {
  const isPreset = preset === undefined ? axes.length === rank : axes.length === 1 && axes[0] === preset;
  if (isPreset) return undefined;
  return `axis=${axes.length === 1 ? axes[0] : `[${axes.join(", ")}]`}`;
}

export const axesOf = (attrs: Attrs): readonly number[] => attrs["axes"] as readonly number[];
const kept = (attrs: Attrs): string | undefined => (attrs["keepdims"] ? "keepdims=true" : undefined);

function reductionPiece(name: string, { graph, node, args }: Site): Piece {
  const rank = typeOf(graph, node.inputs[0]!).shape.length;
  const axes = axesOf(node.attrs);
  // Over no axis every fold but the place of an extreme is the identity.
  if (axes.length === 0 && rank > 0 && !name.startsWith("arg")) return args[0]!;
  return call(name, args[0]!.text, axisText(axes, rank), kept(node.attrs));
}

function safeForm({ graph, node, args }: Site): Piece {
  const rank = typeOf(graph, node.inputs[0]!).shape.length;
  const axes = axesOf(node.attrs);
  return call(node.op, args[0]!.text, axisText(axes, Number.NaN, rank - 1), kept(node.attrs));
}

const typeOf = (graph: Graph, id: NodeId) => graph.nodes[id]!.type;

/** The number a divisor is: a constant size, or rows. */
function sizeOf({ op, attrs }: Node): Dim | undefined {
  if (op === "const") return Number(attrs["value"]);
  return op === "rows" ? { perRow: Number(attrs["multiple"]) } : undefined;
}

/** A sum divided by the number of its terms: the sum's node. */
export function meanOf(graph: Graph, node: Node): Node | undefined {
  if (node.op !== "div") return undefined;
  const total = graph.nodes[node.inputs[0]!]!;
  const size = sizeOf(graph.nodes[node.inputs[1]!]!);
  if (total.op !== "sum" || size === undefined) return undefined;
  const { shape } = typeOf(graph, total.inputs[0]!);
  const axes = axesOf(total.attrs);
  const terms = productOf(axes.map((axis) => shape[axis]!));
  return axes.length > 0 && terms !== undefined && sameDim(terms, size) ? total : undefined;
}

/** `mean(x, axis=0)`, at the sum that is divided. */
export const meanPiece = (site: Site): Piece => reductionPiece("mean", site);

export interface Product {
  /** Whether the operands stand in the other order. */
  readonly swapped: boolean;
  readonly transposed: readonly [boolean, boolean];
}

/** How an einsum of two is a product of (batches of) matrices or vectors, if it is one. */
export function productOfTwo({ inputs, output }: { readonly inputs: readonly string[]; readonly output: string }) {
  if (inputs.length !== 2) return undefined;
  const [a, b] = inputs as readonly [string, string];
  return matrixProduct(a, b, output, false) ?? matrixProduct(b, a, output, true);
}

function matrixProduct(a: string, b: string, output: string, swapped: boolean): Product | undefined {
  if ([a, b, output].some((labels) => new Set(labels).size !== labels.length)) return undefined;
  const shared = [...a].filter((label) => b.includes(label) && !output.includes(label));
  if (shared.length !== 1 || [...(a + b)].some((label) => !output.includes(label) && label !== shared[0]))
    return undefined;
  const k = shared[0]!;
  for (const left of a.length === 1 ? [false] : [false, true]) {
    for (const right of b.length === 1 ? [false] : [false, true]) {
      const [x, y] = [left ? flipped(a) : a, right ? flipped(b) : b];
      if (matmulLabels(x, y, k) === output) return { swapped, transposed: [left, right] };
    }
  }
  return undefined;
}

const flipped = (labels: string): string => labels.slice(0, -2) + labels.at(-1) + labels.at(-2);

/** The labels of `x @ y`, or undefined where `@` would not sum over `k` alone. */
function matmulLabels(x: string, y: string, k: string): string | undefined {
  if (x.at(-1) !== k || (y.length === 1 ? y : y.at(-2)) !== k) return undefined;
  const [xBatch, yBatch] = [x.slice(0, -2), y.slice(0, -2)];
  const batch = xBatch.length >= yBatch.length ? xBatch : yBatch;
  if (!batch.endsWith(xBatch) || !batch.endsWith(yBatch)) return undefined;
  const [row, column] = [x.length === 1 ? "" : x.at(-2)!, y.length === 1 ? "" : y.at(-1)!];
  if (row !== "" && row === column) return undefined;
  // A vector on one side of a batch of matrices drops its own axis only.
  return batch + row + column;
}

function einsumPiece({ node, args }: Site): Piece {
  const labels = node.attrs as unknown as { readonly inputs: readonly string[]; readonly output: string };
  const product = productOfTwo(labels);
  if (!product)
    return call("einsum", `"${labels.inputs.join(",")}->${labels.output}"`, ...args.map(({ text }) => text));
  const order = product.swapped ? [args[1]!, args[0]!] : args;
  const operands = order.map((arg, i) => (product.transposed[i] ? word(`${within(arg, level.postfix)}.T`) : arg));
  return infix(level.product, "@", operands);
}

// ---- Layout ----

function transposePiece({ node, args }: Site): Piece {
  const perm = node.attrs["perm"] as readonly number[];
  const last = perm.length - 1;
  const swapsLast =
    last >= 1 && perm.every((from, to) => from === (to === last ? last - 1 : to === last - 1 ? last : to));
  if (swapsLast) return word(`${within(args[0]!, level.postfix)}.T`);
  return call("transpose", args[0]!.text, `[${perm.join(", ")}]`);
}

/** `x[1:3, :, 0:2]`; slices along N, which the language has no spelling for, are reshaped to whole runs of N first. */
function slicePiece({ graph, node, args }: Site): Piece {
  const { starts, sizes } = node.attrs as unknown as { readonly starts: Shape; readonly sizes: Shape };
  const { shape } = typeOf(graph, node.inputs[0]!);
  const items: string[] = [];
  const runs: Dim[] = [];
  for (const [axis, size] of shape.entries()) {
    const [start, count] = [starts[axis]!, sizes[axis]!];
    if (sameDim(size, count)) items.push(":");
    else if (isStatic(size)) items.push(`${dimText(start)}:${Number(start) + Number(count)}`);
    else {
      const from = isStatic(start) ? start : start.perRow;
      const to = from + (isStatic(count) ? count : count.perRow);
      items.push(`${from}:${to}`, ":");
      runs.push(size.perRow);
    }
    runs.push(isStatic(size) || sameDim(size, count) ? size : { perRow: 1 });
  }
  const isSplit = runs.length > shape.length;
  const from = isSplit ? call("reshape", args[0]!.text, shapeText(runs)) : args[0]!;
  const of = within(from, level.postfix);
  const part = partPiece(of, items);
  return isSplit ? call("reshape", part.text, shapeText(sizes)) : { ...part, part: { of, items } };
}

/** `x[1:3, :, 0]` */
function partPiece(of: string, items: readonly string[]): Piece {
  const last = items.findLastIndex((item) => item !== ":");
  return word(`${of}[${items.slice(0, last + 1).join(", ")}]`);
}

/** A reshape; one that drops the axes of which a slice took a single place is the index there: `x[:, 3]`. */
function reshapePiece({ graph, node, args }: Site): Piece {
  const part = args[0]!.part;
  if (part) {
    const { sizes } = graph.nodes[node.inputs[0]!]!.attrs as unknown as { readonly sizes: Shape };
    const isSingle = (axis: number): boolean => sizes[axis] === 1 && part.items[axis] !== ":";
    if (
      sameShape(
        sizes.filter((_, axis) => !isSingle(axis)),
        node.type.shape,
      )
    ) {
      return partPiece(
        part.of,
        part.items.map((item, axis) => (isSingle(axis) ? item.split(":")[0]! : item)),
      );
    }
  }
  return call("reshape", args[0]!.text, shapeText(node.type.shape));
}

/** `pad(x, …)`; along N, which `pad` does not take, blocks of the value are put beside. */
function padPiece({ graph, node, args }: Site): Piece {
  const pairs = node.attrs["pairs"] as readonly (readonly [Dim, Dim])[];
  const value = numberPiece(Number(node.attrs["value"])).text;
  let text = args[0]!.text;
  const fixed = pairs.map(([low, high]) => (isStatic(low) && isStatic(high) ? `[${low}, ${high}]` : "[0, 0]"));
  if (fixed.some((pair) => pair !== "[0, 0]")) {
    text = call("pad", text, `[${fixed.join(", ")}]`, value === "0" ? undefined : `value=${value}`).text;
  }
  const shape = [...typeOf(graph, node.inputs[0]!).shape];
  for (const [axis, [low, high]] of pairs.entries()) {
    if (isStatic(low) && isStatic(high)) shape[axis] = node.type.shape[axis]!;
  }
  for (const [axis, [low, high]] of pairs.entries()) {
    if (isStatic(low) && isStatic(high)) continue;
    const block = (size: Dim): string[] =>
      sameDim(size, 0) ? [] : [`broadcast(${value}, ${shapeText(shape.with(axis, size))})`];
    text = call("concat", `[${[...block(low), text, ...block(high)].join(", ")}]`, `axis=${axis}`).text;
    shape[axis] = node.type.shape[axis]!;
  }
  return word(text);
}

// ---- Windows ----

function pairText(name: string, value: AttrValue | undefined, preset: number): string | undefined {
  const [h, w] = value as readonly [number, number];
  if (h === preset && w === preset) return undefined;
  return `${name}=${h === w ? h : `[${h}, ${w}]`}`;
}

/** `conv2d(x, w, stride=2)`: what is not preset is said. */
export function convolutionText(x: string, w: string, attrs: Attrs): string {
  const groups = attrs["groups"] === 1 ? undefined : `groups=${attrs["groups"]}`;
  const { stride, padding, dilation } = attrs;
  return call(
    "conv2d",
    x,
    w,
    pairText("stride", stride, 1),
    pairText("padding", padding, 0),
    pairText("dilation", dilation, 1),
    groups,
  ).text;
}

export function poolText(name: "max_pool" | "avg_pool", x: string, attrs: Attrs): string {
  const k = attrs["k"] as readonly [number, number];
  const stride = attrs["stride"] as readonly [number, number];
  const same = stride[0] === k[0] && stride[1] === k[1];
  return call(
    name,
    x,
    k[0] === k[1] ? String(k[0]) : `[${k.join(", ")}]`,
    same ? undefined : pairText("stride", stride, Number.NaN),
    pairText("padding", attrs["padding"], 0),
    attrs["count_padding"] === false ? "count_padding=false" : undefined,
  ).text;
}

// ---- All ----

const signs: ReadonlyMap<string, readonly [number, string]> = new Map([
  ["or", [level.or, "or"]],
  ["and", [level.and, "and"]],
  ["add", [level.sum, "+"]],
  ["sub", [level.sum, "-"]],
  ["mul", [level.product, "*"]],
  ["div", [level.product, "/"]],
  ["mod", [level.product, "%"]],
]);

const comparisons: ReadonlyMap<string, string> = new Map([
  ["eq", "=="],
  ["ne", "!="],
  ["lt", "<"],
  ["le", "<="],
  ["gt", ">"],
  ["ge", ">="],
]);

/** Functions of the language whose name or plain form differs from the op's. */
const spellings: ReadonlyMap<string, (site: Site) => Piece> = new Map<string, (site: Site) => Piece>([
  ["const", ({ node }) => constantPiece(node)],
  ["rows", ({ node }) => rowsPiece(node)],
  ["tensor", ({ node }) => tensorPiece(node)],
  ["iota", ({ node }) => call("iota", dimText(node.attrs["count"] as Dim))],
  ["neg", ({ args }) => ({ text: `-${within(args[0]!, level.negation)}`, level: level.negation })],
  ["not", ({ args }) => ({ text: `not ${within(args[0]!, level.not)}`, level: level.not })],
  ["pow", ({ args: [x, y] }) => power(x!, y!)],
  ["maximum", ({ args }) => call("max", args[0]!.text, args[1]!.text)],
  ["minimum", ({ args }) => call("min", args[0]!.text, args[1]!.text)],
  ["within", ({ args }) => args[0]!],
  ["cast", ({ node, args }) => call(String(node.attrs["to"]), args[0]!.text)],
  ...["sum", "prod", "max", "min", "argmax", "argmin"].map(
    (name) => [name, (site: Site) => reductionPiece(name, site)] as const,
  ),
  ...["logsumexp", "softmax", "log_softmax"].map((name) => [name, safeForm] as const),
  ["cumsum", ({ node, args }) => call("cumsum", args[0]!.text, `axis=${node.attrs["axis"]}`)],
  ["einsum", einsumPiece],
  ["reshape", reshapePiece],
  ["transpose", transposePiece],
  [
    "broadcast",
    ({ node, args }) => {
      const spread = call("broadcast", args[0]!.text, shapeText(node.type.shape));
      return node.type.dtype === "i32" ? call("i32", spread.text) : spread;
    },
  ],
  ["pad", padPiece],
  [
    "concat",
    ({ node, args }) => call("concat", `[${args.map(({ text }) => text).join(", ")}]`, `axis=${node.attrs["axis"]}`),
  ],
  ["slice", slicePiece],
  ["flip", ({ node, args }) => call("flip", args[0]!.text, `axis=[${axesOf(node.attrs).join(", ")}]`)],
  ["one_hot", ({ node, args }) => call("one_hot", args[0]!.text, String(node.attrs["count"]))],
  ["uniform", ({ node }) => call("uniform", shapeText(node.type.shape))],
  ["normal", ({ node }) => call("normal", shapeText(node.type.shape))],
  ["conv2d", ({ node, args }) => word(convolutionText(args[0]!.text, args[1]!.text, node.attrs))],
  ["max_pool", ({ node, args }) => word(poolText("max_pool", args[0]!.text, node.attrs))],
  ["avg_pool", ({ node, args }) => word(poolText("avg_pool", args[0]!.text, node.attrs))],
]);

/** The node in the language; ops that only gradients make read as calls of functions of their names. */
export function languagePiece(site: Site): Piece {
  const { op } = site.node;
  const sign = signs.get(op);
  if (isSquare(site.node)) return power(site.args[0]!, word("2"));
  if (sign) return infix(sign[0], sign[1], site.args);
  const comparison = comparisons.get(op);
  // Comparisons do not chain: an operand that is one stands in parentheses.
  if (comparison) {
    const [a, b] = site.args.map((arg) => within(arg, level.sum));
    return { text: `${a} ${comparison} ${b}`, level: level.compare };
  }
  return spellings.get(op)?.(site) ?? call(op, ...site.args.map(({ text }) => text));
}
