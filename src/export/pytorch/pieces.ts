// Pieces of Python expressions: a text, how tightly it binds, and what an op may ask of the place it stands in. Knows no op.
import type { Node } from "../../ir/graph.ts";
import type { Attrs } from "../../ir/op-def.ts";
import type { Dim, Shape } from "../../ir/types.ts";
import type { Bounds } from "./bounds.ts";

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
  /** Of a sum: over how many elements, and the text of their mean. */
  readonly sumOf?: { readonly count: Dim; readonly mean: string };
}

export const atom = (text: string, host = false): Piece => ({ text, level: level.atom, host });

/** What an expression may ask of the place it stands in. */
export interface Site {
  readonly node: Node;
  readonly args: readonly Piece[];
  readonly inputs: readonly Node[];
  /** Of the arguments, where they are numbers. */
  readonly bounds: readonly Bounds[];
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

export const within = (piece: Piece, least: number): string => (piece.level < least ? `(${piece.text})` : piece.text);

export const call = (name: string, ...args: readonly string[]): Piece => atom(`${name}(${args.join(", ")})`);

/** An operand of which attributes are taken: a number is made a tensor first. */
export function tensor({ args, inputs, device }: Site, k: number): string {
  const piece = args[k]!;
  if (!piece.host) return within(piece, level.atom);
  const { dtype } = inputs[k]!.type;
  return `torch.tensor(${piece.text}, dtype=${torchType(dtype)}${device})`;
}

export const torchType = (dtype: string): string =>
  ({ f32: "torch.float32", i32: "torch.int32", bool: "torch.bool", u8: "torch.uint8" })[dtype]!;

export type Expression = (site: Site) => Piece;
