// What the formatter works on: the tokens of a file without mistakes, each with its place in the grammar and what
// stood before it in the text (newlines, comments). Decides spaces; knows nothing of lines and indentation.
import type { CstNode, IToken, TokenType } from "chevrotain";
import { positionAt, type Source } from "../base/span.ts";
import type { Concrete } from "./parse.ts";
import * as T from "./tokens.ts";

export interface Comment {
  readonly text: string;
  readonly blankBefore: boolean;
}

/** One token and the text between it and the one before. */
export interface Unit {
  readonly token: IToken;
  readonly type: TokenType;
  /** The grammar rule that took it. */
  readonly rule: string;
  readonly isPrefix: boolean;
  /** The first of a statement, declaration or entry. */
  readonly isStart: boolean;
  /** Index of the bracket that this one opens or closes; its own where it is no bracket. */
  partner: number;
  readonly hadNewline: boolean;
  readonly hadBlankLine: boolean;
  /** A `=` of an argument or parameter that was written without spaces. */
  isTight: boolean;
  /** Comments on lines of their own before it. */
  readonly comments: readonly Comment[];
  /** The comment behind it on its line. */
  trailing: { readonly text: string; readonly column: number; readonly gap: number } | undefined;
  readonly line: number;
  readonly column: number;
  /** How many characters stand between it and the token before. */
  readonly gap: number;
}

export interface Units {
  readonly units: readonly Unit[];
  /** Comments after the last token. */
  readonly last: readonly Comment[];
}

interface Place {
  readonly rule: string;
  readonly isPrefix: boolean;
}

/** The rule that took each token. */
function placesOf(cst: CstNode): ReadonlyMap<IToken, Place> {
  const places = new Map<IToken, Place>();
  const open: CstNode[] = [cst];
  for (let node = open.pop(); node; node = open.pop()) {
    for (const [key, children] of Object.entries(node.children)) {
      for (const child of children) {
        if ("children" in child) open.push(child);
        else places.set(child, { rule: node.name, isPrefix: key === "prefix" });
      }
    }
  }
  return places;
}

export function unitsOf(source: Source, { cst, tokens, comments }: Concrete): Units {
  const places = placesOf(cst);
  const units: Unit[] = [];
  const open: number[] = [];
  let next = 0;
  let at = 0;
  let isStart = false;

  /** Reads the text up to an offset: comments, and the newlines after the last of them. */
  const readGap = (end: number): { own: Comment[]; newlines: number; hadComment: boolean } => {
    const own: Comment[] = [];
    const before = units.at(-1);
    let hadComment = false;
    for (; next < comments.length && comments[next]!.span.start < end; next++) {
      const { text, span } = comments[next]!;
      const newlines = newlinesIn(source, at, span.start);
      if (before && newlines === 0 && !hadComment) {
        const { column } = positionAt(source, span.start);
        before.trailing = { text: text.trimEnd(), column, gap: span.start - at };
      } else {
        own.push({ text: text.trimEnd(), blankBefore: newlines > 1 });
      }
      hadComment = true;
      at = span.end;
    }
    return { own, newlines: newlinesIn(source, at, end), hadComment };
  };

  for (const token of tokens) {
    if (token.image === "") {
      isStart = token.tokenType === T.Begin;
      continue;
    }
    const { own, newlines, hadComment } = readGap(token.startOffset);
    const { line, column } = positionAt(source, token.startOffset);
    const unit: Unit = {
      token,
      type: token.tokenType,
      ...places.get(token)!,
      isStart,
      partner: units.length,
      isTight: false,
      hadNewline: newlines > 0 || hadComment,
      hadBlankLine: newlines > 1,
      comments: own,
      trailing: undefined,
      line,
      column,
      gap: token.startOffset - at,
    };
    if (isOpener(unit.type)) open.push(units.length);
    if (isCloser(unit.type)) {
      unit.partner = open.pop()!;
      units[unit.partner]!.partner = units.length;
    }
    const before = units.at(-1);
    if (before && isNaming(before) && at === token.startOffset) {
      const named = units.at(-2)!;
      // After a type, `k: [n] = 3`, there are always spaces.
      before.isTight = named.rule === before.rule && before.token.startOffset === T.endOf(named.token);
    }
    units.push(unit);
    at = T.endOf(token);
    isStart = false;
  }
  return { units, last: readGap(source.text.length).own };
}

function newlinesIn(source: Source, from: number, to: number): number {
  return source.text.slice(from, to).split("\n").length - 1;
}

export const isOpener = (type: TokenType): boolean =>
  type === T.LeftParen || type === T.LeftSquare || type === T.LeftBrace;
export const isCloser = (type: TokenType): boolean =>
  type === T.RightParen || type === T.RightSquare || type === T.RightBrace;

/** Rules whose opening bracket clings to the name before it. */
const clinging: ReadonlySet<string> = new Set(["suffix", "parameters", "shapeOf"]);
/** Rules in which a colon stands before a type. */
const typing: ReadonlySet<string> = new Set(["parameter", "slot", "result"]);

/** The space between two tokens of one line. */
export function spaceBetween(before: Unit, after: Unit): string {
  const [a, b] = [before.type, after.type];
  if (after.isStart && a !== T.LeftBrace) return "; ";
  if (a === T.LeftBrace && b === T.RightBrace) return "";
  if (a === T.LeftParen || a === T.LeftSquare || a === T.Dot) return "";
  if (before.isPrefix) return a === T.Not ? " " : "";
  // A point right behind a number would be read as part of it.
  if (b === T.Dot) return a === T.NumberText ? " " : "";
  if (b === T.Comma || b === T.RightParen || b === T.RightSquare || b === T.Colon || a === T.Rest) return "";
  if (a === T.Colon) return typing.has(before.rule) ? " " : "";
  if (b === T.LeftParen || b === T.LeftSquare) {
    if (clinging.has(after.rule)) return "";
    // `class[N]`: the name before the bracket is the type's.
    if (before.rule === "tensorType" && a !== T.Less) return "";
  }
  // Both `f(lr = 1)` and `f(lr=1)` are fine: what was written stays.
  return before.isTight || after.isTight ? "" : " ";
}

/** The `=` between a name and its value within a call or a parameter list. */
const isNaming = ({ type, rule }: Unit): boolean => type === T.Is && (rule === "argument" || rule === "parameter");
