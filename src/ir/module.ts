// What the elaborator hands on: slots, scalars, columns and the graphs of one model file. All data, no text of a program.
import type { Graph, Origin } from "./graph.ts";
import type { TensorType } from "./types.ts";

/** A tensor that lives as long as the trainer. */
export interface SlotInfo {
  /** `fc1.weight`; optimizer states `optimizer.v.fc1.weight`. */
  readonly name: string;
  readonly kind: "param" | "state";
  readonly type: TensorType;
  /** Changed by the optimizer; false for states, frozen parameters and those the loss does not reach. */
  readonly trained: boolean;
  /** A state of the optimizer, kept out of parameter counts. */
  readonly optimizer: boolean;
  readonly origin: Origin;
}

/** An input of the model or a new column of the loss. */
export interface ColumnInfo {
  readonly name: string;
  /** As the graph's `input` node has it; u8 where the data set stores bytes. */
  readonly type: TensorType;
  /** `class[N] < 10`: values are checked against 0..9 when data is loaded. */
  readonly classes?: number;
  readonly role: "input" | "target";
  /** Share of zeros that the data set's descriptor promises, 0..1; drives zero-skipping. */
  readonly zeros?: number;
  readonly origin: Origin;
}

/** A run-time scalar: `lr`, a hyper, `critic.lr`. `step`, `epoch`, `steps` and `N` are always there and not listed. */
export interface ScalarInfo {
  readonly name: string;
  readonly value: number;
  readonly origin: Origin;
}

/** The value of a known expression in `train { data = … }`: `mnist(train = 0:50000)`. */
export type ConfigValue =
  | number
  | string
  | boolean
  | { readonly range: readonly [number | null, number | null] }
  | readonly ConfigValue[];

export interface DataConfig {
  /** `mnist`, `csv`, … */
  readonly source: string;
  readonly positional: readonly ConfigValue[];
  readonly named: ReadonlyMap<string, ConfigValue>;
  readonly origin: Origin;
}

export interface TrainConfig {
  readonly data?: DataConfig;
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  /** `init.teacher = "teacher.safetensors"`: path prefix ("" for all) and file. */
  readonly init: readonly { readonly prefix: string; readonly file: string; readonly origin: Origin }[];
}

/** A model that is evaluated only (`sample`, `decode`). */
export interface EntryInfo {
  readonly name: string;
  readonly inputs: readonly ColumnInfo[];
  /** Output names of its graph. */
  readonly outputs: readonly string[];
  readonly graph: Graph;
}

/**
 * A model file, elaborated. Graphs share names, not nodes: `param`, `state`, `input` and `load` nodes are found by their `name` attribute.
 * - `init`: one output per slot, by its name.
 * - `step`: outputs `loss` and the model's results (training = true); `grad` nodes are still there; updates per slot.
 * - `evaluate`: outputs `loss`, metrics (`metric.NAME`) and the model's results, training = false; no updates.
 * - `predict`: the model's results, training = false; no targets.
 * A file without `loss` has empty step and evaluate graphs; one without `optimizer` a step without updates.
 */
export interface Module {
  readonly name: string;
  readonly slots: readonly SlotInfo[];
  readonly columns: readonly ColumnInfo[];
  readonly scalars: readonly ScalarInfo[];
  /** Result names of the first model, in order; an unnamed one is `out`. */
  readonly outputs: readonly string[];
  readonly metrics: readonly string[];
  readonly init: Graph;
  readonly step: Graph;
  readonly evaluate: Graph;
  readonly predict: Graph;
  readonly entries: readonly EntryInfo[];
  readonly train?: TrainConfig;
  /** For `nnc check --shapes` and editors: every binding with its type and place. */
  readonly bindings: readonly { readonly name: string; readonly type: string; readonly origin: Origin }[];
}
