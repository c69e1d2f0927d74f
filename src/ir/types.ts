// Sizes, element types and tensor types. Knows nothing of ops or graphs.

/** A size: a constant, or a constant multiple of N, the rows of this batch (1 <= N <= maxBatch). */
export type Dim = number | { readonly perRow: number };

export type DType = "f32" | "i32" | "bool";

/** How elements are stored: data columns may stay bytes (`u8`); the graph casts them. bool is stored as a byte 0 or 1. */
export type Storage = DType | "u8";

export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: Storage;
  readonly shape: Shape;
}

export const tensor = (dtype: Storage, shape: Shape): TensorType => ({ dtype, shape });
export const f32 = (...shape: Dim[]): TensorType => ({ dtype: "f32", shape });
export const i32 = (...shape: Dim[]): TensorType => ({ dtype: "i32", shape });
export const bool = (...shape: Dim[]): TensorType => ({ dtype: "bool", shape });

/** `k * N` as a Dim. */
export const rows = (multiple = 1): Dim => ({ perRow: multiple });

export const isStatic = (dim: Dim): dim is number => typeof dim === "number";

export const sameDim = (a: Dim, b: Dim): boolean =>
  typeof a === "number" ? a === b : typeof b !== "number" && a.perRow === b.perRow;

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dim, i) => sameDim(dim, b[i]!));

export const sameType = (a: TensorType, b: TensorType): boolean => a.dtype === b.dtype && sameShape(a.shape, b.shape);

/** The size for a batch of `n` rows. */
export const dimAt = (dim: Dim, n: number): number => (typeof dim === "number" ? dim : dim.perRow * n);

/** Number of elements for a batch of `n` rows; 1 for a scalar. */
export const countAt = (shape: Shape, n: number): number => shape.reduce<number>((k, dim) => k * dimAt(dim, n), 1);

/** Product of two sizes, or undefined for N * N, which is no size. */
export function mulDims(a: Dim, b: Dim): Dim | undefined {
  if (typeof a === "number") return typeof b === "number" ? a * b : { perRow: a * b.perRow };
  return typeof b === "number" ? { perRow: a.perRow * b } : undefined;
}

/** Product of all sizes of a shape, or undefined where N occurs twice. */
export function productOf(shape: Shape): Dim | undefined {
  let product: Dim | undefined = 1;
  for (const dim of shape) product = product === undefined ? undefined : mulDims(product, dim);
  return product;
}

export const dimText = (dim: Dim): string =>
  typeof dim === "number" ? String(dim) : dim.perRow === 1 ? "N" : `${dim.perRow} * N`;

export const shapeText = (shape: Shape): string => `[${shape.map(dimText).join(", ")}]`;

/** `[N, 784]`, `i32[N]`: f32 goes unsaid, as in the language. */
export const typeText = (type: TensorType): string =>
  `${type.dtype === "f32" ? "" : type.dtype}${shapeText(type.shape)}`;
