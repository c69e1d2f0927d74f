// The instructions that the assembler knows, by name: what this compiler prints, and their nearest relatives. Knows no text around them.

/** What stands behind the name, and in the bytes behind the code. */
export type Immediate =
  | "nothing"
  | "local"
  | "global"
  | "function"
  | "type and table"
  | "label"
  | "memory"
  | "memory and lane"
  | "lane"
  | "16 lanes"
  | "zero byte"
  | "i32"
  | "i64"
  | "f32"
  | "f64"
  | "v128"
  | "block"
  | "if"
  | "then"
  | "else";

export interface Instruction {
  readonly code: readonly number[];
  readonly immediate: Immediate;
  /** The power of two that is the number of bytes it loads or stores. */
  readonly align: number;
}

const order = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const floatOrder = "eq ne lt gt le ge";
const integers = "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const floats = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";
const floatLanes = "sqrt add sub mul div min max pmin pmax";

export const instructions: ReadonlyMap<string, Instruction> = new Map([
  ...run("", 0x00, "unreachable nop"),
  ...run("", 0x02, "block loop", "block"),
  ...run("", 0x04, "if", "if"),
  ...run("", 0x05, "else", "else"),
  ["then", { code: [], immediate: "then", align: 0 }],
  ...run("", 0x0c, "br br_if", "label"),
  ...run("", 0x0f, "return"),
  ...run("", 0x10, "call", "function"),
  ...run("", 0x11, "call_indirect", "type and table"),
  ...run("", 0x1a, "drop select"),
  ...run("local.", 0x20, "get set tee", "local"),
  ...run("global.", 0x23, "get", "global"),
  ...run("", 0x28, "i32.load i64.load f32.load f64.load", "memory"),
  ...run("i32.", 0x2c, "load8_s load8_u load16_s load16_u", "memory"),
  ...run("", 0x36, "i32.store i64.store f32.store f64.store i32.store8 i32.store16", "memory"),
  ...run("", 0x41, "i32.const", "i32"),
  ...run("", 0x42, "i64.const", "i64"),
  ...run("", 0x43, "f32.const", "f32"),
  ...run("", 0x44, "f64.const", "f64"),
  ...run("i32.", 0x45, `eqz ${order}`),
  ...run("i64.", 0x50, `eqz ${order}`),
  ...run("f32.", 0x5b, floatOrder),
  ...run("f64.", 0x61, floatOrder),
  ...run("i32.", 0x67, integers),
  ...run("i64.", 0x79, integers),
  ...run("f32.", 0x8b, floats),
  ...run("f64.", 0x99, floats),
  ...run("i32.", 0xa7, "wrap_i64 trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"),
  ...run("i64.", 0xac, "extend_i32_s extend_i32_u trunc_f32_s trunc_f32_u trunc_f64_s trunc_f64_u"),
  ...run("f32.", 0xb2, "convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64"),
  ...run("f64.", 0xb7, "convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32"),
  ...run("", 0xbc, "i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64"),
  ...run("i32.", 0xfc00, "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"),
  ...run("memory.", 0xfc0b, "fill", "zero byte"),

  ...run("v128.", 0xfd00, "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u", "memory"),
  ...run("v128.", 0xfd07, "load8_splat load16_splat load32_splat load64_splat store", "memory"),
  ...run("v128.", 0xfd0c, "const", "v128"),
  ...run("i8x16.", 0xfd0d, "shuffle", "16 lanes"),
  ...run("i8x16.", 0xfd0e, "swizzle"),
  ...run("", 0xfd0f, "i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat"),
  ...run("i32x4.", 0xfd1b, "extract_lane replace_lane", "lane"),
  ...run("i64x2.", 0xfd1d, "extract_lane replace_lane", "lane"),
  ...run("f32x4.", 0xfd1f, "extract_lane replace_lane", "lane"),
  ...run("f64x2.", 0xfd21, "extract_lane replace_lane", "lane"),
  ...run("i32x4.", 0xfd37, order),
  ...run("f32x4.", 0xfd41, floatOrder),
  ...run("f64x2.", 0xfd47, floatOrder),
  ...run("v128.", 0xfd4d, "not and andnot or xor bitselect any_true"),
  ...run("v128.", 0xfd54, "load8_lane load16_lane load32_lane load64_lane", "memory and lane"),
  ...run("v128.", 0xfd58, "store8_lane store16_lane store32_lane store64_lane", "memory and lane"),
  ...run("v128.", 0xfd5c, "load32_zero load64_zero", "memory"),
  ...run("", 0xfd5e, "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4"),
  ...run("i8x16.", 0xfd65, "narrow_i16x8_s narrow_i16x8_u"),
  ...run("f32x4.", 0xfd67, "ceil floor trunc nearest"),
  ...run("i8x16.", 0xfd6e, "add"),
  ...run("i8x16.", 0xfd71, "sub"),
  ...run("i16x8.", 0xfd85, "narrow_i32x4_s narrow_i32x4_u"),
  ...run("i16x8.", 0xfd87, "extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u"),
  ...run("i32x4.", 0xfda0, "abs neg"),
  ...run("i32x4.", 0xfda3, "all_true bitmask"),
  ...run("i32x4.", 0xfda7, "extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u"),
  ...run("i32x4.", 0xfdab, "shl shr_s shr_u add"),
  ...run("i32x4.", 0xfdb1, "sub"),
  ...run("i32x4.", 0xfdb5, "mul min_s min_u max_s max_u"),
  ...run("i64x2.", 0xfdcb, "shl shr_s shr_u add"),
  ...run("i64x2.", 0xfdd1, "sub"),
  ...run("i64x2.", 0xfdd5, "mul eq ne lt_s gt_s le_s ge_s"),
  ...run("f32x4.", 0xfde0, "abs neg"),
  ...run("f32x4.", 0xfde3, floatLanes),
  ...run("f64x2.", 0xfdec, "abs neg"),
  ...run("f64x2.", 0xfdef, floatLanes),
  ...run("i32x4.", 0xfdf8, "trunc_sat_f32x4_s trunc_sat_f32x4_u"),
  ...run("f32x4.", 0xfdfa, "convert_i32x4_s convert_i32x4_u"),

  ...run("memory.atomic.", 0xfe00, "notify wait32 wait64", "memory"),
  ...run("", 0xfe10, "i32.atomic.load i64.atomic.load", "memory"),
  ...run("", 0xfe17, "i32.atomic.store i64.atomic.store", "memory"),
  ...run("", 0xfe1e, "i32.atomic.rmw.add i64.atomic.rmw.add", "memory"),
]);

/** Instructions with codes that follow each other. A first code of two bytes: a prefix, and what the number behind it begins with. */
function run(before: string, first: number, names: string, immediate: Immediate = "nothing"): [string, Instruction][] {
  return names.split(" ").map((short, i) => {
    const name = before + short;
    return [name, { code: codeOf(first + i), immediate, align: immediate.startsWith("memory") ? alignOf(name) : 0 }];
  });
}

function codeOf(code: number): number[] {
  if (code < 0x100) return [code];
  const number = code & 0xff;
  return [code >> 8, ...(number < 128 ? [number] : [number, 1])];
}

/** By the bits that the end of the name tells, as `load16x4_u` does, else those of its type. */
function alignOf(name: string): number {
  const [, bits, count = 1] = /(?:load|store|wait)(\d+)(?:x(\d))?/.exec(name) ?? /^\D(\d+)/.exec(name) ?? [];
  return Math.log2((Number(bits ?? 32) * Number(count)) / 8);
}
