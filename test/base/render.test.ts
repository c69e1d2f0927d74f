import fc from "fast-check";
import { expect, test } from "vitest";
import { allEntries } from "../../src/base/catalogue.ts";
import type { Diagnostic } from "../../src/base/diagnostic.ts";
import { codeFrame, visible } from "../../src/base/frame.ts";
import { renderJson, renderText, summary } from "../../src/base/render.ts";
import type { Span } from "../../src/base/span.ts";

const spanOf = (text: string, marked: string): Span => {
  const start = text.indexOf(marked);
  return { source: { path: "models/m.nn", text }, start, end: start + marked.length };
};
const frame = (text: string, marked: string, width = 60): string[] => codeFrame(spanOf(text, marked), { width });
const diagnostic = (span: Span | undefined, over: Partial<Diagnostic> = {}): Diagnostic => ({
  code: "syntax/expected",
  severity: "error",
  message: "Expected `=`.",
  help: "Add `=`.",
  span,
  notes: [],
  ...over,
});

test.each([
  ["one line", "a = 1\nb = wrong + 2\nc = 3", "wrong", [" 2 | b = wrong + 2", "   |     ^^^^^"]],
  ["the first and only", "wrong", "wrong", [" 1 | wrong", "   | ^^^^^"]],
  ["several lines: the first is shown", "a = f(\n  x\n)", "f(\n  x\n)", [" 1 | a = f(", "   |     ^^"]],
  ["a tab is two spaces", "\t\tb = wrong", "wrong", [" 1 |     b = wrong", "   |         ^^^^^"]],
  ["Windows lines", "a = wrong\r\nb", "wrong", [" 1 | a = wrong", "   |     ^^^^^"]],
  ["a point", "a = ", "", [" 1 | a =", "   | ^"]],
])("a frame of %s", (_name, text, marked, expected) => {
  expect(frame(text, marked)).toEqual(expected);
});

test("a point at the end of the text stands behind it", () => {
  const text = "a =";
  expect(codeFrame({ source: { path: "m.nn", text }, start: 3, end: 3 }, { width: 60 })).toEqual([
    " 1 | a =",
    "   |    ^",
  ]);
});

test("what a terminal would obey is written out", () => {
  expect(visible("a\u001b[31mb\u0007\u202ec\u2028\u200bd\u0000\u009b")).toBe(
    "a\\x1b[31mb\\x07\\u{202e}c\\u{2028}\\u{200b}d\\x00\\x9b",
  );
  expect(frame("a = \u001b[2J wrong", "wrong")).toEqual([" 1 | a = \\x1b[2J wrong", "   |             ^^^^^"]);
});

test("a long line is cut around the mark, and the mark stays on it", () => {
  const text = `${"x".repeat(5000)} wrong ${"y".repeat(5000)}`;
  const [line, carets] = frame(text, "wrong");
  expect(line!.length).toBeLessThanOrEqual(60);
  const column = carets!.indexOf("^");
  expect(line!.slice(column, column + 5)).toBe("wrong");
  expect(carets!.trim().endsWith("^^^^^")).toBe(true);
  expect(line).toMatch(/^ 1 \| …x.*y…$/);
});

test("whatever the text, a frame is two printable lines within the width", () => {
  const pieces = fc.array(
    fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\n", "\r\n", "\t", "\u001b[0m", "w".repeat(90))),
  );
  fc.assert(
    fc.property(pieces, fc.nat(), fc.nat(300), fc.integer({ min: 40, max: 120 }), (parts, at, length, width) => {
      const text = parts.join("");
      const start = at % (text.length + 1);
      const span = { source: { path: "m.nn", text }, start, end: Math.min(text.length, start + length) };
      const lines = codeFrame(span, { width });
      expect(lines).toHaveLength(2);
      for (const line of lines) {
        expect(line).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u);
        expect(line.length).toBeLessThanOrEqual(width);
      }
      expect(lines[1]).toMatch(/^ +\| *\^+$/);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test("a diagnostic as text", () => {
  const text = "a = 1\nb 2";
  const span = spanOf(text, "2");
  const note = { message: "`b` is declared here.", span: spanOf(text, "b") };
  expect(
    renderText([diagnostic(span, { notes: [note] }), diagnostic(undefined, { severity: "warning", help: undefined })], {
      color: false,
      width: 80,
    }),
  ).toBe(
    [
      "error: Expected `=`. [syntax/expected]",
      "  models/m.nn:2:3",
      " 2 | b 2",
      "   |   ^",
      "note: `b` is declared here.",
      "  models/m.nn:2:1",
      " 2 | b 2",
      "   | ^",
      "help: Add `=`.",
      "",
      "warning: Expected `=`. [syntax/expected]",
      "",
    ].join("\n"),
  );
});

test("colour is only added around", () => {
  const list = [diagnostic(spanOf("b 2", "2"))];
  const colored = renderText(list, { color: true, width: 80 });
  expect(colored).toContain("\u001b[31;1merror\u001b[0m");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is removed
  expect(colored.replaceAll(/\u001b\[[0-9;]*m/g, "")).toBe(renderText(list, { color: false, width: 80 }));
});

test("long names are cut and hostile ones made harmless", () => {
  const message = `There is no \`${"n".repeat(5000)}\` and no \`\u001b]0;title\u0007\`.`;
  const text = renderText([diagnostic({ source: { path: "\u001b[2J.nn", text: "" }, start: 0, end: 0 }, { message })], {
    color: false,
    width: 80,
  });
  expect(text.length).toBeLessThan(400);
  expect(text).not.toContain("\u001b");
  expect(text).not.toContain("\u0007");
});

test("a diagnostic as JSON", () => {
  const span = spanOf("a = 1\nb 2", "2");
  expect(JSON.parse(renderJson([diagnostic(span, { notes: [{ message: "n" }] })]))).toEqual([
    {
      code: "syntax/expected",
      severity: "error",
      message: "Expected `=`.",
      help: "Add `=`.",
      path: "models/m.nn",
      line: 2,
      column: 3,
      endLine: 2,
      endColumn: 4,
      notes: [{ message: "n" }],
    },
  ]);
  expect(renderJson([])).toBe("[]\n");
});

test("the summary counts", () => {
  const one = diagnostic(undefined);
  expect(summary([one, one, { ...one, severity: "warning" }])).toBe("2 errors, 1 warning");
  expect(summary([])).toBe("");
});

test("every code is `phase/what`, and every entry has a page that explains it", () => {
  expect(allEntries().size).toBeGreaterThanOrEqual(60);
  for (const [code, { page }] of allEntries()) {
    expect(code).toMatch(/^[a-z]+\/[a-z0-9-]+$/);
    expect(page.explain.length, code).toBeGreaterThan(20);
    expect(page.bad === undefined, code).toBe(page.good === undefined);
  }
});
