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
