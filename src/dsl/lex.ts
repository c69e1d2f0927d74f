// Text -> tokens whose numbers, strings and names are checked. Every wrong word is reported once and replaced by
// what it most likely meant, so that it causes no second error. Knows nothing of lines, brackets or grammar.
import type { IToken, TokenType } from "chevrotain";
import { type Diagnostic, diagnose, Refusal } from "../base/diagnostic.ts";
import { limits } from "../base/diagnostics/limits.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import { positionAt, type Source, type Span } from "../base/span.ts";
import * as T from "./tokens.ts";

export interface Lexed {
  /** Numbers and strings carry their value as `payload`. */
  readonly tokens: IToken[];
  readonly comments: readonly { readonly text: string; readonly span: Span }[];
  readonly diagnostics: Diagnostic[];
}

/** Marks of other languages: the token they are read as, and what to write. */
const foreign: ReadonlyMap<string, { readonly type: TokenType; readonly instead: string }> = new Map([
  ["^", { type: T.Power, instead: "Powers are written `**`." }],
  ["&&", { type: T.And, instead: "Write `and`." }],
  ["&", { type: T.And, instead: "Write `and`." }],
  ["||", { type: T.Or, instead: "Write `or`." }],
  ["|", { type: T.Or, instead: "Write `or`, or `|>` for a pipe." }],
  ["!", { type: T.Not, instead: "Write `not`." }],
  [":=", { type: T.Is, instead: "A name is bound with `=`." }],
  ["=>", { type: T.GreaterEqual, instead: "To compare write `>=`; a function is declared with `fn`." }],
  ["=<", { type: T.LessEqual, instead: "To compare write `<=`." }],
  ["===", { type: T.Equal, instead: "To compare write `==`." }],
  ["!==", { type: T.NotEqual, instead: "To compare write `!=`." }],
  ["<>", { type: T.NotEqual, instead: "To compare write `!=`." }],
  ["...", { type: T.Rest, instead: "A run of dimensions is written `..`." }],
  ["//", { type: T.Slash, instead: "To divide write `/` (a size must come out whole); a comment starts with `#`." }],
]);
const assignment = { type: T.Is, instead: "Nothing is changed in place: bind a new name with `=`." };

/** Characters that look like one of ours, pasted from a page. */
const lookAlikes: ReadonlyMap<string, { readonly type?: TokenType; readonly instead: string }> = new Map([
  ["×", { type: T.Star, instead: "Write `*`." }],
  ["·", { type: T.Star, instead: "Write `*`." }],
  ["⋅", { type: T.Star, instead: "Write `*`." }],
  ["÷", { type: T.Slash, instead: "Write `/`." }],
  ["−", { type: T.Minus, instead: "Write `-`, the plain minus sign." }],
  ["–", { type: T.Minus, instead: "Write `-`, the plain minus sign." }],
  ["≤", { type: T.LessEqual, instead: "Write `<=`." }],
  ["≥", { type: T.GreaterEqual, instead: "Write `>=`." }],
  ["≠", { type: T.NotEqual, instead: "Write `!=`." }],
  ["←", { type: T.Update, instead: "Write `<-`." }],
  ["→", { type: T.Arrow, instead: "Write `->`." }],
  ["…", { type: T.Rest, instead: "Write `..`." }],
  ["“", { instead: 'Strings stand in plain double quotes: `"`.' }],
  ["”", { instead: 'Strings stand in plain double quotes: `"`.' }],
  ["\\", { instead: "A line goes on by itself inside brackets and after an operator." }],
  ["$", { instead: "Leave it out: names are written as they are." }],
  ["?", { instead: "A choice is written `if c then a else b`." }],
  ["`", { instead: 'Strings stand in double quotes: `"`.' }],
]);

const numberForm = /^(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?$/;
const escapes: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["b", "\b"],
  ["f", "\f"],
  ["/", "/"],
  ["\\", "\\"],
  ['"', '"'],
  ["'", "'"],
]);

/** The characters of a string's inside; calls `wrong` for each escape that does not exist. */
function unescapeString(inside: string, wrong: (written: string, at: number) => void): string {
  return inside.replace(
    /\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g,
    (written, hex: string | undefined, letter: string, at: number) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const meant = escapes.get(letter);
      if (meant === undefined) wrong(written, at);
      return meant ?? letter;
    },
  );
}

/** Why a text is no number, or undefined where it is one. */
function faultOf(text: string): string | undefined {
  if (/^0[xXbBoO]/.test(text)) return "Numbers are decimal: hexadecimal, octal and binary ones do not exist.";
  if (!numberForm.test(text)) return "Write digits, at most one point, and an exponent such as `e-3` where needed.";
  if (!Number.isFinite(Number(text.replaceAll("_", "")))) {
    return "It is beyond the largest number, about 1.8e308; `inf` is infinity.";
  }
  return undefined;
}

