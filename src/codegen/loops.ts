// The loop language: what lowering makes of stages and recipes, and what printers turn into text.
// It has buffers, counted loops, scalars and stores; no tensors, no ops, no policy.
import type { Origin } from "../ir/graph.ts";
import type { ScalarFn, ValueId } from "../ir/stage.ts";
import type { Dim, DType, Storage } from "../ir/types.ts";

/** How elements lie in memory. `u16`: indices below 2^16, read as i32. */
export type Stored = Storage | "u16";

/** A stretch of the arena as one procedure sees it; the memory plan says where it lies. */
export interface Buffer {
  /** A safe identifier, unique in its procedure. */
  readonly name: string;
  /** The value that owns the storage. */
  readonly value: ValueId;
  readonly storage: Stored;
  /** For the reader: `[N, 784]`. */
  readonly comment: string;
}

/** A number of the host program that a procedure reads. */
export interface HostRead {
  readonly name: string;
  readonly value: ValueId;
}

/** A random stream: two words made from seed, step and key before the loops. */
export interface Stream {
  readonly a: string;
  readonly b: string;
  readonly key: string;
}

/** const + rows * N + sum of mul * variable. */
export interface Index {
  readonly const: number;
  readonly rows: number;
  readonly terms: readonly { readonly variable: string; readonly mul: Dim }[];
}

/**
 * A number, or four side by side (`lanes: 4`, where the target has them). All arguments of a call have as many lanes as its
 * result, save the two words of a random stream, and the condition of a `where`: one for all lanes chooses before either side is
 * computed; four choose between two that are.
 */
export type Scalar =
  | { readonly kind: "num"; readonly value: number; readonly dtype: DType }
  | { readonly kind: "var"; readonly name: string; readonly dtype: DType; readonly lanes?: 4 }
  | { readonly kind: "index"; readonly index: Index }
  | { readonly kind: "size"; readonly dim: Dim }
  /** The part of a size that whole tiles cover. Not of less than 0. */
  | { readonly kind: "whole"; readonly of: Index; readonly tile: number }
  /** With lanes: four neighbours, the first at `at`. */
  | { readonly kind: "load"; readonly buffer: string; readonly at: Place; readonly dtype: DType; readonly lanes?: 4 }
  /** One number in all four lanes. */
  | { readonly kind: "splat"; readonly value: Scalar }
  /** Four numbers side by side. */
  | { readonly kind: "pack"; readonly parts: readonly Scalar[] }
  /**
   * Of two vectors a b c d and A B C D, in turn one number (a A b B, or c C d D) or two (a b A B, or c d C D): from their first
   * or their second half.
   */
  | { readonly kind: "zip"; readonly of: readonly [Scalar, Scalar]; readonly width: 1 | 2; readonly half: 0 | 1 }
  /** One of four. */
  | { readonly kind: "lane"; readonly of: Scalar; readonly lane: number }
  /** In which order lanes go to the front: those that hold, as they are. Of four conditions. */
  | { readonly kind: "order"; readonly of: Scalar }
  /** Four numbers in such an order; what the last ones are means nothing. */
  | { readonly kind: "ordered"; readonly of: Scalar; readonly order: Scalar }
  /** How many of four conditions hold. */
  | { readonly kind: "count"; readonly of: Scalar }
  /** The four folded: (0 + 1) + (2 + 3). */
  | { readonly kind: "across"; readonly fn: "add" | "mul" | "min" | "max"; readonly of: Scalar }
  | { readonly kind: "call"; readonly fn: ScalarFn; readonly args: readonly Scalar[]; readonly dtype: DType };

/** An element of a buffer: a linear index, plus computed indices with their strides (gather, scatter). */
export interface Place {
  readonly index: Index;
  readonly computed: readonly { readonly value: Scalar; readonly stride: number }[];
}

export type Loop =
  | {
      readonly kind: "for";
      readonly variable: string;
      readonly from: Scalar;
      readonly to: Scalar;
      readonly step: number;
      readonly body: readonly Loop[];
      /**
       * Its numbers need all registers, so that one round is to be compiled as it stands, and not several of them at once. Which of
       * its sums what follows does not ask for in order.
       */
      readonly tight?: readonly string[];
    }
  /** `const name = value`, or `let` where it is assigned later. */
  | { readonly kind: "let"; readonly name: string; readonly value: Scalar; readonly mutable: boolean }
  | { readonly kind: "assign"; readonly name: string; readonly value: Scalar }
  | {
      readonly kind: "store";
      readonly buffer: string;
      readonly at: Place;
      readonly value: Scalar;
      readonly add: boolean;
      /** Neighbours, the first at `at`: the value's four lanes, or the first ones of them. */
      readonly lanes?: 1 | 2 | 3 | 4;
    }
  /** Zeros in so many elements from a place on. */
  | { readonly kind: "clear"; readonly buffer: string; readonly at: Place; readonly count: Index }
  | { readonly kind: "if"; readonly condition: Scalar; readonly body: readonly Loop[] }
  | { readonly kind: "comment"; readonly text: string };

/** The stretch of an axis that one call runs: the variables `from` and `to`, multiples of `unit` or the axis' end. */
export interface Part {
  readonly from: string;
  readonly to: string;
  readonly extent: Dim;
  readonly unit: number;
}

