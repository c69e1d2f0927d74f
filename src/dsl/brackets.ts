// Tokens -> tokens whose brackets match. What is missing is added, what closes nothing is left out, each reported
// once, so that every later phase may rely on pairs. Newlines are still there. Knows nothing of grammar beyond the
// words that can only start a declaration or statement.
import type { IToken, TokenType } from "chevrotain";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import { positionAt, type Source } from "../base/span.ts";
import * as T from "./tokens.ts";

const closerOf: ReadonlyMap<TokenType, TokenType> = new Map([
  [T.LeftParen, T.RightParen],
  [T.LeftSquare, T.RightSquare],
  [T.LeftBrace, T.RightBrace],
]);
const openerOf = new Map([...closerOf].map(([open, close]) => [close, open]));
const textOf = (type: TokenType): string => type.PATTERN as string;

/** Words that start a declaration when a name follows: two names in a row stand nowhere else. */
const beforeName: ReadonlySet<TokenType> = new Set([T.Dim, T.Hyper, T.Model, T.Metric, T.Optimizer]);
const statementWords: ReadonlySet<TokenType> = new Set([T.Param, T.State, T.For]);
const valueEnds: ReadonlySet<TokenType> = new Set([
  T.NumberText,
  T.StringText,
  T.True,
  T.False,
  T.Hole,
  T.Invalid,
  T.RightParen,
  T.RightSquare,
  T.RightBrace,
]);
const valueStarts: ReadonlySet<TokenType> = new Set([
  T.NumberText,
  T.StringText,
  T.True,
  T.False,
  T.If,
  T.Not,
  T.Invalid,
]);

export const isOperator = (type: TokenType): boolean => T.Operator.categoryMatchesMap![type.tokenTypeIdx!] === true;
export const isName = (type: TokenType): boolean => type === T.Name || type.CATEGORIES!.includes(T.Name);
export const endsValue = (type: TokenType): boolean => valueEnds.has(type) || isName(type);
const startsValue = (type: TokenType): boolean => valueStarts.has(type) || isName(type);

/** How far the line of a token is indented. */
function indentOf(source: Source, token: IToken): number {
  const { column } = positionAt(source, token.startOffset);
  const start = token.startOffset - column + 1;
  return /^[ \t]*/.exec(source.text.slice(start, token.startOffset))![0].length;
}

interface Frame {
  readonly open: IToken;
  /** Where, in a bracket, a line begins that looks like the next statement: the likely place of a forgotten closer. */
  breakAt: number | undefined;
}

