// One mistake is told once: what follows from a line that cannot be read, or from wrong arguments, is silent.
import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../src/base/diagnostic.ts";
import { withoutEchoes } from "../../src/dsl/echoes.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";

function mistakes(text: string): readonly Diagnostic[] {
  const parsed = parse({ path: "m.nn", text });
  return withoutEchoes(parsed.diagnostics, elaborate(parsed.file).diagnostics);
}

const body = (...lines: readonly string[]): string =>
  `model m(x: [N, 8]) -> [N, 8] {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;

describe("one mistake, one message", () => {
  it.each([
    ["a word of another language", ["map(lambda v: v + 1, x)"], "syntax/foreign-word"],
    ["an assignment in place", ["y = x", "y += 1", "x"], "syntax/foreign-mark"],
    ["a step in a slice", ["y = x[0:8:2]", "x"], "syntax/expected"],
    ["one argument too many, whose result has another shape", ["sum(x, 1)"], "type/too-many-arguments"],
    ["an argument of another name, whose result has another shape", ["sum(x, dim=1)"], "type/unknown-argument"],
    ["two sizes that clash, of which either may be meant", ["x[:, 0:3] + x"], "shape/broadcast"],
    ["two sizes that clash, before a layer", ["y = x[:, 0:3] * x", "linear(y, 3) @ linear(x, 8).T"], "shape/broadcast"],
    ["a bracket that is opened at the end of a line", ["y = tanh(", "z = x + 1", "z + y"], "syntax/unclosed"],
    ["a list that ends with a comma", ["y = concat([x, x,", "x + 1"], "syntax/unclosed"],
    ["an argument missing in a layer", ["y = linear(x)", "y @ y.T"], "type/missing-argument"],
  ])("%s", (_, lines, code) => {
    expect(mistakes(body(...lines)).map((diagnostic) => diagnostic.code)).toEqual([code]);
  });

  it("mistakes on other lines are told too", () => {
    const codes = mistakes(body("y = x ^ 2", "z = relux(x)", "sum(y, 1)")).map(({ code }) => code);
    expect(codes).toEqual(["syntax/foreign-mark", "name/unknown", "type/too-many-arguments"]);
  });
});

describe("a number that is not whole", () => {
  it.each([
    ["a, b, c = split(x, 3)", "An end of a range is the number 2.66667, from 8 / 3; it should be a whole number."],
    ["attention(x, 3)", "A size of reshape is the number 2.66667, from 8 / 3"],
    ["x[:, 0:7 / 2]", "the number 3.5, from 7 / 2"],
    ["reshape(x, [N, 2 * (8 / 3) + 1, -1])", "the number 6.33333, from 8 / 3"],
  ])("%s says which division made it", (line, message) => {
    expect(mistakes(body(line, "x")).map((diagnostic) => diagnostic.message)).toEqual([
      expect.stringContaining(message),
    ]);
  });

  it("N + 1 is known at run time only", () => {
    const [first] = mistakes("model m(x: [N + 1, 8]) = x\n");
    expect(first?.message).toContain("A size is only known at run time (`N + 1`)");
  });
});

describe("items of a list", () => {
  it("are told by their numbers, since the list is their place", () => {
    const [first] = mistakes(body("y = concat([x, reshape(x, [N, 4, 2])], axis=1)", "x"));
    expect(first).toMatchObject({ code: "shape/concat" });
    const notes = first!.notes.map(({ message }) => message);
    expect(notes.filter((message) => message.startsWith("item"))).toEqual([
      "item 1 of `[x, reshape(x, [N, 4, 2])]` is [N, 4, 2]",
      "item 0 of `[x, reshape(x, [N, 4, 2])]` is [N, 8]",
    ]);
  });
});
