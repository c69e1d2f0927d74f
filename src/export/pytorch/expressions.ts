// One op as a Python expression: over tensors with PyTorch's functions, over numbers of rank 0 in Python's own float64.
// Knows neither statements nor where a value comes from.
import type { Node } from "../../ir/graph.ts";
import type { Attrs } from "../../ir/op-def.ts";
import { type Dim, isStatic, type Shape, sameShape } from "../../ir/types.ts";
import { pythonNumber, pythonString, pythonTuple } from "./words.ts";

/** How tightly Python binds; an operand that binds less is put into parentheses. */
export const level = {
  choice: 0,
  or: 1,
  and: 2,
  not: 3,
  compare: 4,
  bitOr: 5,
  bitAnd: 6,
  sum: 7,
  product: 8,
  unary: 9,
  power: 10,
  atom: 11,
} as const;

export interface Piece {
  readonly text: string;
  readonly level: number;
  /** A Python number and no tensor. */
  readonly host: boolean;
}

export const atom = (text: string, host = false): Piece => ({ text, level: level.atom, host });

/** What an expression may ask of the place it stands in. */
export interface Site {
  readonly node: Node;
  readonly args: readonly Piece[];
  readonly inputs: readonly Node[];
  /** `, device=x.device`, or nothing where tensors are made on the CPU. */
  readonly device: string;
  /** A size as a Python expression; N is `n`. */
  size(dim: Dim): string;
  shape(shape: Shape): string;
  /** A function of the emitted file's helpers by name; the file then carries it. */
  helper(name: string): string;
  scalar(name: string): Piece;
  constant(attrs: Attrs): Piece;
}

const within = (piece: Piece, least: number): string => (piece.level < least ? `(${piece.text})` : piece.text);

const call = (name: string, ...args: readonly string[]): Piece => atom(`${name}(${args.join(", ")})`);

/** An operand of which attributes are taken: a number is made a tensor first. */
function tensor({ args, inputs, device }: Site, k: number): string {
  const piece = args[k]!;
  if (!piece.host) return within(piece, level.atom);
  const { dtype } = inputs[k]!.type;
  return `torch.tensor(${piece.text}, dtype=${torchType(dtype)}${device})`;
}

export const torchType = (dtype: string): string =>
  ({ f32: "torch.float32", i32: "torch.int32", bool: "torch.bool", u8: "torch.uint8" })[dtype]!;

type Expression = (site: Site) => Piece;

/** `a + b`; the right operand must bind tighter, for the order of float operations is part of the model. */
const infix =
  (sign: string, at: number, isNumeric = true): Expression =>
  ({ args: [a, b] }) => ({
    text: `${within(a!, isNumeric ? at : at + 1)} ${sign} ${within(b!, at + 1)}`,
    level: at,
    host: a!.host && b!.host,
  });

const power: Expression = ({ args: [a, b] }) => ({
  text: `${within(a!, level.atom)} ** ${within(b!, level.unary)}`,
  level: level.power,
  host: a!.host && b!.host,
});

/** A function of one value: `math.exp(step)` of a number, `torch.exp(x)` of a tensor. */
const both =
  (ofNumber: (x: string) => string, ofTensor: (site: Site) => Piece): Expression =>
  (site) =>
    site.args[0]!.host ? atom(ofNumber(site.args[0]!.text), true) : ofTensor(site);

const named = (name: string, ofNumber = `math.${name}`): Expression =>
  both(
    (x) => `${ofNumber}(${x})`,
    ({ args }) => call(`torch.${name}`, args[0]!.text),
  );

const axesOf = ({ attrs }: Node): readonly number[] => attrs["axes"] as readonly number[];

/** `-1` for the last axis: the one form that reads well. */
function axesText(axes: readonly number[], rank: number): string {
  const shown = axes.map((axis) => (axis === rank - 1 ? -1 : axis));
  return shown.length === 1 ? String(shown[0]) : pythonTuple(shown.map(String));
}

const keepText = ({ attrs }: Node): string => (attrs["keepdims"] ? ", keepdim=True" : "");

