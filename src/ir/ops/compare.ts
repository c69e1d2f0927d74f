// Comparisons, logic, choice and conversion, elementwise: what makes or reads bools. No arithmetic.
import type { OpDef } from "../op-def.ts";
import { call, type ScalarFn } from "../stage.ts";
import { bool, type DType, f32, i32, rows, type TensorType, tensor } from "../types.ts";
import {
  broadcastInputs,
  checkOneType,
  checkOperands,
  given,
  inferBroadcast,
  mapLowering,
  scalar,
  vec,
  words,
} from "./build.ts";

const anything: readonly DType[] = ["f32", "i32", "bool"];
const numbers: readonly DType[] = ["f32", "i32"];
const flags: readonly DType[] = ["bool"];

/** The parts of an op that asks something of its inputs: the result is bool, and no gradient passes. */
const asks = (op: ScalarFn, takes: readonly DType[]) => ({
  name: op,
  elementwise: true,
  infer: (inputs: readonly TensorType[]) => inferBroadcast(op, inputs, takes, "bool"),
  vjp: "not-differentiable" as const,
  lower: (inputs: readonly TensorType[], _attrs: unknown, out: TensorType) =>
    mapLowering(inputs, out, (...elements) => call(op, "bool", ...elements)),
});

const noGradient = "a bool has none";

const comparisonErrors = [
  { inputs: [f32(3), f32(4)], code: "shape/broadcast" },
  { inputs: [f32(3), i32(3)], code: "type/mixed" },
];
const orderErrors = [...comparisonErrors, { inputs: [bool(3), bool(3)], code: "type/operand" }];

export const eq: OpDef = {
  ...asks("eq", anything),
  doc: {
    summary: "Whether two values are equal, elementwise.",
    math: "z = x == y",
    derivative: noGradient,
    example: "x == y",
    conventions: "nan equals nothing.",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 4), vec(1, 4)], expect: [1, 0, 0, 1] },
    { inputs: [given(i32(rows(), 1), 1, 2), given(i32(2), 2, 1)], rows: 2, expect: [0, 1, 1, 0] },
    { inputs: [given(bool(), 1), given(bool(2), 0, 1)], expect: [0, 1] },
  ],
  errors: comparisonErrors,
};

export const ne: OpDef = {
  ...asks("ne", anything),
  doc: {
    summary: "Whether two values differ, elementwise.",
    math: "z = x != y",
    derivative: noGradient,
    example: "x != y",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 4), vec(1, 4)], expect: [0, 1, 1, 0] },
    { inputs: [given(i32(rows()), 1, 2), given(i32(), 2)], rows: 2, expect: [1, 0] },
  ],
  errors: comparisonErrors,
};

export const lt: OpDef = {
  ...asks("lt", numbers),
  doc: {
    summary: "Whether x is smaller than y, elementwise.",
    math: "z = x < y",
    derivative: noGradient,
    example: "x < y",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, -4), vec(1, 4)], expect: [0, 1, 0, 1] },
    { inputs: [given(i32(rows(), 1), -1, 2), given(i32(), 0)], rows: 2, expect: [1, 0] },
  ],
  errors: orderErrors,
};

export const le: OpDef = {
  ...asks("le", numbers),
  doc: {
    summary: "Whether x is at most y, elementwise.",
    math: "z = x <= y",
    derivative: noGradient,
    example: "x <= y",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 5), vec(1, 4)], expect: [1, 1, 0, 0] },
    { inputs: [given(i32(rows(), 1), -1, 2), given(i32(), 0)], rows: 2, expect: [1, 0] },
  ],
  errors: orderErrors,
};

export const gt: OpDef = {
  ...asks("gt", numbers),
  doc: {
    summary: "Whether x is larger than y, elementwise.",
    math: "z = x > y",
    derivative: noGradient,
    example: "x > y",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 5), vec(1, 4)], expect: [0, 0, 1, 1] },
    { inputs: [given(i32(rows(), 1), -1, 2), given(i32(), 0)], rows: 2, expect: [0, 1] },
  ],
  errors: orderErrors,
};

export const ge: OpDef = {
  ...asks("ge", numbers),
  doc: {
    summary: "Whether x is at least y, elementwise.",
    math: "z = x >= y",
    derivative: noGradient,
    example: "x >= y",
  },
  samples: [
    { inputs: [given(f32(2, 2), 1, 2, 3, 5), vec(1, 4)], expect: [1, 0, 1, 1] },
    { inputs: [given(i32(rows(), 1), -1, 2), given(i32(), 0)], rows: 2, expect: [0, 1] },
  ],
  errors: orderErrors,
};

const logicErrors = [
  { inputs: [f32(2), bool(2)], code: "type/operand" },
  { inputs: [bool(2), bool(3)], code: "shape/broadcast" },
];

export const and: OpDef = {
  ...asks("and", flags),
  doc: {
    summary: "Whether both bools are true, elementwise.",
    math: "z = x and y",
    derivative: noGradient,
    example: "x > 0 and y > 0",
  },
  samples: [
    { inputs: [given(bool(4), 0, 0, 1, 1), given(bool(4), 0, 1, 0, 1)], expect: [0, 0, 0, 1] },
    { inputs: [given(bool(rows(), 1), 0, 1), given(bool(), 1)], rows: 2, expect: [0, 1] },
  ],
  errors: logicErrors,
};

