// Each op as ordinary ONNX operators. Values are named; f32 numbers of rank 0 that depend on run-time numbers alone are f64.
import type { Node } from "../../ir/graph.ts";
import { type Dim, type DType, isStatic, type Shape, sameShape } from "../../ir/types.ts";
import { castTo, type OnnxWriter } from "./writer.ts";

export interface OpSite {
  readonly w: OnnxWriter;
  readonly node: Node;
  readonly inputs: readonly Node[];
  readonly args: readonly string[];
  /** f64 where the whole op is a number's, else as the node says. */
  readonly number: "f32" | "f64";
}

type Write = (site: OpSite) => string;

const simple =
  (op: string, attributes: Readonly<Record<string, number | string>> = {}): Write =>
  ({ w, args }) =>
    w.add(op, args, attributes);

const axesOf = ({ attrs }: Node): readonly number[] => attrs["axes"] as readonly number[];
const keeps = ({ attrs }: Node): number => (attrs["keepdims"] ? 1 : 0);
const pair = ({ attrs }: Node, name: string): readonly [number, number] => attrs[name] as unknown as [number, number];
const shapeOf = ({ inputs }: OpSite, k: number): Shape => inputs[k]!.type.shape;

function typed({ w, node, number }: OpSite, value: number): string {
  const { dtype } = node.type;
  return w.constant(dtype === "f32" ? number : (dtype as DType), [value]);
}

/** Reductions take their axes as an attribute up to opset 17, the sum as an input. */
const reduce =
  (op: string): Write =>
  ({ w, node, inputs, args }) => {
    const axes = axesOf(node);
    if (axes.length === 0) return args[0]!;
    if (op === "ReduceSum") {
      const counted = inputs[0]!.type.dtype === "bool" ? w.add("Cast", [args[0]!], { to: castTo.i32 }) : args[0]!;
      return w.add(op, [counted, w.wholes(axes)], { keepdims: keeps(node) });
    }
    return w.add(op, [args[0]!], { axes, keepdims: keeps(node) });
  };

/** Row-major within the axes: they are moved to the end and merged. */
const place =
  (op: "ArgMax" | "ArgMin"): Write =>
  (site) => {
    const { w, node, args } = site;
    const axes = axesOf(node);
    const shape = shapeOf(site, 0);
    const kept = shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
    const moved = w.add("Transpose", [args[0]!], { perm: [...kept, ...axes] });
    const flat = reshape(w, moved, [...kept.map((axis) => shape[axis]!), product(axes.map((axis) => shape[axis]!))]);
    const found = w.add(op, [flat], { axis: kept.length, keepdims: 0 });
    return reshape(w, w.add("Cast", [found], { to: castTo.i32 }), node.type.shape);
  };

const product = (sizes: Shape): Dim => {
  const perRow = sizes.find((dim) => !isStatic(dim));
  const count = sizes.reduce<number>((total, dim) => total * (isStatic(dim) ? dim : dim.perRow), 1);
  return perRow === undefined ? count : { perRow: count };
};

/** One size that is not known becomes -1; several are put together when the graph runs. */
function reshape(w: OnnxWriter, x: string, shape: Shape): string {
  const open = shape.filter((dim) => !isStatic(dim)).length;
  if (open !== 1) return w.add("Reshape", [x, w.shape(shape)]);
  return w.add("Reshape", [x, w.wholes(shape.map((dim) => (isStatic(dim) ? dim : -1)))]);
}

const along =
  (op: "Softmax" | "LogSoftmax"): Write =>
  ({ w, node, args }) => {
    const axes = axesOf(node);
    if (axes.length === 1) return w.add(op, args, { axis: axes[0]! });
    const shifted = w.add("Sub", [args[0]!, w.add("ReduceLogSumExp", [args[0]!], { axes, keepdims: 1 })]);
    return op === "Softmax" ? w.add("Exp", [shifted]) : shifted;
  };

function einsum({ w, node, args }: OpSite): string {
  const { inputs, output } = node.attrs as unknown as { inputs: readonly string[]; output: string };
  return w.add("Einsum", args, { equation: `${inputs.join(",")}->${output}` });
}

/** dx + (dx % y has another sign ? y : 0): the sign of the divisor, as in the language. */
function modulo({ w, node, args }: OpSite): string {
  if (node.type.dtype === "i32") return w.add("Mod", args);
  const times = w.add("Floor", [w.add("Div", args)]);
  return w.add("Sub", [args[0]!, w.add("Mul", [times, args[1]!])]);
}