export interface Procedure {
  /** A safe identifier, unique in its program. */
  readonly name: string;
  /** Equal for procedures that differ only in where their operands lie. */
  readonly key: string;
  /** What it computes, for the comment above it. */
  readonly doc: readonly string[];
  readonly buffers: readonly Buffer[];
  readonly hosts: readonly HostRead[];
  readonly streams: readonly Stream[];
  /** Where threads share the work; without it one of them does it all. */
  readonly part?: Part;
  readonly body: readonly Loop[];
  /** Where `body` is tiled: the same one element at a time, for the reader. */
  readonly naive?: readonly Loop[];
  readonly origins: readonly Origin[];
}

export const constantIndex = (value: number): Index => ({ const: value, rows: 0, terms: [] });

export const dimIndex = (dim: Dim): Index =>
  typeof dim === "number" ? constantIndex(dim) : { const: 0, rows: dim.perRow, terms: [] };

export const indexScalar = (index: Index): Scalar => ({ kind: "index", index });

/** Every index of an extent, one by one. */
export const countedLoop = (variable: string, extent: Dim, body: readonly Loop[]): Loop[] => [
  {
    kind: "for",
    variable,
    from: indexScalar(constantIndex(0)),
    to: indexScalar(dimIndex(extent)),
    step: 1,
    body,
  },
];

/** How many numbers a scalar is. */
export function lanesOf(scalar: Scalar): 1 | 4 {
  switch (scalar.kind) {
    case "splat":
    case "pack":
    case "zip":
    case "order":
    case "ordered":
      return 4;
    case "var":
    case "load":
      return scalar.lanes ?? 1;
    case "call":
      return scalar.args.some((arg) => lanesOf(arg) === 4) ? 4 : 1;
    default:
      return 1;
  }
}

/** The element type of a scalar. */
export function dtypeOf(scalar: Scalar): DType {
  switch (scalar.kind) {
    case "splat":
      return dtypeOf(scalar.value);
    case "pack":
      return dtypeOf(scalar.parts[0]!);
    case "zip":
      return dtypeOf(scalar.of[0]);
    case "lane":
    case "across":
    case "ordered":
      return dtypeOf(scalar.of);
    case "size":
      return "f32";
    case "index":
    case "whole":
    case "order":
    case "count":
      return "i32";
    default:
      return scalar.dtype;
  }
}

/** The scalars that a scalar is made of. */
export function partsOf(scalar: Scalar): readonly Scalar[] {
  switch (scalar.kind) {
    case "call":
      return scalar.args;
    case "load":
      return scalar.at.computed.map((c) => c.value);
    case "splat":
      return [scalar.value];
    case "pack":
      return scalar.parts;
    case "zip":
      return scalar.of;
    case "lane":
    case "across":
    case "order":
    case "count":
      return [scalar.of];
    case "ordered":
      return [scalar.of, scalar.order];
    default:
      return [];
  }
}

/** The scalar made of other parts. */
export function mapParts(scalar: Scalar, visit: (part: Scalar) => Scalar): Scalar {
  switch (scalar.kind) {
    case "call":
      return { ...scalar, args: scalar.args.map(visit) };
    case "load":
      return { ...scalar, at: mapPlace(scalar.at, visit) };
    case "splat":
      return { ...scalar, value: visit(scalar.value) };
    case "pack":
      return { ...scalar, parts: scalar.parts.map(visit) };
    case "zip":
      return { ...scalar, of: [visit(scalar.of[0]), visit(scalar.of[1])] };
    case "lane":
    case "across":
    case "order":
    case "count":
      return { ...scalar, of: visit(scalar.of) };
    case "ordered":
      return { ...scalar, of: visit(scalar.of), order: visit(scalar.order) };
    default:
      return scalar;
  }
}

export const mapPlace = (place: Place, visit: (part: Scalar) => Scalar): Place =>
  place.computed.length === 0
    ? place
    : { ...place, computed: place.computed.map((c) => ({ ...c, value: visit(c.value) })) };

/** A statement with each of its indices, and those of what is in it, replaced. */
export function mapIndexes(loop: Loop, visit: (index: Index) => Index): Loop {
  const scalar = (s: Scalar): Scalar => {
    const inner = mapParts(s, scalar);
    if (inner.kind === "index") return { ...inner, index: visit(inner.index) };
    if (inner.kind === "whole") return { ...inner, of: visit(inner.of) };
    return inner.kind === "load" ? { ...inner, at: { ...inner.at, index: visit(inner.at.index) } } : inner;
  };
  const place = (p: Place): Place => ({ ...mapPlace(p, scalar), index: visit(p.index) });
  const inside = (body: readonly Loop[]): Loop[] => body.map((inner) => mapIndexes(inner, visit));
  switch (loop.kind) {
    case "for":
      return { ...loop, from: scalar(loop.from), to: scalar(loop.to), body: inside(loop.body) };
    case "if":
      return { ...loop, condition: scalar(loop.condition), body: inside(loop.body) };
    case "let":
    case "assign":
      return { ...loop, value: scalar(loop.value) };
    case "store":
      return { ...loop, value: scalar(loop.value), at: place(loop.at) };
    case "clear":
      return { ...loop, at: place(loop.at), count: visit(loop.count) };
    case "comment":
      return loop;
  }
}

/** A variable that holds what a scalar is. */
export const variableOf = (name: string, value: Scalar): Extract<Scalar, { kind: "var" }> => ({
  kind: "var",
  name,
  dtype: dtypeOf(value),
  ...(lanesOf(value) === 4 ? { lanes: 4 } : {}),
});
