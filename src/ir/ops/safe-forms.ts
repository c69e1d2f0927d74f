// The exponential sums that overflow when spelled out: recognised however they are written, and expanded with the
// maximum taken off before anything is scheduled. They stay whole until then, so that derivatives keep their textbook form.
import type { Builder, NodeId } from "../graph.ts";
import type { Lowering, OpDef } from "../op-def.ts";
import { f32, i32, rows, type TensorType } from "../types.ts";
import { checkAxes, checkOperands, droppedShape, given, keptShape, scalar, vec, withKeptAxes, words } from "./build.ts";

type Axes = { readonly axes: readonly number[] };

const sameShapeAsInput =
  (op: string) =>
  ([x]: readonly TensorType[], { axes }: Axes) =>
    checkOperands(op, [x!], ["f32"]) ?? checkAxes(op, x!, axes) ?? x!;

const expands = (build: (b: Builder, x: NodeId) => NodeId): Lowering => ({
  kind: "expand",
  build: (b, inputs) => build(b, inputs[0]!),
});

const errors = [
  { inputs: [f32(2, 3)], attrs: { axes: [2] }, code: "shape/axis" },
  { inputs: [i32(2, 3)], attrs: { axes: [1] }, code: "type/operand" },
];

// f(x) = log Σ eˣ, f'(x) = e^(x - f)
export const logsumexp: OpDef<{ readonly axes: readonly number[]; readonly keepdims: boolean }> = {
  name: "logsumexp",
  infer: ([x], { axes, keepdims }) =>
    checkOperands("logsumexp", [x!], ["f32"]) ??
    checkAxes("logsumexp", x!, axes) ??
    f32(...(keepdims ? keptShape(x!.shape, axes) : droppedShape(x!.shape, axes))),
  vjp: (b, ct, { inputs: [x], out, attrs: { axes } }) => {
    const { mul, sub, exp } = words(b);
    return [mul(withKeptAxes(b, ct, x!, axes), exp(sub(x!, withKeptAxes(b, out, x!, axes))))];
  },
  lower: (_inputs, { axes, keepdims }, out) =>
    expands((b, x) => {
      const { num, abs, eq, where, add, sub, exp, log, sum, max } = words(b);
      const top = max(x, axes);
      // A group of only -inf has the sum 0 and not nan.
      const shift = where(eq(abs(top), num(Infinity)), num(0), top);
      const kept = add(log(sum(exp(sub(x, shift)), axes)), shift);
      return keepdims || axes.length === 0 ? kept : b.node("reshape", [kept], { shape: out.shape });
    }),
  doc: {
    summary: "Logarithm of the sum of exponentials over axes, shifted by the maximum so that nothing overflows.",
    math: "y = log(sum(exp(x), axis))",
    derivative: "dx = ct * exp(x - y)",
    example: "logsumexp(x)",
    conventions: "Of -inf alone it is -inf.",
  },
  samples: [
    {
      inputs: [given(f32(2, 2), 0, 0, 1, 2)],
      attrs: { axes: [1], keepdims: false },
      expect: [Math.LN2, 2.313261687518223],
    },
    {
      inputs: [given(f32(rows(), 2), 0, 1000, 0, 1000)],
      attrs: { axes: [0], keepdims: true },
      rows: 2,
      expect: [Math.LN2, 1000.6931471805599],
    },
    { inputs: [given(f32(2, 1), 3, -4)], attrs: { axes: [1], keepdims: false }, expect: [3, -4] },
    { inputs: [vec(-Infinity, -Infinity)], attrs: { axes: [0], keepdims: false }, expect: [-Infinity], kink: true },
    { inputs: [scalar(2)], attrs: { axes: [], keepdims: false }, expect: [2] },
  ],
  errors: [
    { inputs: [f32(2)], attrs: { axes: [1], keepdims: false }, code: "shape/axis" },
    { inputs: [i32(2)], attrs: { axes: [0], keepdims: false }, code: "type/operand" },
  ],
};

// f(x) = eˣ / Σ eˣ, vjp: f (ct - Σ ct f)
export const softmax: OpDef<Axes> = {
  name: "softmax",
  infer: sameShapeAsInput("softmax"),
  vjp: (b, ct, { out: y, attrs: { axes } }) => {
    const { mul, sub, sum } = words(b);
    return [mul(y, sub(ct, sum(mul(ct, y), axes)))];
  },
  lower: (_inputs, { axes }) =>
    expands((b, x) => {
      const { sub, div, exp, sum, max } = words(b);
      const grown = exp(sub(x, max(x, axes)));
      return div(grown, sum(grown, axes));
    }),
  doc: {
    summary: "Exponentials divided by their sum over axes: positive numbers that add to 1, of the input's shape.",
    math: "y = exp(x) / sum(exp(x), axis)",
    derivative: "dx = y * (ct - sum(ct * y, axis))",
    example: "softmax(x)",
    conventions: "Of -inf alone it is nan.",
  },
  samples: [
    {
      inputs: [given(f32(2, 2), 0, 0, 1, 2)],
      attrs: { axes: [1] },
      expect: [0.5, 0.5, 0.2689414213699951, 0.7310585786300049],
    },
    { inputs: [given(f32(rows(), 1), 1000, 1000)], attrs: { axes: [0] }, rows: 2, expect: [0.5, 0.5] },
    { inputs: [given(f32(2, 1), 3, -4)], attrs: { axes: [1] }, expect: [1, 1] },
  ],
  errors,
};

// f(x) = x - log Σ eˣ, vjp: ct - e^f Σ ct
export const logSoftmax: OpDef<Axes> = {
  name: "log_softmax",
  infer: sameShapeAsInput("log_softmax"),
  vjp: (b, ct, { out: y, attrs: { axes } }) => {
    const { mul, sub, exp, sum } = words(b);
    return [sub(ct, mul(exp(y), sum(ct, axes)))];
  },
  lower: (_inputs, { axes }) =>
    expands((b, x) => {
      const { sub, exp, log, sum, max } = words(b);
      const shifted = sub(x, max(x, axes));
      return sub(shifted, log(sum(exp(shifted), axes)));
    }),
  doc: {
    summary: "Logarithm of softmax over axes, shifted by the maximum so that nothing overflows.",
    math: "y = x - log(sum(exp(x), axis))",
    derivative: "dx = ct - exp(y) * sum(ct, axis)",
    example: "log_softmax(x)",
    conventions: "Of -inf alone it is nan.",
  },
  samples: [
    {
      inputs: [given(f32(2, 2), 0, 0, 1, 2)],
      attrs: { axes: [1] },
      expect: [-Math.LN2, -Math.LN2, -1.3132616875182228, -0.31326168751822286],
    },
    { inputs: [given(f32(rows(), 1), 1000, 0)], attrs: { axes: [0] }, rows: 2, expect: [0, -1000] },
    { inputs: [given(f32(2, 1), 3, -4)], attrs: { axes: [1] }, expect: [0, 0] },
  ],
  errors,
};
