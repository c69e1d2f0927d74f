// What the code generator works on between graph and loops: values, placed stages, kernels. All immutable data.
import type { Origin } from "../ir/graph.ts";
import type { AxisId, Expr, Stage, ValueId } from "../ir/stage.ts";
import type { TensorType } from "../ir/types.ts";

/** Where a value lives. */
export type Home =
  /** A parameter or state; `version` 0 is what the step reads, 1 what it leaves. Both have one address. */
  | { readonly kind: "slot"; readonly slot: string; readonly version: 0 | 1 }
  /** A data column, filled by the caller. */
  | { readonly kind: "column"; readonly name: string }
  /** Constant numbers, written once by `create`. */
  | { readonly kind: "constant"; readonly values: readonly number[] }
  /** Constant numbers read from a file when the trainer starts. */
  | { readonly kind: "file"; readonly name: string }
  /** A rank-0 number computed on the host in float64, once per call; kernels read it as a scalar. */
  | { readonly kind: "host" }
  /** A result that outlives the call: `read(name)`. */
  | { readonly kind: "output"; readonly name: string }
  | { readonly kind: "temp" };

/** Its dimensions from the outermost to the innermost. */
export interface Layout {
  readonly order: readonly number[];
  /** Elements left free after each innermost row. */
  readonly pad: number;
}

export interface Value {
  readonly id: ValueId;
  /** For people: `logits`, `dW`; not an identifier. Unique among the values that are left once `name-values` has run. */
  readonly name: string;
  readonly type: TensorType;
  readonly home: Home;
  /** Indices that fit are stored in two bytes each. */
  readonly stored?: "u16";
  /** How its elements lie; row-major as in its type unless said. */
  readonly layout?: Layout;
  /** Shares the storage of another value: the same elements in the same row-major order under another shape. */
  readonly alias?: ValueId;
  readonly origins: readonly Origin[];
}

/** A stage in a program. */
export interface PlacedStage extends Stage {
  /** What it does and how big it is: `matmul_64x784x10`. */
  readonly name: string;
  readonly origins: readonly Origin[];
}

/** Stages that run in one loop nest over their first `shared` axes; followers read a leader's result without a store between. */
export interface Kernel {
  readonly stages: readonly PlacedStage[];
  /** How many leading axes all stages have in common. For a lone stage: its parallel axes. */
  readonly shared: number;
  /** The stage whose own axes are tiled, where those are not the shared ones of all. */
  readonly lead?: number;
}

/** One assignment of the host program. `body` reads other host values by `load`, and run-time scalars by `scalar`. */
export interface HostStep {
  readonly value: ValueId;
  readonly body: Expr | { readonly kind: "scalar"; readonly name: string };
}

export interface Schedule {
  /** By id, dense. */
  readonly values: readonly Value[];
  readonly host: readonly HostStep[];
  readonly kernels: readonly Kernel[];
  /** Output name to value. Rank-0 `loss` and `metric.*` go to the scalars too. */
  readonly outputs: ReadonlyMap<string, ValueId>;
}

/** Decisions about one kernel, data beside it. */
export interface Recipe {
  /** How many neighbours along a shared axis are computed together. */
  readonly tiles: ReadonlyMap<AxisId, number>;
  /** Per stage the axis along which four neighbours are computed side by side, where the target has lanes. */
  readonly lanes?: readonly (AxisId | undefined)[];
  /** The shared axes from the outermost loop to the innermost; as the stages have them unless said. */
  readonly order?: readonly AxisId[];
  /** The shared axis that threads take parts of, where they do. */
  readonly part?: AxisId;
  /** About how many instructions that takes, where a model of the target says. */
  readonly cost?: number;
  /** Why, for `--explain-schedule`. */
  readonly why: string;
}

/** All that a pass may know of a target. */
export interface Caps {
  readonly lanes: 1 | 4;
  /** Arithmetic is float32 throughout; else float64, rounded when stored. */
  readonly sumsInF32: boolean;
  /** How many accumulators a tile may hold. */
  readonly accumulators: number;
  /** How many at most, where what it loads is placed row by row (`load-order.ts`). */
  readonly tight?: number;
}

export const valueAt = (schedule: Schedule, id: ValueId): Value => {
  const value = schedule.values[id];
  if (!value) throw new Error(`no value ${id}`);
  return value;
};

/** The value that owns the storage. */
export function storageOf(schedule: Schedule, id: ValueId): Value {
  let value = valueAt(schedule, id);
  while (value.alias !== undefined) value = valueAt(schedule, value.alias);
  return value;
}