const pads = ([down, across]: readonly [number, number]): number[] => [down, across, down, across];

function convolution(site: OpSite): string {
  const { w, node, args } = site;
  return w.add("Conv", args, {
    strides: pair(node, "stride"),
    pads: pads(pair(node, "padding")),
    dilations: pair(node, "dilation"),
    group: node.attrs["groups"] as number,
  });
}

/** The pixels past the last window, of which the gradient is zero. */
const rest = (image: Shape, windows: Shape, taps: readonly number[], node: Node): number[] =>
  [0, 1].map((d) => {
    const dilation = node.attrs["dilation"] ? pair(node, "dilation")[d]! : 1;
    const covered = ((windows[d + 2] as number) - 1) * pair(node, "stride")[d]! + dilation * (taps[d]! - 1) + 1;
    return (image[d + 2] as number) + 2 * pair(node, "padding")[d]! - covered;
  });

/** dx: the convolution turned round. */
function inputGradient(site: OpSite): string {
  const { w, node, args } = site;
  const taps = shapeOf(site, 1).slice(2) as number[];
  return w.add("ConvTranspose", args, {
    strides: pair(node, "stride"),
    pads: pads(pair(node, "padding")),
    dilations: pair(node, "dilation"),
    output_padding: rest(node.type.shape, shapeOf(site, 0), taps, node),
    group: node.attrs["groups"] as number,
  });
}

/** dw: images and cotangents with rows and channels exchanged are convolved; stride and dilation change places. */
function weightGradient(site: OpSite): string {
  const { w, node, args } = site;
  const groups = node.attrs["groups"] as number;
  const [x, ct] = args.map((arg) => w.add("Transpose", [arg], { perm: [1, 0, 2, 3] }));
  const part = (value: string, channels: number, k: number): string =>
    groups === 1
      ? value
      : w.add("Slice", [
          value,
          w.wholes([(k * channels) / groups]),
          w.wholes([((k + 1) * channels) / groups]),
          w.wholes([0]),
        ]);
  const channels = [shapeOf(site, 0)[1] as number, shapeOf(site, 1)[1] as number];
  const [, , down, across] = node.type.shape as readonly number[];
  const all = Array.from({ length: groups }, (_, k) => {
    const whole = w.add("Conv", [part(x!, channels[0]!, k), part(ct!, channels[1]!, k)], {
      strides: pair(node, "dilation"),
      dilations: pair(node, "stride"),
      pads: pads(pair(node, "padding")),
    });
    const cut = w.add("Slice", [whole, w.wholes([0, 0]), w.wholes([down!, across!]), w.wholes([2, 3])]);
    return w.add("Transpose", [cut], { perm: [1, 0, 2, 3] });
  });
  return all.length === 1 ? all[0]! : w.add("Concat", all, { axis: 0 });
}

/** The language refuses padding as wide as its window, as ONNX does. */
const poolAttributes = (node: Node) => ({
  kernel_shape: pair(node, "k"),
  strides: pair(node, "stride"),
  pads: pads(pair(node, "padding")),
});

/** Maxima, and where in the whole image tensor each one is. */
const maxima = ({ w, node, args }: OpSite): string[] => w.addAll("MaxPool", [args[0]!], poolAttributes(node), 2);

const flat = (w: OnnxWriter, x: string): string => w.add("Reshape", [x, w.wholes([-1])]);

const zeros = (w: OnnxWriter, shape: Shape): string => w.add("Expand", [w.constant("f32", [0]), w.shape(shape)]);

function maxPoolGradient(site: OpSite): string {
  const { w, node, args } = site;
  const empty = zeros(w, [product(node.type.shape)]);
  const at = flat(w, maxima(site)[1]!);
  const sums = w.add("ScatterElements", [empty, at, flat(w, args[1]!)], { axis: 0, reduction: "add" });
  return reshape(w, sums, node.type.shape);
}

function maxPoolPick(site: OpSite): string {
  const { w, args } = site;
  return w.add("Gather", [flat(w, args[1]!), maxima(site)[1]!]);
}

function averagePool({ w, node, args }: OpSite): string {
  return w.add("AveragePool", args, {
    ...poolAttributes(node),
    count_include_pad: node.attrs["count_padding"] ? 1 : 0,
  });
}

