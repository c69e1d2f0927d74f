// sin and cos as WebAssembly text: four f32, computed as two times two f64, so that the nearest f32 comes out nearly
// always. Knows no ops and no kernels.
//
// Sources: reduction and polynomials are FreeBSD's rem_pio2f, sindf and cosdf (Sun Microsystems, 1993; S. Kargl and
// B. D. Evans); the reduction of large arguments, after Payne and Hanek, is that of Arm's Optimized Routines (sincosf, 2018).
import { d, define, f, l, locals, type MathFunction, set } from "./forms.ts";

const add = (a: string, b: string): string => `(f64x2.add ${a} ${b})`;
const sub = (a: string, b: string): string => `(f64x2.sub ${a} ${b})`;
const mul = (a: string, b: string): string => `(f64x2.mul ${a} ${b})`;
/** c0 + x (c1 + x (c2 + …)). */
const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients.map(d).reduceRight((sum, c) => add(c, mul(x, sum)));

const { x, y, n, r, s, q, sine, cosine } = locals("x", "y", "n", "r", "s", "q", "sine", "cosine");

// Beyond this |x|, n times the first piece of pi / 2 (25 bits) would be rounded.
const large = 2 ** 27;

// sin r or cos r by the quarter: odd ones take cos, those with bit 1 the opposite sign.
const quarters = define("quarters", {
  doc: "sin (r + q pi / 2) of two |r| <= pi / 4 in f64 and two whole numbers q",
  parameters: ["r v128", "q v128"],
  body: [
    set("s", mul(r, r)),
    set(
      "sine",
      mul(
        r,
        polynomial(s, [1, -0.16666666641626524, 0.008333329385889463, -0.00019839334836096632, 2.7183114939898219e-6]),
      ),
    ),
    set(
      "cosine",
      polynomial(s, [1, -0.499999997251031, 0.04166662332373906, -0.001388676377460993, 2.4390448796277409e-5]),
    ),
    `(v128.xor`,
    `  (v128.bitselect ${cosine} ${sine} (i64x2.eq (v128.and ${q} ${l(1)}) ${l(1)}))`,
    `  (i64x2.shl (v128.and ${q} ${l(2)}) (i32.const 62)))`,
  ],
});

const turns = define("turns", {
  doc: "sin (x + q pi / 2) of two |x| < 2^27 in f64: n = round(x / (pi / 2)), r = x - n pi / 2, pi / 2 in two pieces",
  parameters: ["x v128", "q i32"],
  body: [
    // 1.5 * 2^52: adding it rounds to a whole number, whose two's complement then stands in the low bits of the sum.
    set("n", add(mul(x, d(2 / Math.PI)), d(6755399441055744))),
    set("r", sub(n, d(6755399441055744))),
    `(call $quarters`,
    `  ${sub(sub(x, mul(r, d(1.5707963109016418))), mul(r, d(1.5893254773528196e-8)))}`,
    `  (i64x2.add ${n} (i64x2.splat (i64.extend_i32_u (local.get $q)))))`,
  ],
});

// x = mantissa * 2^e. Of 4 / pi, the bits that count are 96 from byte ((bits of x) >> 26) & 15 on, of a table of 27: those
// before give whole turns, those after too little. The product has 64 bits: two of the quarter, 62 of the rest.
const bytes = [0, 0, 0, 0xa2, 0xf9, 0x83, 0x6e, 0x4e, 0x44, 0x15, 0x29, 0xfc, 0x27, 0x57, 0xd1, 0xf5];
const moreBytes = [0x34, 0xdd, 0xc0, 0xdb, 0x62, 0x95, 0x99, 0x3c, 0x43, 0x90, 0x41, 0, 0, 0, 0, 0];
const table = (list: readonly number[]): string => `(v128.const i8x16 ${list.join(" ")})`;
/** The lanes of `places` name bytes, the lowest of each number first. */
const places = "(v128.const i8x16 3 2 1 0 7 6 5 4 11 10 9 8 15 14 13 12)";

