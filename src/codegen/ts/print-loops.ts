// Loop language -> lines of JavaScript (which are TypeScript too: bodies need no annotations). Knows no ops, no tiling, no policy.
import type { Dim } from "../../ir/types.ts";
import type { Buffer, Index, Loop, Place, Procedure, Scalar, Stored } from "../loops.ts";

/** What kernels call the view of the arena that holds such elements. */
export const views: Record<Stored, string> = { f32: "f32", i32: "i32", u16: "u16", bool: "u8", u8: "u8" };

/** What all others call it. */
export const arenaViews: Record<Stored, string> = {
  f32: "floats",
  i32: "ints",
  u16: "shorts",
  bool: "bytes",
  u8: "bytes",
};

/** How tightly a piece of text binds; larger is tighter. */
interface Piece {
  readonly text: string;
  readonly level: number;
}

const atom = (text: string): Piece => ({ text, level: 20 });
const wrap = (piece: Piece, level: number): string => (piece.level >= level ? piece.text : `(${piece.text})`);

const infix = new Map([
  ["or", { sign: "||", level: 3 }],
  ["and", { sign: "&&", level: 4 }],
  ["eq", { sign: "===", level: 8 }],
  ["ne", { sign: "!==", level: 8 }],
  ["lt", { sign: "<", level: 9 }],
  ["le", { sign: "<=", level: 9 }],
  ["gt", { sign: ">", level: 9 }],
  ["ge", { sign: ">=", level: 9 }],
  ["add", { sign: "+", level: 11 }],
  ["sub", { sign: "-", level: 11 }],
  ["mul", { sign: "*", level: 12 }],
  ["div", { sign: "/", level: 12 }],
]);

const mathFunctions = new Map([
  ["abs", "Math.abs"],
  ["exp", "Math.exp"],
  ["expm1", "Math.expm1"],
  ["log", "Math.log"],
  ["log1p", "Math.log1p"],
  ["sqrt", "Math.sqrt"],
  ["tanh", "Math.tanh"],
  ["sin", "Math.sin"],
  ["cos", "Math.cos"],
  ["floor", "Math.floor"],
  ["sign", "Math.sign"],
  ["pow", "Math.pow"],
  ["min", "Math.min"],
  ["max", "Math.max"],
  ["erf", "erf"],
  ["sigmoid", "sigmoid"],
  ["softplus", "softplus"],
  ["mod", "floorMod"],
  ["within", "within"],
  ["uniform", "uniformOf"],
  ["normal", "normalOf"],
]);

/** Names of helpers that a text of this printer may call; the emitter brings along those that occur. */
export const helperRoots: readonly string[] = [
  "erf",
  "sigmoid",
  "softplus",
  "floorMod",
  "within",
  "uniformOf",
  "normalOf",
  "streamA",
  "streamB",
];

export const dimText = (dim: Dim): string =>
  typeof dim === "number" ? String(dim) : dim.perRow === 1 ? "N" : `${dim.perRow} * N`;

/** The statements of a procedure's loops, two spaces per level. */
export function printLoops(procedure: Pick<Procedure, "body" | "buffers">): string[] {
  const buffers = new Map(procedure.buffers.map((b) => [b.name, b]));
  return block(procedure.body, buffers);
}

function block(body: readonly Loop[], buffers: ReadonlyMap<string, Buffer>): string[] {
  return body.flatMap((loop) => statement(loop, buffers));
}

function statement(loop: Loop, buffers: ReadonlyMap<string, Buffer>): string[] {
  const text = (scalar: Scalar): string => print(scalar, buffers).text;
  const indent = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);
  switch (loop.kind) {
    case "comment":
      return [`// ${loop.text}`];
    case "let":
      return [`${loop.mutable ? "let" : "const"} ${loop.name} = ${text(loop.value)};`];
    case "assign":
      return [`${assignment(loop.name, loop.value, buffers)};`];
    case "store": {
      const buffer = buffers.get(loop.buffer)!;
      const target = `${views[buffer.storage]}[${address(loop.buffer, loop.at, buffers)}]`;
      const value = buffer.storage === "bool" ? `${wrap(print(loop.value, buffers), 3)} ? 1 : 0` : text(loop.value);
      return [`${target} ${loop.add ? "+=" : "="} ${value};`];
    }
    case "clear": {
      const view = views[buffers.get(loop.buffer)!.storage];
      const start = address(loop.buffer, loop.at, buffers);
      return [`${view}.fill(0, ${start}, ${start} + ${index(loop.count).text});`];
    }
    case "if":
      return [`if (${text(loop.condition)}) {`, ...indent(block(loop.body, buffers)), "}"];
    case "for": {
      const { variable, step } = loop;
      const advance = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      const head = `for (let ${variable} = ${text(loop.from)}; ${variable} < ${wrap(print(loop.to, buffers), 10)}; ${advance}) {`;
      return [head, ...indent(block(loop.body, buffers)), "}"];
    }
  }
}

/** `sum += x` where a variable takes in a value. */
function assignment(name: string, value: Scalar, buffers: ReadonlyMap<string, Buffer>): string {
  if (value.kind === "call" && value.dtype === "f32" && (value.fn === "add" || value.fn === "mul")) {
    const [first, second] = value.args;
    if (first?.kind === "var" && first.name === name)
      return `${name} ${value.fn === "add" ? "+=" : "*="} ${print(second!, buffers).text}`;
  }
  return `${name} = ${print(value, buffers).text}`;
}

