// Random model files for property tests and fuzzers: grammatical texts, and layouts of them that must not matter.
import fc from "fast-check";

/** Stand for a gap in a text: within a line, where a line may also end, and between statements. */
const space = "\u0001";
const soft = "\u0002";
const separator = "\u0003";

const name = fc.constantFrom(
  "x",
  "y",
  "W",
  "h_1",
  "loss",
  "model",
  "dim",
  "train",
  "as",
  "__proto__",
  "constructor",
  "N",
);
const number = fc.oneof(
  fc.nat(1000).map(String),
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom("1e-3", ".5", "2.", "1_000"),
);
const string = fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text));

const commaList = (items: readonly string[]): string => items.join(`,${soft}`);

const { expr, block } = fc.letrec<{
  expr: string;
  any: string;
  sum: string;
  unary: string;
  postfix: string;
  primary: string;
  item: string;
  arg: string;
  branch: string;
  block: string;
  stmt: string;
}>((tie) => {
  const list = (key: "expr" | "item" | "arg" | "stmt", minLength = 0): fc.Arbitrary<string[]> =>
    fc.array(tie(key), { minLength, maxLength: 3, depthIdentifier: "nn" });
  const chain = (operand: fc.Arbitrary<string>, operators: readonly string[]): fc.Arbitrary<string> =>
    fc
      .tuple(
        operand,
        fc.array(fc.tuple(fc.constantFrom(...operators), operand), { maxLength: 2, depthIdentifier: "nn" }),
      )
      .map(([first, rest]) => first + rest.map(([op, value]) => `${space}${op}${soft}${value}`).join(""));
  return {
    expr: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: tie("any"), weight: 6 },
      {
        arbitrary: fc
          .tuple(tie("expr"), tie("branch"), tie("branch"))
          .map(([c, a, b]) => `if${space}${c}${space}then${space}${a}${space}else${space}${b}`),
        weight: 1,
      },
      {
        arbitrary: fc
          .tuple(tie("any"), fc.array(tie("postfix"), { minLength: 1, maxLength: 3 }))
          .map((stages) => stages.flat().join(`${soft}|>${space}`)),
        weight: 1,
      },
    ),
    any: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: tie("sum"), weight: 4 },
      { arbitrary: chain(tie("sum"), ["and", "or"]), weight: 1 },
      { arbitrary: tie("sum").map((value) => `not${space}${value}`), weight: 1 },
      {
        arbitrary: fc
          .tuple(tie("sum"), fc.constantFrom("==", "!=", "<", "<=", ">", ">="), tie("sum"))
          .map(([a, op, b]) => `${a}${space}${op}${soft}${b}`),
        weight: 1,
      },
    ),
    sum: chain(tie("unary"), ["+", "-", "*", "/", "%", "@", "**"]),
    unary: fc.tuple(fc.constantFrom("", "", "", "-", "--"), tie("postfix")).map(([sign, value]) => sign + value),
    postfix: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: tie("primary"), weight: 3 },
      { arbitrary: fc.tuple(tie("postfix"), list("arg")).map(([f, args]) => `${f}(${commaList(args)})`), weight: 2 },
      {
        arbitrary: fc.tuple(tie("postfix"), list("item", 1)).map(([x, items]) => `${x}[${commaList(items)}]`),
        weight: 1,
      },
      { arbitrary: fc.tuple(tie("postfix"), name).map(([x, member]) => `${x}${space}.${member}`), weight: 1 },
    ),
    primary: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: name, weight: 4 },
      { arbitrary: number, weight: 2 },
      { arbitrary: string, weight: 1 },
      { arbitrary: fc.constantFrom("true", "false"), weight: 1 },
      { arbitrary: list("expr", 1).map((items) => `(${soft}${commaList(items)}${soft})`), weight: 1 },
      { arbitrary: list("item").map((items) => `[${commaList(items)}]`), weight: 1 },
    ),
    item: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: tie("expr"), weight: 5 },
      { arbitrary: fc.constantFrom("..", "..rest", ":"), weight: 1 },
      { arbitrary: fc.tuple(tie("expr"), tie("sum")).map(([from, to]) => `${from}:${to}`), weight: 1 },
      { arbitrary: tie("sum").map((to) => `:${to}`), weight: 1 },
    ),
    // Named, so that they may follow each other in any order.
    arg: fc
      .tuple(name, fc.constantFrom("=", ` = `), fc.oneof(fc.constant("_"), tie("item")))
      .map((parts) => parts.join("")),
    branch: fc.oneof({ depthIdentifier: "nn", maxDepth: 4 }, tie("any"), tie("block")),
    block: list("stmt").map((statements) => `{${space}${statements.join(separator)}${space}}`),
    stmt: fc.oneof(
      { depthIdentifier: "nn", maxDepth: 4 },
      { arbitrary: fc.tuple(name, tie("expr")).map(([v, e]) => `${v}${space}=${soft}${e}`), weight: 3 },
      { arbitrary: tie("expr"), weight: 1 },
      {
        arbitrary: fc.tuple(name, name, tie("expr")).map(([a, b, e]) => `${a},${soft}${b}${space}=${soft}${e}`),
        weight: 1,
      },
      { arbitrary: fc.tuple(name, tie("expr")).map(([v, e]) => `${v}${space}<-${soft}${e}`), weight: 1 },
      {
        arbitrary: fc
          .tuple(fc.constantFrom("param", "state"), name, fc.option(tie("sum")), tie("expr"))
          .map(
            ([word, v, size, e]) =>
              `${word}${space}${v}${size === null ? "" : `:${space}[${size}]`}${space}=${soft}${e}`,
          ),
        weight: 2,
      },
      {
        arbitrary: fc
          .tuple(name, tie("item"), tie("block"))
          .map(([v, over, body]) => `for${space}${v}${space}in${space}${over}${space}${body}`),
        weight: 1,
      },
    ),
  };
});