/** Each window's share of ct goes to all its places: a convolution with ones, turned round. */
function averagePoolGradient(site: OpSite): string {
  const { w, node, args } = site;
  const [k, stride, padding] = [pair(node, "k"), pair(node, "stride"), pair(node, "padding")];
  const [, channels, ...image] = node.type.shape as readonly number[];
  const [, , rows, columns] = shapeOf(site, 0) as readonly number[];
  const inside = (d: number, window: number): number => {
    const from = window * stride[d]! - padding[d]!;
    return node.attrs["count_padding"] ? k[d]! : Math.min(from + k[d]!, image[d]!) - Math.max(from, 0);
  };
  const counts = Array.from(
    { length: rows! * columns! },
    (_, i) => inside(0, Math.floor(i / columns!)) * inside(1, i % columns!),
  );
  const share = w.add("Div", [args[0]!, w.constant("f32", counts, [1, 1, rows!, columns!])]);
  const ones = w.constant("f32", Array(channels! * k[0] * k[1]).fill(1), [channels!, 1, ...k]);
  return w.add("ConvTranspose", [share, ones], {
    strides: stride,
    pads: pads(padding),
    output_padding: rest(node.type.shape, shapeOf(site, 0), k, node),
    group: channels!,
  });
}

function slice(site: OpSite): string {
  const { w, node, args } = site;
  const { starts, sizes } = node.attrs as unknown as { starts: readonly Dim[]; sizes: readonly Dim[] };
  const from = shapeOf(site, 0);
  const axes = sizes.flatMap((size, d) => (starts[d] === 0 && sameShape([size], [from[d]!]) ? [] : [d]));
  if (axes.length === 0) return args[0]!;
  const begin = axes.map((d) => starts[d]!);
  const end = axes.map((d): Dim => {
    const [start, size] = [starts[d]!, sizes[d]!];
    if (isStatic(start) && isStatic(size)) return start + size;
    return { perRow: (isStatic(start) ? 0 : start.perRow) + (isStatic(size) ? 0 : size.perRow) };
  });
  return w.add("Slice", [args[0]!, w.shape(begin), w.shape(end), w.wholes(axes)]);
}

/** The end of a slice that runs backwards over the whole axis. */
const beforeFirst = -(2 ** 31);

function pick({ w, args }: OpSite): string {
  const last = w.wholes([-1]);
  const found = w.add("GatherElements", [args[0]!, w.add("Unsqueeze", [args[1]!, last])], { axis: -1 });
  return w.add("Squeeze", [found, last]);
}

function range({ w, node }: OpSite): string {
  const [count] = node.type.shape;
  if (isStatic(count!))
    return w.constant(
      "i32",
      Array.from({ length: count }, (_, i) => i),
      [count],
    );
  const numbers = w.add("Range", [w.constant("i64", [0]), w.sizeScalar(count!), w.constant("i64", [1])]);
  return w.add("Cast", [numbers], { to: castTo.i32 });
}

/** An id outside gives zeros: compared, not looked up. */
function oneHot(site: OpSite): string {
  const { w, node, args } = site;
  const count = node.type.shape.at(-1)!;
  const ids = w.add("Unsqueeze", [args[0]!, w.wholes([-1])]);
  const places = range({ ...site, node: { ...node, type: { dtype: "i32", shape: [count] } } });
  return w.add("Cast", [w.add("Equal", [ids, places])], { to: castTo.f32 });
}

function scatterAdd(site: OpSite): string {
  const { w, node, args } = site;
  const ids = shapeOf(site, 0);
  const row = node.type.shape.slice(1);
  const count = product(ids);
  const places = reshape(w, args[0]!, [count, ...row.map(() => 1)]);
  const spread = w.add("Expand", [places, w.shape([count, ...row])]);
  const values = reshape(w, args[1]!, [count, ...row]);
  const empty = w.add("Expand", [w.constant(node.type.dtype as DType, [0]), w.shape(node.type.shape)]);
  return w.add("ScatterElements", [empty, spread, values], { axis: 0, reduction: "add" });
}

const power: Write = (site) => {
  const { w, inputs, args } = site;
  const isSquare = inputs[1]!.op === "const" && inputs[1]!.attrs["value"] === 2;
  return isSquare ? w.add("Mul", [args[0]!, args[0]!]) : w.add("Pow", args);
};

