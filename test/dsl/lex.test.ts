import fc from "fast-check";
import { expect, test } from "vitest";
import { lex } from "../../src/dsl/lex.ts";
import { reservedWords, vocabulary } from "../../src/dsl/tokens.ts";

const lexed = (text: string) => lex({ path: "test.nn", text });
const images = (text: string): string[] => lexed(text).tokens.map((token) => token.image);
const values = (text: string): unknown[] => lexed(text).tokens.map((token) => token.payload);
const codes = (text: string): string[] => lexed(text).diagnostics.map((diagnostic) => diagnostic.code);

test.each([
  ["a<-b", ["a", "<-", "b"]],
  ["x |>f", ["x", "|>", "f"]],
  ["-x**2", ["-", "x", "**", "2"]],
  ["[..rest,0:10]", ["[", "..", "rest", ",", "0", ":", "10", "]"]],
  ["iffy notes inner format_1 param", ["iffy", "notes", "inner", "format_1", "param"]],
  ["_ _x x_", ["_", "_x", "x_"]],
  ["0:1.5", ["0", ":", "1.5"]],
  ["x.T", ["x", ".", "T"]],
  ["\ufeffa\t=\r\n1", ["a", "=", "\r\n", "1"]],
])("%j is cut into words", (text, expected) => {
  expect(images(text)).toEqual(expected);
  expect(codes(text)).toEqual([]);
});

test.each([
  ["784", 784],
  ["0.5", 0.5],
  ["1e-3", 1e-3],
  ["1E+3", 1000],
  [".5", 0.5],
  ["2.", 2],
  ["50_000", 50000],
  ["1.7976931348623157e308", Number.MAX_VALUE],
  ["5e-324", 5e-324],
  ['"a\\n\\"b\\" \\u00e9 \\\\"', 'a\n"b" é \\'],
  ['"plain # text"', "plain # text"],
])("%s has its value", (text, value) => {
  expect(values(text)).toEqual([value]);
  expect(codes(text)).toEqual([]);
});

test.each(["1e999", "0x10", "0b1", "1.2.3", "12abc", "1e", "1__0", "1_", "9".repeat(400)])(
  "%s is one wrong number",
  (text) => {
    const { tokens, diagnostics } = lexed(text);
    expect(diagnostics.map(({ code, span }) => [code, span!.start, span!.end])).toEqual([
      ["syntax/number", 0, text.length],
    ]);
    expect(tokens).toHaveLength(1);
  },
);

test.each([
  ['"open', "syntax/string-unclosed"],
  ['"ends in an escape\\"', "syntax/string-unclosed"],
  ["'single'", "syntax/single-quotes"],
  ['"\\q"', "syntax/escape"],
  ['"\\u12"', "syntax/escape"],
  ["größe", "syntax/name-letters"],
  ["λ", "syntax/name-letters"],
  ["x × y", "syntax/unknown-character"],
  ["a ^ b", "syntax/foreign-mark"],
  ["a += b", "syntax/foreign-mark"],
  ["// words, of any 'kind", "syntax/comment"],
  ["/* two\nlines */", "syntax/comment"],
])("%j is one mistake", (text, code) => {
  expect(codes(text)).toEqual([code]);
});

test("any finite number that JavaScript prints is read back to the same bits", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(values(String(value))).toEqual([value]);
    }),
    { seed: 1 },
  );
});

test("any string that JSON writes is read back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      expect(values(JSON.stringify(value))).toEqual([value]);
    }),
    { seed: 2 },
  );
});

test("whatever the text, every character is in a token, space, a comment or reported", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"', "#", "/*", "*/", "'", "\\", "1.", "..", "é", "|", "\n"),
    ),
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join("");
      const { tokens, comments, diagnostics } = lexed(text);
      const covered = new Uint8Array(text.length);
      for (const token of tokens) covered.fill(1, token.startOffset, token.startOffset + token.image.length);
      for (const { span } of [...comments, ...diagnostics]) covered.fill(1, span!.start, span!.end);
      const missed = [...covered.keys()].filter((at) => covered[at] === 0).map((at) => text[at]!);
      expect(missed.every((character) => /[ \t\r\f\ufeff]/.test(character))).toBe(true);
    }),
    { seed: 3, numRuns: 500 },
  );
});

test("a million spaces, and comments and strings without an end, are read in one pass", () => {
  expect(images(`a${" ".repeat(1e6)}b`)).toEqual(["a", "b"]);
  expect(codes("/* ".repeat(50_000))).toEqual(["syntax/comment"]);
  expect(codes(`"${"\\".repeat(100_001)}`)).toEqual(["syntax/string-unclosed"]);
});

test("the reserved words are those of the reference", () => {
  expect([...reservedWords].sort().join(" ")).toBe("_ and else false fn for if import in not or param state then true");
  expect(new Set(vocabulary.map((type) => type.name)).size).toBe(vocabulary.length);
});
