// What the parser found wrong -> what the user is told, in the user's words. Knows the rules of `grammar.ts` by name.
import { EOF, type IRecognitionException, type IToken, type TokenType } from "chevrotain";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { syntax } from "../base/diagnostics/syntax.ts";
import type { Source, Span } from "../base/span.ts";
import { endsValue, isName } from "./brackets.ts";
import * as T from "./tokens.ts";

/** Words of other languages, with what to write here. */
const foreignWords: ReadonlyMap<string, string> = new Map([
  ["def", "Functions are declared with `fn`."],
  ["function", "Functions are declared with `fn`."],
  ["func", "Functions are declared with `fn`."],
  ["lambda", "Declare a `fn`, or leave arguments open: `f(_, 2)`."],
  ["class", "A layer is a `fn` that declares a `param`."],
  ["return", "Leave it out: the last expression of a block is its value."],
  ["while", "Loops have a fixed count: `for i in 0:10 { … }`."],
  ["elif", "Write `else if`."],
  ["let", "Leave it out: a name is bound with `=`."],
  ["var", "Leave it out: a name is bound with `=`."],
  ["const", "Leave it out: a name is bound with `=`; `dim` declares a size that the command line may set."],
  ["is", "To compare write `==`."],
  ["from", 'Write `import "file.nn"`.'],
  ["print", "A model prints nothing: look at values with `nnc inspect`."],
]);

const keywordsBeforeName: ReadonlySet<TokenType> = new Set([T.Dim, T.Hyper, T.Model, T.Metric, T.Optimizer]);
const names: ReadonlyMap<TokenType, string> = new Map([
  [T.Name, "a name"],
  [T.StringText, "a path in double quotes"],
]);

/** What a rule was looking for, where it may take several things. */
const expectedBy: ReadonlyMap<string, string> = new Map([
  ["statement", "a statement"],
  ["type", "a type such as `[N, 10]`"],
  ["results", "a type such as `[N, 10]`"],
  ["result", "a type such as `[N, 10]`"],
  ["tensorType", "a type such as `[N, 10]`"],
  ["body", "`=` or a block"],
  ["fn", "`fn`"],
  ["entry", "a setting's name"],
]);

/** What a bracket could hold, said when it is followed by something else right away. */
const contents: ReadonlyMap<string, string> = new Map([
  ["parameters", "a parameter's name"],
  ["sizes", "a size"],
  ["suffix", "an argument"],
  ["list", "a value"],
]);

const cut = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);
const quoted = (token: IToken): string => `\`${cut(token.image)}\``;
const isReserved = (token: IToken): boolean => T.reservedWords.has(token.image);

/** Something that stands between characters: the end of a line, or a bracket that was added. */
const isVirtual = (token: IToken): boolean => token.image === "";

