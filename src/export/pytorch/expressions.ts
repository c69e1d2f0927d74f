// One op as a Python expression: over tensors with PyTorch's functions, over numbers of rank 0 in Python's own float64.
// Knows neither statements nor where a value comes from.
import type { Node } from "../../ir/graph.ts";
import { isStatic, sameDim, sameShape } from "../../ir/types.ts";
import { along, logSumExp, overAxes, reduction } from "./axes.ts";
import type { Bounds } from "./bounds.ts";
import { broadcast, pad, reshape, slice, transpose } from "./layout.ts";
import { atom, call, type Expression, level, type Piece, type Site, tensor, torchType, within } from "./pieces.ts";
import { convolution, pool } from "./windows.ts";
import { pythonNumber, pythonString, pythonTuple } from "./words.ts";

/** `a + b`; the right operand must bind tighter, for the order of float operations is part of the model. */
const infix =
  (sign: string, at: number, isNumeric = true): Expression =>
  ({ args: [a, b] }) => ({
    text: `${within(a!, isNumeric ? at : at + 1)} ${sign} ${within(b!, at + 1)}`,
    level: at,
    host: a!.host && b!.host,
  });

/** The value of a constant. */
const constantOf = ({ op, attrs }: Node): number | undefined =>
  op === "const" ? (attrs["value"] as number) : undefined;

/** Python's own operators on numbers raise where ours are infinite: where that may be, the operator is NumPy's. */
const guarded =
  (name: string, isSafe: (bounds: Site["bounds"]) => boolean, plain: Expression): Expression =>
  (site) =>
    site.args.every(({ host }) => host) && !isSafe(site.bounds)
      ? atom(`float(numpy.${name}(${site.args.map(({ text }) => text).join(", ")}))`, true)
      : plain(site);

const isOverZero = ([, by]: Site["bounds"]): boolean => by!.low > 0 || by!.high < 0;

/** A power cannot be infinite that stays below 1, or is a square or the like. */
const isSmallPower = ([base, exponent]: Site["bounds"]): boolean =>
  exponent!.low >= 0 && (exponent!.high <= 8 || (base!.low >= 0 && base!.high <= 1));

const power = guarded("power", isSmallPower, ({ args: [a, b], inputs }) => {
  const exponent = constantOf(inputs[1]!);
  const whole = exponent !== undefined && Number.isInteger(exponent) && Math.abs(exponent) < 1000;
  return {
    text: `${within(a!, level.atom)} ** ${whole ? exponent : within(b!, level.unary)}`,
    level: level.power,
    host: a!.host && b!.host,
  };
});

const plainQuotient = guarded("divide", isOverZero, infix("/", level.product));

/** A quotient; of a sum and the number of its elements, the mean. */
const quotient: Expression = (site) => {
  const { sumOf } = site.args[0]!;
  const by = site.inputs[1]!;
  const count = by.op === "rows" ? { perRow: by.attrs["multiple"] as number } : constantOf(by);
  return sumOf && count !== undefined && sameDim(count, sumOf.count) ? atom(sumOf.mean) : plainQuotient(site);
};

/** A function of one value: `math.tanh(step)` of a number, `torch.tanh(x)` of a tensor. */
const both =
  (ofNumber: (x: string) => string, ofTensor: (site: Site) => Piece): Expression =>
  (site) =>
    site.args[0]!.host ? atom(ofNumber(site.args[0]!.text), true) : ofTensor(site);

const named = (name: string, ofNumber = (x: string) => `math.${name}(${x})`): Expression =>
  both(ofNumber, ({ args }) => call(`torch.${name}`, args[0]!.text));

/** A function that Python has for some numbers only. */
const partial = (name: string, isIn: (x: Bounds) => boolean): Expression =>
  guarded(name, ([x]) => isIn(x!), named(name));

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
  ["div", quotient],
  ["mod", guarded("mod", isOverZero, infix("%", level.product))],
  ["pow", power],
  ["maximum", extreme("maximum")],
  ["minimum", extreme("minimum")],
  ["neg", ({ args: [x] }) => ({ text: `-${within(x!, level.unary)}`, level: level.unary, host: x!.host })],
  ["abs", named("abs", (x) => `abs(${x})`)],
  ["exp", partial("exp", ({ high }) => high < 700)],
  ["expm1", partial("expm1", ({ high }) => high < 700)],
  ["log", partial("log", ({ low }) => low > 0)],
  ["log1p", partial("log1p", ({ low }) => low > -1)],
  ["sqrt", partial("sqrt", ({ low }) => low >= 0)],
  [
    "rsqrt",
    both(
      (x) => `float(numpy.divide(1, numpy.sqrt(${x})))`,
      ({ args }) => call("torch.rsqrt", args[0]!.text),
    ),
  ],
  ["tanh", named("tanh")],
  ["sin", named("sin")],
  ["cos", named("cos")],
  ["erf", named("erf")],
  ["floor", partial("floor", () => false)],
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
      (x) => `float(1 / (1 + numpy.exp(-(${x}))))`,
      ({ args }) => call("torch.sigmoid", args[0]!.text),
    ),
  ],
  [
    "softplus",
    both(
      (x) => `float(numpy.logaddexp(0, ${x}))`,
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
  ["logsumexp", logSumExp],
  ["softmax", along("softmax")],
  ["log_softmax", along("log_softmax")],
  ["einsum", einsum],
  ["conv2d", convolution],
  ["max_pool", (site) => pool("max_pool2d", site)],
  ["avg_pool", (site) => pool("avg_pool2d", site)],
  ["reshape", reshape],
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