/** A scalar as an expression. bool scalars are JavaScript booleans; in memory they are bytes 0 and 1. */
export function print(scalar: Scalar, buffers: ReadonlyMap<string, Buffer>): Piece {
  switch (scalar.kind) {
    case "num":
      return number(scalar.value, scalar.dtype);
    case "var":
      return atom(scalar.name);
    case "index":
      return index(scalar.index);
    case "size":
      return typeof scalar.dim === "number" || scalar.dim.perRow === 1
        ? atom(dimText(scalar.dim))
        : { text: dimText(scalar.dim), level: 12 };
    case "whole": {
      const size = index(scalar.of);
      return { text: `${wrap(size, 11)} - ${wrap(size, 13)} % ${scalar.tile}`, level: 11 };
    }
    case "load": {
      const buffer = buffers.get(scalar.buffer)!;
      const text = `${views[buffer.storage]}[${address(scalar.buffer, scalar.at, buffers)}]`;
      return buffer.storage === "bool" ? { text: `${text} === 1`, level: 8 } : atom(text);
    }
    case "call":
      return callText(scalar, buffers);
    default:
      throw new Error(`the TypeScript target has no lanes, so no ${scalar.kind}`);
  }
}

function number(value: number, dtype: string): Piece {
  if (dtype === "bool") return atom(value === 0 ? "false" : "true");
  if (value === Infinity) return atom("Infinity");
  if (value === -Infinity) return { text: "-Infinity", level: 14 };
  if (Number.isNaN(value)) return atom("NaN");
  if (value < 0 || Object.is(value, -0)) return { text: Object.is(value, -0) ? "-0" : String(value), level: 14 };
  return atom(String(value));
}

function callText(scalar: Extract<Scalar, { kind: "call" }>, buffers: ReadonlyMap<string, Buffer>): Piece {
  const args = scalar.args.map((arg) => print(arg, buffers));
  const { fn, dtype } = scalar;
  const sign = infix.get(fn);
  if (sign) {
    const isInt = dtype === "i32" && scalar.args.some((a) => a.kind !== "index");
    if (isInt && fn === "mul") return atom(`Math.imul(${args.map((a) => a.text).join(", ")})`);
    const text = `${wrap(args[0]!, sign.level)} ${sign.sign} ${wrap(args[1]!, sign.level + 1)}`;
    if (isInt) return { text: `(${text}) | 0`, level: 5 };
    return { text, level: sign.level };
  }
  switch (fn) {
    case "neg":
      if (dtype === "i32") return { text: `-${wrap(args[0]!, 15)} | 0`, level: 5 };
      return { text: `-${wrap(args[0]!, 15)}`, level: 14 };
    case "not":
      return { text: `!${wrap(args[0]!, 14)}`, level: 14 };
    case "where":
      return { text: `${wrap(args[0]!, 3)} ? ${wrap(args[1]!, 2)} : ${wrap(args[2]!, 2)}`, level: 2 };
    case "rsqrt":
      return { text: `1 / Math.sqrt(${args[0]!.text})`, level: 12 };
    case "cast":
      return cast(scalar, args[0]!);
    default: {
      const name = mathFunctions.get(fn);
      if (!name) throw new Error(`the TypeScript target has no ${fn}`);
      const text = `${name}(${args.map((a) => a.text).join(", ")})`;
      // The least integer has no opposite, and no integer is a remainder of 0.
      return dtype === "i32" && (fn === "abs" || fn === "mod") ? { text: `${text} | 0`, level: 5 } : atom(text);
    }
  }
}

function cast(scalar: Extract<Scalar, { kind: "call" }>, arg: Piece): Piece {
  const inner = scalar.args[0]!;
  const from = "dtype" in inner ? inner.dtype : inner.kind === "size" ? "f32" : "i32";
  if (scalar.dtype === from) return from === "f32" ? atom(`Math.fround(${arg.text})`) : arg;
  if (scalar.dtype === "bool") return { text: `${wrap(arg, 9)} !== 0`, level: 8 };
  if (from === "bool") return { text: `${wrap(arg, 3)} ? 1 : 0`, level: 2 };
  if (scalar.dtype === "i32") return { text: `${wrap(arg, 6)} | 0`, level: 5 };
  return arg;
}

/** `x + n * 784 + k + 3`: the buffer's offset, then terms, then the constant. */
function address(buffer: string, place: Place, buffers: ReadonlyMap<string, Buffer>): string {
  const parts = [buffer];
  const { index: at, computed } = place;
  for (const { variable, mul } of at.terms) parts.push(product(variable, mul));
  if (at.rows !== 0) parts.push(at.rows === 1 ? "N" : `${at.rows} * N`);
  for (const { value, stride } of computed) {
    const text = print(value, buffers);
    parts.push(stride === 1 ? wrap(text, 12) : `${wrap(text, 12)} * ${stride}`);
  }
  if (at.const !== 0) parts.push(String(at.const));
  return parts.join(" + ").replaceAll("+ -", "- ");
}

function index(at: Index): Piece {
  const parts = at.terms.map(({ variable, mul }) => product(variable, mul));
  if (at.rows !== 0) parts.push(at.rows === 1 ? "N" : `${at.rows} * N`);
  if (at.const !== 0 || parts.length === 0) parts.push(String(at.const));
  if (parts.length === 1) {
    const [text] = parts as [string];
    return /^\w+$/.test(text) ? atom(text) : { text, level: text.startsWith("-") ? 11 : 12 };
  }
  return { text: parts.join(" + ").replaceAll("+ -", "- "), level: 11 };
}

function product(variable: string, mul: Dim): string {
  if (mul === 1) return variable;
  if (mul === -1) return `-${variable}`;
  if (typeof mul === "number") return `${variable} * ${mul}`;
  return mul.perRow === 1 ? `${variable} * N` : `${variable} * ${mul.perRow} * N`;
}
