import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { File } from "../../src/dsl/ast.ts";
import { format } from "../../src/dsl/format.ts";
import { parse } from "../../src/dsl/parse.ts";
import { printAst } from "../../src/dsl/print-ast.ts";
import { programs } from "./arbitrary.ts";

const read = (text: string): File => {
  const { file, diagnostics } = parse({ path: "test.nn", text });
  expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
  return file;
};

/** The tree without its places. */
const treeOf = (text: string): unknown =>
  JSON.parse(
    JSON.stringify(read(text).decls, (key, value) =>
      key === "span" || key === "opSpan" || key === "pathSpan" || key === "keyword" || key === "doc"
        ? undefined
        : value,
    ),
  );
const fmt = (text: string): string => format({ path: "test.nn", text });
const commentsOf = (text: string): string[] => read(text).comments.map((comment) => comment.text.trimEnd());

describe("random programs", () => {
  test("keep their meaning and comments, and a second pass changes nothing", () => {
    fc.assert(
      fc.property(programs, ({ laidOut }) => {
        const once = fmt(laidOut);
        expect(treeOf(once)).toEqual(treeOf(laidOut));
        expect(commentsOf(once)).toEqual(commentsOf(laidOut));
        expect(fmt(once)).toBe(once);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test("have the same tree however they are laid out", () => {
    fc.assert(
      fc.property(programs, ({ plain, laidOut }) => {
        expect(treeOf(laidOut)).toEqual(treeOf(plain));
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  test("printed with all groupings, parse to the same tree", () => {
    fc.assert(
      fc.property(programs, ({ plain }) => {
        expect(treeOf(printAst(read(plain)))).toEqual(treeOf(plain));
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

test.each([
  ["x=a+b", "x = a + b\n"],
  ["x = - a ** - b", "x = -a ** -b\n"],
  ["x = not  ( a )", "x = not (a)\n"],
  ["x=f( a,b , c=1, d = 2 )", "x = f(a, b, c=1, d = 2)\n"],
  ["x=a [ : , 0 : n-1 , -1,.. ]", "x = a[:, 0:n - 1, -1, ..]\n"],
  ["x = [1,2,]", "x = [1, 2]\n"],
  ["x = 3 .T", "x = 3 .T\n"],
  [
    "fn f( x:class [N]<10,k:[n]=3 )->(a:[n] , [..rest])=x",
    "fn f(x: class[N] < 10, k: [n] = 3) -> (a: [n], [..rest]) = x\n",
  ],
  ["fn f(x){state v:shape( p )=0;v<-1;}", "fn f(x) { state v: shape(p) = 0; v <- 1 }\n"],
  ["fn f(x)\n{\n\n  x\n\n}", "fn f(x) {\n  x\n}\n"],
  ["fn f(x) { a = 1; b = 2\n b }", "fn f(x) {\n  a = 1\n  b = 2\n  b\n}\n"],
  ["fn f(x) {\n}", "fn f(x) {}\n"],
  ["fn f(x) {\n # why\n}", "fn f(x) {\n  # why\n}\n"],
  ["a = 1; b = 2;", "a = 1\nb = 2\n"],
  ["\n\na = 1\n\n\n\nb = 2\n\n", "a = 1\n\nb = 2\n"],
  ["a = 1 # one", "a = 1  # one\n"],
  ["a = 1      # one", "a = 1      # one\n"],
  ["a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"],
  ["a    = 1\nlong = 2\nx = 3", "a    = 1\nlong = 2\nx = 3\n"],
  ["a   =  f( x )   # c\nab  =  1        # d", "a   = f(x)   # c\nab  = 1      # d\n"],
  ["x = f(a, # one\n b)", "x = f(a,  # one\n  b)\n"],
  ["y = x\n|> f\n|> g", "y = x\n  |> f\n  |> g\n"],
  ["y = if a then {\n b } \nelse { c }", "y = if a then {\n  b\n} else { c }\n"],
  ["# only a comment", "# only a comment\n"],
  ["", ""],
])("%j becomes %j", (text, expected) => {
  expect(fmt(text)).toBe(expected);
  expect(fmt(expected)).toBe(expected);
});

test("lines are broken at 120 columns, at their loosest place", () => {
  const long = (count: number, name = "argument_number"): string[] =>
    Array.from({ length: count }, (_, i) => `${name}_${i}`);
  const items = long(8);
  expect(fmt(`x = f(${items.join(", ")})`)).toBe(`x = f(\n  ${items.join(",\n  ")}\n)\n`);
  expect(fmt(`x = y |> ${long(3, "a_rather_long_name_of_a_function_that_is_called").join(" |> ")}`)).toBe(
    `x = y\n  |> ${long(3, "a_rather_long_name_of_a_function_that_is_called").join("\n  |> ")}\n`,
  );
  const sum = fmt(`x = ${long(20).join(" + ")}`);
  expect(
    sum
      .split("\n")
      .slice(0, -1)
      .map((line) => line.length <= 120 && line.length > 70),
  ).toEqual([true, true, true, true].slice(0, sum.split("\n").length - 1));
  // What cannot be broken stays.
  const name = "x".repeat(200);
  expect(fmt(`${name} = 1`)).toBe(`${name} = 1\n`);
});

test("a file with mistakes is left as it is", () => {
  expect(fmt("a  =  (1\n")).toBe("a  =  (1\n");
  expect(fmt("a  =  1 <  2 < 3\n")).toBe("a  =  1 <  2 < 3\n");
});

test("the shipped files are formatted", () => {
  const root = new URL("../../", import.meta.url);
  for (const folder of ["models/", "src/dsl/std/"]) {
    for (const name of readdirSync(new URL(folder, root)).filter((file) => file.endsWith(".nn"))) {
      const text = readFileSync(new URL(`${folder}${name}`, root), "utf8");
      expect(fmt(text), `${folder}${name}: run nnc fmt`).toBe(text);
    }
  }
});
