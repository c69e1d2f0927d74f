// A Stage says what is computed: an iteration space, how values are read, a body, a reduction, an epilogue.
// Maps, reductions, contractions, convolutions and poolings all have this one form. No tiling, no layout, no target here.
import type { Dim, DType } from "./types.ts";

/** A tensor value. Inside an op record: 0, 1, … are the inputs, `OUT` the result, other negative ids are its own temporaries. */
export type ValueId = number;

/** The result, in the stages an op record gives. */
export const OUT: ValueId = -1;

export type AxisId = number;

export interface Axis {
  readonly id: AxisId;
  readonly name: string;
  readonly extent: Dim;
  /** parallel: one result each; reduce: folded by `reduce.op`; scan: folded, and a result after each round (in order). */
  readonly kind: "parallel" | "reduce" | "scan";
}

/** const + rows * N + sum of mul * axis. */
export interface Affine {
  readonly const: number;
  readonly rows?: number;
  readonly terms: readonly { readonly axis: AxisId; readonly mul: Dim }[];
}

/** 0 <= at < extent. */
export interface Guard {
  readonly at: Affine;
  readonly extent: Dim;
}

/** Functions of scalars. Arithmetic follows the dtype of the call: f32 rounds at stores, i32 wraps at 32 bits. */
export type ScalarFn =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "pow"
  | "min"
  | "max"
  | "neg"
  | "abs"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sqrt"
  | "rsqrt"
  | "tanh"
  | "sin"
  | "cos"
  | "erf"
  | "floor"
  | "sign"
  | "sigmoid"
  | "softplus"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "gt"
  | "ge"
  | "and"
  | "or"
  | "not"
  /** where(condition, a, b): only the chosen side counts. */
  | "where"
  /** To f32, i32 (toward zero) or bool (!= 0), by the dtype of the call. */
  | "cast"
  /** within(i, count, row): i, which must be one of 0 to count - 1; else the run ends, naming the row (-1 where there is none). */
  | "within"
  /** uniform(index), normal(index): a number of the stream `key` at a logical row-major index. */
  | "uniform"
  | "normal";

export type Expr =
  | { readonly kind: "num"; readonly value: number; readonly dtype: DType }
  /** An index as an i32. */
  | { readonly kind: "index"; readonly at: Affine }
  /** A size as an f32 (`N` in a mean). */
  | { readonly kind: "size"; readonly dim: Dim }
  /** The reduction's result, in an epilogue; in a body without reduction it does not occur. */
  | { readonly kind: "acc"; readonly dtype: DType }
  /** Reads a value; where a guard fails, gives `otherwise` instead. u8 values read as f32. */
  | {
      readonly kind: "load";
      readonly of: ValueId;
      readonly at: readonly Affine[];
      readonly guard?: readonly Guard[];
      readonly otherwise?: number;
      readonly dtype: DType;
    }
  /** Reads at computed places (i32); out of range is checked when data is loaded, or in the step for dynamic indices. */
  | { readonly kind: "gather"; readonly of: ValueId; readonly at: readonly (Affine | Expr)[]; readonly dtype: DType }
  | {
      readonly kind: "call";
      readonly fn: ScalarFn;
      readonly args: readonly Expr[];
      readonly dtype: DType /** Stream of a random function. */;
      readonly key?: string;
    };

/** Blocks of a plane of two axes: those whose `columns` lie `from` to `to` blocks after their `rows`; absent: no end on that side. */
export interface Band {
  readonly rows: AxisId;
  readonly columns: AxisId;
  readonly from?: number;
  readonly to?: number;
}

export type ReduceOp = "add" | "mul" | "min" | "max" | "argmax" | "argmin";

export interface Stage {
  readonly axes: readonly Axis[];
  /**
   * Runs an axis over a list of its points: `counts` at `at` says how many, `list` at `at` and 0, 1, … which. `position` stands for
   * that 0, 1, … in the places of what lies beside the list. Made by scheduling.
   */
  readonly sparse?: {
    readonly axis: AxisId;
    readonly position: AxisId;
    readonly list: ValueId;
    readonly counts: ValueId;
    readonly at: readonly Affine[];
  };
  /**
   * Makes such a list: the points of the scan axis at which the body holds go to `out`, which names its other places, one after
   * the other, what `beside` makes of them to its value at the same places, and how many to `counts`. Made by scheduling.
   */
  readonly filter?: { readonly counts: ValueId; readonly beside: { readonly value: ValueId; readonly body: Expr } };
  /** Only these points are visited: what lies beyond is known, or nobody asks for it. Made by scheduling. */
  readonly band?: Band;
  /** For argmax and argmin, `index` is what is kept of the winner; the first wins a tie. */
  readonly reduce?: { readonly op: ReduceOp; readonly dtype: DType; readonly index?: Expr };
  readonly body: Expr;
  /** What is stored, made of `acc`; absent: the accumulator, or the body where nothing is reduced. */
  readonly epilogue?: Expr;
  readonly out: {
    readonly value: ValueId;
    /** One place per dimension; an Expr makes a scatter. */
    readonly at: readonly (Affine | Expr)[];
    /** add: added to what is there; a value written by `add` starts from zeros. */
    readonly mode: "set" | "add";
  };
}

/** A view reads the input at affine places: transpose, slice, broadcast, flip, pad (with guards). `axes` are the result's dimensions, ids 0, 1, …. */
export interface ViewMap {
  readonly at: readonly Affine[];
  readonly guard?: readonly Guard[];
  readonly otherwise?: number;
}

// ---- Small constructors ----

export const at = (axis: AxisId, mul: Dim = 1, offset = 0): Affine => ({ const: offset, terms: [{ axis, mul }] });
export const fixed = (index: number): Affine => ({ const: index, terms: [] });
export const num = (value: number, dtype: DType = "f32"): Expr => ({ kind: "num", value, dtype });
export const acc = (dtype: DType = "f32"): Expr => ({ kind: "acc", dtype });
export const load = (of: ValueId, places: readonly Affine[], dtype: DType = "f32"): Expr => ({
  kind: "load",
  of,
  at: places,
  dtype,
});
export const call = (fn: ScalarFn, dtype: DType, ...args: Expr[]): Expr => ({ kind: "call", fn, args, dtype });
export const isAffine = (place: Affine | Expr): place is Affine => !("kind" in place);
