// What can be wrong with values: a list where a tensor is needed, i32 for f32, wrong arguments.
import { entry } from "../diagnostic.ts";
import { net, trained, withFn } from "./sample-files.ts";

const meant = (suggestion: string | undefined): string | undefined => suggestion && `Did you mean \`${suggestion}\`?`;
const asTensor = "Make a tensor of a list of numbers with `tensor([…])`, or join tensors with `stack` or `concat`.";

export const types = {
  "type/unknown-dtype": entry<{ name: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` is no element type.`,
    help: ({ suggestion }) => meant(suggestion) ?? "There are f32, i32, bool and class; without one it is f32.",
    page: {
      explain: "Tensors hold f32, i32 or bool. `class[N] < 10` is i32 with values 0 to 9, checked when data is loaded.",
      bad: "model net(x: int[N, 4]) { f32(x) }\n",
      good: "model net(x: i32[N, 4]) { f32(x) }\n",
    },
  }),
  "type/expected": entry<{ what: string; expected: string; got: string }>({
    severity: "error",
    message: ({ what, expected, got }) => `${what} is ${got}; it should be ${expected}.`,
    help: ({ what, expected }) => `Give ${what} as ${expected}.`,
    page: {
      explain: "Each argument and each setting takes one kind of value, as its signature says.",
      bad: net("softmax(max(x, axis=-1, keepdims=1))"),
      good: net("softmax(max(x, axis=-1, keepdims=true))"),
    },
  }),
  "type/tensor": entry<{ what: string; got: string; isList: boolean }>({
    severity: "error",
    message: ({ what, got }) => `${what} is ${got}; it should be a tensor or a number.`,
    help: ({ isList }) => (isList ? asTensor : "Give a tensor or a number."),
    page: {
      explain: "Functions of tensors take tensors and numbers. A list is a list of values, not a tensor.",
      bad: net("x + exp([1, 2, 3, 4])"),
      good: net("x + exp(tensor([1, 2, 3, 4]))"),
    },
  }),
  "type/operator": entry<{ op: string; got: string; isList: boolean; text: string }>({
    severity: "error",
    message: ({ op, got, text }) => `\`${op}\` does not take ${got} (\`${text}\`).`,
    help: ({ isList }) => (isList ? asTensor : "Give it tensors or numbers."),
    page: {
      explain: "Operators work on tensors and numbers; `+` also joins two lists.",
      bad: net("x * [1, 2, 3, 4]"),
      good: net("x * tensor([1, 2, 3, 4])"),
    },
  }),
  "type/operand": entry<{ op: string; type: string; takes: string; place: number }>({
    severity: "error",
    message: ({ op, type, takes, place }) => `\`${op}\` takes ${takes}; argument ${place} is ${type}.`,
    help: () => "Convert it with `f32(x)`, `i32(x)` or `bool(x)`.",
    page: {
      explain: "An operation takes certain element types. Integers become floats only where the language says so.",
    },
  }),
  "type/mixed": entry<{ op: string; left: string; right: string }>({
    severity: "error",
    message: ({ op, left, right }) => `\`${op}\` takes tensors of one element type; these are ${left} and ${right}.`,
    help: () => "Convert one of them with `f32(x)`, `i32(x)` or `bool(x)`.",
    page: { explain: "Tensors that an operation joins have one element type." },
  }),
  "type/dtype": entry<{ what: string; expected: string; got: string; text: string }>({
    severity: "error",
    message: ({ what, expected, got, text }) => `${what} is ${expected}; \`${text}\` is ${got}.`,
    help: ({ expected, text }) => `Convert it: \`${expected}(${text})\`.`,
    page: {
      explain:
        "A parameter without an element type is f32. Arguments are not converted silently: labels passed as values are a frequent mistake.",
      bad: withFn("fn twice(x: [.., n]) = x + x", "twice(argmax(x, axis=-1))"),
      good: withFn("fn twice(x: [.., n]) = x + x", "twice(f32(argmax(x, axis=-1)))"),
    },
  }),
  "type/known": entry<{ what: string; got: string; text: string }>({
    severity: "error",
    message: ({ what, got, text }) =>
      `${what} must be a number known when the file is compiled; \`${text}\` is ${got}.`,
    help: () =>
      "Use a number, a `dim`, or a size of a tensor; a `hyper` and whatever is computed from data are known only later.",
    page: {
      explain:
        "Sizes, axes, counts and rates of layers are fixed when the program is made. Only the number of rows, `lr` and `hyper`s may change afterwards.",
      bad: "hyper rate = 0.5\n\nmodel net(x: [N, 4]) { transpose(x, [1, rate]) }\n",
      good: "dim first = 1\n\nmodel net(x: [N, 4]) { transpose(x, [first, 0]) }\n",
    },
  }),
  "type/whole": entry<{ what: string; got: string; text: string; least?: number }>({
    severity: "error",
    message: ({ what, got, least }) =>
      `${what} is ${got}; it should be a whole number${least === undefined ? "" : ` from ${least}`}.`,
    help: ({ got, text, least }) => {
      if (!got.startsWith("the number"))
        return "Give a number known when compiled; `gather` and `pick` take places from a tensor.";
      if (got.includes(", from ")) return "`/` is exact: choose sizes that divide evenly.";
      if (text.includes("/")) return `\`/\` is exact: check that \`${text}\` divides evenly.`;
      return `Give a whole number${least === undefined ? "" : `, ${least} or more`}.`;
    },
    page: {
      explain:
        "Known numbers have no integer type, and `/` does not round. Where a size, an index or a count is needed, the result must be whole.",
      bad: net("x[:, 0:5 / 2]"),
      good: net("x[:, 0:4 / 2]"),
    },
  }),
  "type/truth": entry<{ what: string; got: string; text: string }>({
    severity: "error",
    message: ({ what, got, text }) => `${what} needs true or false; \`${text}\` is ${got}.`,
    help: ({ text }) => `Compare it, such as \`${text} != 0\`.`,
    page: {
      explain:
        "Conditions, `and`, `or` and `not` work on bool only, elementwise on tensors. Numbers are not true or false.",
      bad: net("where(x, x, 0)"),
      good: net("where(x > 0, x, 0)"),
    },
  }),
  "type/sides": entry<{ left: string; right: string }>({
    severity: "error",
    message: ({ left, right }) => `The two sides do not fit together: ${left} and ${right}.`,
    help: () =>
      "When the condition is known only at run time, both sides must be tensors or numbers, or lists of equally many.",
    page: {
      explain:
        "With a condition that depends on data, both sides are computed and one is chosen, element by element. A list or a function cannot be chosen that way.",
      bad: net("if sum(x) > 0 then x else [1, 2]"),
      good: net("if sum(x) > 0 then x else -x"),
    },
  }),
  "type/not-callable": entry<{ got: string }>({
    severity: "error",
    message: ({ got }) => `This is ${got}, and only functions can be called.`,
    help: ({ got }) =>
      got.startsWith('"')
        ? "Write the function's name without quotes."
        : "A missing `*`, or a name that hides a function, are the usual causes.",
    page: {
      explain: "Functions, models, partials and library functions can be called. A stage of a pipe is called too.",
      bad: net("h = relu(x)", "h(x)"),
      good: net("h = relu(x)", "h * x"),
    },
  }),
  "type/too-many-arguments": entry<{ fn: string; most: number; given: number; signature: string }>({
    severity: "error",
    message: ({ fn, most, given }) =>
      `\`${fn}\` takes ${most} positional ${most === 1 ? "argument" : "arguments"}, not ${given}.`,
    help: ({ signature }) => `It is \`${signature}\`; what has a name is given by name.`,
    page: {
      explain:
        "Arguments are given in the order of the parameters, then by name. `axis` is always given by name: `max(x, 0)` compares with 0.",
      bad: net("sum(x, 1)"),
      good: net("sum(x, axis=1)"),
    },
  }),
  "type/missing-argument": entry<{ fn: string; missing: string; signature: string }>({
    severity: "error",
    message: ({ fn, missing }) => `\`${fn}\` needs ${missing}.`,
    help: ({ signature }) => `It is \`${signature}\`.`,
    page: {
      explain:
        "Parameters without a default must be given. `_` in their place makes a partial: a function of what is missing.",
      bad: net("linear(x)"),
      good: net("linear(x, 8)"),
    },
  }),
  "type/unknown-argument": entry<{ fn: string; name: string; suggestion: string | undefined; signature: string }>({
    severity: "error",
    message: ({ fn, name }) => `\`${fn}\` has no parameter \`${name}\`.`,
    help: ({ suggestion, signature }) => meant(suggestion) ?? `It is \`${signature}\`.`,
    page: {
      explain: "A named argument must be a parameter of the function; every call also takes `training = …`.",
      bad: net("softmax(x, dim=-1)"),
      good: net("softmax(x, axis=-1)"),
    },
  }),
  "type/argument-twice": entry<{ fn: string; name: string }>({
    severity: "error",
    message: ({ fn, name }) => `\`${fn}\` is given \`${name}\` twice.`,
    help: () => "Give it once, in its place or by name.",
    page: {
      explain: "A parameter takes one argument.",
      bad: net("linear(x, 8, m=8)"),
      good: net("linear(x, m=8)"),
    },
  }),
  "type/unpack": entry<{ count: number; got: string; items: number }>({
    severity: "error",
    message: ({ count, got }) => `${count} names are bound to ${got}.`,
    help: ({ items }) =>
      items > 0 ? `Write ${items} names.` : "Only a list is taken apart; index a tensor with `x[0]`.",
    page: {
      explain: "`a, b = f(x)` takes a list apart, name by name.",
      bad: net("a, b = split(x, 4)", "a + b"),
      good: net("a, b = split(x, 2)", "a + b"),
    },
  }),
  "type/no-value": entry<Record<never, never>>({
    severity: "error",
    message: () => "This has no value.",
    help: () => "End the block with the expression that is its value.",
    page: {
      explain:
        "The value of a block is its last expression. A block that ends with a binding, a `for` or `<-` has none.",
      bad: net("h = relu(x)"),
      good: net("h = relu(x)", "h"),
    },
  }),
  "type/result-count": entry<{ fn: string; count: number; got: string }>({
    severity: "error",
    message: ({ fn, count, got }) => `\`${fn}\` says that it gives ${count} results, and gives ${got}.`,
    help: ({ count }) => `End with a list of ${count}, such as \`(a, b)\`, or change what stands after \`->\`.`,
    page: {
      explain: "Several results are a list: `-> (mu: [N, 2], sd: [N, 2])` goes with a last line `(mu, sd)`.",
      bad: "model net(x: [N, 4]) -> (a: [N, 4], b: [N, 4]) { relu(x) }\n",
      good: "model net(x: [N, 4]) -> (a: [N, 4], b: [N, 4]) { (relu(x), x) }\n",
    },
  }),
  "type/index": entry<{ got: string }>({
    severity: "error",
    message: ({ got }) => `This is ${got}, and has no elements to index.`,
    help: () => "Tensors and lists can be indexed.",
    page: {
      explain: "`x[0]`, `x[:, 1:3]` and `x[.., -1]` index tensors; `xs[0]` and `xs[1:]` index lists.",
      bad: net("k = 3", "x * k[0]"),
      good: net("k = [3]", "x * k[0]"),
    },
  }),
  "type/list-index": entry<{ count: number }>({
    severity: "error",
    message: ({ count }) => `A list takes one index or range, not ${count}.`,
    help: () => "Write `xs[0]`, `xs[1:]`, or `xs[0][1]` for a list in a list.",
    page: {
      explain: "A list has one dimension.",
      bad: net("xs = [[1, 2], [3, 4]]", "x * xs[0, 1]"),
      good: net("xs = [[1, 2], [3, 4]]", "x * xs[0][1]"),
    },
  }),
  "type/index-tensor": entry<{ text: string }>({
    severity: "error",
    message: ({ text }) => `\`${text}\` is a tensor; indexes must be known when the file is compiled.`,
    help: ({ text }) =>
      `Take rows by number with \`gather(x, ${text})\`, or one element per row with \`pick(x, ${text})\`.`,
    page: {
      explain: "Slices are fixed when the program is made. `gather` and `pick` read at places that data gives.",
      bad: net("x[:, argmax(x, axis=-1)]"),
      good: net("pick(x, argmax(x, axis=-1))"),
    },
  }),
  "type/range-rows": entry<{ size: string }>({
    severity: "error",
    message: ({ size }) => `A range cannot end at ${size}: the rows are counted only when a step runs.`,
    help: () => "Compute on the whole batch at once; write `:` for the whole axis.",
    page: {
      explain: "`for` and ranges are unrolled when the file is compiled, and the number of rows is not known then.",
      bad: "model net(x: [N, 4]) {\n  h = x\n  for i in 0:N { h = relu(h) }\n  h\n}\n",
      good: "model net(x: [N, 4]) {\n  h = x\n  for i in 0:3 { h = relu(h) }\n  h\n}\n",
    },
  }),
  "type/no-member": entry<{ name: string; got: string }>({
    severity: "error",
    message: ({ name, got }) => `\`.${name}\` is nothing that ${got} has.`,
    help: () => "Tensors have `.T`; an import with `as` has the names of its file.",
    page: {
      explain: "After a dot stands `T`, which swaps the last two axes of a tensor, or a name of an imported file.",
      bad: net("x.shape"),
      good: net("x * len(shape(x))"),
    },
  }),
  "type/transpose-rank": entry<{ text: string; got: string }>({
    severity: "error",
    message: ({ text, got }) => `\`.T\` swaps the last two axes; \`${text}\` is ${got}.`,
    help: () => "Leave `.T` out, or give it a second axis with `reshape`.",
    page: {
      explain: "A vector has one axis, so there is nothing to swap.",
      bad: net("param v: [4] = 1", "x @ v.T"),
      good: net("param v: [4] = 1", "x @ v"),
    },
  }),
  "type/no-run": entry<Record<never, never>>({
    severity: "error",
    message: () => "`..` stands for nothing here.",
    help: () => "Write it in the parameters first, such as `x: [.., n]`.",
    page: {
      explain: "In a list, `..` is the run of dimensions that `..` took in the function's parameters.",
      bad: withFn("fn flat(x) = reshape(x, [.., 4])", "flat(x)"),
      good: withFn("fn flat(x: [.., n]) = reshape(x, [.., n])", "flat(x)"),
    },
  }),
  "type/no-shape": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name}()\` has no shape to take.`,
    help: ({ name }) => `Give one: \`${name === "shape" ? "shape(x)" : `${name}([4, 8])`}\`.`,
    page: {
      explain: "Only in a start value, such as `param w: [4, 8] = randn()`, is the shape taken from what is declared.",
      bad: net("x + normal()"),
      good: net("x + normal(shape(x))"),
    },
  }),
  "type/start-value": entry<{ source: string; text: string }>({
    severity: "error",
    message: ({ source, text }) => `A start value cannot depend on \`${source}\`, which a step brings (\`${text}\`).`,
    help: () => "Use numbers, sizes, random numbers, or other parameters.",
    page: {
      explain: "Parameters get their start values before the first batch is there.",
      bad: net("param scale: [4] = mean(x, axis=0)", "x * scale"),
      good: net("param scale: [4] = ones()", "x * scale"),
    },
  }),
  "type/update-condition": entry<{ text: string }>({
    severity: "error",
    message: ({ text }) => `\`<-\` stands under \`${text}\`, which is more than one truth.`,
    help: () => "Use a condition of shape `[]`, such as `any` row through `max`, or choose the value with `where`.",
    page: {
      explain: "An update takes effect if its side is chosen; a tensor of truths chooses element by element.",
      bad: net("state last: [4] = 0", "r = if x[.., 0:1] > 0 then { last <- last + 1; x } else x", "r + last"),
      good: net("state last: [4] = 0", "r = if sum(x) > 0 then { last <- last + 1; x } else x", "r + last"),
    },
  }),
  "type/einsum": entry<{ text: string; problem: string }>({
    severity: "error",
    message: ({ text, problem }) => `The labels "${text}" cannot be read: ${problem}.`,
    help: () => 'Write one letter per axis, such as `einsum("bij,bjk->bik", a, b)`.',
    page: {
      explain: "Each term names the axes of one tensor. Labels that are not after `->` are summed over.",
      bad: net('einsum("nk", x, x)'),
      good: net('einsum("nk,nk->n", x, x)'),
    },
  }),
  "type/grad-scalar": entry<{ text: string; got: string }>({
    severity: "error",
    message: ({ text, got }) => `Gradients are taken of a scalar; \`${text}\` is ${got}.`,
    help: ({ text }) => `Sum it: \`grad(sum(${text}), …)\`.`,
    page: {
      explain: "`grad(e, v)` is how fast one number e changes with each element of v.",
      bad: net("grad(x ** 2, x)"),
      good: net("grad(sum(x ** 2), x)"),
    },
  }),
  "type/grad-target": entry<{ text: string; got: string }>({
    severity: "error",
    message: ({ text, got }) => `Gradients are taken by a bound name of floats; \`${text}\` is ${got}.`,
    help: () => "Bind it to a name before the expression is computed from it, and give that name.",
    page: {
      explain:
        "`v` in `grad(e, v)` is an input, a parameter or an earlier name: what e was computed from. An expression written again is another value.",
      bad: net("e = sum((2 * x) ** 2)", "grad(e, 2 * x)"),
      good: net("h = 2 * x", "e = sum(h ** 2)", "grad(e, h)"),
    },
  }),
  "type/grad-unreached": entry<{ text: string; of: string }>({
    severity: "error",
    message: ({ text, of }) => `\`${of}\` is not computed from \`${text}\`, so it has no gradient by it.`,
    help: ({ text }) => `Compute it from \`${text}\`, or take the gradient by what it uses.`,
    page: {
      explain: "A gradient by something that an expression never used would be zero everywhere, which is rarely meant.",
      bad: net("h = 2 * x", "e = sum(x ** 2)", "grad(e, h)"),
      good: net("h = 2 * x", "e = sum(h ** 2)", "grad(e, h)"),
    },
  }),
  "type/total-scalar": entry<{ text: string; got: string }>({
    severity: "error",
    message: ({ text, got }) => `\`total\` adds up scalars; \`${text}\` is ${got}.`,
    help: ({ text }) => `Sum it first: \`total(sum(${text}))\`.`,
    page: {
      explain: "Parameters have different shapes, so what is added over them is a scalar of each.",
      bad: `optimizer clipped(p, g, limit) { p <- p - g * limit / sqrt(total(g ** 2)) }\n\n${trained("optimizer = clipped(0.1)")}`,
      good: `optimizer clipped(p, g, limit) { p <- p - g * limit / sqrt(total(sum(g ** 2))) }\n\n${trained("optimizer = clipped(0.1)")}`,
    },
  }),
  "type/bound": entry<{ text: string }>({
    severity: "error",
    message: ({ text }) => `Only \`class\` has a bound; \`${text}\` has none.`,
    help: () => "Write `class[N] < 10`, or leave the bound out.",
    page: {
      explain: "`class[N] < 10` is a column of labels 0 to 9, checked when the data is loaded.",
      bad: "model net(x: i32[N] < 10) { one_hot(x, 10) }\n",
      good: "model net(x: class[N] < 10) { one_hot(x, 10) }\n",
    },
  }),
  "type/hole-in-data": entry<Record<never, never>>({
    severity: "error",
    message: () => "`_` cannot stand in `data`.",
    help: () => "Give the value, or leave the argument out.",
    page: {
      explain: "A data source is read, not called: it has no holes to fill.",
      bad: trained("data = mnist(train = _)", "optimizer = sgd(0.1)"),
      good: trained("data = mnist(train = 0:100)", "optimizer = sgd(0.1)"),
    },
  }),
};