/** x.sum(-1, keepdim=True); x.sum() over all axes. */
function reduction(method: string, site: Site, more = ""): Piece {
  const { node, inputs } = site;
  const rank = inputs[0]!.type.shape.length;
  const axes = axesOf(node);
  const x = tensor(site, 0);
  if (axes.length === 0) return atom(x);
  const all = axes.length === rank && !node.attrs["keepdims"];
  const args = all ? more.replace(/^, /, "") : `${axesText(axes, rank)}${keepText(node)}${more}`;
  return atom(`${x}.${method}(${args})`);
}

/** A helper that takes (x, axes, keepdim). */
const overAxes =
  (name: string): Expression =>
  (site) =>
    call(
      site.helper(name),
      site.args[0]!.text,
      pythonTuple(axesOf(site.node).map(String)),
      site.node.attrs["keepdims"] ? "True" : "False",
    );

const along =
  (name: string): Expression =>
  (site) => {
    const axes = axesOf(site.node);
    const x = site.args[0]!.text;
    const dim = axesText(axes, site.inputs[0]!.type.shape.length);
    if (axes.length === 1) return call(`torch.${name}`, x, dim);
    const shifted = `${within(site.args[0]!, level.sum)} - torch.logsumexp(${x}, ${dim}, keepdim=True)`;
    if (name === "softmax") return call("torch.exp", shifted);
    return { text: shifted, level: level.sum, host: false };
  };

/** The larger one, the first where they are equal: then the gradient is the first's alone. */
const extreme =
  (name: "maximum" | "minimum"): Expression =>
  (site) => {
    const [a, b] = site.args as [Piece, Piece];
    if (a.host && b.host) return atom(`${name === "maximum" ? "max" : "min"}(${a.text}, ${b.text})`, true);
    if (name === "maximum" && a.host && Number(a.text) === 0) return call("torch.relu", b.text);
    return call(site.helper(name), a.host ? tensor(site, 0) : a.text, b.host ? tensor(site, 1) : b.text);
  };

/** `a @ b` where that is what the labels say. */
function einsum(site: Site): Piece {
  const { inputs: terms, output } = site.node.attrs as { inputs: readonly string[]; output: string };
  const [a, b] = terms;
  if (terms.length === 2 && output.length >= 2) {
    const [n, m] = output.slice(-2);
    const batch = output.slice(0, -2);
    const k = a!.at(-1)!;
    const fits = new Set(`${batch}${n}${m}${k}`).size === batch.length + 3;
    if (fits && a === batch + n + k && (b === batch + k + m || b === k + m)) {
      return {
        text: `${within(site.args[0]!, level.product)} @ ${within(site.args[1]!, level.unary)}`,
        level: level.product,
        host: false,
      };
    }
  }
  const equation = JSON.stringify(`${terms.join(",")}->${output}`);
  return call("torch.einsum", equation, ...site.args.map((arg, k) => (arg.host ? tensor(site, k) : arg.text)));
}

function transpose(site: Site): Piece {
  const perm = site.node.attrs["perm"] as readonly number[];
  const x = tensor(site, 0);
  if (perm.length === 0) return site.args[0]!;
  const last = perm.length - 1;
  const swapsLast = last >= 1 && perm.every((axis, k) => axis === (k === last ? last - 1 : k === last - 1 ? last : k));
  if (swapsLast) return atom(last === 1 ? `${x}.T` : `${x}.transpose(-1, -2)`);
  return atom(`${x}.permute(${perm.join(", ")})`);
}

/** The sizes of a reshape: at most one is not known, and that one is -1. */
const sizesText = (site: Site, shape: Shape): string => {
  const open = shape.filter((dim) => !isStatic(dim)).length;
  const isEmpty = shape.includes(0);
  return shape.map((dim) => (!isStatic(dim) && open === 1 && !isEmpty ? "-1" : site.size(dim))).join(", ");
};

function broadcast(site: Site): Piece {
  const { shape, dtype } = site.node.type;
  const [x] = site.args;
  if (!x!.host) return atom(`${tensor(site, 0)}.expand(${site.shape(shape)})`);
  const type = dtype === "f32" ? "" : `, dtype=${torchType(dtype)}`;
  if (dtype === "f32" && Number(x!.text) === 0) return call("torch.zeros", `${site.shape(shape)}${site.device}`);
  if (dtype === "f32" && Number(x!.text) === 1) return call("torch.ones", `${site.shape(shape)}${site.device}`);
  const value = dtype === "f32" ? x!.text : dtype === "bool" ? `bool(${x!.text})` : `int(${x!.text})`;
  return call("torch.full", site.shape(shape), `${value}${type}${site.device}`);
}

