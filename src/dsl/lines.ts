// The newline filter between lexer and parser: balanced tokens -> the same without newlines and `;`, each statement
// between a `Begin` and an `End`. After it, the grammar knows nothing of lines.
import type { IToken, TokenType } from "chevrotain";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import type { Source } from "../base/span.ts";
import { isOperator } from "./brackets.ts";
import * as T from "./tokens.ts";

/** Besides the binary operators, what cannot end a line: the statement goes on in the next. */
const goesOnAfter: ReadonlySet<TokenType> = new Set([
  T.Comma,
  T.Is,
  T.Update,
  T.Arrow,
  T.LeftBrace,
  T.Then,
  T.Else,
  T.Not,
]);
/** What may start a line that belongs to the one above. */
const goesOnBefore: ReadonlySet<TokenType> = new Set([T.PipeTo, T.Then, T.Else, T.LeftBrace, T.RightBrace]);
/** What starts a line by mistake, besides the binary operators; `-` starts an expression. */
const strayStarts: ReadonlySet<TokenType> = new Set([T.Comma, T.Is, T.Update, T.Arrow, T.Colon, T.Dot]);

interface Frame {
  readonly isBlock: boolean;
  readonly open: IToken | undefined;
  /** The statement being read, in a block. */
  begin: IToken | undefined;
}

export interface Lines {
  readonly tokens: IToken[];
  /** Where each bracket and each `Begin` ends. */
  readonly partners: ReadonlyMap<IToken, IToken>;
  readonly diagnostics: Diagnostic[];
}

export function joinLines(source: Source, tokens: readonly IToken[]): Lines {
  const diagnostics: Diagnostic[] = [];
  const out: IToken[] = [];
  const partners = new Map<IToken, IToken>();
  const frames: Frame[] = [{ isBlock: true, open: undefined, begin: undefined }];

  const endStatement = (frame: Frame): void => {
    if (!frame.begin) return;
    const end = T.makeToken(T.End, "", T.endOf(out.at(-1)!));
    partners.set(frame.begin, end);
    out.push(end);
    frame.begin = undefined;
  };

  let isNewLine = false;
  for (const token of tokens) {
    const type = token.tokenType;
    if (type === T.Newline) {
      isNewLine = true;
      continue;
    }
    const frame = frames.at(-1)!;
    if (frame.isBlock) {
      if (isNewLine && frame.begin) {
        const last = out.at(-1)!.tokenType;
        if (isOperator(last) || goesOnAfter.has(last) || goesOnBefore.has(type)) {
          // The statement goes on.
        } else if (strayStarts.has(type) || (isOperator(type) && type !== T.Minus)) {
          const span = T.spanOf(source, token);
          diagnostics.push(diagnose(syntax, "syntax/line-start", span, { operator: token.image }));
        } else {
          endStatement(frame);
        }
      }
      isNewLine = false;
      if (type === T.Semicolon || type === T.RightBrace) endStatement(frame);
      if (type === T.Semicolon) continue;
      if (type !== T.RightBrace && !frame.begin) {
        frame.begin = T.makeToken(T.Begin, "", token.startOffset);
        out.push(frame.begin);
      }
    }
    isNewLine = false;
    switch (type) {
      case T.LeftParen:
      case T.LeftSquare:
      case T.LeftBrace:
        frames.push({ isBlock: type === T.LeftBrace, open: token, begin: undefined });
        break;
      case T.RightParen:
      case T.RightSquare:
      case T.RightBrace: {
        // A comma before a closing bracket is ignored.
        if (out.at(-1)!.tokenType === T.Comma) out.pop();
        const { open } = frames.pop()!;
        partners.set(open!, token);
      }
    }
    out.push(token);
  }
  endStatement(frames[0]!);
  return { tokens: out, partners, diagnostics };
}