const size = fc.constantFrom("N", "784", "2 * n", "..", "..rest", "d / heads");
const type = fc.oneof(
  fc
    .tuple(fc.constantFrom("", "f32", "class"), fc.array(size, { maxLength: 3 }), fc.constantFrom("", "", " < 10"))
    .map(([dtype, sizes, bound]) => `${dtype}[${commaList(sizes)}]${bound}`),
  fc.constant("shape(p)"),
);
const param = fc
  .tuple(name, fc.option(type), fc.option(fc.tuple(fc.constantFrom("=", " = "), expr)))
  .map(([v, t, d]) => `${v}${t === null ? "" : `:${space}${t}`}${d === null ? "" : d.join("")}`);
const params = fc.array(param, { maxLength: 3 }).map((list) => `(${commaList(list)})`);
const body = fc.oneof(
  expr.map((value) => `${space}=${soft}${value}`),
  block.map((text) => `${soft}${text}`),
);
const results = fc.option(
  fc.oneof(
    type,
    fc.array(fc.tuple(fc.option(name), type), { minLength: 1, maxLength: 2 }).map((list) => {
      const texts = list.map(([v, t]) => (v === null ? t : `${v}:${space}${t}`));
      return `(${commaList(texts)})`;
    }),
  ),
);
const decl = fc.oneof(
  fc.tuple(fc.constantFrom("dim ", "hyper ", ""), name, expr).map(([word, v, e]) => `${word}${v}${space}=${soft}${e}`),
  fc
    .tuple(fc.constantFrom("fn", "model", "optimizer"), name, params, results, body)
    .map(([word, v, p, r, b]) => `${word}${space}${v}${p}${r === null ? "" : `${space}->${soft}${r}`}${b}`),
  fc.tuple(params, body).map(([p, b]) => `loss${p}${b}`),
  fc.tuple(name, params, fc.option(body)).map(([v, p, b]) => `metric${space}${v}${p}${b ?? ""}`),
  fc
    .array(fc.tuple(name, expr), { maxLength: 3 })
    .map((entries) => `train${soft}{${entries.map(([v, e]) => `${v}${space}=${soft}${e}`).join(separator)}}`),
  fc
    .tuple(string, fc.option(name))
    .map(([path, as]) => `import${space}${path}${as === null ? "" : `${space}as${space}${as}`}`),
);

const shapes = fc.array(decl, { maxLength: 5 }).map((decls) => decls.join(separator));

const spaces = [" ", " ", " ", "  ", "\t"];
const softs = [" ", " ", " ", "  ", "\n", "\n    ", "\r\n", " # note\n", "\n\n# own line\n"];
const separators = ["\n", "\n", "; ", "\n\n\n", " # note\n", "\n  # own line\n", ";\n"];

/** A string, which is left alone, or a gap. */
const gaps = new RegExp(`"(?:[^"\\\\]|\\\\.)*"|[${space}${soft}${separator}]`, "g");

const filled = (text: string, of: (gap: string) => string): string =>
  text.replace(gaps, (found) => (found.length > 1 ? found : of(found)));

/** One expression, each of its gaps a space or the end of a statement. */
export const expressions: fc.Arbitrary<string> = expr.map((text) =>
  filled(text, (gap) => (gap === separator ? "\n" : " ")),
);

/** One text, and the same text with other spaces, lines and comments. */
export const programs: fc.Arbitrary<{ readonly plain: string; readonly laidOut: string }> = fc
  .tuple(shapes, fc.array(fc.nat(), { minLength: 1, maxLength: 40 }))
  .map(([shape, choices]) => {
    let next = 0;
    const pick = (options: readonly string[]): string => options[choices[next++ % choices.length]! % options.length]!;
    return {
      plain: filled(shape, (gap) => (gap === separator ? "\n" : " ")),
      laidOut: filled(shape, (gap) => pick(gap === space ? spaces : gap === soft ? softs : separators)),
    };
  });