function slice(site: Site): Piece {
  const { starts, sizes } = site.node.attrs as unknown as { starts: readonly Dim[]; sizes: readonly Dim[] };
  const { shape } = site.inputs[0]!.type;
  const isWhole = (d: number): boolean => starts[d] === 0 && sameShape([sizes[d]!], [shape[d]!]);
  const parts = sizes.map((size, d) => {
    const from = starts[d]!;
    if (isWhole(d)) return ":";
    if (isStatic(from) && isStatic(size)) return `${from}:${from + size}`;
    return `${site.size(from)}:${site.size(from)} + ${site.size(size)}`;
  });
  const last = parts.findLastIndex((part) => part !== ":");
  const first = parts.findIndex((part) => part !== ":");
  if (last < 0) return site.args[0]!;
  const shown = first === parts.length - 1 && first > 1 ? `..., ${parts[first]}` : parts.slice(0, last + 1).join(", ");
  return atom(`${tensor(site, 0)}[${shown}]`);
}

function pad(site: Site): Piece {
  const { pairs, value } = site.node.attrs as unknown as { pairs: readonly (readonly Dim[])[]; value: number };
  const { dtype } = site.node.type;
  const flat = pythonTuple(pairs.toReversed().flat().map(site.size));
  if (pairs.length === 0) return site.args[0]!;
  const x = tensor(site, 0);
  if (dtype === "bool") return atom(`F.pad(${x}.int(), ${flat}, value=${value}).bool()`);
  return call("F.pad", x, flat, ...(value === 0 ? [] : [`value=${pythonNumber(value, dtype !== "f32")}`]));
}

interface Window {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly count_padding?: boolean;
}

const pairText = (pair: readonly number[]): string =>
  pair[0] === pair[1] ? String(pair[0]) : pythonTuple(pair.map(String));

function pool(name: "max_pool2d" | "avg_pool2d", site: Site): Piece {
  const { k, stride, padding, count_padding: counts } = site.node.attrs as unknown as Window;
  const [x] = site.args;
  const window = [pairText(k), pairText(stride)];
  // PyTorch pads by half a window at most; past that the image itself is padded.
  const fits = padding.every((p, d) => 2 * p <= k[d]!);
  const around = `(${padding[1]}, ${padding[1]}, ${padding[0]}, ${padding[0]})`;
  if (name === "max_pool2d") {
    if (fits) return call("F.max_pool2d", x!.text, ...window, ...(padding.some(Boolean) ? [pairText(padding)] : []));
    return call("F.max_pool2d", `F.pad(${x!.text}, ${around}, value=-math.inf)`, ...window);
  }
  if (!padding.some(Boolean)) return call("F.avg_pool2d", x!.text, ...window);
  if (fits && counts) return call("F.avg_pool2d", x!.text, ...window, pairText(padding));
  if (fits) return call("F.avg_pool2d", x!.text, ...window, pairText(padding), "count_include_pad=False");
  const means = `F.avg_pool2d(F.pad(${x!.text}, ${around}), ${window.join(", ")})`;
  if (counts) return atom(means);
  const shares = `F.avg_pool2d(F.pad(torch.ones_like(${x!.text}), ${around}), ${window.join(", ")})`;
  return { text: `${means} / ${shares}`, level: level.product, host: false };
}

function convolution({ node, args: [x, w] }: Site): Piece {
  const { stride, padding, dilation, groups } = node.attrs as unknown as Window & {
    dilation: readonly number[];
    groups: number;
  };
  const isPlain = (pair: readonly number[], plain: number): boolean => pair.every((value) => value === plain);
  const options = [
    ...(isPlain(stride, 1) ? [] : [`stride=${pairText(stride)}`]),
    ...(isPlain(padding, 0) ? [] : [`padding=${pairText(padding)}`]),
    ...(isPlain(dilation, 1) ? [] : [`dilation=${pairText(dilation)}`]),
    ...(groups === 1 ? [] : [`groups=${groups}`]),
  ];
  return call("F.conv2d", x!.text, w!.text, ...options);
}

