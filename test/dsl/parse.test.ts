import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { textOf } from "../../src/base/span.ts";
import type { Decl, Expr, File } from "../../src/dsl/ast.ts";
import { NnParser } from "../../src/dsl/grammar.ts";
import { parse } from "../../src/dsl/parse.ts";
import { exprText, printAst } from "../../src/dsl/print-ast.ts";
import { programs } from "./arbitrary.ts";

const read = (text: string) => parse({ path: "test.nn", text });

function fileOf(text: string): File {
  const { file, diagnostics } = read(text);
  expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
  return file;
}

const declOf = (text: string): Decl => fileOf(text).decls[0]!;

function exprOf(text: string): Expr {
  const decl = declOf(`v = ${text}`);
  if (decl.kind !== "binding") throw new Error(`a binding was expected, not ${decl.kind}`);
  return decl.value;
}

/** The statements of a block, with every grouping written out. */
const bodyOf = (statements: string): string => printAst(fileOf(`fn f() {\n${statements}\n}`));
const lines = (...statements: string[]): string => `fn f() {\n${statements.map((s) => `  ${s}\n`).join("")}}\n`;

test("the grammar is LL(2), without ambiguities", () => {
  // The parser checks itself when built with checks, and throws.
  expect(() => new NnParser(true)).not.toThrow();
});

test("the types of the concrete tree are those of the grammar", () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const flat = (text: string): string => text.replaceAll(/[\s;()]/g, "");
  const before = readFileSync(`${root}src/dsl/cst.ts`, "utf8");
  const written = execFileSync(process.execPath, ["scripts/cst-types.mjs", "--print"], { cwd: root, encoding: "utf8" });
  expect(flat(before)).toBe(flat(written));
});

test.each([
  // Precedence, loosest to tightest; what is expected follows the reference's table.
  ["a + b * c", "(a + (b * c))"],
  ["a - b + c", "(a - b + c)"],
  ["a * b / c @ d % e", "(a * b / c @ d % e)"],
  ["(a - b) - c", "((a - b) - c)"],
  ["a - (b - c)", "(a - (b - c))"],
  ["-x ** 2", "(-(x ** 2))"],
  ["2 ** -x ** 2", "(2 ** (-(x ** 2)))"],
  ["a ** b ** c", "(a ** (b ** c))"],
  ["(a ** b) ** c", "((a ** b) ** c)"],
  ["-a * b", "((-a) * b)"],
  ["--x", "(-(-x))"],
  ["a < b + 1", "(a < (b + 1))"],
  ["not a == b", "(not (a == b))"],
  ["not not a and b", "((not (not a)) and b)"],
  ["a or b and not c or d", "(a or (b and (not c)) or d)"],
  ["x |> f |> g(1, _)", "(x |> f |> g(1, _))"],
  ["a + b |> f", "((a + b) |> f)"],
  ["if a then b else c + 1", "(if a then b else (c + 1))"],
  ["if a then b else if c then d else e", "(if a then b else (if c then d else e))"],
  ["1 + (if a then b else c)", "(1 + (if a then b else c))"],
  ["-x.T[0](y)", "(-x.T[0](y))"],
  ["(a + b).T", "(a + b).T"],
  ["x[:, 0:10, -1, .., ..rest, 1:, :n - 1]", "x[:, 0:10, (-1), .., ..rest, 1:, :(n - 1)]"],
  ["(a, b)", "[a, b]"],
  ["(a,)", "a"],
  ["[]", "[]"],
  ["[0, 2:rank(x),]", "[0, 2:rank(x)]"],
  ["f(x, k=3, _)".replace(", _", ""), "f(x, k = 3)"],
  ["f(_, 2)", "f(_, 2)"],
  ["loss + model - train * dim", "(loss + model - (train * dim))"],
])("%s groups as %s", (text, expected) => {
  expect(exprText(exprOf(text))).toBe(expected);
});