function describe(source: Source, token: IToken): string {
  if (!isVirtual(token) && token.tokenType !== EOF)
    return token.tokenType === T.StringText ? "a string" : quoted(token);
  const rest = /^[ \t]*(?:#.*)?([\s\S]?)/.exec(source.text.slice(token.startOffset, token.startOffset + 10_000))?.[1];
  if (rest === "}" || rest === ";") return `\`${rest}\``;
  return rest ? "the end of the line" : "the end of the file";
}

export function explain(
  source: Source,
  error: IRecognitionException & { readonly previousToken?: IToken },
): Diagnostic {
  const found = error.token;
  const previous = error.previousToken ?? found;
  const rule = error.context.ruleStack.at(-1)!;
  const expected =
    error.name === "MismatchedTokenException" ? T.vocabulary.find((t) => t.name === error.message) : undefined;
  const place: Span = isVirtual(found)
    ? { source, start: T.endOf(previous), end: T.endOf(previous) }
    : T.spanOf(source, found);

  for (const token of [found, previous]) {
    const instead = token.tokenType === T.Name ? foreignWords.get(token.image) : undefined;
    // As a name it would stand before a mark; before or after a value it is a word of another language.
    const isWord = token === found ? endsValue(previous.tokenType) : !isVirtual(found);
    if (instead && isWord) {
      return diagnose(syntax, "syntax/foreign-word", T.spanOf(source, token), { word: token.image, instead });
    }
  }
  if (rule === "declaration" && expected !== T.End) {
    const outside = declarationError(source, found, previous, place);
    if (outside) return outside;
  }
  if (expected === T.Name && isReserved(found)) {
    return diagnose(syntax, "syntax/reserved-word", place, { word: found.image });
  }
  if (found.tokenType === T.Is && isReserved(previous)) {
    return diagnose(syntax, "syntax/reserved-word", T.spanOf(source, previous), { word: previous.image });
  }
  if (found.tokenType === T.Hole) return diagnose(syntax, "syntax/reserved-word", place, { word: "_" });
  if (found.tokenType === T.Update && rule !== "statement") {
    return diagnose(syntax, "syntax/arrow-or-less", place, {});
  }
  if (rule === "choice" && expected) {
    if (found.tokenType === T.Is) return diagnose(syntax, "syntax/compare", place, {});
    const missing = expected.PATTERN as string;
    return diagnose(syntax, "syntax/if-incomplete", place, { missing, found: describe(source, found) });
  }
  if (found.tokenType === T.If && rule === "operand") return diagnose(syntax, "syntax/if-parentheses", place, {});
  if (rule === "statement" && (found.tokenType === T.Fn || found.tokenType === T.Import)) {
    return diagnose(syntax, "syntax/local-function", place, { word: found.image });
  }
  if (rule === "statement" && keywordsBeforeName.has(previous.tokenType) && isName(found.tokenType)) {
    return diagnose(syntax, "syntax/local-function", T.spanOf(source, previous), { word: previous.image });
  }
  return diagnose(syntax, "syntax/expected", place, {
    expected: expectation(rule, expected, found, previous),
    found: describe(source, found),
    help: helpFor(rule, expected, found, previous),
  });
}

/** What stands at the top of a file and is no declaration. */
function declarationError(source: Source, found: IToken, previous: IToken, place: Span): Diagnostic | undefined {
  const type = found.tokenType;
  const isFirst = isVirtual(previous);
  if (isFirst && (type === T.Param || type === T.State || type === T.For)) {
    return diagnose(syntax, "syntax/outside-function", place, { word: found.image });
  }
  if (isFirst)
    return diagnose(syntax, "syntax/no-declaration", place, { found: describe(source, found), help: undefined });
  if (type === T.Update) return diagnose(syntax, "syntax/outside-function", place, { word: "<-" });
  const expected = (text: string, help?: string): Diagnostic =>
    diagnose(syntax, "syntax/expected", place, {
      expected: text,
      found: describe(source, found),
      help: help ?? `Add ${text}.`,
    });
  if (keywordsBeforeName.has(previous.tokenType)) {
    if (isReserved(found)) return diagnose(syntax, "syntax/reserved-word", place, { word: found.image });
    return expected("a name");
  }
  if (previous.tokenType === T.Train) return expected("`{`");
  if (previous.tokenType === T.Loss) return expected("`(`");
  const start = T.spanOf(source, previous);
  if (type === T.LeftParen) {
    const help = `To declare a function write \`fn ${cut(previous.image)}(…) = …\`; a call belongs into a body.`;
    return diagnose(syntax, "syntax/no-declaration", start, { found: quoted(previous), help });
  }
  if (type === T.Comma) return expected("`=`", "Outside of functions a binding has one name.");
  if (isVirtual(found) || (type !== T.Equal && type !== T.Colon && !endsValue(type) && type !== T.LeftSquare)) {
    return diagnose(syntax, "syntax/no-declaration", start, { found: quoted(previous), help: undefined });
  }
  return expected("`=`", type === T.Equal ? "`==` compares; a name is bound with `=`." : undefined);
}

function expectation(rule: string, expected: TokenType | undefined, found: IToken, previous: IToken): string {
  if (expected === undefined) return expectedBy.get(rule) ?? "a value";
  if (expected === T.End)
    return endsValue(found.tokenType) ? "an operator or the end of the line" : "the end of the line";
  const isOpening = previous.tokenType === T.LeftParen || previous.tokenType === T.LeftSquare;
  if (expected === T.RightParen || expected === T.RightSquare) {
    const close = `\`${expected.PATTERN as string}\``;
    if (previous.tokenType === T.Comma) return contents.get(rule) ?? "a value";
    return isOpening ? `${contents.get(rule) ?? "a value"} or ${close}` : `\`,\` or ${close}`;
  }
  if (expected === T.Is && (rule === "slot" || rule === "parameter") && isName(previous.tokenType)) return "`:` or `=`";
  return names.get(expected) ?? `\`${expected.PATTERN as string}\``;
}

function helpFor(rule: string, expected: TokenType | undefined, found: IToken, previous: IToken): string | undefined {
  const type = found.tokenType;
  if (type === T.LeftBrace && rule === "operand") return "A block stands only as a body or as a side of an `if`.";
  if (expected === T.Is && type === T.Equal) return "`==` compares; a name is bound with `=`.";
  if (expected === T.Is && type === T.Colon) return "A value is given with `=`.";
  if (expected === T.Is && rule === "slot" && type === T.LeftSquare) return "Between the name and its type stands `:`.";
  if (expected === T.Is && rule === "slot" && isVirtual(found)) return "Give its first value: `= 0`, `= randn()`.";
  if (rule === "body" && type === T.Colon) return "A body is `= value` or stands in `{ }`.";
  if (rule === "parameters" && type === T.LeftSquare) return "Between a name and its type stands `:`.";
  if (expected === T.End && type === T.Is) return "Left of `=` stands a name, or several with commas between.";
  if (expected === T.End && type === T.Colon) return "Only a `param`, a `state` and an argument have a type.";
  if (type === T.If) return "A choice is written `if c then a else b`.";
  if (type === T.Is && (previous.tokenType === T.Less || previous.tokenType === T.Greater)) {
    return `Write \`${previous.image}=\` without a space.`;
  }
  if (rule === "suffix" && type === T.Colon) return "Slices have no steps.";
  if (expected === T.End && type === T.In) return "`in` stands only in `for i in 0:10 { … }`.";
  return usualHelp(rule, expected, found);
}

/** The next step where nothing more is known. */
function usualHelp(rule: string, expected: TokenType | undefined, found: IToken): string {
  const isValue = endsValue(found.tokenType);
  if (expected === T.End) {
    return isValue ? "Put an operator between the two, or start a new line." : `Remove ${textOr(found, "it")}.`;
  }
  if (expected === T.RightParen || expected === T.RightSquare) {
    return isValue
      ? "Put `,` between the two, or an operator."
      : `Remove ${textOr(found, "it")}, or close the bracket before it.`;
  }
  if (expected === T.Name) return "Write a name there.";
  if (expected === T.StringText) return 'Write the path between double quotes: `"layers.nn"`.';
  if (expected) return `Add \`${expected.PATTERN as string}\`.`;
  if (rule === "body") return "Write `= value`, or a block `{ … }` whose last line is the value.";
  if (expectedBy.get(rule)?.startsWith("a type"))
    return "A type is a list of sizes in brackets, with `i32`, `bool` or `class` before it where it is not f32.";
  if (rule === "statement") return "A line starts with a name, `param`, `state`, `for`, or is an expression.";
  return isVirtual(found)
    ? "Write the value, or remove what stands before."
    : "Write the value that is missing, or remove what stands around.";
}

const textOr = (token: IToken, other: string): string => (isVirtual(token) ? other : quoted(token));
