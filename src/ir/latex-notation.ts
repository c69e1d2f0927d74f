// Equations in LaTeX, for `aligned`: fractions, roots, norms of mathematics where they exist, `\operatorname` elsewhere.
import type { Notation } from "./equations.ts";
import { productOfTwo } from "./matrix-product.ts";
import { axesOf, isSquare, languagePiece } from "./notation.ts";
import { level, numberPiece, type Piece, type Site, word } from "./pieces.ts";

const escaped = (name: string): string => name.replace(/_/g, "\\_");

const symbol = (name: string): string => (/^[A-Za-z]$/.test(name) ? name : `\\mathrm{${escaped(name)}}`);

/** Parentheses that grow with what they hold. */
const group = ({ text }: Piece): string => `\\left(${text}\\right)`;
const within = (piece: Piece, least: number): string => (piece.level < least ? group(piece) : piece.text);

const infix = (at: number, sign: string, [a, b]: readonly Piece[]): Piece => ({
  text: `${within(a!, at)} ${sign} ${within(b!, at + 1)}`,
  level: at,
});

const applied = (name: string, args: readonly string[], index = ""): Piece =>
  word(`\\operatorname{${escaped(name)}}${index && `_{${index}}`}\\left(${args.join(", ")}\\right)`);

const functions: ReadonlyMap<string, string> = new Map([
  ["exp", "\\exp"],
  ["log", "\\log"],
  ["tanh", "\\tanh"],
  ["sin", "\\sin"],
  ["cos", "\\cos"],
  ["maximum", "\\max"],
  ["minimum", "\\min"],
  ["sigmoid", "\\sigma"],
]);

const signs: ReadonlyMap<string, readonly [number, string]> = new Map([
  ["or", [level.or, "\\lor"]],
  ["and", [level.and, "\\land"]],
  ["eq", [level.compare, "="]],
  ["ne", [level.compare, "\\ne"]],
  ["lt", [level.compare, "<"]],
  ["le", [level.compare, "\\le"]],
  ["gt", [level.compare, ">"]],
  ["ge", [level.compare, "\\ge"]],
  ["add", [level.sum, "+"]],
  ["sub", [level.sum, "-"]],
  ["mod", [level.product, "\\bmod"]],
]);

const reductions: ReadonlySet<string> = new Set(["sum", "prod", "max", "min", "argmax", "argmin", "mean"]);
const safeForms: ReadonlySet<string> = new Set(["softmax", "log_softmax", "logsumexp"]);

/** Over all axes nothing is said, else they stand below: `\operatorname{sum}_{0}`. */
function overAxes(name: string, { graph, node, args }: Site): Piece {
  const { shape } = graph.nodes[node.inputs[0]!]!.type;
  const axes = axesOf(node.attrs);
  const isPreset = safeForms.has(name)
    ? axes.length === 1 && axes[0] === shape.length - 1
    : axes.length === shape.length;
  return applied(name, [args[0]!.text], isPreset ? "" : axes.join(","));
}

function product({ graph, node, args }: Site): Piece {
  const isScaled = node.inputs.some((id) => graph.nodes[id]!.type.shape.length === 0);
  return infix(level.product, isScaled ? "\\cdot" : "\\odot", args);
}

function contraction(site: Site): Piece {
  const labels = site.node.attrs as unknown as { readonly inputs: readonly string[]; readonly output: string };
  const found = productOfTwo(labels);
  if (!found) {
    const subscripts = `\\text{${labels.inputs.join(",")}} \\to \\text{${labels.output}}`;
    return applied(
      "einsum",
      site.args.map(({ text }) => text),
      subscripts,
    );
  }
  const order = found.swapped ? [site.args[1]!, site.args[0]!] : site.args;
  const operands = order.map((arg, i) => (found.transposed[i] ? transposed(arg) : arg));
  return infix(level.product, "\\,", operands);
}

const transposed = (piece: Piece): Piece => word(`${raised(piece)}^{\\top}`);

/** A base that can take an exponent. */
const raised = (piece: Piece): string =>
  piece.level < level.postfix || /[\^\\]/.test(piece.text.replace(/^\\mathrm\{[^}]*\}$/, ""))
    ? group(piece)
    : piece.text;

function latexPiece(site: Site): Piece {
  const { node, args } = site;
  const [x, y, z] = args as readonly [Piece, Piece, Piece];
  const { op, attrs } = node;
  const sign = signs.get(op);
  if (sign) return infix(sign[0], sign[1], args);
  if (isSquare(node)) return { text: `${raised(x)}^{2}`, level: level.power };
  const name = functions.get(op);
  if (name !== undefined) return word(`${name}\\left(${args.map(({ text }) => text).join(", ")}\\right)`);
  if (reductions.has(op) || safeForms.has(op)) return overAxes(op, site);
  switch (op) {
    case "const":
      return node.type.dtype === "bool"
        ? word(`\\mathrm{${attrs["value"] ? "true" : "false"}}`)
        : latexNumber(Number(attrs["value"]));
    case "rows":
      return attrs["multiple"] === 1 ? word("N") : { text: `${attrs["multiple"]} N`, level: level.product };
    case "mul":
      return product(site);
    case "div":
      return word(`\\frac{${x.text}}{${y.text}}`);
    case "neg":
      return { text: `-${within(x, level.power)}`, level: level.negation };
    case "not":
      return { text: `\\lnot ${within(x, level.not)}`, level: level.not };
    case "pow":
      return { text: `${raised(x)}^{${y.text}}`, level: level.power };
    case "sqrt":
      return word(`\\sqrt{${x.text}}`);
    case "rsqrt":
      return word(`\\frac{1}{\\sqrt{${x.text}}}`);
    case "abs":
      return word(`\\left|${x.text}\\right|`);
    case "floor":
      return word(`\\left\\lfloor ${x.text}\\right\\rfloor`);
    case "where":
      return word(`\\begin{cases} ${y.text} & \\text{if } ${x.text} \\\\ ${z.text} & \\text{else} \\end{cases}`);
    case "one_hot":
      return word(`\\mathbf{1}_{${x.text}}`);
    case "einsum":
      return contraction(site);
    case "transpose": {
      const perm = attrs["perm"] as readonly number[];
      return perm.length === 2 ? transposed(x) : applied(op, [x.text], perm.join(","));
    }
    default:
      return fromLanguage(site);
  }
}

const latexNumber = (value: number): Piece => {
  const { text, level: at } = numberPiece(value);
  const scientific = /^(-?[\d.]+)e\+?(-?\d+)$/.exec(text);
  if (scientific) return { text: `${scientific[1]} \\cdot 10^{${scientific[2]}}`, level: level.product };
  return { text: text.replace("inf", "\\infty"), level: at };
};

/** What mathematics has no signs for is written as the language has it. */
function fromLanguage(site: Site): Piece {
  const piece = languagePiece(site);
  const text = piece.text.replace(/^([a-z]\w*)(?=\()/, (name) => `\\operatorname{${escaped(name)}}`);
  return { ...piece, text: text.replace("count_padding", "count\\_padding") };
}

export const latex: Notation = {
  name: (name, of) => word(of === undefined ? (name === "loss" ? "L" : symbol(name)) : `\\nabla_{\\!${symbol(of)}} L`),
  piece: (site) => latexPiece(site),
  mean: (site) => overAxes("mean", site),
  longest: 110,
};
