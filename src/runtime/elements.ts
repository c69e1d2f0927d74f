// Element types of files (safetensors, npy) and their decoding into typed arrays. Little-endian, as both formats are
// here.
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { UserError } from "./user-error.ts";

export type ElementType =
  | "u8"
  | "i8"
  | "bool"
  | "u16"
  | "i16"
  | "u32"
  | "i32"
  | "u64"
  | "i64"
  | "f16"
  | "bf16"
  | "f32"
  | "f64";

export type Values = Uint8Array | Int32Array | Float32Array | Float64Array;

export const elementBytes: Readonly<Record<ElementType, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  f16: 2,
  bf16: 2,
  f32: 4,
  f64: 8,
};

export const isWhole = (type: ElementType): boolean => !type.includes("f");

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** An array for `count` decoded elements: bytes stay bytes, whole numbers become i32, halves f32, doubles stay. */
export function valuesFor(type: ElementType, count: number): Values {
  if (type === "u8" || type === "bool") return new Uint8Array(count);
  if (type === "f64") return new Float64Array(count);
  return isWhole(type) ? new Int32Array(count) : new Float32Array(count);
}

/**
 * Decodes `count` elements from the start of `bytes` into `into`. Whole numbers beyond 32 bits and bools other than 0 and 1
 * are errors; `where` says of what, `first` which element the first one is.
 */
export function decode(
  type: ElementType,
  bytes: Uint8Array,
  into: Values,
  count: number,
  where: string,
  first = 0,
): void {
  const size = elementBytes[type];
  const same = into.BYTES_PER_ELEMENT === size && (type === "u8" || type === "i32" || type === "f32" || type === "f64");
  if (same && littleEndian) {
    new Uint8Array(into.buffer, into.byteOffset, count * size).set(bytes.subarray(0, count * size));
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * size);
  const read = readers[type];
  for (let i = 0; i < count; i++) {
    const value = read(view, i * size);
    if (Number.isNaN(value) && isWhole(type)) throw unfit(type, first + i, where);
    into[i] = value;
  }
}

/** Elements in a file. */
export interface Stretch {
  readonly element: ElementType;
  readonly count: number;
  /** Of the first byte. */
  readonly offset: number;
}

/** Shows `take` all elements, decoded, some at a time: no second array of them all is needed. A piece lasts for its call. */
export function eachPiece(
  file: OpenFile,
  { element, count, offset }: Stretch,
  where: string,
  take: (piece: Values, from: number) => void,
): void {
  const size = elementBytes[element];
  const longest = Math.min(count, Math.floor(limits.readPiece / size));
  const bytes = new Uint8Array(longest * size);
  const values = valuesFor(element, longest);
  for (let from = 0; from < count; from += longest) {
    const some = Math.min(longest, count - from);
    const read = some === longest ? bytes : bytes.subarray(0, some * size);
    file.read(offset + from * size, read);
    const piece = some === longest ? values : values.subarray(0, some);
    decode(element, read, piece, some, where, from);
    take(piece, from);
  }
}

const unfit = (type: ElementType, index: number, where: string): UserError =>
  type === "bool"
    ? new UserError(
        "data/value",
        `${where}: element ${index} is a bool but neither 0 nor 1`,
        "Write bools as bytes 0 and 1.",
      )
    : new UserError(
        "data/value",
        `${where}: element ${index} does not fit into 32 bits`,
        "Whole numbers here are 32 bits: store smaller ones.",
      );

/** NaN where the number does not fit into an i32. */
const narrow = (value: bigint): number => (BigInt.asIntN(32, value) === value ? Number(value) : Number.NaN);

const readers: Readonly<Record<ElementType, (view: DataView, at: number) => number>> = {
  u8: (view, at) => view.getUint8(at),
  i8: (view, at) => view.getInt8(at),
  bool: (view, at) => (view.getUint8(at) <= 1 ? view.getUint8(at) : Number.NaN),
  u16: (view, at) => view.getUint16(at, true),
  i16: (view, at) => view.getInt16(at, true),
  u32: (view, at) => (view.getInt32(at, true) >= 0 ? view.getInt32(at, true) : Number.NaN),
  i32: (view, at) => view.getInt32(at, true),
  u64: (view, at) => narrow(view.getBigUint64(at, true)),
  i64: (view, at) => narrow(view.getBigInt64(at, true)),
  f16: (view, at) => halfToNumber(view.getUint16(at, true)),
  bf16: (view, at) => bfloatToNumber(view.getUint16(at, true)),
  f32: (view, at) => view.getFloat32(at, true),
  f64: (view, at) => view.getFloat64(at, true),
};

/** IEEE half: 1 sign, 5 exponent, 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of an f32. */
export function bfloatToNumber(bits: number): number {
  scratch.setUint16(0, bits);
  scratch.setUint16(2, 0);
  return scratch.getFloat32(0);
}
