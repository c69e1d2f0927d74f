import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { syntax } from "../../src/base/diagnostics/syntax.ts";
import { format } from "../../src/dsl/format.ts";
import { defaultLimits, parse } from "../../src/dsl/parse.ts";
import { programs } from "./arbitrary.ts";

const anyLength = { ...defaultLimits, tokens: Number.POSITIVE_INFINITY };
const read = (text: string) => parse({ path: "test.nn", text }, anyLength);

/** Where each mistake stands, as `line:column`, its code, and the text it marks. */
const mistakes = (text: string): string[] =>
  read(text).diagnostics.map(({ code, span }) => {
    const before = text.slice(0, span!.start).split("\n");
    return `${before.length}:${before.at(-1)!.length + 1} ${code} ${text.slice(span!.start, span!.end)}`.trimEnd();
  });

describe("the pages", () => {
  for (const [code, { page }] of Object.entries(syntax)) {
    if (page.bad === undefined) continue;
    test(`of ${code}: its bad file has this mistake and no other, its good file has none`, () => {
      expect(read(page.bad!).diagnostics.map((diagnostic) => diagnostic.code)).toEqual([code]);
      expect(read(page.good!).diagnostics).toEqual([]);
    });
  }
});

describe("one mistake", () => {
  test.each([
    ["dim b 128", "1:7 syntax/expected 128"],
    ["dim b == 128", "1:7 syntax/expected =="],
    ["dim b: 128", "1:6 syntax/expected :"],
    ["dim = ", "1:6 syntax/expected"],
    ["fn f(x) = a b", "1:13 syntax/expected b"],
    ["fn g x = 3", "1:6 syntax/expected x"],
    ["fn (x) = 3", "1:4 syntax/expected ("],
    ["fn in(x) = 3", "1:4 syntax/reserved-word in"],
    ["fn f(x, for) = 3", "1:9 syntax/reserved-word for"],
    ["fn f(x [3]) = 4", "1:8 syntax/expected ["],
    ["fn f(x: ) = 4", "1:9 syntax/expected )"],
    ["fn f(x): 3", "1:8 syntax/expected :"],
    ["fn f(x) -> = 3", "1:12 syntax/expected ="],
    ["fn f(x)", "1:8 syntax/expected"],
    ["import x", "1:8 syntax/expected x"],
    ["model m(x) { x * }", "1:17 syntax/expected"],
    ["model (x) = 3", "1:7 syntax/expected ("],
    ["train x", "1:7 syntax/expected x"],
    ["train { lr: 3 }", "1:11 syntax/expected :"],
    ["relu", "1:1 syntax/no-declaration relu"],
    ["3 + 4", "1:1 syntax/no-declaration 3"],
    ["f(x) = 3", "1:1 syntax/no-declaration f"],
    ["x <- 3", "1:3 syntax/outside-function <-"],
    ["param w: [3] = 0", "1:1 syntax/outside-function param"],
    ["for i in 0:3 { a = 1; b = 2 }", "1:1 syntax/outside-function for"],
    ["a, b = f(x)", "1:2 syntax/expected ,"],
    ["def f(x): return x", "1:1 syntax/foreign-word def"],
    ["fn f(x) { while x { y } }", "1:11 syntax/foreign-word while"],
    ["fn f(x) { return x }", "1:11 syntax/foreign-word return"],
    ["fn f(x) = lambda y: y + 1", "1:11 syntax/foreign-word lambda"],
    ["fn f(x) = if a then b elif c then d else e", "1:23 syntax/foreign-word elif"],
    ["fn f(a, b) = a is b", "1:16 syntax/foreign-word is"],
    ["fn f(x) = if x = 3 then 1 else 2", "1:16 syntax/compare ="],
    ["fn f(x) = if x then 1", "1:22 syntax/if-incomplete"],
    ["fn f(x) = if x { 1 } else { 2 }", "1:16 syntax/if-incomplete {"],
    ["fn f(x) = y if x else z", "1:13 syntax/expected if"],
    ["fn f(x) = where(x<-1, 0, x)", "1:18 syntax/arrow-or-less <-"],
    ["fn f(x) = x < = 3", "1:15 syntax/expected ="],
    ["fn f(x) = x[1:2:3]", "1:16 syntax/expected :"],
    ["fn f(x) = x[]", "1:13 syntax/expected ]"],
    ["fn f(x) = ()", "1:12 syntax/expected )"],
    ["fn f(x) = f(a; b)", "1:14 syntax/expected ;"],
    ["fn f(x) = _ + 1", "1:11 syntax/reserved-word _"],
    ["fn f(x) { state = 3 }", "1:11 syntax/reserved-word state"],
    ["fn f(x) { param w [3] = 0 }", "1:19 syntax/expected ["],
    ["fn f(x) { param w: [3] }", "1:23 syntax/expected"],
    ["fn f(x) { for i in 0:3: h }", "1:23 syntax/expected :"],
    ["fn f(x) { x: [3] = 4 }", "1:12 syntax/expected :"],
    ["fn f(x) { g(x) = 4 }", "1:16 syntax/expected ="],
    ["fn f(x) { a = b = c }", "1:17 syntax/expected ="],
    ["fn f(x) { a, b }", "1:15 syntax/expected"],
    ["fn f(x) = x |> g + 1", "1:18 syntax/pipe-operator +"],
    ["fn f(x) = 1 < x < 2", "1:17 syntax/compare-chain <"],
    ["fn f(x) = -not x", "1:12 syntax/not-parentheses not"],
    ["a = /* never ends", "1:5 syntax/comment /* never ends"],
    ["x = a ? b", "1:7 syntax/unknown-character ?"],
  ])("%s", (text, expected) => {
    expect(mistakes(text)).toEqual([expected]);
  });
});

