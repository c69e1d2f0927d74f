// The contract between an emitted library and whatever drives it: `nnc train`, a generated `.train.js`, a page, a test.
// Types only. An emitted library satisfies it without importing anything.

export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** What `create()` of an emitted library returns. All arrays are views over one ArrayBuffer; no method allocates but `read`. */
export interface Trainer {
  /** Input buffers by column name: fill rows 0..rows-1, then call. `u8` columns are Uint8Array, class columns Int32Array. */
  readonly inputs: Readonly<Record<string, TypedArray>>;
  /** Loss, metrics, lr and hypers, by the places that `index` gives. */
  readonly scalars: Float64Array;
  readonly index: Readonly<Record<string, number>>;
  /** A copy of a parameter, state, output or kept gradient (`grad.W`), row-major in its logical shape; outputs hold the last call's rows. */
  read(name: string): TypedArray;
  /** Overwrites a parameter or state; the length must be that of its shape. */
  write(name: string, values: ArrayLike<number>): void;
  /** Forward, backward and update on rows 0..rows-1 of the inputs. 1 <= rows <= batch. Leaves `loss` in `scalars`. */
  step(rows: number): void;
  /** Loss, metrics and outputs, training = false; changes no parameter and no state. */
  evaluate(rows: number): void;
  /** Outputs alone, training = false; targets are not read. */
  predict(rows: number): void;
  /** What workers need to take part, where the library was compiled for threads. */
  readonly team?: object;
  /** Ends the work of all workers; from then on the caller works alone. */
  disband?(): void;
}

/** Thrown by the methods of a debug build at the first number that is none. */
export interface NotFinite extends Error {
  readonly name: "NotFinite";
  readonly tensor: string;
  /** `"sqrt(h)" at model.nn:12:3`. */
  readonly place: string;
}

/** An emitted library as a module. */
export interface Library {
  create(options?: { readonly seed?: number }): Trainer;
  readonly manifest: Manifest;
  /** Of a module with the library's `work`, for workers; where the library was compiled for threads. */
  readonly url?: string;
}

export type Storage = "f32" | "i32" | "bool" | "u8";

/** A size: a constant or k rows (`{ perRow: 1 }` is N). */
export type ManifestDim = number | { readonly perRow: number };

export interface TensorInfo {
  readonly name: string;
  readonly dtype: Storage;
  readonly shape: readonly ManifestDim[];
}

export interface SlotManifest extends TensorInfo {
  readonly kind: "param" | "state";
  /** True for states of the optimizer. */
  readonly optimizer: boolean;
  readonly trained: boolean;
}

export interface ColumnManifest extends TensorInfo {
  readonly role: "input" | "target";
  /** Values must lie in 0..classes-1. */
  readonly classes?: number;
}

/** A value in `data = source(…)`, as plain JSON: a number, a text, a flag, `{ range: [from, to] }` or a list of these. */
export type DataArgument =
  | number
  | string
  | boolean
  | { readonly range: readonly [number | null, number | null] }
  | readonly DataArgument[];

export interface DataManifest {
  /** `mnist`, `digits`, `csv`, … */
  readonly source: string;
  readonly positional: readonly DataArgument[];
  readonly named: readonly (readonly [name: string, value: DataArgument])[];
}

/** A constant of the model, `load("f.npy")`: its numbers are read and written when a trainer starts. */
export interface LoadManifest extends TensorInfo {
  readonly file: string;
  /** The tensor's name in a safetensors file. */
  readonly tensor?: string;
}

/** A further model of the file: fill its inputs, call its method, read its results, all as `sample.z`. */
export interface EntryManifest {
  readonly name: string;
  readonly inputs: readonly ColumnManifest[];
  readonly outputs: readonly TensorInfo[];
}

/** All that a driver must know of a compiled model; emitted into the library as a constant. */
export interface Manifest {
  readonly model: string;
  readonly target: string;
  /** The largest number of rows a call takes. */
  readonly batch: number;
  readonly arenaBytes: number;
  /** A hash of what a step computes: a checkpoint of another program is refused. */
  readonly program?: string;
  readonly slots: readonly SlotManifest[];
  readonly columns: readonly ColumnManifest[];
  /** Models that are only evaluated, by methods of their own names; absent where there are none. */
  readonly entries?: readonly EntryManifest[];
  /** Absent where the model loads no constants. */
  readonly loads?: readonly LoadManifest[];
  /** Results of the model, by name. */
  readonly outputs: readonly TensorInfo[];
  /** Whether there is a loss (then `step` and `evaluate` do something). */
  readonly hasLoss: boolean;
  readonly metrics: readonly string[];
  /** Start values of run-time scalars: `lr`, hypers. Settable by `--lr`, `--set`. */
  readonly scalars: readonly { readonly name: string; readonly value: number }[];
  readonly train?: {
    readonly data?: DataManifest;
    /** Rows per step unless `--batch` says fewer. */
    readonly batch: number;
    readonly epochs: number;
    readonly seed: number;
    readonly shuffle: boolean;
    readonly dropLast: boolean;
    readonly init: readonly { readonly prefix: string; readonly file: string }[];
  };
}
