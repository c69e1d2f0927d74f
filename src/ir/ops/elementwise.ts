// Functions of one f32 number, elementwise: exponentials, roots, waves and the two that are unsafe when spelled out.
import type { OpDef } from "../op-def.ts";
import { call, type ScalarFn } from "../stage.ts";
import type { TensorType } from "../types.ts";
import { f32, i32, rows } from "../types.ts";
import { given, inferBroadcast, mapLowering, scalar, vec, words } from "./build.ts";

/** The parts of an op that applies the scalar function of its name to each element of one f32 tensor. */
const maps = (fn: ScalarFn) => ({
  name: fn,
  elementwise: true,
  infer: (inputs: readonly TensorType[]) => inferBroadcast(fn, inputs, ["f32"]),
  lower: (inputs: readonly TensorType[], _attrs: unknown, out: TensorType) =>
    mapLowering(inputs, out, (x) => call(fn, "f32", x!)),
  errors: [{ inputs: [i32(2)], code: "type/operand" }],
});

// f(x) = eˣ, f'(x) = f
export const exp: OpDef = {
  ...maps("exp"),
  vjp: (b, ct, { out: y }) => [words(b).mul(ct, y)],
  doc: { summary: "e to the power x, elementwise.", math: "y = exp(x)", derivative: "dx = ct * y", example: "exp(x)" },
  samples: [
    { inputs: [vec(0, 1, -1, 0.5)], expect: [1, Math.E, 0.36787944117144233, 1.6487212707001282] },
    { inputs: [given(f32(rows(), 1), 0, 1)], rows: 2, expect: [1, Math.E] },
    { inputs: [scalar(-1)], expect: [0.36787944117144233] },
  ],
};

// f(x) = eˣ - 1, f'(x) = f + 1
export const expm1: OpDef = {
  ...maps("expm1"),
  vjp: (b, ct, { out: y }) => {
    const { add, mul, num } = words(b);
    return [mul(ct, add(y, num(1)))];
  },
  doc: {
    summary: "exp(x) - 1 without the loss of digits near 0, elementwise.",
    math: "y = exp(x) - 1",
    derivative: "dx = ct * (y + 1)",
    example: "expm1(x)",
  },
  samples: [
    { inputs: [vec(1e-10, 1, -1)], expect: [1.00000000005e-10, 1.718281828459045, -0.6321205588285577] },
    { inputs: [given(f32(rows()), 0, 1)], rows: 2, expect: [0, 1.718281828459045] },
  ],
};

// f(x) = log x, f'(x) = 1 / x
export const log: OpDef = {
  ...maps("log"),
  vjp: (b, ct, { inputs: [x] }) => [words(b).div(ct, x!)],
  doc: {
    summary: "Natural logarithm, elementwise.",
    math: "y = log(x)",
    derivative: "dx = ct / x",
    example: "log(exp(x))",
    conventions: "log(0) is -inf, of a negative number nan.",
  },
  samples: [
    {
      inputs: [given(f32(2, 2), 1, 2, 0.5, 3)],
      expect: [0, Math.LN2, -Math.LN2, 1.0986122886681098],
    },
    { inputs: [given(f32(rows(), 1), 2, 1)], rows: 2, expect: [Math.LN2, 0] },
    { inputs: [vec(0)], expect: [-Infinity], kink: true },
  ],
};

// f(x) = log(1 + x), f'(x) = 1 / (1 + x)
export const log1p: OpDef = {
  ...maps("log1p"),
  vjp: (b, ct, { inputs: [x] }) => {
    const { add, div, num } = words(b);
    return [div(ct, add(x!, num(1)))];
  },
  doc: {
    summary: "log(1 + x) without the loss of digits near 0, elementwise.",
    math: "y = log(1 + x)",
    derivative: "dx = ct / (1 + x)",
    example: "log1p(exp(x))",
  },
  samples: [
    { inputs: [vec(1e-10, 1, -0.5)], expect: [9.999999999500001e-11, Math.LN2, -Math.LN2] },
    { inputs: [given(f32(rows()), 0, 1)], rows: 2, expect: [0, Math.LN2] },
  ],
};

// f(x) = √x, f'(x) = 1 / (2 f)
export const sqrt: OpDef = {
  ...maps("sqrt"),
  vjp: (b, ct, { out: y }) => {
    const { div, mul, num } = words(b);
    return [div(ct, mul(num(2), y))];
  },
  doc: {
    summary: "Square root, elementwise.",
    math: "y = sqrt(x)",
    derivative: "dx = ct / (2 * y)",
    example: "sqrt(abs(x))",
    conventions: "At 0 the derivative is inf; of a negative number the root is nan.",
  },
  samples: [
    { inputs: [vec(4, 2, 0.25)], expect: [2, Math.SQRT2, 0.5] },
    { inputs: [given(f32(rows(), 1), 9, 16)], rows: 2, expect: [3, 4] },
    { inputs: [scalar(0)], expect: [0], kink: true },
  ],
};

// f(x) = 1 / √x, f'(x) = -f³ / 2
export const rsqrt: OpDef = {
  ...maps("rsqrt"),
  vjp: (b, ct, { out: y }) => {
    const { mul, num } = words(b);
    return [mul(ct, mul(num(-0.5), mul(y, mul(y, y))))];
  },
  doc: {
    summary: "One over the square root, elementwise.",
    math: "y = 1 / sqrt(x)",
    derivative: "dx = -ct * y ** 3 / 2",
    example: "rsqrt(abs(x) + 1)",
  },
  samples: [
    { inputs: [vec(4, 2, 0.25)], expect: [0.5, Math.SQRT1_2, 2] },
    { inputs: [given(f32(rows(), 1), 1, 16)], rows: 2, expect: [1, 0.25] },
  ],
};