describe("brackets", () => {
  test.each([
    ["a declaration closes them", "fn f(x) = g(x\nfn h(x) = x", ["1:12 syntax/unclosed ("]],
    [
      "and each kind of declaration does",
      "a = (\nmodel m(x) = x\nb = [\ntrain { c = 1 }",
      ["1:5 syntax/unclosed (", "3:5 syntax/unclosed ["],
    ],
    ["a statement word closes ( and [", "fn f(x) {\n  h = f(g(x\n  param w = 0\n  h\n}", ["2:10 syntax/unclosed ("]],
    [
      "a line that must be a statement closes them",
      "fn f(x) {\n  h = g(x @ W\n  k = (h + 1)\n  k\n}",
      ["2:8 syntax/unclosed ("],
    ],
    ["the end of a block closes them", "fn f(x) {\n  h[0\n}\nfn g(x) = x", ["2:4 syntax/unclosed ["]],
    [
      "loss and train at a line's start close a block",
      "model m(x) {\n  for i in r {\n    h = x\n  y = h\n}\nloss(out) = out",
      ["1:12 syntax/unclosed {"],
    ],
    ["a call of something named loss does not", "fn f(x) {\n  loss(x)\n}", []],
    ["each is reported", "a = g(1\nb = [2\nc = 3", ["1:6 syntax/unclosed (", "2:5 syntax/unclosed ["]],
    [
      "stray ones are left out",
      "a = x)\nb = 2]\n}\nc = 3",
      ["1:6 syntax/unopened )", "2:6 syntax/unopened ]", "3:1 syntax/unopened }"],
    ],
    ["wrong ones are mended", "a = [1, 2)\nb = (1, 2]", ["1:10 syntax/wrong-bracket )", "2:10 syntax/wrong-bracket ]"]],
    [
      "a local function is one error",
      "fn f(x) {\n  fn g(y) {\n    y\n  }\n  g(x)\n}",
      ["2:3 syntax/local-function fn"],
    ],
  ])("%s", (_name, text, expected) => {
    expect(mistakes(text)).toEqual(expected);
  });
});

test("one mistake in a header does not hide the body's, nor its name", () => {
  const text = "model m(x: [N, 784], 3) -> [N, 10] {\n  a = f(x y)\n  b = g(1 2) + h(3 4)\n  b\n}\nloss(out) = out";
  expect(mistakes(text)).toEqual([
    "1:22 syntax/expected 3",
    "2:11 syntax/expected y",
    "3:11 syntax/expected 2",
    "3:20 syntax/expected 4",
  ]);
  const [model, loss] = read(text).file.decls;
  expect(model).toMatchObject({ kind: "model", name: { text: "m" }, params: [{ name: { text: "x" } }] });
  expect(loss!.kind).toBe("loss");
});

