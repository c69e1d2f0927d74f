// Random numbers as WebAssembly text: base/random.ts once more, operation by operation in f64, so that the bits are the
// same. Knows no ops and no kernels.
import { define, get, locals, type MathFunction, set } from "./forms.ts";

const f64 = (value: number): string => `(f64.const ${value})`;
const add = (a: string, b: string): string => `(f64.add ${a} ${b})`;
const sub = (a: string, b: string): string => `(f64.sub ${a} ${b})`;
const mul = (a: string, b: string): string => `(f64.mul ${a} ${b})`;
const div = (a: string, b: string): string => `(f64.div ${a} ${b})`;

/** Sets `to` to the polynomial of `x` with these coefficients, constant first, by Horner's rule. */
const polynomial = (to: string, x: string, coefficients: readonly number[]): string[] =>
  coefficients.toReversed().map((c, k) => set(to, k === 0 ? f64(c) : add(mul(get(to), x), f64(c))));

const multiplyShifted = (by: number, shift: number): string =>
  set(
    "word",
    `(i32.mul (i32.xor (local.get $word) (i32.shr_u (local.get $word) (i32.const ${shift}))) (i32.const ${by}))`,
  );

const mix = define("mix", {
  doc: "a bijection of 32-bit words that avalanches (lowbias32)",
  parameters: ["word i32"],
  result: "i32",
  body: [
    multiplyShifted(0x7feb352d, 16),
    multiplyShifted(0x846ca68b, 15),
    "(i32.xor (local.get $word) (i32.shr_u (local.get $word) (i32.const 16)))",
  ],
});

const stream = ["a i32", "b i32", "index i32"];
const bits = "(call $mix (i32.xor (call $mix (i32.xor (local.get $index) (local.get $a))) (local.get $b)))";

const uniform = define("uniform", {
  doc: "a multiple of 2^-24 in 0 <= u < 1: element `index` of the stream (a, b)",
  parameters: stream,
  result: "f32",
  body: [`(f32.mul (f32.convert_i32_u (i32.shr_u ${bits} (i32.const 8))) (f32.const ${2 ** -24}))`],
});

const normal = define("normal", {
  doc: "a standard normal number: element `index` of the stream (a, b)",
  parameters: stream,
  result: "f32",
  body: [`(f32.demote_f64 (call $quantile ${bits}))`],
});

const { q, r, over, under } = locals("q", "r", "over", "under");

const quantile = define("quantile", {
  doc: "the normal quantile at (bits + 1/2) / 2^32 (M. J. Wichura's AS 241)",
  parameters: ["bits i32"],
  result: "f64",
  type: "f64",
  body: [
    set("q", div(sub("(f64.convert_i32_u (local.get $bits))", f64(2147483647.5)), f64(4294967296))),
    `(if (f64.le (f64.abs ${q}) ${f64(0.425)})`,
    "  (then",
    ...[
      set("r", sub(f64(0.180625), mul(q, q))),
      ...polynomial(
        "over",
        r,
        [
          3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
          67265.7709270087, 33430.57558358813, 2509.0809287301227,
        ],
      ),
      ...polynomial(
        "under",
        r,
        [
          1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
          28729.085735721943, 5226.495278852854,
        ],
      ),
      `(return ${div(mul(q, over), under)})))`,
    ].map((line) => `    ${line}`),
    ";; The nearer tail holds an odd number of 2^33 parts of the mass.",
    set(
      "r",
      `(call $minusLog (i32.or (i32.const 1) (i32.shl
    (select (local.get $bits) (i32.xor (local.get $bits) (i32.const -1)) (f64.lt ${q} (f64.const 0)))
    (i32.const 1))))`,
    ),
    set("r", sub(`(f64.sqrt ${r})`, f64(1.6))),
    ...polynomial(
      "over",
      r,
      [
        1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
        0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
      ],
    ),
    ...polynomial(
      "under",
      r,
      [
        1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
        0.0005475938084995345, 1.0507500716444169e-9,
      ],
    ),
    `(f64.copysign ${div(over, under)} ${q})`,
  ],
});

const { e, f, s, t, p } = locals("e", "f", "s", "t", "p");

const minusLog = define("minusLog", {
  doc: "-log (n / 2^33), 1 <= n < 2^32: n = 2^e f, log f = 2 artanh s",
  parameters: ["n i32"],
  result: "f64",
  type: "f64",
  body: [
    set("e", "(f64.convert_i32_s (i32.sub (i32.const 31) (i32.clz (local.get $n))))"),
    set(
      "f",
      div(
        "(f64.convert_i32_u (local.get $n))",
        "(f64.convert_i32_u (i32.shl (i32.const 1) (i32.sub (i32.const 31) (i32.clz (local.get $n)))))",
      ),
    ),
    `(if (f64.gt ${f} ${f64(Math.SQRT2)})`,
    "  (then",
    `    ${set("f", div(f, f64(2)))}`,
    `    ${set("e", add(e, f64(1)))}))`,
    set("s", div(sub(f, f64(1)), add(f, f64(1)))),
    set("t", mul(s, s)),
    set("p", add(f64(1 / 19), div(t, f64(21)))),
    ...[17, 15, 13, 11, 9, 7, 5, 3, 1].map((k) => set("p", add(mul(p, t), f64(1 / k)))),
    sub(mul(sub(f64(33), e), f64(Math.LN2)), mul(mul(f64(2), s), p)),
  ],
});

export const randomFunctions: readonly (readonly [string, MathFunction])[] = [uniform, normal, mix, quantile, minusLog];
