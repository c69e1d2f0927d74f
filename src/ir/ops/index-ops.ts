// Indexing: reading rows by number and its transpose, picking one of each row, one-hot rows.
// Errors: shape/gather {table}; shape/scatter {ids, values}; shape/pick {shape, ids, wanted}; type/operand as in build.ts.
import type { OpDef, ShapeError } from "../op-def.ts";
import { type Affine, at, call, type Expr, load, num, OUT } from "../stage.ts";
import { type Dim, type DType, f32, i32, isStatic, rows, sameShape, shapeText, type TensorType } from "../types.ts";
import { checkOperands, given, movable, parallelAxes } from "./build.ts";
import { refuse } from "./dims.ts";

/** The error for input `place` (from 0), if its dtype is not among `takes`. */
function checkInput(
  op: string,
  inputs: readonly TensorType[],
  place: number,
  takes: readonly DType[],
): ShapeError | null {
  const wrong = checkOperands(op, [inputs[place]!], takes);
  return wrong && { ...wrong, facts: { ...wrong.facts, place: place + 1 }, inputs: [place] };
}

const places = (from: number, to: number): Affine[] => Array.from({ length: to - from }, (_, i) => at(from + i));

/** The element stands in a batch by its first axis: then a wrong index has a row. */
const rowOf = (shape: TensorType["shape"]): Expr =>
  shape[0] !== undefined && !isStatic(shape[0]) ? { kind: "index", at: at(0) } : num(-1, "i32");

export const within: OpDef<{ readonly count: Dim }> = {
  name: "within",
  doc: {
    summary: "Ids as they are, where each is one of 0 to count - 1; else the run ends and says which is not.",
    math: "y = ids",
    derivative: "ids are whole numbers and have none",
    example: "gather(x, i)",
    conventions: "Not written: `gather` and `pick` put it before ids that are not known to be in range.",
  },
  infer: (inputs) => checkInput("within", inputs, 0, ["i32"]) ?? inputs[0]!,
  vjp: "not-differentiable",
  lower(_, { count }, out) {
    const limit: Expr = isStatic(count) ? num(count, "i32") : call("cast", "i32", { kind: "size", dim: count });
    const everywhere = places(0, out.shape.length);
    const stage = {
      axes: parallelAxes(out.shape),
      body: call("within", "i32", load(0, everywhere, "i32"), limit, rowOf(out.shape)),
      out: { value: OUT, at: everywhere, mode: "set" },
    } as const;
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    { inputs: [given(i32(rows()), 2, 0)], attrs: { count: 3 }, rows: 2, expect: [2, 0] },
    { inputs: [given(i32(), 1)], attrs: { count: 2 }, expect: [1] },
    { inputs: [given(i32(2, 1), 1, 0)], attrs: { count: rows() }, rows: 2, expect: [1, 0] },
  ],
  errors: [{ inputs: [f32(2)], attrs: { count: 3 }, code: "type/operand" }],
};