test("twenty independent mistakes are twenty diagnostics, in order, each on its line", () => {
  const wrong = [
    "a = 1e999",
    "b = (1 2)",
    "c = [1",
    "d = 'x'",
    "e = 3 +* 4",
    "f(x) = 2",
    "dim g 3",
    "hyper h == 1",
    "fn i(x) = x ^ 2",
    "fn j(x) = if x then 1",
    "fn k(x) { return x }",
    "fn l(x) = x |> -x",
    "fn m(x) = 1 < x < 2",
    "fn n(x) = f(a = 1, x)",
    'o = "open',
    "p = 1)",
    "param q = 1",
    "fn r(s [3]) = s",
    "train { t: 4 }",
    "u := 3",
  ];
  const text = wrong.flatMap((line, i) => [line, `fine_${i} = f(x, [1, 2])`]).join("\n");
  expect(mistakes(text).map((mistake) => Number(mistake.split(":")[0]))).toEqual(wrong.map((_, i) => 2 * i + 1));
});

test("names that are bound in a broken statement stay bound", () => {
  const { file } = read("fn f(x) {\n  param w: [3 = 0\n  a = (1\n  b, c = 3 4\n}\ndim d 3");
  const decl = file.decls[0]!;
  if (decl.kind !== "fn" || decl.body.kind !== "block") throw new Error("a function with a block was expected");
  const names = decl.body.statements.map((stmt) =>
    "names" in stmt ? stmt.names.map((n) => n.text) : "name" in stmt && stmt.name.text,
  );
  expect(names).toEqual(["w", ["a"], ["b", "c"]]);
  expect(file.decls[1]).toMatchObject({ kind: "dim", name: { text: "d" } });
});

test("no message uses the words of parser tools, and every one has a next step", () => {
  const jargon = /NaN|undefined|\[object|oken|exer|rammar|roduction|LeftParen|RightParen|Begin|viable|\bEnd\b/;
  const texts = Object.values(syntax).map(({ page }) => page.bad ?? "");
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.array(
        fc.tuple(
          fc.nat(),
          fc.constantFrom(
            "(",
            ")",
            "{",
            "}",
            "=",
            ",",
            "fn",
            "if",
            "else",
            ":",
            "<-",
            "3",
            "\n",
            "[",
            "]",
            "x",
            "then",
            "for",
            "_",
            "..",
          ),
        ),
      ),
      (text, edits) => {
        let edited = text;
        for (const [at, insert] of edits) {
          const place = at % (edited.length + 1);
          edited = `${edited.slice(0, place)} ${insert} ${edited.slice(place)}`;
        }
        for (const { message, help } of read(edited).diagnostics) {
          expect(message).not.toMatch(jargon);
          expect(help ?? "").toMatch(/\.$|\?$/);
          expect(help).not.toMatch(jargon);
        }
      },
    ),
    { seed: 5, numRuns: 500 },
  );
});