export function balance(source: Source, tokens: readonly IToken[]): { tokens: IToken[]; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const frames: Frame[] = [];
  /** How many of a kind are open: looking for one that is not there would take time. */
  const openCount = new Map<TokenType, number>();
  const isOpen = (type: TokenType): boolean => (openCount.get(type) ?? 0) > 0;
  const count = (type: TokenType, by: number): void => void openCount.set(type, (openCount.get(type) ?? 0) + by);
  const added = new Map<number, IToken[]>();
  const replaced = new Map<number, IToken | undefined>();

  const pop = (): Frame => {
    const frame = frames.pop()!;
    count(frame.open.tokenType, -1);
    return frame;
  };

  /** Closes all frames above `depth`: each where it likely ended, at the latest before token `at`. */
  const closeDownTo = (depth: number, at: number): void => {
    let place = at;
    let group: { innermost: IToken; place: number; count: number } | undefined;
    const report = (): void => {
      if (!group) return;
      const open = group.innermost.tokenType;
      const facts = { open: textOf(open), close: textOf(closerOf.get(open)!), others: group.count - 1 };
      diagnostics.push(diagnose(syntax, "syntax/unclosed", T.spanOf(source, group.innermost), facts));
    };
    while (frames.length > depth) {
      const frame = pop();
      // A block has no such place: it and what is around it end where they must.
      place = frame.open.tokenType === T.LeftBrace ? at : (frame.breakAt ?? place);
      const previous = tokens[place - 1];
      const offset = previous ? T.endOf(previous) - (previous.tokenType === T.Newline ? previous.image.length : 0) : 0;
      const closer = T.makeToken(closerOf.get(frame.open.tokenType)!, "", offset);
      const there = added.get(place);
      if (there) there.push(closer);
      else added.set(place, [closer]);
      if (group && group.place === place) group.count++;
      else {
        report();
        group = { innermost: frame.open, place, count: 1 };
      }
    }
    report();
  };

  /** How many frames are left when all inside the innermost open one of this kind are closed; 0 where none is open. */
  const depthOf = (type: TokenType): number => {
    let depth = isOpen(type) ? frames.length : 0;
    while (depth > 0 && frames[depth - 1]!.open.tokenType !== type) depth--;
    return depth;
  };

  /** How many frames a declaration stays inside of: blocks whose line is indented less hold it, wrongly, on purpose. */
  const depthAbove = (token: IToken): number => {
    const indentation = indentOf(source, token);
    let depth = frames.length;
    while (depth > 0) {
      const { open } = frames[depth - 1]!;
      if (open.tokenType === T.LeftBrace && indentOf(source, open) < indentation) break;
      depth--;
    }
    return depth;
  };

  /** `loss (…) =` or `loss (…) {` on one line, unlike a call of something named loss. */
  const startsLoss = (i: number): boolean => {
    let depth = 0;
    for (let k = i + 1; k < tokens.length && tokens[k]!.tokenType !== T.Newline; k++) {
      const type = tokens[k]!.tokenType;
      if (closerOf.has(type) && !(depth === 0 && type === T.LeftBrace)) depth++;
      else if (openerOf.has(type)) depth--;
      else if (depth === 0) return type === T.Is;
      else continue;
      if (depth === 0 && type === T.LeftBrace) return k > i + 1;
      if (depth < 0) return false;
    }
    return false;
  };

  /** True where line `i` starts a declaration whatever is open; `last` is what the line before ends with. */
  const startsDeclaration = (i: number, last: TokenType): boolean => {
    const type = tokens[i]!.tokenType;
    const next = tokens[i + 1]?.tokenType;
    if (type === T.Fn || type === T.Import) return true;
    if (next === undefined) return false;
    if (beforeName.has(type)) return isName(next);
    // `for i in n +` and `train {` in the next line: there it is a name.
    if (type === T.Train) return next === T.LeftBrace && !isOperator(last);
    return type === T.Loss && next === T.LeftParen && startsLoss(i);
  };

  /** Whether a line that might go on in a bracket stands as far left as the line that opens it: a statement like that one. */
  const isNoDeeper = (token: IToken, { open }: Frame, last: TokenType): boolean =>
    !isOperator(last) && indentOf(source, token) <= indentOf(source, open);

  let isLineStart = false;
  let last: TokenType = T.Semicolon;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const type = token.tokenType;
    if (type === T.Newline) {
      isLineStart = true;
      continue;
    }
    if (frames.length > 0 && isLineStart) {
      const frame = frames.at(-1)!;
      if (startsDeclaration(i, last)) closeDownTo(depthAbove(token), i);
      else if (statementWords.has(type)) closeDownTo(depthOf(T.LeftBrace), i);
      else if (frame.open.tokenType !== T.LeftBrace && frame.breakAt === undefined) {
        if (startsValue(type) && (endsValue(last) || isNoDeeper(token, frame, last))) frame.breakAt = i;
      }
    }
    isLineStart = false;
    last = type;

    if (closerOf.has(type)) {
      frames.push({ open: token, breakAt: undefined });
      count(type, 1);
      continue;
    }
    const wanted = openerOf.get(type);
    if (!wanted) continue;
    const top = frames.at(-1)?.open.tokenType;
    if (top === wanted) {
      pop();
    } else if (wanted !== T.LeftSquare && isOpen(wanted)) {
      closeDownTo(depthOf(wanted), i);
      pop();
    } else if (top !== undefined && top !== T.LeftBrace && wanted !== T.LeftBrace) {
      const meant = closerOf.get(top)!;
      const facts = { open: textOf(top), close: textOf(type), meant: textOf(meant) };
      diagnostics.push(diagnose(syntax, "syntax/wrong-bracket", T.spanOf(source, token), facts));
      replaced.set(i, T.makeToken(meant, token.image, token.startOffset));
      pop();
    } else {
      diagnostics.push(diagnose(syntax, "syntax/unopened", T.spanOf(source, token), { close: textOf(type) }));
      replaced.set(i, undefined);
    }
  }
  closeDownTo(0, tokens.length);

  if (added.size === 0 && replaced.size === 0) return { tokens: [...tokens], diagnostics };
  const balanced: IToken[] = [];
  for (let i = 0; i <= tokens.length; i++) {
    const closers = added.get(i);
    if (closers) {
      // Before the newlines that end the line: the next line is then a statement of its own.
      const newlines: IToken[] = [];
      while (balanced.at(-1)?.tokenType === T.Newline) newlines.push(balanced.pop()!);
      for (const added of [closers, newlines]) for (const token of added) balanced.push(token);
    }
    const token = replaced.has(i) ? replaced.get(i) : tokens[i];
    if (token) balanced.push(token);
  }
  return { tokens: balanced, diagnostics };
}
