// The words of the language: token types and the lexer that cuts text into them. Knows nothing of lines or grammar.
import { createToken, type IToken, Lexer, type TokenType } from "chevrotain";
import type { Source, Span } from "../base/span.ts";

// ---- Categories: one grammar rule can ask for any token of a kind ----

/** A name, or a word such as `dim` or `loss` that is a keyword only where a declaration starts. */
export const Name = createToken({
  name: "Name",
  // Letters of other scripts are taken into a name here, so that one error covers the whole word.
  pattern:
    /[A-Za-z_\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\u1fff\u2c00-\u2fef\u3005-\ufdff\ufe70-\ufef0][\w\xaa\xb5\xba\xc0-\xd6\xd8-\xf6\xf8-\u1fff\u2c00-\u2fef\u3005-\ufdff\ufe70-\ufef0]*/,
});
/** Every binary operator, the pipe too. */
export const Operator = createToken({ name: "Operator", pattern: Lexer.NA });
/** The operators of a `sum`: no comparison, `and`, `or`, `|>`. */
export const Arithmetic = createToken({ name: "Arithmetic", pattern: Lexer.NA, categories: Operator });

// ---- Words ----

const word = (text: string, categories: TokenType[] = []): TokenType =>
  createToken({ name: text[0]!.toUpperCase() + text.slice(1), pattern: text, longer_alt: Name, categories });

// Reserved: these are never names.
export const If = word("if");
export const Then = word("then");
export const Else = word("else");
export const And = word("and", [Operator]);
export const Or = word("or", [Operator]);
export const Not = word("not");
export const For = word("for");
export const In = word("in");
export const Fn = word("fn");
export const Param = word("param");
export const State = word("state");
export const Import = word("import");
export const True = word("true");
export const False = word("false");
export const Hole = createToken({ name: "Hole", pattern: "_", longer_alt: Name });

// Keywords where a declaration starts, names elsewhere.
export const Dim = word("dim", [Name]);
export const Hyper = word("hyper", [Name]);
export const Model = word("model", [Name]);
export const Loss = word("loss", [Name]);
export const Metric = word("metric", [Name]);
export const Optimizer = word("optimizer", [Name]);
export const Train = word("train", [Name]);
export const As = word("as", [Name]);

const reserved = [If, Then, Else, And, Or, Not, For, In, Fn, Param, State, Import, True, False];
const contextual = [Dim, Hyper, Model, Loss, Metric, Optimizer, Train, As];

/** The words that cannot be names. */
export const reservedWords: ReadonlySet<string> = new Set([...reserved.map((type) => type.PATTERN as string), "_"]);

// ---- Marks ----

const mark = (name: string, text: string, categories: TokenType[] = []): TokenType =>
  createToken({ name, pattern: text, categories });

export const PipeTo = mark("PipeTo", "|>", [Operator]);
export const Power = mark("Power", "**", [Arithmetic]);
export const Equal = mark("Equal", "==", [Operator]);
export const NotEqual = mark("NotEqual", "!=", [Operator]);
export const LessEqual = mark("LessEqual", "<=", [Operator]);
export const GreaterEqual = mark("GreaterEqual", ">=", [Operator]);
export const Update = mark("Update", "<-");
export const Arrow = mark("Arrow", "->");
export const Less = mark("Less", "<", [Operator]);
export const Greater = mark("Greater", ">", [Operator]);
export const Is = mark("Is", "=");
export const Plus = mark("Plus", "+", [Arithmetic]);
export const Minus = mark("Minus", "-", [Arithmetic]);
export const Star = mark("Star", "*", [Arithmetic]);
export const Slash = mark("Slash", "/", [Arithmetic]);
export const Percent = mark("Percent", "%", [Arithmetic]);
export const At = mark("At", "@", [Arithmetic]);
export const Rest = mark("Rest", "..");
export const Dot = mark("Dot", ".");
export const Colon = mark("Colon", ":");
export const Comma = mark("Comma", ",");
export const Semicolon = mark("Semicolon", ";");
export const LeftParen = mark("LeftParen", "(");
export const RightParen = mark("RightParen", ")");
export const LeftSquare = mark("LeftSquare", "[");
export const RightSquare = mark("RightSquare", "]");
export const LeftBrace = mark("LeftBrace", "{");
export const RightBrace = mark("RightBrace", "}");

