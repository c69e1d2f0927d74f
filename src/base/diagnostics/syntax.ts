// What can be wrong with the text itself: words, brackets, lines, grammar.
import { entry } from "../diagnostic.ts";

/** A line for the caller: everything the user wrote is quoted with backquotes. */
const q = (text: string): string => (text === "`" ? "A backquote" : `\`${text}\``);

const model = (body: string): string => `model m(x: [N, 4]) -> [N, 2] {\n${body}\n}\n`;

export const syntax = {
  "syntax/unknown-character": entry<{ text: string; instead: string | undefined }>({
    severity: "error",
    message: ({ text }) => `${q(text)} is not a character of the language.`,
    help: ({ instead }) => instead ?? "Remove it.",
    page: {
      explain:
        "Outside strings and comments, a model file is made of ASCII letters, digits and the marks of the language. Characters pasted from a page, such as a long minus sign or curly quotes, look right and are not.",
      bad: model("  x − 1"),
      good: model("  x - 1"),
    },
  }),
  "syntax/name-letters": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `${q(name)} has letters that names cannot have.`,
    help: () => "Names are made of a to z, A to Z, 0 to 9 and `_`; spell it out, such as `alpha`.",
    page: {
      explain:
        "Names become names in the generated program, in checkpoints and on command lines, so they keep to ASCII letters, digits and `_`.",
      bad: "hyper β = 0.9\n",
      good: "hyper beta = 0.9\n",
    },
  }),
  "syntax/number": entry<{ text: string; fault: string }>({
    severity: "error",
    message: ({ text }) => `${q(text)} is not a number.`,
    help: ({ fault }) => fault,
    page: {
      explain: "A number is written in decimal: `784`, `0.5`, `1e-3`, `50_000`. It must be a finite 64-bit float.",
      bad: "hyper big = 1e999\n",
      good: "hyper big = 1e38\n",
    },
  }),
  "syntax/string-unclosed": entry<{ quote: string }>({
    severity: "error",
    message: () => "This string has no end.",
    help: ({ quote }) => `Close it with ${q(quote)} on the same line.`,
    page: {
      explain: "A string starts and ends with a double quote on one line. A line break in it is written `\\n`.",
      bad: 'import "layers.nn\n',
      good: 'import "layers.nn"\n',
    },
  }),
  "syntax/single-quotes": entry<Record<never, never>>({
    severity: "error",
    message: () => "Strings stand in double quotes.",
    help: () => 'Write `"` at both ends.',
    page: {
      explain: "There is one way to write a string: between double quotes.",
      bad: "import 'layers.nn'\n",
      good: 'import "layers.nn"\n',
    },
  }),
  "syntax/escape": entry<{ written: string }>({
    severity: "error",
    message: ({ written }) => `${q(written)} means nothing in a string.`,
    help: () => 'The escapes are `\\n \\t \\r \\b \\f \\" \\/ \\\\` and `\\u` with four hexadecimal digits.',
    page: {
      explain: "Strings have the escapes of JSON. To write a backslash itself, write two.",
      bad: 'import "models\\layers.nn"\n',
      good: 'import "models/layers.nn"\n',
    },
  }),
  "syntax/comment": entry<{ mark: string }>({
    severity: "error",
    message: ({ mark }) => `${q(mark)} does not start a comment.`,
    help: () => "A comment starts with `#` and ends with its line.",
    page: {
      explain: "Comments start with `#` and run to the end of the line.",
      bad: "// the width\ndim hidden = 128\n",
      good: "# the width\ndim hidden = 128\n",
    },
  }),
  "syntax/foreign-mark": entry<{ mark: string; instead: string }>({
    severity: "error",
    message: ({ mark }) => `${q(mark)} is not an operator of the language.`,
    help: ({ instead }) => instead,
    page: {
      explain: "Some operators of other languages are spelled differently here: `**` for powers, `and`, `or`, `not`.",
      bad: "fn square(x) = x ^ 2\n",
      good: "fn square(x) = x ** 2\n",
    },
  }),
  "syntax/unclosed": entry<{ open: string; close: string; others: number }>({
    severity: "error",
    message: ({ open, others }) =>
      others === 0
        ? `This ${q(open)} is never closed.`
        : `This ${q(open)} and ${others} bracket${others === 1 ? "" : "s"} around it are never closed.`,
    help: ({ close, others }) => (others === 0 ? `Add ${q(close)}.` : `Add ${q(close)} and the others.`),
    page: {
      explain:
        "A bracket was opened and the file, a block or the next declaration came before its end. The place shown is the opening bracket.",
      bad: model("  h = exp(x\n  h - 1"),
      good: model("  h = exp(x)\n  h - 1"),
    },
  }),
  "syntax/unopened": entry<{ close: string }>({
    severity: "error",
    message: ({ close }) => `This ${q(close)} closes nothing.`,
    help: ({ close }) => `Remove it, or add the ${q(close === ")" ? "(" : close === "]" ? "[" : "{")} it belongs to.`,
    page: {
      explain: "A closing bracket stands where no bracket of its kind is open.",
      bad: "fn f(x) = exp(x))\n",
      good: "fn f(x) = exp(x)\n",
    },
  }),
  "syntax/wrong-bracket": entry<{ open: string; close: string; meant: string }>({
    severity: "error",
    message: ({ open, close }) => `${q(open)} is closed by ${q(close)}.`,
    help: ({ meant }) => `Write ${q(meant)}.`,
    page: {
      explain: "Brackets close in the order in which they were opened, each by its own kind.",
      bad: "fn first(x) = x[0)\n",
      good: "fn first(x) = x[0]\n",
    },
  }),
  "syntax/line-start": entry<{ operator: string }>({
    severity: "error",
    message: ({ operator }) => `A line cannot start with ${q(operator)}.`,
    help: ({ operator }) => `Move ${q(operator)} to the end of the line above, or put the whole in parentheses.`,
    page: {
      explain:
        "A line that ends with an operator goes on in the next; a line that starts with one does not belong to the line above. Only `|>`, `then`, `else`, `{` and `}` may start a line that goes on. (`-x` at a line's start is an expression of its own.)",
      bad: model("  y = x * 2\n    + 1\n  y"),
      good: model("  y = x * 2 +\n    1\n  y"),
    },
  }),
  "syntax/too-deep": entry<{ limit: number }>({
    severity: "error",
    message: ({ limit }) => `This is nested more than ${limit} deep.`,
    help: () => "Give the inner parts names of their own; `--max-nesting` moves the limit.",
    page: {
      explain:
        "Brackets, prefix operators, powers of powers and `if` within `if` may be nested up to a limit (100). Long sums, pipes and lists are not nested and have no limit.",
    },
  }),
  "syntax/expected": entry<{ expected: string; found: string; help: string | undefined }>({
    severity: "error",
    message: ({ expected, found }) => `Expected ${expected}, found ${found}.`,
    help: ({ help }) => help,
    page: {
      explain: "The text does not go on as the grammar says. The message names what could stand here and what does.",
      bad: "dim hidden 128\n",
      good: "dim hidden = 128\n",
    },
  }),
  "syntax/reserved-word": entry<{ word: string }>({
    severity: "error",
    message: ({ word }) => `${q(word)} is a word of the language and cannot be a name.`,
    help: ({ word }) =>
      word === "_" ? "`_` stands only for an argument left open." : `Choose another, such as ${q(`${word}_`)}.`,
    page: {
      explain:
        "`if then else and or not for in fn param state import true false` are reserved. (`dim hyper model loss metric optimizer train as` are names wherever no declaration starts.)",
      bad: model("  state = exp(x)\n  x"),
      good: model("  s = exp(x)\n  s"),
    },
  }),
  "syntax/foreign-word": entry<{ word: string; instead: string }>({
    severity: "error",
    message: ({ word }) => `There is no ${q(word)} in the language.`,
    help: ({ instead }) => instead,
    page: {
      explain:
        "Model files have no classes, lambdas, `while`, `return` or `let`: functions are `fn`, the last expression of a block is its value, and a name is bound with `=`.",
      bad: "fn f(x) {\n  return exp(x)\n}\n",
      good: "fn f(x) {\n  exp(x)\n}\n",
    },
  }),
  "syntax/outside-function": entry<{ word: string }>({
    severity: "error",
    message: ({ word }) => `${q(word)} stands only inside a function or model.`,
    help: ({ word }) =>
      word === "for"
        ? "Move it into the body of a `fn` or `model`."
        : `Move it into the body of the \`fn\` or \`model\` that uses it.`,
    page: {
      explain: "A parameter or state belongs to the function that declares it; loops are part of a body.",
      bad: "param w: [3] = 0\nfn f(x) = x * w\n",
      good: "fn f(x) {\n  param w: [3] = 0\n  x * w\n}\n",
    },
  }),
  "syntax/no-declaration": entry<{ found: string; help: string | undefined }>({
    severity: "error",
    message: ({ found }) => `No declaration starts with ${found}.`,
    help: ({ help }) =>
      help ??
      "A file is made of `dim`, `hyper`, `fn`, `model`, `loss`, `metric`, `optimizer`, `train`, `import` and `name = value`.",
    page: {
      explain: "Outside of functions a file has only declarations; statements and expressions belong into a body.",
      bad: "square(x) = x * x\n",
      good: "fn square(x) = x * x\n",
    },
  }),
  "syntax/compare": entry<Record<never, never>>({
    severity: "error",
    message: () => "`=` binds a name; it does not compare.",
    help: () => "To compare write `==`.",
    page: {
      explain: "`=` gives a name to a value. Two values are compared with `==`.",
      bad: "fn f(x, k) = if k = 0 then x else -x\n",
      good: "fn f(x, k) = if k == 0 then x else -x\n",
    },
  }),
  "syntax/arrow-or-less": entry<Record<never, never>>({
    severity: "error",
    message: () => "`<-` sets a parameter or state; it does not compare.",
    help: () => "To compare with a negative number put a space between: `< -`.",
    page: {
      explain: "`<-` says what a parameter or state will be after the step, so `x<-1` is not `x < -1`.",
      bad: "fn f(x) = where(x<-1, 0, x)\n",
      good: "fn f(x) = where(x < -1, 0, x)\n",
    },
  }),
  "syntax/if-parentheses": entry<Record<never, never>>({
    severity: "error",
    message: () => "Within an expression an `if` needs parentheses.",
    help: () => "Write `(if c then a else b)`.",
    page: {
      explain: "`if` takes all to its right, so as part of a larger expression it stands in parentheses.",
      bad: "fn f(x, k) = x + if k == 0 then 1 else 2\n",
      good: "fn f(x, k) = x + (if k == 0 then 1 else 2)\n",
    },
  }),
  "syntax/if-incomplete": entry<{ missing: string; found: string }>({
    severity: "error",
    message: ({ missing, found }) => `This \`if\` has no ${q(missing)}: found ${found}.`,
    help: () => "An `if` is a value and has both sides: `if c then a else b`.",
    page: {
      explain: "`if c then a else b` is an expression, so both sides must exist.",
      bad: "fn f(x, k) = if k == 0 then x\n",
      good: "fn f(x, k) = if k == 0 then x else 2 * x\n",
    },
  }),
  "syntax/compare-chain": entry<{ first: string; second: string }>({
    severity: "error",
    message: ({ first, second }) => `Comparisons do not chain: ${q(first)} is followed by ${q(second)}.`,
    help: ({ first, second }) => `Write \`a ${first} b and b ${second} c\`.`,
    page: {
      explain: "A comparison gives a bool, and a bool is not compared with a number. Join two comparisons with `and`.",
      bad: "fn inside(x) = 0 < x < 1\n",
      good: "fn inside(x) = 0 < x and x < 1\n",
    },
  }),
  "syntax/not-parentheses": entry<{ operator: string }>({
    severity: "error",
    message: ({ operator }) => `After ${q(operator)} a \`not\` needs parentheses.`,
    help: () => "Write `(not x)`.",
    page: {
      explain:
        "`not` binds more loosely than comparisons and arithmetic, so as their operand it stands in parentheses.",
      bad: "fn f(a, b) = a == not b\n",
      good: "fn f(a, b) = a == (not b)\n",
    },
  }),
  "syntax/pipe-stage": entry<{ found: string }>({
    severity: "error",
    message: ({ found }) => `After \`|>\` comes a function, not ${q(found)}.`,
    help: () => "Write the function's name, or a call that takes the value first: `x |> linear(10)`.",
    page: {
      explain: "A stage of a pipe is a function, or a call that gets the value as its first argument.",
      bad: "fn f(x) = x |> -relu\n",
      good: "fn f(x) = -(x |> relu)\n",
    },
  }),
  "syntax/pipe-operator": entry<{ operator: string }>({
    severity: "error",
    message: ({ operator }) => `After a stage of a pipe comes another \`|>\` or the end, not ${q(operator)}.`,
    help: () => "Put the whole pipe in parentheses.",
    page: {
      explain: "The pipe binds more loosely than every other operator, so what follows it cannot apply to its result.",
      bad: "fn f(x) = x |> exp + 1\n",
      good: "fn f(x) = (x |> exp) + 1\n",
    },
  }),
  "syntax/local-function": entry<{ word: string }>({
    severity: "error",
    message: ({ word }) => `${q(word)} stands only at the top of a file, not inside a block.`,
    help: () => "Move it out, and pass what it uses as arguments.",
    page: {
      explain:
        "There are no local functions: a `fn` is declared at the top of a file, and `f(a, _)` makes one with some arguments filled in.",
      bad: "fn f(x) {\n  fn g(y) = y * 2\n  g(x)\n}\n",
      good: "fn g(y) = y * 2\nfn f(x) = g(x)\n",
    },
  }),
  "syntax/argument-order": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `This argument has no name but follows the named ${q(name)}.`,
    help: () => "Put it first, or name it too.",
    page: {
      explain: "Arguments without a name come first, in order; named ones follow.",
      bad: "fn f(x) = sum(axis = 0, x)\n",
      good: "fn f(x) = sum(x, axis = 0)\n",
    },
  }),
};
