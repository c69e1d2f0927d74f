// What can be wrong with names: unknown, declared twice, used where they do not exist.
import { entry } from "../diagnostic.ts";
import { net, withFn } from "./sample-files.ts";

const meant = (suggestion: string | undefined): string | undefined => suggestion && `Did you mean \`${suggestion}\`?`;

export const names = {
  "name/unknown": entry<{ name: string; suggestion: string | undefined; other: string | undefined }>({
    severity: "error",
    message: ({ name }) => `There is no \`${name}\` here.`,
    help: ({ name, suggestion, other }) =>
      (other && `Here this is written \`${other}\`.`) ??
      meant(suggestion) ??
      `Declare \`${name}\` in this file, import the file that does, or correct the name.`,
    page: {
      explain:
        "A name is a binding, a parameter of the function it stands in, a declaration of the file, a name it imports, or a function of the library. Names bound in a `for` or in a side of an `if` end with it.",
      bad: net("h = linear(x, 8)", "rellu(h)"),
      good: net("h = linear(x, 8)", "relu(h)"),
    },
  }),
  "name/duplicate": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` is declared twice in this file.`,
    help: () => "Give one of the two another name.",
    page: {
      explain:
        "At the top of a file the order is free, so a name is declared once: functions, models, dims and bindings share their names.",
      bad: `dim width = 4\nfn width(x) = x\n\n${net("width(x)")}`,
      good: `dim columns = 4\nfn width(x) = x\n\n${net("width(x)")}`,
    },
  }),
  "name/bound-twice": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` is already bound in this body.`,
    help: ({ name }) =>
      `Use a new name; only a \`for\` may give \`${name}\` a new value, and an \`if\` gives one as \`${name}2 = if … then … else …\`.`,
    page: {
      explain:
        "A name is bound once in a body, so that its value is the same on every line. In a `for`, a name from outside may be bound again: that is how values go from round to round.",
      bad: net("h = linear(x, 8)", "h = relu(h)", "linear(h, 2)"),
      good: net("h = linear(x, 8)", "r = relu(h)", "linear(r, 2)"),
    },
  }),
  "name/no-state": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name} <- …\` changes a state, and \`${name}\` is none of this body.`,
    help: ({ name }) => `Declare it here with \`state ${name} = …\`, or bind a value with \`=\`.`,
    page: {
      explain:
        "`<-` says what a `state` declared in the same body will be after the step; in an optimizer also what the parameter will be. All other names are bound once, with `=`.",
      bad: net("count = 0", "count <- count + 1", "x"),
      good: net("state count = 0", "count <- count + 1", "x * count"),
    },
  }),
  "name/updated-twice": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` gets two values in one step.`,
    help: () =>
      "Join both into one update; a layer with running statistics that is used twice gets its inputs joined with `concat`.",
    page: {
      explain:
        "All updates take effect together when the step ends, so a state has one. A shared layer with a state that is called twice would update it twice.",
      bad: net("state seen = 0", "seen <- seen + 1", "seen <- seen + 2", "x * seen"),
      good: net("state seen = 0", "seen <- seen + 3", "x * seen"),
    },
  }),
  "name/slot-twice": entry<{ name: string; kind: string }>({
    severity: "error",
    message: ({ name, kind }) => `Two ${kind === "param" ? "parameters" : "states"} would be called \`${name}\`.`,
    help: () =>
      "Bind the calls to two names, or write a partial such as `f = linear(_, 8)` and call it twice to share one set.",
    page: {
      explain:
        "A parameter is called by its path: the names bound to the calls that lead to it. Files and optimizers find it by that path, so it is unique. A partial shares its parameters between all its calls.",
      bad: "fn scaled(x) {\n  param scale = 1\n  scale * x\n}\n\nmodel net(x: [N, 4]) {\n  h = x\n  for i in 0:1 { h = scaled(h) }\n  for i in 0:1 { h = scaled(h) }\n  h\n}\n",
      good: "fn scaled(x) {\n  param scale = 1\n  scale * x\n}\n\nmodel net(x: [N, 4]) {\n  h = x\n  for i in 0:2 { h = scaled(h) }\n  h\n}\n",
    },
  }),
  "name/recursion": entry<{ name: string; cycle: string }>({
    severity: "error",
    message: ({ name, cycle }) => `\`${name}\` is defined by itself: ${cycle}.`,
    help: () => "Repeat with `for`; a call is expanded where it stands, so it must end.",
    page: {
      explain:
        "Functions are expanded at each call while the file is compiled. One that reaches itself would never end; `for` unrolls a known number of rounds.",
      bad: withFn("fn deep(x) = deep(relu(x))", "deep(x)"),
      good: withFn("fn deep(x) {\n  h = x\n  for i in 0:3 { h = relu(h) }\n  h\n}", "deep(x)"),
    },
  }),
  "name/rows-in-function": entry<Record<never, never>>({
    severity: "error",
    message: () => "`N` is named in `model`, `loss` and `metric` only.",
    help: () =>
      "Give the size a name of its own in the parameters, such as `x: [n, d]`; it may then turn out to be `N`.",
    page: {
      explain:
        "A function does not know which of its sizes is the batch. It names its sizes, and `n` may be `N` at one call and 12 at another.",
      bad: withFn("fn average(x) = sum(x, axis=0) / N", "average(x)"),
      good: withFn("fn average(x: [n, ..]) = sum(x, axis=0) / n", "average(x)"),
    },
  }),
  "name/unknown-size": entry<{ name: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `The size \`${name}\` is not known here.`,
    help: ({ name, suggestion }) => meant(suggestion) ?? `Write a number, or declare \`dim ${name} = …\`.`,
    page: {
      explain:
        "A size that is a name must have a value: a `dim`, a number bound before, or a size that the parameters of the function give. Only parameters of a `fn` give sizes by being matched.",
      bad: net("param w: [4, hiden] = randn()", "x @ w"),
      good: `dim hidden = 8\n\n${net("param w: [4, hidden] = randn()", "x @ w")}`,
    },
  }),
  "name/size-unsolved": entry<{ name: string; size: string }>({
    severity: "error",
    message: ({ name, size }) => `\`${name}\` cannot be found from \`${size}\`.`,
    help: ({ name }) => `Let \`${name}\` stand alone in one size of the parameters; \`2 * ${name}\` is then checked.`,
    page: {
      explain:
        "Sizes are matched, not solved: a name takes the size of the place where it stands alone, and sizes such as `2 * n` are checked with it.",
      bad: withFn("fn halves(x: [.., 2 * n]) = x[.., 0:n]", "halves(x)"),
      good: withFn("fn halves(x: [.., n]) = x[.., 0:n / 2]", "halves(x)"),
    },
  }),
  "name/two-runs": entry<Record<never, never>>({
    severity: "error",
    message: () => "A shape has two runs of dimensions.",
    help: () => "Keep one `..`; give the others names.",
    page: {
      explain: "`..` stands for any run of dimensions. With two of them, no one can say where the first ends.",
      bad: withFn("fn f(x: [.., n, ..]) = x", "f(x)"),
      good: withFn("fn f(x: [.., n, c]) = x", "f(x)"),
    },
  }),
  "name/type-function": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `\`${name}(…)\` is no type.`,
    help: () => "Write `shape(x)`: the type of a tensor with the shape of x.",
    page: {
      explain: "A type is written as sizes, `[4, 8]`, or taken from a tensor with `shape(x)`.",
      bad: withFn("fn f(x) {\n  param w: size(x) = 1\n  w * x\n}", "f(x)"),
      good: net("param w: [4] = 1", "w * x"),
    },
  }),
  "name/no-member": entry<{ name: string; namespace: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name, namespace }) => `\`${namespace}\` has no \`${name}\`.`,
    help: ({ suggestion }) => meant(suggestion) ?? "Look into the imported file for what it declares.",
    page: {
      explain: '`import "layers.nn" as l` makes the declarations of that file available as `l.name`.',
    },
  }),
  "name/import-clash": entry<{ name: string; path: string }>({
    severity: "error",
    message: ({ name, path }) => `\`${name}\` also comes from ${path}.`,
    help: () => "Import one of the two with `as`, and write `alias.name`.",
    page: {
      explain:
        "Names of an imported file stand beside the file's own. Where two agree, neither would be meant for sure.",
    },
  }),
  "name/import-cycle": entry<{ cycle: string }>({
    severity: "error",
    message: ({ cycle }) => `These files import each other: ${cycle}.`,
    help: () => "Move what both need into a third file.",
    page: { explain: "An imported file is read before the file that imports it, so imports cannot form a ring." },
  }),
  "name/no-imports": entry<{ path: string }>({
    severity: "error",
    message: ({ path }) => `\`${path}\` cannot be imported here: no files can be read.`,
    help: () => "Put the declarations into this file.",
    page: {
      explain: "Imports are read from the folder of the model file. A model that comes as text alone has no folder.",
    },
  }),
  "name/no-dim": entry<{ name: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `\`--dim ${name}\` names no \`dim\` of this file.`,
    help: ({ name, suggestion }) => meant(suggestion) ?? `Declare \`dim ${name} = …\` in the file.`,
    page: { explain: "`--dim NAME=K` sets a size that the file declares with `dim`, for one build." },
  }),
};