// ---- Literals and space ----

/** Anything that starts as a number, so that `0x10` and `1.2.3` are one wrong number and not several tokens. */
export const NumberText = createToken({ name: "NumberText", pattern: /\.?\d(?:[eE][+-]|\.(?!\.)|\w)*/ });
export const StringText = createToken({ name: "StringText", pattern: /"(?:[^"\\\r\n]|\\[^\r\n]?)*"?/ });
export const Newline = createToken({ name: "Newline", pattern: /\r?\n/, line_breaks: true });
const Space = createToken({ name: "Space", pattern: /[ \t\r\f\ufeff]+/, group: Lexer.SKIPPED });
const Comment = createToken({ name: "Comment", pattern: /#[^\r\n]*/, group: "comments" });

/** Marks and comments of other languages: reported once, then read as what they most likely meant. */
export const Foreign = createToken({
  name: "Foreign",
  pattern:
    /\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?|\/\/|'(?:[^'\\\r\n]|\\[^\r\n])*'?|===|!==|\*\*=|=[<>]|:=|[-+*/%@]=|\.\.\.|\^|&&?|\|\|?(?!>)|!(?!=)|<>/,
  line_breaks: true,
});

// ---- Made by the phases before the parser, never by the lexer ----

/** Something already reported; it stands for a value. */
export const Invalid = createToken({ name: "Invalid", pattern: Lexer.NA });
/** Each statement arrives between these two. */
export const Begin = createToken({ name: "Begin", pattern: Lexer.NA });
export const End = createToken({ name: "End", pattern: Lexer.NA });

// Order matters: the first type that matches wins, words before names, longer marks before shorter.
export const vocabulary: TokenType[] = [
  Newline,
  Space,
  Comment,
  NumberText,
  StringText,
  ...reserved,
  ...contextual,
  Hole,
  Name,
  Foreign,
  PipeTo,
  Power,
  Equal,
  NotEqual,
  LessEqual,
  GreaterEqual,
  Update,
  Arrow,
  Less,
  Greater,
  Is,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  At,
  Rest,
  Dot,
  Colon,
  Comma,
  Semicolon,
  LeftParen,
  RightParen,
  LeftSquare,
  RightSquare,
  LeftBrace,
  RightBrace,
  Arithmetic,
  Operator,
  Invalid,
  Begin,
  End,
];

let lexer: Lexer | undefined;

export interface RawTokens {
  /** Every token, newlines too. */
  readonly tokens: IToken[];
  readonly comments: IToken[];
  /** Runs of characters that no token starts with. */
  readonly unknown: readonly { readonly offset: number; readonly length: number }[];
}

/** Cuts text into tokens, in time linear in its length. */
export function tokenize(text: string): RawTokens {
  lexer ??= new Lexer(vocabulary, { positionTracking: "onlyOffset", ensureOptimizations: true, skipValidations: true });
  const { tokens, groups, errors } = lexer.tokenize(text);
  return { tokens, comments: groups["comments"] ?? [], unknown: errors };
}

/** A token made by hand; `image` is its text, empty for one that stands between characters. */
export const makeToken = (type: TokenType, image: string, startOffset: number): IToken => ({
  image,
  startOffset,
  tokenType: type,
  tokenTypeIdx: type.tokenTypeIdx!,
});

export const endOf = (token: IToken): number => token.startOffset + token.image.length;

export const spanOf = (source: Source, token: IToken): Span => ({
  source,
  start: token.startOffset,
  end: endOf(token),
});