describe("whatever the text", () => {
  /** Programs with pieces cut out, doubled and put elsewhere. */
  const mangled = fc
    .tuple(programs, fc.array(fc.tuple(fc.nat(), fc.nat(6), fc.nat()), { minLength: 1, maxLength: 4 }))
    .map(([{ laidOut }, cuts]) => {
      let text = laidOut;
      for (const [at, length, to] of cuts) {
        const from = at % (text.length + 1);
        const piece = text.slice(from, from + length);
        const rest = text.slice(0, from) + text.slice(from + length);
        const place = to % (rest.length + 1);
        text = to % 3 === 0 ? rest : rest.slice(0, place) + piece + rest.slice(place);
      }
      return text;
    });

  test("reading ends, spans lie in the text, in order, and no place is reported twice", () => {
    fc.assert(
      fc.property(fc.oneof(mangled, fc.string({ unit: "binary", maxLength: 200 })), (text) => {
        const { diagnostics } = read(text);
        const starts = diagnostics.map(({ span }) => span!.start);
        expect(starts).toEqual([...starts].sort((a, b) => a - b));
        for (const { span } of diagnostics) {
          expect(span!.start).toBeGreaterThanOrEqual(0);
          expect(span!.end).toBeGreaterThanOrEqual(span!.start);
          expect(span!.end).toBeLessThanOrEqual(text.length);
        }
        const places = diagnostics.map(({ code, span }) => `${code} ${span!.start} ${span!.end}`);
        expect(new Set(places).size).toBe(places.length);
        if (diagnostics.length > 0) expect(format({ path: "test.nn", text })).toBe(text);
      }),
      { seed: 6, numRuns: 2000 },
    );
  });

  const n = 100_000;
  test.each([
    ["parentheses", `a = ${"(".repeat(n)}x${")".repeat(n)}`],
    ["calls", `a = ${"f(".repeat(n)}x${")".repeat(n)}`],
    ["lists", `a = ${"[".repeat(n)}x${"]".repeat(n)}`],
    ["calls of calls", `a = f${"(x)".repeat(n)}`],
    ["members", `a = f${".x".repeat(n)}`],
    ["minus", `a = ${"-".repeat(n)}x`],
    ["minus over lines", `a = ${"-\n".repeat(n)}x`],
    ["not", `a = ${"not ".repeat(n)}x`],
    ["powers", `a = ${"x ** ".repeat(n)}x`],
    ["if in if", `a = ${"if c then ".repeat(n)}x${" else y".repeat(n)}`],
    ["else if", `a = ${"if c then x else ".repeat(n)}x`],
    ["blocks", `fn f(x) = ${"if c then { ".repeat(n)}x${" } else y".repeat(n)}`],
    ["mixed", `a = ${"-(not f(k = [x[if c then ".repeat(n / 10)}x`],
  ])("%s nested 100,000 deep are one error that names the limit", (_name, text) => {
    const found = read(text).diagnostics.filter(({ code }) => code === "syntax/too-deep");
    expect(found.map(({ message }) => message)).toEqual(["This is nested more than 100 deep."]);
  });

  test.each([
    ["parentheses", `a = ${"(".repeat(99)}x${")".repeat(99)}`],
    ["calls", `a = ${"f(k=".repeat(99)}x${")".repeat(99)}`],
    ["else if", `a = ${"if c then x else ".repeat(99)}x`],
    ["loops", `fn f(x) ${"{ for i in 0:3 ".repeat(98)}{ x }${" }".repeat(98)}`],
  ])("%s nested up to the limit are fine", (_name, text) => {
    expect(read(text).diagnostics).toEqual([]);
  });

  test.each([
    ["sum", `a = ${"x + ".repeat(n)}x`],
    ["pipe", `a = x${" |> f".repeat(n)}`],
    ["list", `a = [${"x, ".repeat(n)}x]`],
    ["run of aligned lines", "a  = 1  # c\n".repeat(n / 5)],
    ["run of newlines in a bracket", `a = (x${"\n".repeat(1e6)})`],
  ])("a long %s is no nesting: it parses and formats", (_name, text) => {
    expect(read(text).diagnostics).toEqual([]);
    expect(read(format({ path: "test.nn", text }, anyLength)).diagnostics).toEqual([]);
  });

  test.each([
    ["stray closers", ")".repeat(n), n],
    ["closers of another kind", `a = ${"[".repeat(n)}${")".repeat(n)}`, undefined],
    ["openers", `a = ${"(".repeat(n)}`, 2],
    ["lines that might start a declaration", `fn f(x) {\n${"loss((\n".repeat(n)}`, undefined],
    ["broken statements", `fn f(x) {\n${"  h = g(x y) z\n".repeat(n / 10)}}`, n / 5],
  ])("%s in their thousands are read in reasonable time", (_name, text, count) => {
    const { diagnostics } = read(text);
    expect(diagnostics.length).toBeGreaterThan(0);
    if (count !== undefined) expect(diagnostics).toHaveLength(count);
  });
});