export const gather: OpDef = {
  name: "gather",
  doc: {
    summary: "Rows of a table by number: ids of any shape give shape(ids) + the shape of one row.",
    math: "y[i, …] = table[ids[i], …]",
    derivative: "dtable = the rows of ct added up at their ids; ids get none",
    example: "gather(x, i % 3)",
    conventions: "An id outside the table stops the run with its place.",
  },
  infer(inputs) {
    const [table, ids] = inputs;
    if (table!.shape.length === 0) return refuse("shape/gather", { table: shapeText(table!.shape) }, 0);
    const wrong = checkInput("gather", inputs, 0, movable) ?? checkInput("gather", inputs, 1, ["i32"]);
    return wrong ?? { dtype: table!.dtype, shape: [...ids!.shape, ...table!.shape.slice(1)] };
  },
  // f(t) = t[ids];  dt[v] = sum of ct[i] over ids[i] = v
  vjp: (b, ct, { inputs: [table, ids] }) => [
    b.node("scatter_add", [ids!, ct], { count: b.type(table!).shape[0]! }),
    null,
  ],
  lower([, ids], _, out) {
    const dtype = out.dtype as DType;
    const rank = ids!.shape.length;
    const row = load(1, places(0, rank), "i32");
    const body = { kind: "gather", of: 0, at: [row, ...places(rank, out.shape.length)], dtype } as const;
    const stage = {
      axes: parallelAxes(out.shape),
      body,
      out: { value: OUT, at: places(0, out.shape.length), mode: "set" },
    } as const;
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    {
      inputs: [given(f32(3, 2), 1, 2, 3, 4, 5, 6), given(i32(4), 2, 0, 2, 1)],
      expect: [5, 6, 1, 2, 5, 6, 3, 4],
    },
    {
      inputs: [given(f32(2), 7, 8), given(i32(rows(), 1), 1, 0, 1)],
      rows: 3,
      expect: [8, 7, 8],
    },
    {
      inputs: [given(f32(2, 2), 1, 2, 3, 4), given(i32(), 1)],
      expect: [3, 4],
    },
  ],
  errors: [
    { inputs: [f32(), i32(2)], code: "shape/gather" },
    { inputs: [f32(2, 2), f32(2)], code: "type/operand" },
  ],
};

export const scatter_add: OpDef<{ readonly count: Dim }> = {
  name: "scatter_add",
  doc: {
    summary: "Adds rows into a table of `count` rows, zero at first: the transpose of gather.",
    math: "y[v, …] = sum of values[i, …] over ids[i] = v",
    derivative: "dvalues = gather(ct, ids); ids get none",
    example: "grad(sum(gather(x, i % 3)), x)",
    conventions: "Rows are added in the order of their places, so the sum is the same in every run.",
  },
  infer(inputs, { count }) {
    const [ids, values] = inputs;
    const wrong = checkInput("scatter_add", inputs, 0, ["i32"]) ?? checkInput("scatter_add", inputs, 1, ["f32", "i32"]);
    if (wrong) return wrong;
    const rank = ids!.shape.length;
    if (!sameShape(values!.shape.slice(0, rank), ids!.shape))
      return refuse("shape/scatter", { ids: shapeText(ids!.shape), values: shapeText(values!.shape) }, 1, 0);
    return { dtype: values!.dtype, shape: [count, ...values!.shape.slice(rank)] };
  },
  // f(v)[r] = sum of v[i] over ids[i] = r;  dv = ct[ids]
  vjp: (b, ct, { inputs: [ids] }) => [null, b.node("gather", [ct, ids!])],
  lower([ids, values], _, out) {
    const rank = ids!.shape.length;
    const stage = {
      axes: parallelAxes(values!.shape),
      body: load(1, places(0, values!.shape.length), out.dtype as DType),
      out: {
        value: OUT,
        at: [load(0, places(0, rank), "i32"), ...places(rank, values!.shape.length)],
        mode: "add",
      },
    } as const;
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    {
      inputs: [given(i32(3), 1, 0, 1), given(f32(3, 2), 1, 2, 3, 4, 5, 6)],
      attrs: { count: 3 },
      expect: [3, 4, 6, 8, 0, 0],
    },
    {
      inputs: [given(i32(rows()), 0, 0), given(f32(rows()), 1, 2)],
      attrs: { count: 1 },
      rows: 2,
      expect: [3],
    },
    {
      inputs: [given(i32(), 1), given(f32(), 4)],
      attrs: { count: 2 },
      expect: [0, 4],
    },
  ],
  errors: [
    { inputs: [i32(3), f32(2, 2)], attrs: { count: 3 }, code: "shape/scatter" },
    { inputs: [f32(3), f32(3)], attrs: { count: 3 }, code: "type/operand" },
  ],
};

