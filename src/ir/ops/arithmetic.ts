// Arithmetic of numbers, elementwise and broadcasting: the operators, and what keeps or drops a sign. No comparisons.
import type { OpDef } from "../op-def.ts";
import { call, type ScalarFn } from "../stage.ts";
import type { DType, TensorType } from "../types.ts";
import { bool, f32, i32, rows } from "../types.ts";
import { given, inferBroadcast, mapLowering, scalar, vec, words } from "./build.ts";

/** The parts of an elementwise op that applies one scalar function. */
const applies = (op: string, fn: ScalarFn, takes: readonly DType[]) => ({
  name: op,
  elementwise: true,
  infer: (inputs: readonly TensorType[]) => inferBroadcast(op, inputs, takes),
  lower: (inputs: readonly TensorType[], _attrs: unknown, out: TensorType) =>
    mapLowering(inputs, out, (...elements) => call(fn, out.dtype as DType, ...elements)),
});

const numbers: readonly DType[] = ["f32", "i32"];
const floats: readonly DType[] = ["f32"];

const wraps = "i32 wraps at 32 bits.";

/** Applications that every binary op of numbers refuses. */
const binaryErrors = [
  { inputs: [f32(3), f32(4)], code: "shape/broadcast" },
  { inputs: [f32(rows()), f32(64)], code: "shape/broadcast" },
  { inputs: [f32(3), i32(3)], code: "type/mixed" },
  { inputs: [bool(3), f32(3)], code: "type/operand" },
];

/** Applications that a binary op of f32 alone refuses. */
const floatErrors = [
  { inputs: [f32(3), f32(4)], code: "shape/broadcast" },
  { inputs: [f32(3), i32(3)], code: "type/operand" },
];

// f(a, b) = a + b, f'(a, b) = 1, 1
export const add: OpDef = {
  ...applies("add", "add", numbers),
  vjp: (_, ct) => [ct, ct],
  doc: {
    summary: "Sum of two numbers, elementwise: [3, 4] and [4] give [3, 4].",
    math: "z = x + y",
    derivative: "dx = ct, dy = ct",
    example: "x + y",
    conventions: wraps,
  },
  samples: [
    { inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6), vec(10, 20, 30)], expect: [11, 22, 33, 14, 25, 36] },
    { inputs: [given(f32(rows(), 1), 1, -2), given(f32(1, 2), 0.5, 0.25)], rows: 2, expect: [1.5, 1.25, -1.5, -1.75] },
    { inputs: [scalar(1.5), scalar(-2)], expect: [-0.5] },
    { inputs: [given(i32(2), 2147483647, -5), given(i32(1), 1)], expect: [-2147483648, -4] },
  ],
  errors: binaryErrors,
};

// f(a, b) = a - b, f'(a, b) = 1, -1
export const sub: OpDef = {
  ...applies("sub", "sub", numbers),
  vjp: (b, ct) => [ct, words(b).neg(ct)],
  doc: {
    summary: "Difference of two numbers, elementwise.",
    math: "z = x - y",
    derivative: "dx = ct, dy = -ct",
    example: "x - y",
    conventions: wraps,
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 4), given(f32(2, 1), 0.5, -0.5)], expect: [0.5, 1.5, 3.5, 4.5] },
    { inputs: [scalar(2), given(f32(rows()), 1, 2, 4)], rows: 3, expect: [1, 0, -2] },
    { inputs: [given(i32(1), -2147483648), given(i32(), 1)], expect: [2147483647] },
  ],
  errors: binaryErrors,
};

// f(a, b) = a b, f'(a, b) = b, a
export const mul: OpDef = {
  ...applies("mul", "mul", numbers),
  vjp: (b, ct, { inputs: [x, y] }) => {
    const { mul } = words(b);
    return [mul(ct, y!), mul(ct, x!)];
  },
  doc: {
    summary: "Product of two numbers, elementwise.",
    math: "z = x * y",
    derivative: "dx = ct * y, dy = ct * x",
    example: "x * y",
    conventions: wraps,
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, -2, 3, 0.5), vec(2, 10)], expect: [2, -20, 6, 5] },
    { inputs: [given(f32(rows(2)), 1, 2, 3, 4), scalar(-0.5)], rows: 2, expect: [-0.5, -1, -1.5, -2] },
    { inputs: [given(i32(2), 65536, 123456789), given(i32(2), 65536, 987)], expect: [0, 1592766455] },
  ],
  errors: binaryErrors,
};