// f(x) = tanh x, f'(x) = 1 - f²
export const tanh: OpDef = {
  ...maps("tanh"),
  vjp: (b, ct, { out: y }) => {
    const { mul, sub, num } = words(b);
    return [mul(ct, sub(num(1), mul(y, y)))];
  },
  doc: {
    summary: "Hyperbolic tangent, elementwise.",
    math: "y = tanh(x)",
    derivative: "dx = ct * (1 - y ** 2)",
    example: "tanh(x)",
  },
  samples: [
    { inputs: [vec(0, 1, -0.5, 0.25)], expect: [0, 0.7615941559557649, -0.46211715726000974, 0.24491866240370913] },
    { inputs: [given(f32(rows(), 1), 1, -0.5)], rows: 2, expect: [0.7615941559557649, -0.46211715726000974] },
    { inputs: [vec(400, -400)], expect: [1, -1] },
  ],
};

// f(x) = sin x, f'(x) = cos x
export const sin: OpDef = {
  ...maps("sin"),
  vjp: (b, ct, { inputs: [x] }) => {
    const { mul, cos } = words(b);
    return [mul(ct, cos(x!))];
  },
  doc: {
    summary: "Sine of radians, elementwise.",
    math: "y = sin(x)",
    derivative: "dx = ct * cos(x)",
    example: "sin(x)",
  },
  samples: [
    { inputs: [vec(0, 1, -0.5, 3)], expect: [0, 0.8414709848078965, -0.479425538604203, 0.1411200080598672] },
    { inputs: [given(f32(rows(), 1), 1, 0)], rows: 2, expect: [0.8414709848078965, 0] },
  ],
};

// f(x) = cos x, f'(x) = -sin x
export const cos: OpDef = {
  ...maps("cos"),
  vjp: (b, ct, { inputs: [x] }) => {
    const { mul, neg, sin } = words(b);
    return [neg(mul(ct, sin(x!)))];
  },
  doc: {
    summary: "Cosine of radians, elementwise.",
    math: "y = cos(x)",
    derivative: "dx = -ct * sin(x)",
    example: "cos(x)",
  },
  samples: [
    { inputs: [vec(0, 1, -0.5, 3)], expect: [1, 0.5403023058681398, 0.8775825618903728, -0.9899924966004454] },
    { inputs: [given(f32(rows(), 1), 1, 0)], rows: 2, expect: [0.5403023058681398, 1] },
  ],
};

// f(x) = erf x, f'(x) = 2 / √π e^(-x²)
export const erf: OpDef = {
  ...maps("erf"),
  vjp: (b, ct, { inputs: [x] }) => {
    const { mul, neg, exp, num } = words(b);
    return [mul(ct, mul(num(2 / Math.sqrt(Math.PI)), exp(neg(mul(x!, x!)))))];
  },
  doc: {
    summary: "The error function, elementwise.",
    math: "y = 2 / sqrt(pi) * integral of exp(-t ** 2) from 0 to x",
    derivative: "dx = ct * 2 / sqrt(pi) * exp(-x ** 2)",
    example: "erf(x)",
  },
  samples: [
    { inputs: [vec(0, 0.5, -1, 2)], expect: [0, 0.5204998778130465, -0.8427007929497149, 0.9953222650189527] },
    { inputs: [given(f32(rows(), 1), 0.1, -1)], rows: 2, expect: [0.1124629160182849, -0.8427007929497149] },
  ],
};

// f(x) = 1 / (1 + e^-x), f'(x) = f (1 - f)
export const sigmoid: OpDef = {
  ...maps("sigmoid"),
  vjp: (b, ct, { out: y }) => {
    const { mul, sub, num } = words(b);
    return [mul(ct, mul(y, sub(num(1), y)))];
  },
  doc: {
    summary: "The logistic function, elementwise, computed so that exp never overflows.",
    math: "y = 1 / (1 + exp(-x))",
    derivative: "dx = ct * y * (1 - y)",
    example: "sigmoid(x)",
  },
  samples: [
    { inputs: [vec(0, 1, -2, 0.5)], expect: [0.5, 0.7310585786300049, 0.11920292202211755, 0.6224593312018546] },
    { inputs: [given(f32(rows(), 1), -100, 1000)], rows: 2, expect: [3.7200759760208356e-44, 1] },
  ],
};

// f(x) = log(1 + eˣ), f'(x) = 1 / (1 + e^-x)
export const softplus: OpDef = {
  ...maps("softplus"),
  vjp: (b, ct, { inputs: [x] }) => {
    const { mul, sigmoid } = words(b);
    return [mul(ct, sigmoid(x!))];
  },
  doc: {
    summary: "A smooth max(x, 0), elementwise, computed as max(x, 0) + log1p(exp(-abs(x))).",
    math: "y = log(1 + exp(x))",
    derivative: "dx = ct * sigmoid(x)",
    example: "softplus(x)",
  },
  samples: [
    { inputs: [vec(0, 1, -2)], expect: [Math.LN2, 1.3132616875182228, 0.1269280110429725] },
    { inputs: [given(f32(rows(), 1), -100, 1000)], rows: 2, expect: [3.720075976020836e-44, 1000] },
  ],
};
