// What can be wrong with shapes: sizes that do not fit, axes that do not exist. Places of sizes are added as notes.
import { entry } from "../diagnostic.ts";
import { net, withFn } from "./sample-files.ts";

export const shapes = {
  "shape/matmul": entry<{
    left: string;
    right: string;
    leftText: string;
    rightText: string;
    columns: string;
    rows: string;
  }>({
    severity: "error",
    message: ({ left, right, leftText, rightText, columns, rows }) =>
      `\`${leftText} @ ${rightText}\` multiplies ${columns} columns by ${rows} rows: ${left} @ ${right}.`,
    help: ({ rightText, columns, rows }) => {
      const change = /N/.test(columns + rows) ? "" : `make the ${rows} ${columns}, or `;
      return `The last size of the left and the last but one of the right must agree: ${change}use \`${rightText}.T\` if it is stored the other way round.`;
    },
    page: {
      explain:
        "`a @ b` sums over the columns of a and the rows of b, so there must be equally many. A layer's `weight` is [out, in], as in PyTorch: `x @ weight.T`.",
      bad: net("param w: [8, 4] = randn()", "x @ w"),
      good: net("param w: [8, 4] = randn()", "x @ w.T"),
    },
  }),
  "shape/matmul-scalar": entry<{ left: string; right: string; leftText: string; rightText: string }>({
    severity: "error",
    message: ({ left, right, leftText, rightText }) =>
      `\`${leftText} @ ${rightText}\` needs axes on both sides: ${left} @ ${right}.`,
    help: () => "Multiply by a single number with `*`.",
    page: {
      explain: "`@` sums over an axis; a scalar has none.",
      bad: net("param k = 2", "x @ k"),
      good: net("param k = 2", "x * k"),
    },
  }),
  "shape/matmul-batch": entry<{ left: string; right: string; leftText: string; rightText: string }>({
    severity: "error",
    message: ({ left, right, leftText, rightText }) =>
      `\`${leftText} @ ${rightText}\`: the axes before the last two do not fit: ${left} @ ${right}.`,
    help: () => "They must agree from the right, or be 1.",
    page: {
      explain: "Before the last two axes stand batches of matrices, which broadcast as in NumPy.",
      bad: net("param a: [2, 3, 4] = 1", "param b: [5, 4, 2] = 1", "x @ (a @ b)[0, 0]"),
      good: net("param a: [5, 3, 4] = 1", "param b: [5, 4, 4] = 1", "x * (a @ b)[0, 0]"),
    },
  }),
  "shape/broadcast": entry<{ op: string; left: string; right: string; leftSize: string; rightSize: string }>({
    severity: "error",
    message: ({ left, right, leftSize, rightSize }) =>
      `${left} and ${right} do not fit together${leftSize ? `: ${leftSize} is not ${rightSize}` : ""}.`,
    help: ({ leftSize, rightSize }) =>
      leftSize === "N" || rightSize === "N"
        ? "N is the rows of each batch and equals no number, even `batch`; use a size of 1 to repeat."
        : "Sizes are compared from the last axis; they must agree or be 1 (`keepdims=true` keeps a 1).",
    page: {
      explain:
        "Operands are lined up at their last axes, as in NumPy. A size of 1 is repeated; other sizes must agree.",
      bad: net("x - mean(x, axis=-1)"),
      good: net("x - mean(x, axis=-1, keepdims=true)"),
    },
  }),
  "shape/axis": entry<{ axis: number; rank: number; op: string }>({
    severity: "error",
    message: ({ axis, rank }) => `There is no axis ${axis}: the tensor has ${rank} ${rank === 1 ? "axis" : "axes"}.`,
    help: ({ rank }) =>
      rank === 0 ? "A scalar has no axes to reduce." : `Axes are 0 to ${rank - 1}, or -${rank} to -1 from the end.`,
    page: {
      explain: "Axes are counted from 0, or from -1 at the end.",
      bad: net("softmax(x, axis=2)"),
      good: net("softmax(x, axis=1)"),
    },
  }),
  "shape/axis-twice": entry<{ axis: number }>({
    severity: "error",
    message: ({ axis }) => `Axis ${axis} is named twice.`,
    help: () => "Name each axis once; -1 is the last one.",
    page: {
      explain: "An axis is reduced once.",
      bad: net("x - sum(x, axis=[1, -1], keepdims=true)"),
      good: net("x - sum(x, axis=[0, 1], keepdims=true)"),
    },
  }),
  "shape/rank": entry<{ rank: number }>({
    severity: "error",
    message: ({ rank }) => `${rank} axes are more than an operation takes.`,
    help: () => "Join axes with `reshape`.",
    page: { explain: "Contractions name each axis with one letter, of which there are 52." },
  }),
  "shape/rows": entry<{ op: string; type: string }>({
    severity: "error",
    message: ({ op, type }) => `\`${op}\` cannot count the elements of ${type}.`,
    help: () => "Reduce or index one of the axes with N first.",
    page: { explain: "A place in a tensor is one number, and N * N times another axis has no fixed step." },
  }),
  "shape/grad": entry<{ rank: number }>({
    severity: "error",
    message: ({ rank }) => `Gradients are taken of a scalar, not of ${rank} axes.`,
    help: () => "Sum it first.",
    page: { explain: "`grad(e, v)` is how fast one number e changes with each element of v." },
  }),
  "shape/size": entry<{ what: string; got: string; text: string }>({
    severity: "error",
    message: ({ what, got, text }) =>
      `${what} is ${got} (\`${text}\`); it must be a whole number from 1, or a multiple of N.`,
    help: () => "Sizes such as `N + 1` do not exist; `2 * N` does. Check that a division is exact.",
    page: {
      explain:
        "A size is a number known when the file is compiled, or `N`, `2 * N`, … Only the batch is counted at run time.",
      bad: net("param w: [4, 7 / 2] = randn()", "x @ w"),
      good: net("param w: [4, 8 / 2] = randn()", "x @ w"),
    },
  }),
  "shape/argument": entry<{
    fn: string;
    param: string;
    expected: string;
    got: string;
    text: string;
    size: string;
    sizeExpected: string;
    sizeGot: string;
  }>({
    severity: "error",
    message: ({ fn, param, expected, got, text, size, sizeExpected, sizeGot }) =>
      `\`${param}\` of ${fn} is ${expected}; \`${text}\` is ${got}${size ? `: ${size} is ${sizeExpected}, not ${sizeGot}` : ""}.`,
    help: ({ size }) =>
      size
        ? `Make ${size} the same in all arguments, or change the signature.`
        : "Give it as many axes as the signature names; `..` takes any number.",
    page: {
      explain:
        "Arguments are matched against the types of the parameters: a name takes the first size it meets, and must be that size everywhere.",
      bad: withFn("fn gate(a: [.., n], b: [.., n]) = a * sigmoid(b)", "gate(x, x[:, 0:2])"),
      good: withFn("fn gate(a: [.., n], b: [.., n]) = a * sigmoid(b)", "gate(x[:, 2:4], x[:, 0:2])"),
    },
  }),
  "shape/result": entry<{ what: string; expected: string; got: string; written: string }>({
    severity: "error",
    message: ({ what, expected, got }) => `${what} should be ${expected} and is ${got}.`,
    help: ({ written }) => `Change the last expression, or \`${written}\`.`,
    page: {
      explain: "What stands after `->`, and the type of a loss argument, is checked against the value.",
      bad: "model net(x: [N, 4]) -> [N, 3] { linear(x, 2) }\n",
      good: "model net(x: [N, 4]) -> [N, 2] { linear(x, 2) }\n",
    },
  }),
  "shape/run-unknown": entry<{ text: string }>({
    severity: "error",
    message: ({ text }) => `\`${text}\` stands for nothing here.`,
    help: () => "Use it in the parameters first, such as `x: [.., n]`.",
    page: {
      explain: "`..` in a type of a body is the run of dimensions that `..` took in the function's parameters.",
      bad: withFn("fn scaled(x) {\n  param w: [.., 4] = 1\n  w * x\n}", "scaled(x)"),
      good: withFn("fn scaled(x: [n, ..]) {\n  param w: [..] = 1\n  w * x\n}", "scaled(x)"),
    },
  }),
  "shape/reshape": entry<{ from: string; to: string }>({
    severity: "error",
    message: ({ from, to }) => `${from} cannot become ${to}: the numbers of elements differ.`,
    help: () => "One size may be -1: it takes what is left. A product with N stays a multiple of N.",
    page: {
      explain: "`reshape` keeps every element. The product of the new sizes must be that of the old ones.",
      bad: net("reshape(x, [N, 5])"),
      good: net("reshape(x, [N, 2, -1])"),
    },
  }),
  "shape/transpose": entry<{ perm: string; shape: string }>({
    severity: "error",
    message: ({ perm, shape }) => `${perm} is no order of the axes of ${shape}.`,
    help: () => "Name each axis once.",
    page: {
      explain: "`transpose(x, [1, 0])` lists the old axis for each new one.",
      bad: net("transpose(x, [1, 1])"),
      good: net("transpose(x, [1, 0])"),
    },
  }),
  "shape/pad": entry<{ axis: number; low: string; high: string; shape: string }>({
    severity: "error",
    message: ({ axis, low, high, shape }) => `Axis ${axis} of ${shape} cannot be padded by ${low} and ${high}.`,
    help: () => "The batch is not padded; give [0, 0] there.",
    page: {
      explain: "`pad` adds elements at both ends of an axis of known size.",
      bad: net("pad(x, [[1, 0], [0, 0]])"),
      good: net("pad(x, [[0, 0], [1, 0]])"),
    },
  }),
  "shape/pad-pairs": entry<{ count: number; rank: number; text: string }>({
    severity: "error",
    message: ({ count, rank, text }) => `\`${text}\` has ${rank} axes; there are ${count} pairs.`,
    help: () => "Give one pair `[lo, hi]` for each axis, [0, 0] where nothing is added.",
    page: {
      explain: "`pad` takes one pair for each axis.",
      bad: net("pad(x, [[1, 1]])"),
      good: net("pad(x, [[0, 0], [1, 1]])"),
    },
  }),
  "shape/concat": entry<{ axis: number; left: string; right: string; leftInput: number; rightInput: number }>({
    severity: "error",
    message: ({ axis, left, right }) => `${left} and ${right} cannot be joined along axis ${axis}.`,
    help: () => "All other axes must agree; rows of a fixed number cannot be joined to N.",
    page: {
      explain: "`concat` joins tensors along one axis and needs the others equal.",
      bad: net("concat([x, x.T], axis=1)"),
      good: net("concat([x, 2 * x], axis=1)"),
    },
  }),
  "shape/slice": entry<{
    axis: number;
    from: string | number;
    to: string | number;
    size: string | number;
    shape: string;
  }>({
    severity: "error",
    message: ({ axis, from, to, size, shape }) =>
      `${from}:${to} does not fit into axis ${axis} of ${shape}, which has ${size}.`,
    help: () => "Bounds must fit; nothing is cut off silently.",
    page: { explain: "A slice must lie within the axis." },
  }),
  "shape/index": entry<{ index: string; axis: number; size: number; shape: string }>({
    severity: "error",
    message: ({ index, axis, size, shape }) =>
      `\`${index}\` does not fit into axis ${axis} of ${shape}, which has ${size}.`,
    help: ({ size }) => `Places are 0 to ${size - 1}, or -${size} to -1 from the end; a range holds at least one.`,
    page: {
      explain: "Bounds must fit; nothing is cut off silently, as Python would do.",
      bad: net("x[:, 0:10]"),
      good: net("x[:, 0:3]"),
    },
  }),
  "shape/index-rank": entry<{ text: string; shape: string; used: number; rank: number; rests: number }>({
    severity: "error",
    message: ({ text, shape, used, rests }) =>
      rests > 1
        ? `\`..\` stands ${rests} times in one index.`
        : `${used} indexes are more than \`${text}\`, ${shape}, has axes.`,
    help: ({ rank }) => `Give at most ${rank}, and \`..\` once for the axes in between.`,
    page: {
      explain: "Each index takes one axis, from the left; `..` skips to the last ones.",
      bad: net("x[:, 0, 0]"),
      good: net("x[:, 0]"),
    },
  }),
  "shape/index-rows": entry<{ axis: number; size: string }>({
    severity: "error",
    message: ({ axis, size }) => `Axis ${axis} is the batch (${size}) and takes only \`:\`.`,
    help: () => "Write `:` there; choose rows by multiplying with a mask, or where the data is read.",
    page: {
      explain:
        "The rows of a batch are counted when a step runs, and the last batch may be short: no row but all of them exists for sure.",
      bad: net("x[0]"),
      good: net("x[:, 0]"),
    },
  }),
  "shape/list-index": entry<{ index: string; from: number; to: number; size: number }>({
    severity: "error",
    message: ({ index, size }) => `\`${index}\` does not fit into a list of ${size}.`,
    help: ({ size }) =>
      size === 0 ? "The list is empty." : `Places are 0 to ${size - 1}, or -${size} to -1 from the end.`,
    page: {
      explain: "Lists are indexed from 0; bounds must fit.",
      bad: net("sizes = [8, 4]", "linear(x, sizes[2])"),
      good: net("sizes = [8, 4]", "linear(x, sizes[1])"),
    },
  }),
  "shape/gather": entry<{ table: string }>({
    severity: "error",
    message: ({ table }) => `${table} has no rows to take.`,
    help: () => "Give a table with at least one axis.",
    page: {
      explain: "`gather(table, ids)` takes rows of a table by number.",
      bad: "model net(x: i32[N]) {\n  param t = 1\n  gather(t, x)\n}\n",
      good: "model net(x: i32[N]) {\n  param t: [10] = 1\n  gather(t, x)\n}\n",
    },
  }),
  "shape/scatter": entry<{ ids: string; values: string }>({
    severity: "error",
    message: ({ ids, values }) => `Rows ${values} do not go with places ${ids}.`,
    help: () => "There is one row for each place.",
    page: { explain: "Adding rows up at places needs one row for each place." },
  }),
  "shape/pick": entry<{ shape: string; ids: string; wanted: string }>({
    severity: "error",
    message: ({ shape, ids, wanted }) =>
      `\`pick\` takes one element of each row of ${shape}: its places are ${wanted}, not ${ids}.`,
    help: () => "Places have the shape of x without its last axis.",
    page: {
      explain: "`pick(x, ids)` reads x[i, ids[i]] for every row i.",
      bad: "model net(x: [N, 4], y: class[N, 4] < 4) { pick(x, y) }\n",
      good: "model net(x: [N, 4], y: class[N] < 4) { pick(x, y) }\n",
    },
  }),
  "shape/conv": entry<{ op: string; left: string; right: string; problem: string }>({
    severity: "error",
    message: ({ op, left, right, problem }) => `\`${op}\` of ${left} with filters ${right}: ${problem}.`,
    help: () => "Images are [n, channels, height, width], filters [out, channels / groups, height, width].",
    page: {
      explain:
        "A convolution slides filters over images; the channels of both must agree, and a filter must fit into the padded image.",
      bad: "model net(x: [N, 3, 8, 8]) {\n  param w: [4, 1, 3, 3] = randn()\n  conv2d(x, w)\n}\n",
      good: "model net(x: [N, 3, 8, 8]) {\n  param w: [4, 3, 3, 3] = randn()\n  conv2d(x, w)\n}\n",
    },
  }),
  "shape/pool": entry<{ op: string; type: string; problem: string }>({
    severity: "error",
    message: ({ op, type, problem }) => `\`${op}\` of ${type}: ${problem}.`,
    help: () => "Images are [n, channels, height, width], and a window must fit into them.",
    page: {
      explain: "Pooling slides a window over images.",
      bad: "model net(x: [N, 64]) { max_pool(x, 2) }\n",
      good: "model net(x: [N, 64]) { x |> reshape([N, 1, 8, 8]) |> max_pool(2) }\n",
    },
  }),
  "shape/einsum-rank": entry<{ input: number; labels: string; rank: number }>({
    severity: "error",
    message: ({ input, labels, rank }) =>
      `Term ${input} of einsum, "${labels}", has ${labels.length} labels for ${rank} axes.`,
    help: () => "Write one letter for each axis, or `...` for any number of them.",
    page: {
      explain: "Each letter names one axis.",
      bad: net('einsum("n,n->n", x, x)'),
      good: net('einsum("nk,nk->n", x, x)'),
    },
  }),
  "shape/einsum-size": entry<{ label: string; left: string; right: string; leftInput: number; rightInput: number }>({
    severity: "error",
    message: ({ label, left, right }) => `Label ${label} of einsum is ${left} in one tensor and ${right} in another.`,
    help: () => "A letter is one size everywhere.",
    page: {
      explain: "Axes with the same letter run together.",
      bad: net("param w: [3, 2] = 1", 'einsum("nk,km->nm", x, w)'),
      good: net("param w: [4, 2] = 1", 'einsum("nk,km->nm", x, w)'),
    },
  }),
  "shape/einsum-output": entry<{ label: string; output: string }>({
    severity: "error",
    message: ({ label, output }) => `Label ${label} of "${output}" is in no term, or stands twice.`,
    help: () => "After `->` stands each kept letter once.",
    page: { explain: "The result has the axes named after `->`." },
  }),
  "shape/rows-in-slot": entry<{ kind: string; name: string; type: string }>({
    severity: "error",
    message: ({ kind, name, type }) =>
      `${kind === "param" ? "The parameter" : "The state"} \`${name}\` cannot be ${type}: N changes from batch to batch.`,
    help: () => "Use sizes that are known when the file is compiled.",
    page: {
      explain: "Parameters and states live from step to step and have one size; N is the number of rows of one step.",
      bad: net("param w: [N, 4] = 1", "x * w"),
      good: net("param w: [4] = 1", "x * w"),
    },
  }),
  "shape/shared": entry<{ name: string; first: string; now: string }>({
    severity: "error",
    message: ({ name, first, now }) =>
      `\`${name}\` is shared: it is ${first} at its first use and would be ${now} here.`,
    help: () => "Call it with the same shapes, or make a second one.",
    page: {
      explain: "A partial makes one set of parameters, at its first use. Later uses must fit them.",
      bad: net("f = linear(_, 4)", "f(x) + f(x[:, 0:2])"),
      good: net("f = linear(_, 4)", "f(x) + f(2 * x)"),
    },
  }),
  "shape/start-value": entry<{ name: string; declared: string; got: string; text: string }>({
    severity: "error",
    message: ({ name, declared, got, text }) => `\`${name}\` is ${declared}; its start value \`${text}\` is ${got}.`,
    help: () => "A start value is repeated to the declared shape where its sizes are 1 or missing.",
    page: {
      explain: "A start value broadcasts to the declared type: `= 0` fills it.",
      bad: net("param w: [4, 2] = randn([4, 3])", "x @ w"),
      good: net("param w: [4, 2] = randn()", "x @ w"),
    },
  }),
  "shape/update": entry<{ name: string; declared: string; got: string }>({
    severity: "error",
    message: ({ name, declared, got }) => `\`${name}\` is ${declared} and would become ${got}.`,
    help: () => "An update keeps the type; reduce, reshape or convert the value.",
    page: {
      explain: "A state has one type for good.",
      bad: net("state last: [4] = 0", "last <- sum(x, axis=1)", "x - last"),
      good: net("state last: [4] = 0", "last <- sum(x, axis=0)", "x - last"),
    },
  }),
  "shape/op": entry<{ op: string; types: string }>({
    severity: "error",
    message: ({ op, types }) => `\`${op}\` does not take ${types}.`,
    help: () => "Compare the shapes and element types with the function's signature.",
    page: { explain: "An operation has rules for the shapes and element types it takes." },
  }),
};