const turnLarge = `;; sin (x + q pi / 2) of one large |x|
(func $turnLarge (param $x f32) (param $q i32) (result f32)
  (local $bits i32) (local $mantissa i64) (local $places v128) (local $window v128) (local $product i64) (local $n i64)
  (local.set $bits (i32.reinterpret_f32 (local.get $x)))
  ;; Of infinity there is none.
  (if (i32.eq (i32.and (local.get $bits) (i32.const 0x7f800000)) (i32.const 0x7f800000))
    (then (return (f32.sub (local.get $x) (local.get $x)))))
  (local.set $mantissa (i64.extend_i32_u (i32.shl
    (i32.or (i32.and (local.get $bits) (i32.const 0x7fffff)) (i32.const 0x800000))
    (i32.and (i32.shr_u (local.get $bits) (i32.const 23)) (i32.const 7)))))
  (local.set $places (i8x16.add
    ${places}
    (i8x16.splat (i32.and (i32.shr_u (local.get $bits) (i32.const 26)) (i32.const 15)))))
  (local.set $window (v128.or
    (i8x16.swizzle ${table(bytes)} (local.get $places))
    (i8x16.swizzle ${table(moreBytes)} (i8x16.sub (local.get $places) (i8x16.splat (i32.const 16))))))
  ;; mantissa * (first 2^64 + second 2^32 + third) / 2^32, modulo 2^64
  (local.set $product (i64.add
    (i64.add
      (i64.shl (i64.mul (local.get $mantissa) (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $window)))) (i64.const 32))
      (i64.mul (local.get $mantissa) (i64.extend_i32_u (i32x4.extract_lane 1 (local.get $window)))))
    (i64.shr_u
      (i64.mul (local.get $mantissa) (i64.extend_i32_u (i32x4.extract_lane 2 (local.get $window))))
      (i64.const 32))))
  (local.set $n (i64.shr_u (i64.add (local.get $product) (i64.const 0x2000000000000000)) (i64.const 62)))
  (local.set $product (i64.sub (local.get $product) (i64.shl (local.get $n) (i64.const 62))))
  ;; A negative x turns the other way.
  (if (i32.lt_s (local.get $bits) (i32.const 0))
    (then
      (local.set $n (i64.sub (i64.const 0) (local.get $n)))
      (local.set $product (i64.sub (i64.const 0) (local.get $product)))))
  (f32.demote_f64 (f64x2.extract_lane 0 (call $quarters
    (f64x2.splat (f64.mul (f64.convert_i64_s (local.get $product)) (f64.const ${Math.PI / 2 / 2 ** 62})))
    (i64x2.splat (i64.add (local.get $n) (i64.extend_i32_u (local.get $q))))))))
`;

const lane = (k: number): string => `(f32x4.extract_lane ${k} ${x})`;

const turn = define("turn", {
  doc: "sin (x + q pi / 2)",
  parameters: ["x v128", "q i32"],
  body: [
    set(
      "y",
      `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
    (f32x4.demote_f64x2_zero (call $turns (f64x2.promote_low_f32x4 ${x}) ${q}))
    (f32x4.demote_f64x2_zero (call $turns (f64x2.promote_low_f32x4 (i64x2.splat (i64x2.extract_lane 1 ${x}))) ${q})))`,
    ),
    `(if (v128.any_true (f32x4.ge (f32x4.abs ${x}) ${f(large)}))`,
    "  (then",
    ...[0, 1, 2, 3].map(
      (k) => `    (if (f32.ge (f32.abs ${lane(k)}) (f32.const ${large}))
        (then ${set("y", `(f32x4.replace_lane ${k} ${y} (call $turnLarge ${lane(k)} ${q}))`)}))`,
    ),
    "  ))",
    y,
  ],
});

export const trigonometry: readonly (readonly [string, MathFunction])[] = [
  define("sin", { doc: "sin x", body: [`(call $turn ${x} (i32.const 0))`] }),
  define("cos", { doc: "cos x = sin (x + pi / 2)", body: [`(call $turn ${x} (i32.const 1))`] }),
  turn,
  turns,
  ["turnLarge", { needs: ["quarters"], wat: turnLarge }],
  quarters,
];
