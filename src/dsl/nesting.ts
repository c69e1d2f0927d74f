// The limit on nesting, checked before anything recursive runs: what lies deeper is replaced by one `Invalid` token.
// Counts brackets, prefix operators, powers of powers, `if` within `if` and calls of calls, all the ways in which an
// expression can become a deep tree. Expects the tokens of `joinLines`.
import type { IToken, TokenType } from "chevrotain";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import type { Source } from "../base/span.ts";
import { endsValue, isOperator } from "./brackets.ts";
import * as T from "./tokens.ts";

const openers: ReadonlySet<TokenType> = new Set([T.LeftParen, T.LeftSquare, T.LeftBrace, T.Begin]);
const closers: ReadonlySet<TokenType> = new Set([T.RightParen, T.RightSquare, T.RightBrace, T.End]);

/** How deep the part being read is, within one bracket or statement. */
interface Frame {
  readonly outside: number;
  ifs: number;
  nots: number;
  /** Unary minus and `**`, since the last looser operator. */
  prefixes: number;
  /** Calls, indexes and members of one value. */
  suffixes: number;
}

const frameAt = (outside: number): Frame => ({ outside, ifs: 0, nots: 0, prefixes: 0, suffixes: 0 });

export function limitNesting(
  source: Source,
  tokens: readonly IToken[],
  limit: number,
): { tokens: readonly IToken[]; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const kept: IToken[] = [];
  const frames: Frame[] = [frameAt(0)];

  const count = (frame: Frame, type: TokenType, previous: TokenType | undefined): void => {
    const follows = previous !== undefined && endsValue(previous);
    if (type === T.If) frame.ifs++;
    else if (type === T.Not) frame.nots++;
    else if (type === T.Power || (type === T.Minus && !follows)) frame.prefixes++;
    else if (type === T.Dot || (follows && (type === T.LeftParen || type === T.LeftSquare))) frame.suffixes++;
    if (type === T.Comma) Object.assign(frame, frameAt(frame.outside));
    else if (!follows || !isOperator(type)) return;
    frame.suffixes = 0;
    if (type !== T.Power) frame.prefixes = 0;
    if (type === T.And || type === T.Or || type === T.PipeTo) frame.nots = 0;
  };

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const type = token.tokenType;
    if (closers.has(type)) {
      frames.pop();
      kept.push(token);
      continue;
    }
    const frame = frames.at(-1)!;
    count(frame, type, tokens[i - 1]?.tokenType);
    // Statements do not deepen the tree by themselves: their block has been counted.
    const step = openers.has(type) && type !== T.Begin ? 1 : 0;
    const depth = frame.outside + frame.ifs + frame.nots + frame.prefixes + step;
    if (depth + frame.suffixes <= limit) {
      if (openers.has(type)) frames.push(frameAt(depth));
      kept.push(token);
      continue;
    }
    diagnostics.push(diagnose(syntax, "syntax/too-deep", T.spanOf(source, token), { limit }));
    let open = 0;
    let end = i;
    for (; end < tokens.length; end++) {
      const here = tokens[end]!.tokenType;
      if (open === 0 && (here === T.Comma || closers.has(here))) break;
      if (openers.has(here)) open++;
      else if (closers.has(here)) open--;
    }
    const last = tokens[end - 1]!;
    kept.push(T.makeToken(T.Invalid, source.text.slice(token.startOffset, T.endOf(last)), token.startOffset));
    i = end - 1;
  }
  return { tokens: diagnostics.length === 0 ? tokens : kept, diagnostics };
}
