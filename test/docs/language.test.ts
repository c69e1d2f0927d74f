// docs/language.md and docs/library.md: every block compiles as the page says, values are what they are said to be,
// mistakes give the codes they are said to give, and the grammar is the parser's.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { librarySections } from "../../scripts/docs/library.ts";
import { withLimits } from "../../src/cli/limits.ts";
import { defaultLimits } from "../../src/dsl/elaborate/context.ts";
import { format } from "../../src/dsl/format.ts";
import { parse } from "../../src/dsl/parse.ts";
import { reservedWords, vocabulary } from "../../src/dsl/tokens.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { limits } from "../../src/runtime/limits.ts";
import { sourceNames } from "../../src/runtime/sources.ts";
import { check, compile } from "../dsl/compile.ts";
import { exampleFile, surroundings, wholeFile } from "./examples.ts";
import { quotedWords, readGrammar, textsOf } from "./grammar.ts";

const page = readFileSync(new URL("../../docs/language.md", import.meta.url), "utf8");

/** ```` ```nn KIND REST ````: what is promised of the block; nothing is said of most. */
interface Block {
  readonly kind: string;
  readonly rest: readonly string[];
  readonly text: string;
  readonly line: number;
}

const blocks: readonly Block[] = [...page.matchAll(/^```nn(.*)\n([\s\S]*?)^```/gm)].map((match) => {
  const [kind = "", ...rest] = match[1]!.trim().split(" ");
  return { kind, rest, text: match[2]!, line: page.slice(0, match.index).split("\n").length };
});
const files = new Map(blocks.filter(({ kind }) => kind === "file").map(({ rest, text }) => [rest[0]!, text]));
const options = surroundings(files);
const title = ({ line, text }: Block): string => `line ${line}: ${text.trim().split("\n")[0]}`;
const ofKind = (kind: string): [string, Block][] =>
  blocks.filter((block) => block.kind === kind).map((block) => [title(block), block]);

describe("docs/language.md", () => {
  it("has blocks of each kind, and no others", () => {
    expect(new Set(blocks.map(({ kind }) => kind))).toEqual(new Set(["", "file", "values", "names", "error"]));
    expect(blocks.length).toBeGreaterThan(30);
  });

  it.each([...ofKind(""), ...ofKind("names")])("compiles, %s", (_, { text }) => {
    const { diagnostics, module } = check(wholeFile(text), options);
    expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
    expect(module).toBeDefined();
  });

  it.each([...ofKind(""), ...ofKind("names"), ...ofKind("file")])("is laid out by the formatter, %s", (_, { text }) => {
    // Statements are formatted in the body of a model, where they stand two spaces to the right.
    const isBody = !/^(?:model |fn |optimizer |train )/m.test(text);
    const source = isBody ? `model m() {\n${text.replaceAll(/^(?=.)/gm, "  ")}}\n` : text;
    expect(format({ path: "block.nn", text: source })).toBe(source);
  });

  it.each(ofKind("names"))("names parameters as it says, %s", (_, { text, rest }) => {
    const { module } = check(text, options);
    expect(module?.slots.map(({ name }) => name)).toEqual(rest);
  });

  it.each(ofKind("error"))("fails as it says, %s", (_, { text, rest }) => {
    expect(check(wholeFile(text), options).diagnostics.map(({ code }) => code)).toEqual(rest);
  });

  const lines = ofKind("values").flatMap(([, { text }]) => text.trim().split("\n"));
  it.each(lines)("computes what it says: %s", (line) => {
    const [, expression, wanted] = /^(.*?) +# ([-.\d ]+)$/.exec(line)!;
    const { predict } = compile(`model m(x: [2, 3]) { 0 * sum(x) + (${expression}) }\n`);
    const inputs = new Map([["x", [1, 2, 3, 4, 5, 6]]]);
    const { outputs } = interpret(optimise(predict, opTable).graph, { inputs });
    const found = [...outputs.get("out")!.data];
    const numbers = wanted!.split(" ").map(Number);
    expect(found).toHaveLength(numbers.length);
    for (const [i, number] of numbers.entries()) expect(found[i]).toBeCloseTo(number, 6);
  });

  it("tells all data sources", () => {
    const section = page.slice(page.indexOf("\n## Data\n"), page.indexOf("\n## Numerics\n"));
    const cells = [...section.matchAll(/^\| (.*?) \|/gm)].map((row) => row[1]!).join(" ");
    const told = [...cells.matchAll(/`(\w+)\(/g)].map((call) => call[1]);
    expect(told.sort()).toEqual([...sourceNames].sort());
  });

  it("tells the limits and their options", () => {
    const told = [...page.matchAll(/^\| [^|]* \| ([\d,]+(?: \w+)?) \| `(--max-\w+)` \|$/gm)];
    const options = withLimits(new Command()).options.filter(({ long }) => long?.startsWith("--max-"));
    expect(told.map(([, value, option]) => [option, value!.replace(/[, ]/g, "")])).toEqual(
      options.map(({ long, defaultValueDescription }) => [long, defaultValueDescription]),
    );
    expect(page).toContain(`| calls inside calls | ${defaultLimits.calls} |`);
    expect([limits.csv, limits.text]).toEqual([128 * 2 ** 20, 128 * 2 ** 20]);
  });
});

describe("the grammar", () => {
  const text = /## Grammar\n[\s\S]*?```text\n([\s\S]*?)```/.exec(page)![1]!.trimEnd();
  const grammar = readGrammar(text);

  it("has the words and marks of the lexer", () => {
    const patterns = vocabulary.map(({ PATTERN }) => PATTERN).filter((pattern) => typeof pattern === "string");
    expect([...quotedWords(grammar)].sort()).toEqual(patterns.filter((pattern) => pattern !== ";").sort());
    const listed = /The words `([^`]*)` are never names/.exec(page)![1]!.split(" ");
    expect([...listed, "_"].sort()).toEqual([...reservedWords].sort());
  });

  it("makes files that the parser accepts and the formatter settles", () => {
    const write = textsOf(grammar, "file");
    let words = 0;
    fc.assert(
      fc.property(fc.array(fc.nat(999), { minLength: 100, maxLength: 300 }), (choices) => {
        const source = { path: "random.nn", text: write(choices) };
        words += source.text.split(" ").length;
        expect(parse(source).diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
        const formatted = format(source);
        expect(format({ path: "again.nn", text: formatted })).toBe(formatted);
      }),
      { seed: 1, numRuns: 1500 },
    );
    expect(words).toBeGreaterThan(50_000);
  });
});

describe("the library's comments", () => {
  const all = librarySections().flatMap(({ functions }) => functions);

  it.each(all.map(({ name, example }) => [name, example]))("have an example that compiles: %s, %s", (name, example) => {
    expect(example).toMatch(new RegExp(`\\b${name}\\b`));
    expect(check(exampleFile(example)).diagnostics.map(({ message }) => message)).toEqual([]);
  });
});
