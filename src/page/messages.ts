// What the page and its training worker say to one another. Types only.
import type { Ceiling } from "../inspect/ceiling.ts";

export type ToWorker =
  | {
      readonly kind: "start";
      readonly seed: number;
      /** The model's own data files. */
      readonly own: readonly (readonly [string, Uint8Array])[];
      /** Dropped files, which take their place. */
      readonly files: readonly (readonly [string, Uint8Array])[];
    }
  | { readonly kind: "run" | "pause" | "step" | "save" | "walk" | "measure" }
  | { readonly kind: "scalar"; readonly name: string; readonly value: number }
  | { readonly kind: "resume"; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: "predict"; readonly pixels: Uint8Array };

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What is known of rows that are not trained on. */
export interface Held {
  readonly step: number;
  readonly rows: number;
  readonly results: readonly (readonly [name: string, value: number])[];
  /** Rows: the true class; columns: the predicted one. Absent where the model predicts no classes. */
  readonly confusion?: readonly (readonly number[])[];
}

/** One real step, taken apart. */
export interface Walk {
  readonly step: number;
  readonly rows: number;
  /** Bytes of the first images, and the class of each. */
  readonly images: readonly Uint8Array[];
  readonly side: number;
  readonly labels: readonly number[];
  readonly output: Tensor;
  readonly loss: number;
  /** From the loss to the input. */
  readonly gradients: readonly Tensor[];
  readonly updates: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly before: Float32Array;
    readonly after: Float32Array;
  }[];
}

/** What the kernels of a step took, in the order in which they run, and what this machine could do at best. */
export interface Measured {
  readonly steps: number;
  readonly data: string;
  /** Of one call. */
  readonly milliseconds: readonly number[];
  readonly ceiling: Ceiling;
}

export type FromWorker =
  | {
      readonly kind: "ready";
      readonly data: string;
      readonly trainRows: number;
      readonly heldRows: number;
      readonly steps: number;
      readonly perEpoch: number;
      /** Sides of the input images; absent where inputs are no square images. */
      readonly side?: number;
      readonly classes?: number;
    }
  | {
      readonly kind: "progress";
      readonly step: number;
      readonly losses: Float64Array;
      readonly stepsPerSecond: number;
      readonly running: boolean;
    }
  | { readonly kind: "held"; readonly held: Held }
  | { readonly kind: "weights"; readonly tensors: readonly Tensor[] }
  | { readonly kind: "prediction"; readonly values: Float32Array }
  | { readonly kind: "measured"; readonly measured: Measured }
  | { readonly kind: "saved"; readonly bytes: Uint8Array }
  | { readonly kind: "walk"; readonly walk: Walk }
  | { readonly kind: "diverged"; readonly step: number; readonly loss: number; readonly tensor: string | undefined }
  | { readonly kind: "failed"; readonly message: string; readonly help: string | undefined };
