// Text -> syntax tree and everything that is wrong with the text: the phases of reading, in order.
import type { IRecognitionException, IToken } from "chevrotain";
import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source } from "../base/span.ts";
import type { File } from "./ast.ts";
import { balance } from "./brackets.ts";
import { buildAst } from "./build-ast.ts";
import type { FileCstNode } from "./cst.ts";
import { sharedParser } from "./grammar.ts";
import { type Lexed, lex } from "./lex.ts";
import { joinLines } from "./lines.ts";
import { limitNesting } from "./nesting.ts";
import { explain } from "./syntax-errors.ts";
import * as T from "./tokens.ts";

export interface ParseLimits {
  /** How deep brackets, prefixes and `if`s may nest. A call costs the parser about 5 KB of a stack of 984. */
  readonly nesting: number;
  /** Words, numbers and signs of all files of a model. Each takes about 1 KB of memory until the model is compiled. */
  readonly tokens: number;
}

export const defaultLimits: ParseLimits = { nesting: 100, tokens: 100_000 };

export interface Parsed {
  readonly file: File;
  /** In the order of the text; none is a consequence of another. */
  readonly diagnostics: Diagnostic[];
  /** How many words, numbers and signs the file has. */
  readonly tokens: number;
}

/** The concrete tree and what it was made from, for the formatter too. */
export interface Concrete {
  readonly cst: FileCstNode;
  readonly tokens: readonly IToken[];
  readonly comments: Lexed["comments"];
  readonly diagnostics: Diagnostic[];
}

/** `tokensBefore`: of the files that were read before this one. */
export function parseConcrete(source: Source, limits: ParseLimits = defaultLimits, tokensBefore = 0): Concrete {
  const lexed = lex(source, limits.tokens, tokensBefore);
  const balanced = balance(source, lexed.tokens);
  const lines = joinLines(source, balanced.tokens);
  const limited = limitNesting(source, lines.tokens, limits.nesting);
  const parser = sharedParser();
  const cst = parser.parse(limited.tokens, lines.partners) as FileCstNode;
  const before = [lexed, balanced, lines, limited].flatMap((phase) => phase.diagnostics);
  const places = before.map((diagnostic) => diagnostic.span!.start).sort((a, b) => a - b);
  const independent = parser.errors.filter((error) => !isConsequence(source.text, error, places));
  const diagnostics = [...before, ...independent.map((error) => explain(source, error))];
  return { cst, tokens: limited.tokens, comments: lexed.comments, diagnostics: inOrder(diagnostics) };
}

export const parse = (source: Source, limits: ParseLimits = defaultLimits, tokensBefore = 0): Parsed =>
  treeOf(source, parseConcrete(source, limits, tokensBefore));

/** The tree of what was read, and with it the mistakes that only the tree shows. */
export function treeOf(source: Source, { cst, tokens, comments, diagnostics }: Concrete): Parsed {
  const more: Diagnostic[] = [];
  const file = buildAst(source, cst, comments, (diagnostic) => more.push(diagnostic));
  const all = more.length > 0 ? inOrder([...diagnostics, ...more]) : diagnostics;
  return { file, diagnostics: all, tokens: tokens.length };
}

const inOrder = (diagnostics: readonly Diagnostic[]): Diagnostic[] =>
  diagnostics.toSorted((a, b) => a.span!.start - b.span!.start);

/** True where something earlier in the same group has been reported already: the parser stumbles over the repair. */
function isConsequence(text: string, error: IRecognitionException, places: readonly number[]): boolean {
  const opening = error.resyncedTokens[0];
  const from = opening ? opening.startOffset : 0;
  const { token } = error;
  // An error at a line's end is found before the comment or the unknown character that stands there.
  const lineEnd = token.image === "" ? text.indexOf("\n", token.startOffset) : -1;
  const to = lineEnd === -1 ? (token.image === "" ? text.length : T.endOf(token)) : lineEnd;
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low < places.length && places[low]! <= to;
}