export const operators: ReadonlyMap<string, Write> = new Map<string, Write>([
  ["const", (site) => typed(site, site.node.attrs["value"] as number)],
  [
    "tensor",
    ({ w, node }) =>
      w.constant(node.type.dtype as DType, node.attrs["values"] as readonly number[], node.type.shape as number[]),
  ],
  [
    "rows",
    ({ w, node, number }) => {
      const size = w.sizeScalar({ perRow: node.attrs["multiple"] as number });
      return w.add("Cast", [size], { to: castTo[number] });
    },
  ],
  ["iota", range],
  ["add", simple("Add")],
  ["sub", simple("Sub")],
  ["mul", simple("Mul")],
  ["div", simple("Div")],
  ["mod", modulo],
  ["pow", power],
  ["maximum", simple("Max")],
  ["minimum", simple("Min")],
  ["neg", simple("Neg")],
  ["abs", simple("Abs")],
  ["exp", simple("Exp")],
  ["expm1", (site) => site.w.add("Sub", [site.w.add("Exp", site.args), typed(site, 1)])],
  ["log", simple("Log")],
  ["log1p", (site) => site.w.add("Log", [site.w.add("Add", [site.args[0]!, typed(site, 1)])])],
  ["sqrt", simple("Sqrt")],
  ["rsqrt", (site) => site.w.add("Div", [typed(site, 1), site.w.add("Sqrt", site.args)])],
  ["tanh", simple("Tanh")],
  ["sin", simple("Sin")],
  ["cos", simple("Cos")],
  ["erf", simple("Erf")],
  ["floor", simple("Floor")],
  ["sign", simple("Sign")],
  ["sigmoid", simple("Sigmoid")],
  ["softplus", simple("Softplus")],
  ["eq", simple("Equal")],
  ["ne", ({ w, args }) => w.add("Not", [w.add("Equal", args)])],
  ["lt", simple("Less")],
  ["le", simple("LessOrEqual")],
  ["gt", simple("Greater")],
  ["ge", simple("GreaterOrEqual")],
  ["and", simple("And")],
  ["or", simple("Or")],
  ["not", simple("Not")],
  ["where", simple("Where")],
  [
    "cast",
    ({ w, node, args, number }) => {
      const to = node.type.dtype as DType;
      return w.add("Cast", args, { to: to === "f32" ? castTo[number] : castTo[to] });
    },
  ],
  ["sum", reduce("ReduceSum")],
  ["prod", reduce("ReduceProd")],
  ["max", reduce("ReduceMax")],
  ["min", reduce("ReduceMin")],
  ["logsumexp", reduce("ReduceLogSumExp")],
  ["argmax", place("ArgMax")],
  ["argmin", place("ArgMin")],
  ["cumsum", ({ w, node, args }) => w.add("CumSum", [args[0]!, w.constant("i64", [node.attrs["axis"] as number])])],
  ["softmax", along("Softmax")],
  ["log_softmax", along("LogSoftmax")],
  ["einsum", einsum],
  ["conv2d", convolution],
  ["conv2d_input_grad", inputGradient],
  ["conv2d_weight_grad", weightGradient],
  ["max_pool", (site) => maxima(site)[0]!],
  ["max_pool_grad", maxPoolGradient],
  ["max_pool_pick", maxPoolPick],
  ["avg_pool", averagePool],
  ["avg_pool_grad", averagePoolGradient],
  ["reshape", ({ w, node, args }) => reshape(w, args[0]!, node.type.shape)],
  ["transpose", ({ w, node, args }) => w.add("Transpose", args, { perm: node.attrs["perm"] as readonly number[] })],
  ["broadcast", ({ w, node, args }) => w.add("Expand", [args[0]!, w.shape(node.type.shape)])],
  [
    "pad",
    (site) => {
      const { w, node, args } = site;
      const { pairs, value } = node.attrs as unknown as { pairs: readonly (readonly Dim[])[]; value: number };
      const ends = [...pairs.map(([low]) => low!), ...pairs.map(([, high]) => high!)];
      return w.add("Pad", [args[0]!, w.shape(ends), typed(site, value)]);
    },
  ],
  ["concat", ({ w, node, args }) => w.add("Concat", args, { axis: node.attrs["axis"] as number })],
  ["slice", slice],
  [
    "flip",
    ({ w, node, args }) => {
      const axes = axesOf(node);
      const [from, to, by] = [-1, beforeFirst, -1].map((value) => w.wholes(axes.map(() => value)));
      return w.add("Slice", [args[0]!, from!, to!, w.wholes(axes), by!]);
    },
  ],
  // Gather refuses indices out of range itself.
  ["within", ({ args }) => args[0]!],
  ["gather", ({ w, args }) => w.add("Gather", args, { axis: 0 })],
  ["scatter_add", scatterAdd],
  ["pick", pick],
  ["one_hot", oneHot],
]);
