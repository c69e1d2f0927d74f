// WebAssembly instructions as expressions: locals, constants, memory operands, sums. Knows no loops and no buffers.
import type { DType } from "../../ir/types.ts";
import type { Scalar } from "../loops.ts";
import { type Expression, wat } from "./text.ts";

/** What a local of a function holds. */
export interface Type {
  readonly dtype: DType;
  readonly lanes: 1 | 4;
}

export const wasmType = ({ dtype, lanes }: Type): "v128" | "f32" | "i32" =>
  lanes === 4 ? "v128" : dtype === "f32" ? "f32" : "i32";

/** The memory operand of a load or a store. */
export interface Address {
  /** `load offset=64` and the like take it into their head. */
  readonly offset: number;
  readonly base: Expression;
}

export const constant = (value: number): Expression => wat(`i32.const ${value | 0}`);
export const local = (name: string): Expression => wat(`local.get $${name}`);
export const at = (instruction: string, { offset, base }: Address, ...args: Expression[]): Expression =>
  wat(offset === 0 ? instruction : `${instruction} offset=${offset}`, base, ...args);

/** Four bytes as four i32. */
export const widened = (address: Address): Expression =>
  wat("i32x4.extend_low_i16x8_u", wat("i16x8.extend_low_i8x16_u", at("v128.load32_zero", address)));

export const isConstant = (text: Expression): boolean => text.head.startsWith("i32.const ");
export const isZero = (text: Expression): boolean => text.head === "i32.const 0";

export const sum = (parts: readonly Expression[]): Expression =>
  parts.length === 0 ? constant(0) : parts.reduce((a, b) => wat("i32.add", a, b));

export function times(value: Expression, factor: number): Expression {
  return factor === 1 ? value : wat("i32.mul", value, constant(factor));
}

export function number(value: number, dtype: DType): Expression {
  return dtype === "f32" ? wat(`f32.const ${floatText(value)}`) : constant(dtype === "bool" && value !== 0 ? 1 : value);
}

/** The digits that JavaScript writes, of a number that an f32 can be. */
export function floatText(value: number): string {
  const rounded = Math.fround(value);
  if (Number.isNaN(rounded)) return "nan";
  if (!Number.isFinite(rounded)) return rounded > 0 ? "inf" : "-inf";
  if (rounded === 0) return Object.is(rounded, -0) ? "-0" : "0";
  return String(value);
}

export function vector(parts: readonly Pick<Extract<Scalar, { kind: "num" }>, "value" | "dtype">[]): Expression {
  const { dtype } = parts[0]!;
  const texts = parts.map(({ value }) => {
    if (dtype === "f32") return floatText(value);
    return String(dtype === "bool" ? (value === 0 ? 0 : -1) : value | 0);
  });
  return wat(`v128.const ${dtype === "f32" ? "f32x4" : "i32x4"} ${texts.join(" ")}`);
}

export const shuffle = (order: readonly number[]): string =>
  `i8x16.shuffle ${order.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)).join(" ")}`;
