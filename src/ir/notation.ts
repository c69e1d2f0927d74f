// A node as an expression of the language, given its operands as expressions. Knows op names; not which nodes get a line.
import type { Graph, Node, NodeId } from "./graph.ts";
import { padPiece, reshapePiece, slicePiece, transposePiece } from "./layout-pieces.ts";
import { productOfTwo } from "./matrix-product.ts";
import type { Attrs, AttrValue } from "./op-def.ts";
import {
  call,
  constantPiece,
  infix,
  level,
  type Piece,
  power,
  rowsPiece,
  type Site,
  tensorPiece,
  within,
  word,
} from "./pieces.ts";
import { type Dim, dimText, productOf, sameDim, shapeText } from "./types.ts";

/** x * x, which is what becomes of x ** 2. */
export const isSquare = ({ op, inputs, type }: Node): boolean =>
  op === "mul" && inputs[0] === inputs[1] && type.dtype === "f32";

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

function einsumPiece({ node, args }: Site): Piece {
  const labels = node.attrs as unknown as { readonly inputs: readonly string[]; readonly output: string };
  const product = productOfTwo(labels);
  if (!product)
    return call("einsum", `"${labels.inputs.join(",")}->${labels.output}"`, ...args.map(({ text }) => text));
  const order = product.swapped ? [args[1]!, args[0]!] : args;
  const operands = order.map((arg, i) => (product.transposed[i] ? word(`${within(arg, level.postfix)}.T`) : arg));
  return infix(level.product, "@", operands);
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