const cast: Expression = (site) => {
  const to = String(site.node.attrs["to"]);
  const [x] = site.args;
  if (x!.host) {
    if (to === "bool") return { text: `${within(x!, level.bitOr)} != 0`, level: level.compare, host: true };
    return atom(`${to === "f32" ? "float" : "int"}(${x!.text})`, true);
  }
  return atom(`${tensor(site, 0)}.${{ f32: "float", i32: "int", bool: "bool" }[to]}()`);
};

const where: Expression = (site) => {
  const [c, a, b] = site.args as [Piece, Piece, Piece];
  if (c.host && a.host && b.host) {
    const text = `${within(a, level.or)} if ${within(c, level.or)} else ${within(b, level.choice)}`;
    return { text, level: level.choice, host: true };
  }
  // A condition that is one number chooses whole values; broadcasting is for the rest.
  if (c.host && sameShape(site.inputs[1]!.type.shape, site.inputs[2]!.type.shape)) {
    const text = `${within(a, level.or)} if ${within(c, level.or)} else ${within(b, level.choice)}`;
    return { text, level: level.choice, host: false };
  }
  const [first, second] = [a, b].map((piece, k) => (piece.host && a.host && b.host ? tensor(site, k + 1) : piece.text));
  return call("torch.where", c.host ? tensor(site, 0) : c.text, first!, second!);
};

/** Numbers of rows are drawn by the row's place in the whole batch. */
const drawn =
  (name: string): Expression =>
  ({ node, shape }) => {
    const sizes = node.type.shape;
    const byRow = sizes.length > 0 && !isStatic(sizes[0]!) ? ", by_row=True" : "";
    return atom(`random.${name}(${pythonString(String(node.attrs["key"]))}, ${shape(sizes)}${byRow})`);
  };

/** Python and PyTorch agree on how these are written: over numbers `and`, over tensors `&`. */
const logic =
  (word: string, sign: string, at: { word: number; sign: number }): Expression =>
  (site) => {
    const host = site.args.every((arg) => arg.host);
    const [a, b] = site.args.map((arg, k) => (!host && arg.host ? atom(tensor(site, k)) : arg));
    const own = host ? at.word : at.sign;
    return { text: `${within(a!, own)} ${host ? word : sign} ${within(b!, own + 1)}`, level: own, host };
  };

