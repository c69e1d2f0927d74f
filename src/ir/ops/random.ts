// Random numbers: each element is a pure function of (seed, step, key, row-major index), so order of evaluation is free.
import type { OpDef, ShapeError } from "../op-def.ts";
import type { Expr, ScalarFn } from "../stage.ts";
import { f32, rows, type Shape, type TensorType, typeText } from "../types.ts";
import { mapLowering, rowMajorIndex, rowMajorStrides } from "./build.ts";

type Stream = { readonly shape: Shape; readonly key: string };

const draws = (op: ScalarFn) => ({
  name: op,
  infer: (_inputs: readonly TensorType[], { shape }: Stream): TensorType | ShapeError =>
    rowMajorStrides(shape)
      ? f32(...shape)
      : { code: "shape/rows", facts: { op, type: typeText(f32(...shape)) }, inputs: [] },
  vjp: "not-differentiable" as const,
  lower: (_inputs: readonly TensorType[], { shape, key }: Stream, out: TensorType) =>
    mapLowering([], out, (): Expr => {
      const index = rowMajorIndex(
        shape.map((_, d) => d),
        shape,
      );
      return { kind: "call", fn: op, args: [index], dtype: "f32", key };
    }),
  errors: [{ inputs: [], attrs: { shape: [rows(), rows(), rows()], key: "k" }, code: "shape/rows" }],
});

export const uniform: OpDef<Stream> = {
  ...draws("uniform"),
  doc: {
    summary: "Random numbers spread evenly over 0 <= y < 1, new ones at each step.",
    math: "y = 24 bits of hash(seed, step, key, index), over 2 ** 24",
    derivative: "a constant",
    example: "x * uniform(shape(x))",
    conventions: "The same numbers on every target.",
  },
  samples: [
    { inputs: [], attrs: { shape: [2, 3], key: "dropout/uniform_0" } },
    { inputs: [], attrs: { shape: [rows(), 1], key: "k" }, rows: 3 },
    { inputs: [], attrs: { shape: [], key: "k" } },
  ],
};

export const normal: OpDef<Stream> = {
  ...draws("normal"),
  doc: {
    summary: "Random numbers of mean 0 and variance 1, new ones at each step.",
    math: "y = the normal quantile of 32 bits of hash(seed, step, key, index)",
    derivative: "a constant",
    example: "x + normal(shape(x))",
    conventions: "The same numbers on every target: own polynomials in float64, rounded once to f32.",
  },
  samples: [
    { inputs: [], attrs: { shape: [2, 3], key: "noise/normal_0" } },
    { inputs: [], attrs: { shape: [rows(), 1], key: "k" }, rows: 3 },
    { inputs: [], attrs: { shape: [], key: "k" } },
  ],
};