describe("spans", () => {
  test.each([
    ["a - b", "a - b"],
    ["(a) + b", "(a) + b"],
    ["f(x)[0].T", "f(x)[0].T"],
    ["-(x)", "-(x)"],
    ["x |> f(1)", "x |> f(1)"],
    ["(x, y)", "(x, y)"],
    ["if a then b else c", "if a then b else c"],
    ["2 ** (x)", "2 ** (x)"],
    ["a < (b)", "a < (b)"],
  ])("of %s covers it all", (text, expected) => {
    expect(textOf(exprOf(`   ${text}  # note`).span)).toBe(expected);
  });

  test("of parts", () => {
    const text = "# doc\nfn f(a, b: f32[n, m] < 3 = k) -> (u: [n], [2 * n]) {\n  p, q = g(a, k = b)\n  p <- q\n}";
    const decl = declOf(text);
    if (decl.kind !== "fn" || decl.body.kind !== "block") throw new Error("a function with a block was expected");
    expect(textOf(decl.span)).toBe(text.slice("# doc\n".length));
    expect(decl.params.map((param) => textOf(param.span))).toEqual(["a", "b: f32[n, m] < 3 = k"]);
    expect(textOf(decl.params[1]!.type!.span)).toBe("f32[n, m] < 3");
    expect(decl.results!.map(({ type }) => textOf(type.span))).toEqual(["[n]", "[2 * n]"]);
    expect(decl.body.statements.map((statement) => textOf(statement.span))).toEqual(["p, q = g(a, k = b)", "p <- q"]);
  });

  test("lie within those of what they are part of, in random programs", () => {
    const check = (node: unknown, from: number, to: number): void => {
      if (typeof node !== "object" || node === null) return;
      if (Array.isArray(node)) {
        for (const child of node) check(child, from, to);
        return;
      }
      const { span } = node as { span?: { start: number; end: number } };
      if (span) {
        expect(span.start).toBeGreaterThanOrEqual(from);
        expect(span.end).toBeLessThanOrEqual(to);
        expect(span.end).toBeGreaterThan(span.start);
      }
      for (const [key, child] of Object.entries(node)) {
        if (key !== "span" && key !== "source") check(child, span?.start ?? from, span?.end ?? to);
      }
    };
    fc.assert(
      fc.property(programs, ({ laidOut }) => {
        const { decls } = fileOf(laidOut);
        for (const decl of decls) check(decl, 0, laidOut.length);
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});

describe("declarations", () => {
  test.each([
    ["dim hidden = 128", "dim"],
    ["hyper beta = 1.0", "hyper"],
    ["encoder = mlp(_, [256, 32])", "binding"],
    ["dim = 3", "binding"],
    ["loss = 3", "binding"],
    ["train = 3", "binding"],
    ["dim dim = 3", "dim"],
    ["model model(model: [N]) -> [N] = model", "model"],
    ["fn f(a, b: [n, m], k = 3) -> [n] = a", "fn"],
    ["model m(x: [N, 784]) -> (mu: [N, 8], sd: [N, 8]) {}", "model"],
    ["optimizer o(p, g) { state v: shape(p) = 0 }", "optimizer"],
    ["loss(out, target: class[N] < 10) = nll(out, target)", "loss"],
    ["metric accuracy(out, target)", "metric"],
    ["metric m(out) = out", "metric"],
    ["train {}", "train"],
    ["train { optimizer.critic.head = every(5, f) }", "train"],
    ['import "layers.nn"', "import"],
    ['import "layers.nn" as as', "import"],
  ])("%s", (text, kind) => {
    expect(declOf(text).kind).toBe(kind);
  });

  test("are documented by the comment lines right above", () => {
    const { decls } = fileOf(
      "# A file.\n\n#  Two\n# lines.\ndim a = 1  # not this\ndim b = 2\n# this\ndim c = 3\n\n# far\n\ndim d = 4",
    );
    expect(decls.map(({ doc }) => doc)).toEqual([" Two\nlines.", undefined, "this", undefined]);
  });

  test("may have names that are special elsewhere", () => {
    for (const name of ["__proto__", "constructor", "toString", "await", "arguments", "eval", "hasOwnProperty"]) {
      const decl = declOf(`${name} = f(${name} = ${name}).${name}`);
      expect(decl.kind === "binding" && decl.name.text).toBe(name);
    }
  });
});

describe("lines", () => {
  test.each([
    ["a newline or ; separates", "a = 1\nb = 2; c = 3;;\n;", lines("a = 1", "b = 2", "c = 3")],
    ["not inside ( ) and [ ]", "a = f(\n x\n ,\n [y\n]\n)", lines("a = f(x, [y])")],
    ["but in a block within them", "f(if c then {\na = 1\na } else b)", "{\n    a = 1\n    a\n  }"],
    [
      "not after an operator, = or ,",
      "a =\n b +\n\n c\np,\nq = r\nv <-\n s",
      lines("a = (b + c)", "p, q = r", "v <- s"),
    ],
    [
      "not before |> then else {",
      "a = x\n |> f\n |> g\nb = if c\n then x\n else y\nfor i in r\n{ d }",
      "(x |> f |> g)",
    ],
    ["but before - and ( and [", "a = x\n-y\n(z)\n[w]", lines("a = x", "(-y)", "z", "[w]")],
    ["Windows and blank lines", "a = 1\r\n\r\n\tb = 2\r\n", lines("a = 1", "b = 2")],
    ["a comma before a closing bracket is ignored", "a = f(x, y,)\nb = [1,\n]", lines("a = f(x, y)", "b = [1]")],
    ["comments end a line", "a = 1 # one\n# two\nb = 2", lines("a = 1", "b = 2")],
    ["a comment does not end what goes on", "a = 1 + # one\n # two\n 2", lines("a = (1 + 2)")],
  ])("%s", (_rule, text, expected) => {
    expect(bodyOf(text)).toContain(expected);
  });

  test.each(["+ 1", "* 1", "/ 1", "@ y", "** 2", "== 1", "<= 1", "and y", "or y", ", y", "= 1", ".T", "% 2"])(
    "a line that starts with `%s` is one error that says so",
    (start) => {
      const { diagnostics } = read(`fn f(x) {\n  y = x\n    ${start}\n  z = 2\n  z\n}`);
      expect(diagnostics.map(({ code, span }) => [code, span!.start])).toEqual([["syntax/line-start", 22]]);
    },
  );
});

test("the language's own example and every shipped file parse", () => {
  const root = new URL("../../", import.meta.url);
  const shipped = ["models/", "src/dsl/std/"].flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith(".nn"))
      .map((name) => `${folder}${name}`),
  );
  expect(shipped.length).toBeGreaterThan(2);
  for (const path of shipped) {
    const text = readFileSync(new URL(path, root), "utf8");
    expect(parse({ path, text }).diagnostics.map(({ message }) => `${path}: ${message}`)).toEqual([]);
  }
});