export const expressions: ReadonlyMap<string, Expression> = new Map<string, Expression>([
  ["const", ({ node }) => constantPiece(node)],
  ["scalar", ({ node, scalar }) => scalar(String(node.attrs["name"]))],
  [
    "rows",
    ({ node }) => {
      const multiple = node.attrs["multiple"] as number;
      return multiple === 1 ? atom("n", true) : { text: `${multiple} * n`, level: level.product, host: true };
    },
  ],
  ["load", (site) => site.constant(site.node.attrs)],
  [
    "tensor",
    ({ node, device }) => {
      const { dtype, shape } = node.type;
      const numbers = (node.attrs["values"] as readonly number[]).map((value) => pythonNumber(value, dtype !== "f32"));
      const flat = `torch.tensor([${numbers.join(", ")}], dtype=${torchType(dtype)}${device})`;
      return atom(shape.length === 1 ? flat : `${flat}.reshape(${pythonTuple(shape.map(String))})`);
    },
  ],
  ["iota", (site) => call("torch.arange", site.size(site.node.type.shape[0]!), `dtype=torch.int32${site.device}`)],
  ["add", infix("+", level.sum)],
  ["sub", infix("-", level.sum)],
  ["mul", infix("*", level.product)],
  ["div", infix("/", level.product)],
  ["mod", infix("%", level.product)],
  ["pow", power],
  ["maximum", extreme("maximum")],
  ["minimum", extreme("minimum")],
  ["neg", ({ args: [x] }) => ({ text: `-${within(x!, level.unary)}`, level: level.unary, host: x!.host })],
  ["abs", named("abs", "abs")],
  ["exp", named("exp")],
  ["expm1", named("expm1")],
  ["log", named("log")],
  ["log1p", named("log1p")],
  ["sqrt", named("sqrt")],
  [
    "rsqrt",
    both(
      (x) => `(1 / math.sqrt(${x}))`,
      ({ args }) => call("torch.rsqrt", args[0]!.text),
    ),
  ],
  ["tanh", named("tanh")],
  ["sin", named("sin")],
  ["cos", named("cos")],
  ["erf", named("erf")],
  ["floor", named("floor")],
  [
    "sign",
    both(
      (x) => `(0.0 if ${x} == 0 else math.copysign(1.0, ${x}))`,
      ({ args }) => call("torch.sign", args[0]!.text),
    ),
  ],
  [
    "sigmoid",
    both(
      (x) => `(1 / (1 + math.exp(-(${x}))))`,
      ({ args }) => call("torch.sigmoid", args[0]!.text),
    ),
  ],
  [
    "softplus",
    both(
      (x) => `math.log1p(math.exp(${x}))`,
      ({ args }) => call("F.softplus", args[0]!.text),
    ),
  ],
  ["eq", infix("==", level.compare, false)],
  ["ne", infix("!=", level.compare, false)],
  ["lt", infix("<", level.compare, false)],
  ["le", infix("<=", level.compare, false)],
  ["gt", infix(">", level.compare, false)],
  ["ge", infix(">=", level.compare, false)],
  ["and", logic("and", "&", { word: level.and, sign: level.bitAnd })],
  ["or", logic("or", "|", { word: level.or, sign: level.bitOr })],
  [
    "not",
    ({ args: [x] }) =>
      x!.host
        ? { text: `not ${within(x!, level.not)}`, level: level.not, host: true }
        : { text: `~${within(x!, level.unary)}`, level: level.unary, host: false },
  ],
  ["where", where],
  ["cast", cast],
  ["sum", (site) => reduction("sum", site, site.node.type.dtype === "i32" ? ", dtype=torch.int32" : "")],
  ["prod", overAxes("product")],
  ["max", overAxes("largest")],
  ["min", overAxes("smallest")],
  ["argmax", overAxes("place_of_largest")],
  ["argmin", overAxes("place_of_smallest")],
  ["cumsum", (site) => call("torch.cumsum", site.args[0]!.text, String(site.node.attrs["axis"]))],
  [
    "logsumexp",
    ({ node, args, inputs }) =>
      call(
        "torch.logsumexp",
        args[0]!.text,
        `${axesText(axesOf(node), inputs[0]!.type.shape.length)}${keepText(node)}`,
      ),
  ],
  ["softmax", along("softmax")],
  ["log_softmax", along("log_softmax")],
  ["einsum", einsum],
  ["conv2d", convolution],
  ["max_pool", (site) => pool("max_pool2d", site)],
  ["avg_pool", (site) => pool("avg_pool2d", site)],
  ["reshape", (site) => atom(`${tensor(site, 0)}.reshape(${sizesText(site, site.node.type.shape) || "()"})`)],
  ["transpose", transpose],
  ["broadcast", broadcast],
  ["pad", pad],
  [
    "concat",
    (site) => call("torch.cat", pythonTuple(site.args.map((_, k) => tensor(site, k))), String(site.node.attrs["axis"])),
  ],
  ["slice", slice],
  ["flip", (site) => atom(`${tensor(site, 0)}.flip(${(site.node.attrs["axes"] as readonly number[]).join(", ")})`)],
  // PyTorch refuses indices out of range itself.
  ["within", (site) => site.args[0]!],
  ["gather", (site) => atom(`${tensor(site, 0)}[${tensor(site, 1)}.long()]`)],
  ["pick", (site) => call(site.helper("pick"), site.args[0]!.text, tensor(site, 1))],
  ["one_hot", (site) => call(site.helper("one_hot"), tensor(site, 0), site.size(site.node.type.shape.at(-1)!))],
  [
    "scatter_add",
    (site) => call(site.helper("scatter_add"), tensor(site, 0), tensor(site, 1), site.size(site.node.type.shape[0]!)),
  ],
  ["uniform", drawn("uniform")],
  ["normal", drawn("normal")],
  ["stop_gradient", (site) => (site.args[0]!.host ? site.args[0]! : atom(`${tensor(site, 0)}.detach()`))],
  ["variable", (site) => call(site.helper("variable"), tensor(site, 0))],
  ["grad", (site) => call(site.helper("gradient"), site.args[0]!.text, tensor(site, 1))],
]);

function constantPiece({ attrs, type }: Node): Piece {
  const value = attrs["value"] as number;
  if (type.dtype === "bool") return atom(value ? "True" : "False", true);
  const text = pythonNumber(value, type.dtype !== "f32");
  return text.startsWith("-") ? { text, level: level.unary, host: true } : atom(text, true);
}