// f(a, b) = a / b, f'(a, b) = 1 / b, -a / b² = -f / b
export const div: OpDef = {
  ...applies("div", "div", floats),
  vjp: (b, ct, { inputs: [, y], out }) => {
    const { mul, div, neg } = words(b);
    const dx = div(ct, y!);
    return [dx, neg(mul(dx, out))];
  },
  doc: {
    summary: "Quotient of two f32 numbers, elementwise.",
    math: "z = x / y",
    derivative: "dx = ct / y, dy = -ct * z / y",
    example: "x / y",
    conventions: "x / 0 is inf, -inf or nan, as IEEE has it.",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, -4), vec(2, 8)], expect: [0.5, 0.25, 1.5, -0.5] },
    { inputs: [scalar(1), given(f32(rows(), 1), 4, -0.5)], rows: 2, expect: [0.25, -2] },
  ],
  errors: floatErrors,
};

// f(a, b) = a - b floor(a / b), f'(a, b) = 1, -floor(a / b)
export const mod: OpDef = {
  ...applies("mod", "mod", numbers),
  vjp: (b, ct, { inputs: [x, y] }) => {
    const { mul, neg, floor, div } = words(b);
    return [ct, neg(mul(ct, floor(div(x!, y!))))];
  },
  doc: {
    summary: "Remainder with the divisor's sign, elementwise.",
    math: "z = x % y = x - y * floor(x / y)",
    derivative: "dx = ct, dy = -ct * floor(x / y)",
    example: "x % y",
    conventions: "An i32 modulo 0 is 0; an f32 modulo 0 is nan.",
  },
  samples: [
    { inputs: [vec(5.5, -5.5, 5.5, -5.5), vec(2, 2, -2, -2)], expect: [1.5, 0.5, -0.5, -1.5] },
    { inputs: [given(f32(2, 1), 7.25, -1.5), scalar(3)], expect: [1.25, 1.5] },
    { inputs: [given(i32(5), 7, -7, 7, -7, 3), given(i32(5), 3, 3, -3, -3, 0)], expect: [1, 2, -2, -1, 0] },
  ],
  errors: binaryErrors,
};

// f(a, b) = a ** b, f'(a, b) = b a ** (b - 1), f log a; 0 ** b counts as constant in b, a ** 0 as constant in a
export const pow: OpDef = {
  ...applies("pow", "pow", floats),
  vjp: (b, ct, { inputs: [x, y], out }) => {
    const { num, mul, sub, pow, log, eq, ge, and, where } = words(b);
    const exponent = b.at(y!);
    if (exponent.op === "const") {
      const n = exponent.attrs["value"] as number;
      if (n === 0) return [null, null];
      if (n === 1) return [ct, null];
      return [mul(ct, mul(y!, n === 2 ? x! : pow(x!, num(n - 1)))), null];
    }
    const slope = where(eq(y!, num(0)), num(0), mul(y!, pow(x!, sub(y!, num(1)))));
    const flat = and(eq(x!, num(0)), ge(y!, num(0)));
    return [mul(ct, slope), mul(ct, mul(out, log(where(flat, num(1), x!))))];
  },
  doc: {
    summary: "Power of two f32 numbers, elementwise.",
    math: "z = x ** y",
    derivative: "dx = ct * y * x ** (y - 1), dy = ct * z * log(x)",
    example: "x ** 2",
    conventions: "dx = 0 where y = 0; dy = 0 where x = 0 and y >= 0. A negative x to a broken power is nan.",
  },
  samples: [
    { inputs: [vec(2, 3, 0.25), vec(3, -1, 0.5)], expect: [8, 0.3333333333333333, 0.5] },
    {
      inputs: [given(f32(rows(), 1), 2, 4), given(f32(1, 2), 2, 0.5)],
      rows: 2,
      expect: [4, Math.SQRT2, 16, 2],
    },
    { inputs: [vec(0, 0), vec(0, 2)], expect: [1, 0], kink: true },
  ],
  errors: floatErrors,
};

// f(a, b) = max(a, b), f'(a, b) = [a >= b], [a < b]
export const maximum: OpDef = {
  ...applies("maximum", "max", numbers),
  vjp: (b, ct, { inputs: [x, y] }) => {
    const { num, ge, where } = words(b);
    const left = ge(x!, y!);
    return [where(left, ct, num(0)), where(left, num(0), ct)];
  },
  doc: {
    summary: "The larger of two numbers, elementwise.",
    math: "z = max(x, y)",
    derivative: "dx = ct where x >= y, dy = ct elsewhere",
    example: "max(x, y)",
    conventions: "Where they tie the gradient goes to x. nan with anything is nan.",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, -2, 3, 4), vec(2, -3)], expect: [2, -2, 3, 4] },
    { inputs: [scalar(0), given(f32(rows()), 0.5, -0.5)], rows: 2, expect: [0.5, 0] },
    { inputs: [vec(1, 1), vec(1, 2)], expect: [1, 2], kink: true },
    { inputs: [given(i32(2), 3, -4), given(i32(1), -1)], expect: [3, -1] },
  ],
  errors: binaryErrors,
};

