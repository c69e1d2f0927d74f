// Leaves: columns, parameters, states, constants, run-time scalars, sizes and counting. None has inputs or a gradient.
import type { Lowering, OpDef } from "../op-def.ts";
import { at, num } from "../stage.ts";
import type { Dim, DType, Shape, Storage, TensorType } from "../types.ts";
import { mapLowering } from "./build.ts";

/** `classes`: a column whose values are 0 to classes - 1; the driver sees to that. */
type Column = { readonly name: string; readonly dtype: Storage; readonly shape: Shape; readonly classes?: number };
type Slot = { readonly name: string; readonly dtype: Storage; readonly shape: Shape };

const slotLeaf = {
  infer: (_: readonly TensorType[], { dtype, shape }: { dtype: Storage; shape: Shape }): TensorType => ({
    dtype,
    shape,
  }),
  vjp: "not-differentiable",
  lower: (): Lowering => ({ kind: "leaf" }),
} as const;

export const input: OpDef<Column> = {
  name: "input",
  ...slotLeaf,
  doc: {
    summary: "A column of the data: an input of the model or a target of the loss.",
    math: "y = the rows of this batch",
    derivative: "it is what gradients are taken of: `grad(e, x)`",
    example: "x",
  },
  samples: [
    { inputs: [], attrs: { name: "x", dtype: "f32", shape: [{ perRow: 1 }, 4] }, rows: 2 },
    { inputs: [], attrs: { name: "target", dtype: "i32", shape: [] } },
    { inputs: [], attrs: { name: "label", dtype: "i32", shape: [], classes: 3 } },
  ],
};

export const param: OpDef<Slot> = {
  name: "param",
  ...slotLeaf,
  doc: {
    summary: "A trained tensor, as it was when the step began.",
    math: "y = the value before the step",
    derivative: "it is what the loss is differentiated by",
    example: "x",
  },
  samples: [
    { inputs: [], attrs: { name: "weight", dtype: "f32", shape: [4, 1] } },
    { inputs: [], attrs: { name: "scale", dtype: "f32", shape: [] } },
  ],
};

export const state: OpDef<Slot> = {
  name: "state",
  ...slotLeaf,
  doc: {
    summary: "A tensor kept between steps and not trained, as it was when the step began.",
    math: "y = the value before the step",
    derivative: "a constant for gradients",
    example: "x",
  },
  samples: [
    { inputs: [], attrs: { name: "running_mean", dtype: "f32", shape: [3] } },
    { inputs: [], attrs: { name: "count", dtype: "i32", shape: [] } },
  ],
};

export const loaded: OpDef<{
  readonly file: string;
  readonly tensor: string;
  readonly dtype: DType;
  readonly shape: Shape;
}> = {
  name: "load",
  ...slotLeaf,
  doc: {
    summary: "A constant read from a file when the trainer starts.",
    math: "y = the tensor in the file",
    derivative: "a constant",
    example: "x",
  },
  samples: [
    { inputs: [], attrs: { file: "adjacency.npy", tensor: "", dtype: "f32", shape: [3, 3] } },
    { inputs: [], attrs: { file: "teacher.safetensors", tensor: "fc.bias", dtype: "f32", shape: [10] } },
  ],
};

export const constant: OpDef<{ readonly value: number; readonly dtype: DType }> = {
  name: "const",
  infer: (_, { dtype }) => ({ dtype, shape: [] }),
  vjp: "not-differentiable",
  lower: (_, { value, dtype }, out) => mapLowering([], out, () => num(value, dtype)),
  doc: {
    summary: "A number known when the file is compiled, of shape [].",
    math: "y = value",
    derivative: "a constant",
    example: "x * 2.5",
    conventions: "bool constants are 0 and 1.",
  },
  samples: [
    { inputs: [], attrs: { value: 2.5, dtype: "f32" }, expect: [2.5] },
    { inputs: [], attrs: { value: -3, dtype: "i32" }, expect: [-3] },
    { inputs: [], attrs: { value: 1, dtype: "bool" }, expect: [1] },
  ],
};

export const tensor: OpDef<{ readonly values: readonly number[]; readonly dtype: DType; readonly shape: Shape }> = {
  name: "tensor",
  ...slotLeaf,
  doc: {
    summary: "Numbers written in the file: `tensor([0.5, 0.2])` is [2].",
    math: "y = the numbers, row-major",
    derivative: "a constant",
    example: "x + tensor([1, 2, 3, 4])",
  },
  samples: [
    { inputs: [], attrs: { values: [0.5, 0.25, -1], dtype: "f32", shape: [3] }, expect: [0.5, 0.25, -1] },
    { inputs: [], attrs: { values: [1, 2], dtype: "i32", shape: [2, 1] }, expect: [1, 2] },
  ],
};

export const scalar: OpDef<{ readonly name: string }> = {
  name: "scalar",
  infer: () => ({ dtype: "f32", shape: [] }),
  vjp: "not-differentiable",
  lower: () => ({ kind: "leaf" }),
  doc: {
    summary: "A number given at each step: `lr`, a `hyper`, `step`, `epoch`, `steps`; of shape [].",
    math: "y = the number given",
    derivative: "a constant",
    example: "x * step",
  },
  samples: [
    { inputs: [], attrs: { name: "lr" } },
    { inputs: [], attrs: { name: "step" } },
  ],
};

export const rows: OpDef<{ readonly multiple: number }> = {
  name: "rows",
  infer: () => ({ dtype: "f32", shape: [] }),
  vjp: "not-differentiable",
  lower: (_, { multiple }, out) => mapLowering([], out, () => ({ kind: "size", dim: { perRow: multiple } })),
  doc: {
    summary: "The number of rows of this batch, N, times a constant; of shape [].",
    math: "y = multiple * N",
    derivative: "a constant",
    example: "mean(x)",
  },
  samples: [
    { inputs: [], attrs: { multiple: 1 }, rows: 5, expect: [5] },
    { inputs: [], attrs: { multiple: 12 }, rows: 3, expect: [36] },
  ],
};

export const iota: OpDef<{ readonly count: Dim }> = {
  name: "iota",
  infer: (_, { count }) => ({ dtype: "i32", shape: [count] }),
  vjp: "not-differentiable",
  lower: (_inputs, _attrs, out) => mapLowering([], out, () => ({ kind: "index", at: at(0) })),
  doc: {
    summary: "The whole numbers from 0 to count - 1: i32[count].",
    math: "y[i] = i",
    derivative: "integers have none",
    example: "iota(4)",
  },
  samples: [
    { inputs: [], attrs: { count: 4 }, expect: [0, 1, 2, 3] },
    { inputs: [], attrs: { count: { perRow: 2 } }, rows: 3, expect: [0, 1, 2, 3, 4, 5] },
    { inputs: [], attrs: { count: 1 }, expect: [0] },
  ],
};
