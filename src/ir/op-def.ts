// What an op is: one record with its shape rule, derivative, structure, documentation and samples.
// The interpreter, the loops of every target, docs/ops.md, the derivative tests and `nnc check` follow from it.
import type { Builder, NodeId } from "./graph.ts";
import type { Stage, ViewMap } from "./stage.ts";
import type { TensorType } from "./types.ts";

export type AttrValue = number | string | boolean | null | { readonly perRow: number } | readonly AttrValue[];
export type Attrs = { readonly [name: string]: AttrValue };

/** A broken shape or dtype rule: a code of the catalogue and its facts; the elaborator adds places. */
export interface ShapeError {
  readonly code: string;
  readonly facts: Readonly<Record<string, string | number>>;
  /** Which inputs the error is about, most guilty first; the elaborator shows where their sizes came from. */
  readonly inputs: readonly number[];
}

export const isShapeError = (result: TensorType | ShapeError): result is ShapeError => "code" in result;

/** How an op runs. */
export type Lowering =
  /** Stages in order; ids 0, 1, … are inputs, OUT the result, ids from -2 down temporaries typed in `temps` (temps[0] is -2). */
  | { readonly kind: "stages"; readonly stages: readonly Stage[]; readonly temps?: readonly TensorType[] }
  /** The result reads input 0 at affine places. */
  | { readonly kind: "view"; readonly map: ViewMap }
  /** The same elements in the same row-major order under another shape. A copy where strides at maxBatch do not allow an alias. */
  | { readonly kind: "reshape" }
  /** Rewritten into other ops before scheduling. */
  | { readonly kind: "expand"; readonly build: (b: Builder, inputs: readonly NodeId[]) => NodeId }
  /** Gone before scheduling (grad, stop_gradient, variable), or a leaf that has a slot (input, param, state, load) or a scalar's place. */
  | { readonly kind: "leaf" };

/** What a derivative rule may look at. Types are read through the builder. */
export interface VjpSite<A extends Attrs = Attrs> {
  readonly inputs: readonly NodeId[];
  readonly out: NodeId;
  readonly attrs: A;
}

/**
 * One cotangent per input, null where it gets none. A rule may return a cotangent of the *broadcast* shape;
 * the driver un-broadcasts and accumulates, once, for all rules.
 */
export type Vjp<A extends Attrs = Attrs> = (b: Builder, ct: NodeId, site: VjpSite<A>) => readonly (NodeId | null)[];

/** A small example of an op: the suite interprets it, checks its gradient by finite differences and runs it on every target. */
export interface Sample<A extends Attrs = Attrs> {
  readonly inputs: readonly { readonly type: TensorType; readonly values: readonly number[] }[];
  readonly attrs?: A;
  /** Expected elements where they are known independently (worked by hand, or another library's). */
  readonly expect?: readonly number[];
  /** Rows of the batch where a type contains N. */
  readonly rows?: number;
  /** A kink lies here: values are checked, finite differences are not. */
  readonly kink?: boolean;
}

/** An application that the shape rule must refuse, and the code it gives. */
export interface ErrorSample<A extends Attrs = Attrs> {
  readonly inputs: readonly TensorType[];
  readonly attrs?: A;
  readonly code: string;
}

export interface OpDef<A extends Attrs = Attrs> {
  readonly name: string;
  readonly doc: {
    /** One sentence, with shapes. */
    readonly summary: string;
    /** `y = …` in the language's notation. */
    readonly math: string;
    /** `dx = …`, or why there is none. */
    readonly derivative: string;
    /** An expression of the language that compiles, over x, y: [3, 4]; i: i32[3]; … */
    readonly example: string;
    /** What holds at kinks, ties and edges. */
    readonly conventions?: string;
  };
  /** Elementwise ops broadcast their inputs as NumPy does. */
  readonly elementwise?: boolean;
  infer(inputs: readonly TensorType[], attrs: A): TensorType | ShapeError;
  /** not-differentiable: an integer or boolean result, or no useful derivative. derived: of the expansion. */
  readonly vjp: Vjp<A> | "not-differentiable" | "derived";
  lower(inputs: readonly TensorType[], attrs: A, out: TensorType): Lowering;
  readonly samples: readonly Sample<A>[];
  readonly errors?: readonly ErrorSample<A>[];
}