/** `limit` is of the tokens of this file and of those that were read `before`. */
export function lex(source: Source, limit = Number.POSITIVE_INFINITY, before = 0): Lexed {
  const raw = T.tokenize(source.text);
  if (before + raw.tokens.length + raw.unknown.length > limit)
    throw new Refusal(diagnose(limits, "limit/tokens", undefined, { path: source.path, limit }));
  const diagnostics: Diagnostic[] = [];
  const tokens: IToken[] = [];
  const spanAt = (start: number, end: number): Span => ({ source, start, end });

  const readNumber = (token: IToken): IToken => {
    const fault = faultOf(token.image);
    if (fault === undefined) {
      token.payload = Number(token.image.replaceAll("_", ""));
      return token;
    }
    diagnostics.push(diagnose(syntax, "syntax/number", T.spanOf(source, token), { text: token.image, fault }));
    return T.makeToken(T.Invalid, token.image, token.startOffset);
  };

  const readString = (token: IToken): IToken => {
    const quote = token.image[0]!;
    // The pattern cannot end in an escaped quote: a backslash always takes the next character along.
    const isClosed =
      token.image.length > 1 && token.image.endsWith(quote) && !/(?:^|[^\\])(?:\\\\)*\\.$/.test(token.image);
    const span = T.spanOf(source, token);
    if (!isClosed) diagnostics.push(diagnose(syntax, "syntax/string-unclosed", span, { quote }));
    else if (quote === "'") diagnostics.push(diagnose(syntax, "syntax/single-quotes", span, {}));
    const inside = token.image.slice(1, isClosed ? -1 : undefined);
    const start = token.startOffset + 1;
    token.payload = unescapeString(inside, (written, at) => {
      const place = spanAt(start + at, start + at + written.length);
      diagnostics.push(diagnose(syntax, "syntax/escape", place, { written }));
    });
    return token.tokenType === T.StringText
      ? token
      : { ...T.makeToken(T.StringText, token.image, token.startOffset), payload: token.payload };
  };

  const readName = (token: IToken): IToken => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII
    if (!/^[\x00-\x7f]*$/.test(token.image)) {
      diagnostics.push(diagnose(syntax, "syntax/name-letters", T.spanOf(source, token), { name: token.image }));
    }
    return token;
  };

  const readForeign = (token: IToken): IToken | undefined => {
    const span = T.spanOf(source, token);
    if (token.image.startsWith("/*")) {
      diagnostics.push(diagnose(syntax, "syntax/comment", span, { mark: "/*" }));
      return undefined;
    }
    if (token.image.startsWith("'")) return readString(token);
    const { type, instead } = foreign.get(token.image) ?? assignment;
    diagnostics.push(diagnose(syntax, "syntax/foreign-mark", span, { mark: token.image, instead }));
    return T.makeToken(type, token.image, token.startOffset);
  };

  const readers = new Map<TokenType, (token: IToken) => IToken | undefined>([
    [T.NumberText, readNumber],
    [T.StringText, readString],
    [T.Name, readName],
    [T.Foreign, readForeign],
  ]);

  for (let i = 0; i < raw.tokens.length; i++) {
    const token = raw.tokens[i]!;
    if (token.image === "//" && (i === 0 || raw.tokens[i - 1]!.tokenType === T.Newline)) {
      // At a line's start it can only be a comment: the rest of the line goes with it.
      let last = i;
      while (last + 1 < raw.tokens.length && raw.tokens[last + 1]!.tokenType !== T.Newline) last++;
      const span = spanAt(token.startOffset, T.endOf(raw.tokens[last]!));
      diagnostics.push(diagnose(syntax, "syntax/comment", span, { mark: "//" }));
      i = last;
      continue;
    }
    const reader = readers.get(token.tokenType);
    const read = reader ? reader(token) : token;
    if (read) tokens.push(read);
  }

  for (const { offset, length } of raw.unknown) {
    const text = String.fromCodePoint(source.text.codePointAt(offset)!);
    const meant = lookAlikes.get(text);
    const end = offset + length;
    diagnostics.push(
      diagnose(syntax, "syntax/unknown-character", spanAt(offset, end), { text, instead: meant?.instead }),
    );
    if (length === 1 && meant?.type) tokens.push(T.makeToken(meant.type, text, offset));
  }
  if (raw.unknown.length > 0) tokens.sort((a, b) => a.startOffset - b.startOffset);

  return {
    tokens,
    comments: raw.comments.map((token) => ({ text: token.image, span: T.spanOf(source, token) })),
    diagnostics,
  };
}

/** True where nothing but space stands before the offset on its line. */
export function startsLine(source: Source, offset: number): boolean {
  const { column } = positionAt(source, offset);
  return source.text.slice(offset - column + 1, offset).trim() === "";
}
