// How lanes that hold go to the front, as a table: for each set of four conditions the bytes that `i8x16.swizzle` takes.
import { type Loop, partsOf, type Scalar } from "../loops.ts";

/** 16 orders of 16 bytes; what follows those that hold is filled with the first lane. */
export const orderTable: readonly number[] = Array.from({ length: 16 }, (_, held) => {
  const lanes = [0, 1, 2, 3].filter((lane) => (held >> lane) & 1);
  return [0, 1, 2, 3].flatMap((k) => [0, 1, 2, 3].map((byte) => 4 * (lanes[k] ?? 0) + byte));
}).flat();

/** The table as part of a module. */
export const orderData = (address: number): string =>
  `(data (i32.const ${address}) "${orderTable.map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("")}")`;

/** Whether loops need the table. */
export const ordersLanes = (body: readonly Loop[]): boolean =>
  body.some((loop) => {
    if (loop.kind === "for" || loop.kind === "if") return ordersLanes(loop.body);
    return "value" in loop && isOrder(loop.value);
  });

const isOrder = (scalar: Scalar): boolean => scalar.kind === "order" || partsOf(scalar).some(isOrder);
