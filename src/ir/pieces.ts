// Expressions as texts that know how tightly they bind, and numbers as such. Knows the grammar of the language, and no ops but leaves.
import type { Graph, Node } from "./graph.ts";
import { dimText } from "./types.ts";

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
export const infix = (at: number, sign: string, [a, b]: readonly Piece[], rightTighter = true): Piece => ({
  text: `${within(a!, at)} ${sign} ${within(b!, rightTighter ? at + 1 : at)}`,
  level: at,
});

/** `x ** 2`: right-associative, and tighter than a sign before it. */
export const power = (x: Piece, y: Piece): Piece => ({
  text: `${within(x, level.postfix)} ** ${within(y, level.negation)}`,
  level: level.power,
});

export function numberPiece(value: number): Piece {
  if (Number.isNaN(value)) return { text: "inf - inf", level: level.sum };
  const size = Number.isFinite(value) ? String(Math.abs(value)) : "inf";
  return value < 0 || Object.is(value, -0) ? { text: `-${size}`, level: level.negation } : word(size);
}

export function constantPiece({ attrs, type }: Node): Piece {
  if (type.dtype === "bool") return word(attrs["value"] ? "true" : "false");
  return numberPiece(Number(attrs["value"]));
}

export const rowsPiece = ({ attrs }: Node): Piece =>
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

export function tensorPiece({ attrs, type }: Node): Piece {
  const { shape } = type;
  const text = call("tensor", literal(attrs["values"] as readonly number[], shape.map(Number)));
  return type.dtype === "f32" ? text : call(type.dtype, text.text);
}