// f(a, b) = min(a, b), f'(a, b) = [a <= b], [a > b]
export const minimum: OpDef = {
  ...applies("minimum", "min", numbers),
  vjp: (b, ct, { inputs: [x, y] }) => {
    const { num, ge, where } = words(b);
    const left = ge(y!, x!);
    return [where(left, ct, num(0)), where(left, num(0), ct)];
  },
  doc: {
    summary: "The smaller of two numbers, elementwise.",
    math: "z = min(x, y)",
    derivative: "dx = ct where x <= y, dy = ct elsewhere",
    example: "min(x, y)",
    conventions: "Where they tie the gradient goes to x. nan with anything is nan.",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, -2, 3, 4), vec(2, -3)], expect: [1, -3, 2, -3] },
    { inputs: [given(f32(rows(), 1), 1, 6), given(f32(1, 1), 5)], rows: 2, expect: [1, 5] },
    { inputs: [vec(1, 1), vec(1, 2)], expect: [1, 1], kink: true },
  ],
  errors: binaryErrors,
};

// f(x) = -x, f'(x) = -1
export const neg: OpDef = {
  ...applies("neg", "neg", numbers),
  vjp: (b, ct) => [words(b).neg(ct)],
  doc: {
    summary: "The number with the other sign, elementwise.",
    math: "y = -x",
    derivative: "dx = -ct",
    example: "-x",
  },
  samples: [
    { inputs: [given(f32(rows(), 2), 1, -2, 3, 4)], rows: 2, expect: [-1, 2, -3, -4] },
    { inputs: [scalar(2.5)], expect: [-2.5] },
    { inputs: [given(i32(2), 5, -2147483648)], expect: [-5, -2147483648] },
  ],
  errors: [{ inputs: [bool(2)], code: "type/operand" }],
};

// f(x) = |x|, f'(x) = sign x
export const abs: OpDef = {
  ...applies("abs", "abs", numbers),
  vjp: (b, ct, { inputs: [x] }) => {
    const { mul, sign } = words(b);
    return [mul(ct, sign(x!))];
  },
  doc: {
    summary: "The number without its sign, elementwise.",
    math: "y = abs(x)",
    derivative: "dx = ct * sign(x)",
    example: "abs(x)",
    conventions: "At 0 the derivative is 0.",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, -2, 0.5, -0.25)], expect: [1, 2, 0.5, 0.25] },
    { inputs: [given(f32(rows(), 1), -3, 4)], rows: 2, expect: [3, 4] },
    { inputs: [vec(0)], expect: [0], kink: true },
    { inputs: [given(i32(2), -7, 7)], expect: [7, 7] },
  ],
  errors: [{ inputs: [bool(2)], code: "type/operand" }],
};

export const sign: OpDef = {
  ...applies("sign", "sign", numbers),
  vjp: "not-differentiable",
  doc: {
    summary: "-1, 0 or 1, elementwise.",
    math: "y = sign(x)",
    derivative: "0 wherever there is one: no gradient passes",
    example: "sign(x)",
  },
  samples: [
    { inputs: [vec(-2.5, 0, 3)], expect: [-1, 0, 1] },
    { inputs: [given(f32(rows(), 1), -3, 4)], rows: 2, expect: [-1, 1] },
    { inputs: [given(i32(), -9)], expect: [-1] },
  ],
  errors: [{ inputs: [bool(2)], code: "type/operand" }],
};

export const floor: OpDef = {
  ...applies("floor", "floor", floats),
  vjp: "not-differentiable",
  doc: {
    summary: "The largest whole number not above x, elementwise, as f32.",
    math: "y = floor(x)",
    derivative: "0 wherever there is one: no gradient passes",
    example: "floor(x)",
  },
  samples: [
    { inputs: [vec(-2.5, 2.5, 3, -0.25)], expect: [-3, 2, 3, -1] },
    { inputs: [given(f32(rows()), 1.75, 4)], rows: 2, expect: [1, 4] },
    { inputs: [scalar(0.5)], expect: [0] },
  ],
  errors: [{ inputs: [i32(2)], code: "type/operand" }],
};
