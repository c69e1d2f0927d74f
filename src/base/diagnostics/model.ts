// What can be wrong with the program as a whole: models, losses, metrics, training.
import { entry } from "../diagnostic.ts";
import { net, trained } from "./sample-files.ts";

const meant = (suggestion: string | undefined): string | undefined => suggestion && `Did you mean \`${suggestion}\`?`;
const sgd = "optimizer = sgd(0.1)";

export const model = {
  "model/none": entry<Record<never, never>>({
    severity: "error",
    message: () => "The file has no model.",
    help: () => "Declare one: `model net(x: [N, 784]) { … }`.",
    page: {
      explain:
        "A model is what is compiled: its inputs, and what is computed from them. A file of functions alone is there to be imported.",
      bad: "fn double(x) = 2 * x\n",
      good: "fn double(x) = 2 * x\n\nmodel net(x: [N, 4]) { double(x) }\n",
    },
  }),
  "model/no-loss": entry<Record<never, never>>({
    severity: "error",
    message: () => "There is no `loss` to train or measure by.",
    help: () => "Add one, such as `loss(out, target: class[N] < 10) = cross_entropy(out, target)`.",
    page: {
      explain: "Training makes the loss smaller; metrics are computed from the names that the loss has.",
      bad: `${net("linear(x, 2)")}train { ${sgd} }\n`,
      good: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\ntrain { ${sgd} }\n`,
    },
  }),
  "model/twice": entry<{ what: string }>({
    severity: "error",
    message: ({ what }) => `${what} stands twice.`,
    help: () => "Keep one. Several losses are added up in one.",
    page: {
      explain: "A file has one loss and one `train` block, each entry of it once.",
      bad: trained(sgd, "epochs = 1", "epochs = 2"),
      good: trained(sgd, "epochs = 2"),
    },
  }),
  "model/column-type": entry<{ name: string; role: string }>({
    severity: "error",
    message: ({ name }) => `The input \`${name}\` has no type.`,
    help: ({ name }) => `Write it, such as \`${name}: [N, 784]\` or \`${name}: class[N] < 10\`.`,
    page: {
      explain: "Inputs come from data, so their sizes must be written. Parameters of a `fn` need no type.",
      bad: "model net(x) { relu(x) }\n",
      good: "model net(x: [N, 4]) { relu(x) }\n",
    },
  }),
  "model/column-default": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `The input \`${name}\` has a default.`,
    help: () => "Remove it: inputs come from data.",
    page: {
      explain: "Every step brings its own values for the inputs.",
      bad: "model net(x: [N, 4], y: [] = 1) { x * y }\n",
      good: "model net(x: [N, 4], y: []) { x * y }\n",
    },
  }),
  "model/result-name": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `A result cannot be called \`${name}\` here.`,
    help: () => "Give each result a name of its own; `loss` is the loss.",
    page: {
      explain: "Results are found by name in files and by host code.",
      bad: "model net(x: [N, 4]) -> (a: [N, 4], a: [N, 4]) { (x, x) }\n",
      good: "model net(x: [N, 4]) -> (a: [N, 4], b: [N, 4]) { (x, x) }\n",
    },
  }),
  "model/reserved-scalar": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `Every program has a number called \`${name}\` already.`,
    help: () => "Give the hyper another name.",
    page: {
      explain:
        "`step`, `epoch`, `steps` and `loss` are run-time numbers of every trainer; host code finds numbers by name.",
      bad: `hyper step = 2\n\n${net("x * step")}`,
      good: `hyper stride = 2\n\n${net("x * stride")}`,
    },
  }),
  "model/loss-argument": entry<{ name: string; results: number; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` of the loss is no result and no input of the model.`,
    help: ({ name, results, suggestion }) =>
      meant(suggestion) ??
      `The first ${results === 1 ? "argument is the model's result" : `${results} arguments are the model's results`}; a new column of the data has a type: \`${name}: [N]\`.`,
    page: {
      explain:
        "The loss takes the model's results in order, then by name inputs of the model, or new columns of the data with their types.",
      bad: `${net("linear(x, 2)")}loss(out, y) = mse(out, y)\n`,
      good: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\n`,
    },
  }),
  "model/not-scalar": entry<{ what: string; got: string }>({
    severity: "error",
    message: ({ what, got }) => `The ${what} is ${got}; it must be one float.`,
    help: () => "Take the `mean` or the `sum`.",
    page: {
      explain: "A loss is one number, and so is a metric. Without a mean over the batch there is one for each row.",
      bad: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = (out - y) ** 2\n`,
      good: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mean((out - y) ** 2)\n`,
    },
  }),
  "model/metric-argument": entry<{ name: string; known: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `\`${name}\` is none of the loss's names.`,
    help: ({ known, suggestion }) => meant(suggestion) ?? `There are: ${known}.`,
    page: {
      explain: "The arguments of a metric are names from `loss`: results, inputs and columns.",
      bad: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\nmetric l1(out, target)\n`,
      good: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\nmetric l1(out, y)\n`,
    },
  }),
  "model/metric-function": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `There is no function \`${name}\` for this metric.`,
    help: ({ name }) => `Write what it is, \`metric ${name}(…) = …\`, or declare \`fn ${name}\`.`,
    page: {
      explain: "A metric without `= …` calls the function of its name.",
      bad: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\nmetric error(out, y)\n`,
      good: `${net("linear(x, 2)")}loss(out, y: [N, 2]) = mse(out, y)\nmetric error(out, y) = sqrt(mse(out, y))\n`,
    },
  }),
  "model/param-dtype": entry<{ name: string; type: string }>({
    severity: "error",
    message: ({ name, type }) => `The parameter \`${name}\` is ${type}; parameters are floats.`,
    help: () => "Leave the element type out, or declare a `state`.",
    page: {
      explain: "Training moves a parameter by small amounts, which integers do not have.",
      bad: net("param k: i32[4] = 1", "x * k"),
      good: net("param k: [4] = 1", "x * k"),
    },
  }),
  "model/param-in-optimizer": entry<{ name: string }>({
    severity: "error",
    message: ({ name }) => `An optimizer has no parameters to train: \`${name}\`.`,
    help: ({ name }) => `Declare \`state ${name}\`, or take it as an argument.`,
    page: {
      explain: "What an optimizer remembers from step to step is a `state`.",
      bad: `optimizer plain(p, g) {\n  param rate = 0.1\n  p <- p - rate * g\n}\n\n${trained("optimizer = plain()")}`,
      good: `optimizer plain(p, g, rate = 0.1) { p <- p - rate * g }\n\n${trained("optimizer = plain()")}`,
    },
  }),
  "model/slot-in-start-value": entry<{ name: string; kind: string }>({
    severity: "error",
    message: ({ name, kind }) => `A start value cannot declare the ${kind} \`${name}\`.`,
    help: () => "Call functions without parameters there.",
    page: {
      explain: "A start value is computed once, before there are parameters.",
      bad: net("param w: [4, 4] = linear(randn(), 4)", "x @ w"),
      good: net("param w: [4, 4] = randn() / 2", "x @ w"),
    },
  }),
  "model/train-entry": entry<{ name: string; suggestion: string | undefined }>({
    severity: "error",
    message: ({ name }) => `\`train\` has no entry \`${name}\`.`,
    help: ({ suggestion }) =>
      meant(suggestion) ?? "There are data, batch, epochs, optimizer, init, freeze, seed, shuffle and drop_last.",
    page: {
      explain: "The `train` block says what a run uses; each entry has a meaning of its own.",
      bad: trained(sgd, "epoch = 3"),
      good: trained(sgd, "epochs = 3"),
    },
  }),
  "model/train-path": entry<{ name: string; first: string }>({
    severity: "error",
    message: ({ name, first }) => `\`${name}\`: \`${first}\` is one for the whole run.`,
    help: () => "Only `optimizer` and `init` take the path of a part of the model.",
    page: {
      explain:
        "`optimizer.critic` is the optimizer of the parameters below `critic`, and `init.critic` their start values.",
      bad: trained(sgd, "batch.first = 3"),
      good: trained(sgd, "batch = 3"),
    },
  }),
  "model/data-source": entry<{ name: string; suggestion: string | undefined; known: string }>({
    severity: "error",
    message: ({ name }) => (name ? `There is no data source \`${name}\`.` : "This is no data source."),
    help: ({ suggestion, known }) => meant(suggestion) ?? `There are ${known}.`,
    page: {
      explain:
        "Data comes from a source by name, such as `mnist(train = 0:50000)`. Without `data`, host code fills the columns.",
      bad: trained("data = minst()", sgd),
      good: trained("data = mnist()", sgd),
    },
  }),
  "model/no-such-path": entry<{ what: string; path: string; known: string }>({
    severity: "error",
    message: ({ what, path }) => `\`${what}\`: no parameter is called \`${path}\` or lies below it.`,
    help: ({ known }) => (known ? `There are ${known}.` : "The model has no parameters."),
    page: {
      explain: "Groups, `init` and `freeze` name parameters by their path, such as `encoder` for `encoder.weight`.",
      bad: trained(sgd, 'freeze = ["encoder.*"]'),
      good: trained(sgd, 'freeze = ["linear_0.bias"]'),
    },
  }),
  "model/optimizer-value": entry<{ name: string; type: string; got: string }>({
    severity: "error",
    message: ({ name, type, got }) => `The optimizer makes ${got} of \`${name}\`, which is ${type}.`,
    help: () => "An optimizer ends with `p <- …`, of the shape of p.",
    page: {
      explain: "The value of an entry `optimizer = f(…)` is the new parameter.",
      bad: `fn step_down(p, g) = sum(p - g)\n\n${trained("optimizer = step_down")}`,
      good: `fn step_down(p, g) = p - 0.1 * g\n\n${trained("optimizer = step_down")}`,
    },
  }),
  "model/not-optimized": entry<{ name: string }>({
    severity: "warning",
    message: ({ name }) => `No \`optimizer\` entry is for \`${name}\`: it keeps its start value.`,
    help: () => "Add `optimizer = …` for all others, or name it in `freeze`.",
    page: {
      explain:
        "Each parameter has the optimizer with the longest path that leads to it. One that none leads to is never changed.",
      bad: "model net(x: [N, 4]) {\n  a = linear(x, 4)\n  b = linear(a, 2)\n  b\n}\nloss(out, y: [N, 2]) = mse(out, y)\ntrain { optimizer.a = sgd(0.1) }\n",
      good: "model net(x: [N, 4]) {\n  a = linear(x, 4)\n  b = linear(a, 2)\n  b\n}\nloss(out, y: [N, 2]) = mse(out, y)\ntrain {\n  optimizer = sgd(0.01)\n  optimizer.a = sgd(0.1)\n}\n",
    },
  }),
  "model/no-optimizer": entry<Record<never, never>>({
    severity: "warning",
    message: () => "There is no `optimizer`: a run would change nothing.",
    help: () => "Add one to `train`, such as `optimizer = adam(lr = 1e-3)`.",
    page: {
      explain: "The loss alone says what is better; an optimizer takes the steps.",
      bad: trained("data = digits()"),
      good: trained("data = digits()", sgd),
    },
  }),
  "model/unreached": entry<{ name: string }>({
    severity: "warning",
    message: ({ name }) => `The loss does not depend on \`${name}\`: it cannot be trained.`,
    help: () => "Use it on the way to the loss, or remove it; `stop_gradient` says that it is meant.",
    page: {
      explain: "A parameter that the loss does not reach through differentiable operations gets no gradient.",
      bad: "model net(x: [N, 4]) {\n  param unused: [4] = 0\n  linear(x, 2)\n}\nloss(out, y: [N, 2]) = mse(out, y)\ntrain { optimizer = sgd(0.1) }\n",
      good: trained(sgd),
    },
  }),
  "model/total": entry<Record<never, never>>({
    severity: "error",
    message: () => "`total` adds up over the parameters of an optimizer, and this is none.",
    help: () => "Add up a list with `sum`, and a tensor over its axes.",
    page: {
      explain: "`total(e)` is the scalar e summed over all parameters that an `optimizer` entry is for.",
      bad: net("total(sum(x))"),
      good: net("sum(x)"),
    },
  }),
  "model/total-order": entry<Record<never, never>>({
    severity: "error",
    message: () => "These totals need each other.",
    help: () => "Take the totals in the same order for every parameter.",
    page: {
      explain:
        "A total that stands behind another may use it; two that stand behind each other for different parameters have no first.",
    },
  }),
  "model/load": entry<{ file: string; problem: string }>({
    severity: "error",
    message: ({ file, problem }) => `\`${file}\` cannot be loaded: ${problem}.`,
    help: () => "Files are looked up below the data folder and beside the model file.",
    page: {
      explain:
        "`load` reads the type of a tensor from its file when the model is compiled, and its numbers when the trainer starts.",
    },
  }),
  "model/dim-value": entry<{ name: string; value: number }>({
    severity: "error",
    message: ({ name, value }) => `\`--dim ${name}=${value}\` is no whole number.`,
    help: () => "Give a whole number.",
    page: { explain: "A `dim` is a size or a count." },
  }),
};