export const pick: OpDef = {
  name: "pick",
  doc: {
    summary: "One element of the last dimension per row: x [.., C] and ids [..] give [..].",
    math: "y[i] = x[i, ids[i]]",
    derivative: "dx = one_hot(ids, C) * ct; ids get none",
    example: "pick(x, i)",
    conventions: "An id outside 0..C-1 stops the run with its place.",
  },
  infer(inputs) {
    const [x, ids] = inputs;
    const wrong = checkInput("pick", inputs, 0, movable) ?? checkInput("pick", inputs, 1, ["i32"]);
    if (wrong) return wrong;
    const wanted = x!.shape.slice(0, -1);
    if (x!.shape.length === 0 || !sameShape(wanted, ids!.shape)) {
      const facts = { shape: shapeText(x!.shape), ids: shapeText(ids!.shape), wanted: shapeText(wanted) };
      return refuse("shape/pick", facts, 1, 0);
    }
    return { dtype: x!.dtype, shape: wanted };
  },
  // f(x) = x[i, ids[i]];  dx[i, c] = ct[i] where c = ids[i], else 0
  vjp(b, ct, { inputs: [x, ids] }) {
    const { shape } = b.type(x!);
    const column = b.node("reshape", [ct], { shape: [...shape.slice(0, -1), 1] });
    return [b.node("mul", [b.node("one_hot", [ids!], { count: shape.at(-1)!, picked: true }), column]), null];
  },
  lower([, ids], _, out) {
    const rank = ids!.shape.length;
    const body = {
      kind: "gather",
      of: 0,
      at: [...places(0, rank), load(1, places(0, rank), "i32")],
      dtype: out.dtype as DType,
    } as const;
    const stage = {
      axes: parallelAxes(out.shape),
      body,
      out: { value: OUT, at: places(0, rank), mode: "set" },
    } as const;
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    {
      inputs: [given(f32(rows(), 3), 1, 2, 3, 4, 5, 6), given(i32(rows()), 2, 0)],
      rows: 2,
      expect: [3, 4],
    },
    {
      inputs: [given(f32(2), 7, 8), given(i32(), 1)],
      expect: [8],
    },
    {
      inputs: [given(f32(1, 2, 2), 1, 2, 3, 4), given(i32(1, 2), 1, 0)],
      expect: [2, 3],
    },
  ],
  errors: [
    { inputs: [f32(2, 3), i32(3)], code: "shape/pick" },
    { inputs: [f32(), i32()], code: "shape/pick" },
    { inputs: [f32(2, 3), f32(2)], code: "type/operand" },
  ],
};

/** `picked`: made for ids that a `pick` has read with, so that each is one of 0..count-1. */
type OneHotAttrs = { readonly count: Dim } | { readonly count: Dim; readonly picked: true };

export const one_hot: OpDef<OneHotAttrs> = {
  name: "one_hot",
  doc: {
    summary: "Rows of zeros with a one at the id: ids of any shape give shape(ids) + [count], as f32.",
    math: "y[i, c] = 1 if c == ids[i] else 0",
    derivative: "none: ids are whole numbers",
    example: "one_hot(i, 4)",
    conventions: "An id outside 0..count-1 gives a row of zeros.",
  },
  infer: ([ids], { count }) =>
    checkOperands("one_hot", [ids!], ["i32"]) ?? { dtype: "f32", shape: [...ids!.shape, count] },
  vjp: "not-differentiable",
  lower([ids], _, out) {
    const rank = ids!.shape.length;
    const here = call("eq", "bool", load(0, places(0, rank), "i32"), { kind: "index", at: at(rank) });
    const stage = {
      axes: parallelAxes(out.shape),
      body: call("cast", "f32", here),
      out: { value: OUT, at: places(0, rank + 1), mode: "set" },
    } as const;
    return { kind: "stages", stages: [stage] };
  },
  samples: [
    { inputs: [given(i32(rows()), 1, 0)], attrs: { count: 3 }, rows: 2, expect: [0, 1, 0, 1, 0, 0] },
    { inputs: [given(i32(), 1)], attrs: { count: 2 }, expect: [0, 1] },
    { inputs: [given(i32(1, 1), 0)], attrs: { count: 1 }, expect: [1] },
    { inputs: [given(i32(2), -1, 5)], attrs: { count: 2 }, expect: [0, 0, 0, 0] },
  ],
  errors: [{ inputs: [f32(2)], attrs: { count: 3 }, code: "type/operand" }],
};
