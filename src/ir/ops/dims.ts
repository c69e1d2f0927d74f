// Sums of sizes, and shape errors in one line, for the op records. Sizes are k or k * N; k + N is no size.
import type { ShapeError } from "../op-def.ts";
import type { Affine, AxisId } from "../stage.ts";
import type { Dim, Shape } from "../types.ts";

export const refuse = (
  code: string,
  facts: Readonly<Record<string, string | number>>,
  ...inputs: readonly number[]
): ShapeError => ({ code, facts, inputs });

const dim = (constant: number, multiple: number): Dim | undefined =>
  multiple === 0 ? constant : constant === 0 ? { perRow: multiple } : undefined;

const constantOf = (a: Dim): number => (typeof a === "number" ? a : 0);
export const multipleOf = (a: Dim): number => (typeof a === "number" ? 0 : a.perRow);

/** a + b, or undefined for k + N, which is no size. */
export const addDims = (a: Dim, b: Dim): Dim | undefined =>
  dim(constantOf(a) + constantOf(b), multipleOf(a) + multipleOf(b));

/** a - b, or undefined for k - N, which is no size. */
export const subDims = (a: Dim, b: Dim): Dim | undefined =>
  dim(constantOf(a) - constantOf(b), multipleOf(a) - multipleOf(b));

export const isNegative = (a: Dim): boolean => constantOf(a) < 0 || multipleOf(a) < 0;

/** Whether two shapes hold equally many elements for every N: constants and powers of N are compared apart. */
export function sameCount(a: Shape, b: Shape): boolean {
  const [left, leftRows] = countOf(a);
  const [right, rightRows] = countOf(b);
  return left === right && (leftRows === rightRows || left === 0);
}

function countOf(shape: Shape): [constant: number, powerOfN: number] {
  let constant = 1;
  let power = 0;
  for (const size of shape) {
    constant *= typeof size === "number" ? size : size.perRow;
    if (typeof size !== "number") power++;
  }
  return [constant, power];
}

/** mul * axis + offset, where the offset may be a multiple of N. */
export const place = (axis: AxisId, offset: Dim = 0, mul = 1): Affine => ({
  const: constantOf(offset),
  ...(multipleOf(offset) === 0 ? {} : { rows: multipleOf(offset) }),
  terms: [{ axis, mul }],
});