export const or: OpDef = {
  ...asks("or", flags),
  doc: {
    summary: "Whether at least one of two bools is true, elementwise.",
    math: "z = x or y",
    derivative: noGradient,
    example: "x > 0 or y > 0",
  },
  samples: [
    { inputs: [given(bool(4), 0, 0, 1, 1), given(bool(4), 0, 1, 0, 1)], expect: [0, 1, 1, 1] },
    { inputs: [given(bool(rows(), 1), 0, 1), given(bool(), 0)], rows: 2, expect: [0, 1] },
  ],
  errors: logicErrors,
};

export const not: OpDef = {
  ...asks("not", flags),
  doc: {
    summary: "Whether a bool is false, elementwise.",
    math: "y = not x",
    derivative: noGradient,
    example: "not x > 0",
  },
  samples: [
    { inputs: [given(bool(2), 0, 1)], expect: [1, 0] },
    { inputs: [given(bool(rows(), 1), 1, 0)], rows: 2, expect: [0, 1] },
  ],
  errors: [{ inputs: [i32(2)], code: "type/operand" }],
};

// f(c, a, b) = a where c, else b; f'(c, a, b) = none, [c], [not c]
export const where: OpDef = {
  name: "where",
  elementwise: true,
  infer(inputs) {
    const sides = inputs.slice(1);
    const wrong = checkOperands("where", inputs.slice(0, 1), flags) ?? checkOperands("where", inputs, anything);
    if (wrong) return wrong;
    const mixed = checkOneType("where", sides);
    if (mixed) return { ...mixed, inputs: mixed.inputs.map((k) => k + 1) };
    const shape = broadcastInputs("where", inputs);
    return "code" in shape ? shape : tensor(sides[0]!.dtype, shape);
  },
  vjp: (b, ct, { inputs: [condition] }) => {
    const { num, where } = words(b);
    return [null, where(condition!, ct, num(0)), where(condition!, num(0), ct)];
  },
  lower: (inputs, _, out) => mapLowering(inputs, out, (c, x, y) => call("where", out.dtype as DType, c!, x!, y!)),
  doc: {
    summary: "x where the condition holds and y elsewhere, elementwise; all three broadcast.",
    math: "z = if c then x else y",
    derivative: "dx = ct where c, dy = ct elsewhere, 0 otherwise",
    example: "where(x > 0, x, y)",
    conventions:
      "A value that is not chosen does not count; its gradient is 0 times its own derivative, which at a pole is nan.",
  },
  samples: [
    { inputs: [given(bool(2), 1, 0), given(f32(2, 2), 1, 2, 3, 4), scalar(-1)], expect: [1, -1, 3, -1] },
    { inputs: [given(bool(rows(), 1), 0, 1), vec(1, 2), vec(3, 4)], rows: 2, expect: [3, 4, 1, 2] },
    { inputs: [given(bool(), 1), given(i32(), 7), given(i32(2), 8, 9)], expect: [7, 7] },
  ],
  errors: [
    { inputs: [f32(2), f32(2), f32(2)], code: "type/operand" },
    { inputs: [bool(2), f32(2), i32(2)], code: "type/mixed" },
    { inputs: [bool(3), f32(2), f32()], code: "shape/broadcast" },
  ],
};

// f(x) = x; f'(x) = 1 from f32 to f32, else none
export const cast: OpDef<{ readonly to: DType }> = {
  name: "cast",
  elementwise: true,
  infer: ([x], { to }) => tensor(to, x!.shape),
  vjp: (b, ct, { inputs: [x], attrs }) => [attrs.to === "f32" && b.type(x!).dtype === "f32" ? ct : null],
  lower: (inputs, { to }, out) =>
    mapLowering(inputs, out, (x) => (inputs[0]!.dtype === to ? x! : call("cast", to, x!))),
  doc: {
    summary: "Conversion to f32, i32 or bool, elementwise.",
    math: "y = f32(x), i32(x) or bool(x)",
    derivative: "dx = ct between f32, else none",
    example: "f32(i32(x))",
    conventions: "To i32: toward zero, past its range wrapping at 32 bits, nan to 0. To bool: x != 0.",
  },
  samples: [
    { inputs: [vec(2.75, -2.75, 0)], attrs: { to: "i32" }, expect: [2, -2, 0] },
    { inputs: [vec(0.25, 0, -3)], attrs: { to: "bool" }, expect: [1, 0, 1] },
    { inputs: [given(tensor("u8", [rows(), 2]), 0, 255, 7, 1)], attrs: { to: "f32" }, rows: 2, expect: [0, 255, 7, 1] },
    { inputs: [given(bool(2), 0, 1)], attrs: { to: "f32" }, expect: [0, 1] },
    { inputs: [scalar(1.5)], attrs: { to: "f32" }, expect: [1.5] },
  ],
};
