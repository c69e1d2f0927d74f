// Markers: nodes that say something about derivatives and compute nothing. All are gone before scheduling.
import type { Lowering, OpDef } from "../op-def.ts";
import { f32, i32, rows } from "../types.ts";
import { checkOperands, given, scalar, vec } from "./build.ts";

const passes: Lowering = { kind: "reshape" };

export const stopGradient: OpDef = {
  name: "stop_gradient",
  infer: ([x]) => x!,
  vjp: "not-differentiable",
  lower: () => passes,
  doc: {
    summary: "The same value, a constant for gradients.",
    math: "y = x",
    derivative: "none: the gradient is cut here",
    example: "stop_gradient(x)",
  },
  samples: [
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 4)], rows: 2, expect: [1, 2, 3, 4] },
    { inputs: [given(i32(), 5)], expect: [5] },
  ],
};

// f(x) = x, f'(x) = 1
export const variable: OpDef<{ readonly key: string }> = {
  name: "variable",
  infer: ([x]) => x!,
  vjp: (_, ct) => [ct],
  lower: () => passes,
  doc: {
    summary: "The same value, as a variable of its own that `grad` can ask about.",
    math: "y = x",
    derivative: "dx = ct",
    example: "x",
  },
  samples: [
    { inputs: [given(f32(rows(), 2), 1, 2, 3, 4)], attrs: { key: "h" }, rows: 2, expect: [1, 2, 3, 4] },
    { inputs: [scalar(5)], attrs: { key: "s" }, expect: [5] },
  ],
};

export const grad: OpDef = {
  name: "grad",
  infer: ([e, v]) => {
    const wrong = checkOperands("grad", [e!, v!], ["f32"]);
    if (wrong) return wrong;
    return e!.shape.length > 0 ? { code: "shape/grad", facts: { rank: e!.shape.length }, inputs: [0] } : v!;
  },
  vjp: "derived",
  lower: () => ({ kind: "leaf" }),
  doc: {
    summary: "The gradient of a scalar e with respect to v, of v's shape.",
    math: "y[i] = de / dv[i]",
    derivative: "of its expansion: gradients of gradients just work",
    example: "grad(sum(x ** 2), x)",
  },
  samples: [{ inputs: [scalar(1), vec(1, 2)] }, { inputs: [scalar(1), given(f32(rows(), 1), 1, 2)], rows: 2 }],
  errors: [
    { inputs: [f32(2), f32(2)], code: "shape/grad" },
    { inputs: [f32(), i32(2)], code: "type/operand" },
  ],
};
