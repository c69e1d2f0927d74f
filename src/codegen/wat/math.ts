// Mathematical functions as WebAssembly text, four f32 side by side, to about one unit in the last place: `npm run ulps`
// measures. No branches, and no fused multiply-add, which WebAssembly lacks. Knows no ops and no kernels.
//
// Sources: exp, log and tanh are Cephes' expf, logf and tanhf (S. L. Moshier, 1992); erf is N. Juffa's erff (2014).
import {
  abs,
  add,
  addInt,
  and,
  atLeast,
  atMost,
  call,
  choose,
  collect,
  define,
  div,
  equal,
  equalInt,
  f,
  halve,
  i,
  less,
  locals,
  type MathFunction,
  mul,
  polynomial,
  set,
  shiftLeft,
  shiftRight,
  sub,
  subInt,
  toFloat,
  without,
} from "./forms.ts";
import { trigonometry } from "./trigonometry.ts";

const { x, y, k, n, m, p, r, s, t } = locals("x", "y", "k", "n", "m", "p", "r", "s", "t");
const { given, half, size, square, squared, rest } = locals("given", "half", "size", "square", "squared", "rest");
const { far, near, small, part, grown } = locals("far", "near", "small", "part", "grown");

// log 2 in two pieces: the first has 9 bits, so that a whole number of 8 bits times it is exact.
const log2High = 0.693359375;
const log2Low = -2.1219444e-4;

// Adding 1.5 * 2^23 rounds to a whole number, whose two's complement then stands in the low bits of the sum.
const rounder = f(12582912);

// n = round(x / log 2), r = x - n log 2, p = e^r - 1 = r + r² polynomial(r); k = n as an integer
const reduceExp = [
  set("k", add(mul(x, f(Math.LOG2E)), rounder)),
  set("n", sub(k, rounder)),
  set("r", sub(sub(x, mul(n, f(log2High))), mul(n, f(log2Low)))),
  set("k", subInt(k, rounder)),
  ...polynomial(
    "p",
    r,
    [1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 0.16666665459, 0.50000001201],
  ),
  set("p", add(mul(p, squared), r)),
];

/** 2^n of whole numbers. */
const power = (whole: string): string => shiftLeft(addInt(whole, i(127)), 23);

const exp = define("exp", {
  doc: "e^x = 2^n e^r; 2^n is two factors, so that results near infinity and subnormal ones come out right",
  body: [
    // Masks give e^-infinity: 0 times 2^n takes a processor no longer than other products, one that underflows a hundred times so.
    set("small", less(x, f(-103.98))),
    // Beyond these bounds the result is 0 or infinity.
    set("x", atLeast(atMost(x, f(89)), f(-104))),
    ...reduceExp,
    set("half", halve(k)),
    mul(without(mul(add(p, f(1)), power(half)), small), power(subInt(k, half))),
  ],
});

const expm1 = define("expm1", {
  doc: "e^x - 1 = 2 (s (e^r - 1) + (s - 1/2)), s = 2^(n - 1); where x is tiny, it is the result, also -0",
  parameters: ["given v128"],
  body: [
    set("x", atLeast(atMost(given, f(89)), f(-18))),
    ...reduceExp,
    set("s", power(subInt(k, i(1)))),
    set("p", add(mul(s, p), sub(s, f(0.5)))),
    choose(less(abs(given), f(2 ** -25)), given, add(p, p)),
  ],
});

/** `a` with the sign of x. */
const signed = (a: string): string => choose(f(-0), x, a);

// y = 2^k m, sqrt(1/2) <= m < sqrt(2), whose bits are those of sqrt(1/2) and more
const splitLog = [
  set("m", addInt(y, i(0x3f800000 - 0x3f3504f3))),
  set("k", subInt(shiftRight(m, 23), i(127))),
  set("m", addInt(and(m, i(0x7fffff)), i(0x3f3504f3))),
];

// log(2^k (1 + t)) + rest = t - t²/2 + t³ polynomial(t) + k log 2 + rest
const joinLog = [
  ...polynomial(
    "p",
    t,
    [
      7.0376836292e-2, -0.1151461031, 0.1167699874, -0.12420140846, 0.14249322787, -0.16668057665, 0.20000714765,
      -0.24999993993, 0.33333331174,
    ],
  ),
  set("p", add(mul(p, mul(t, squared)), add(mul(k, f(log2Low)), rest))),
  set("p", add(add(t, sub(p, mul(squared, f(0.5)))), mul(k, f(log2High)))),
];

/** p, but infinity and not-a-number stay, zero gives -infinity, and less than zero not-a-number. */
const logOrEdge = (of: string): string =>
  choose(less(of, f(0)), f(Number.NaN), choose(equal(of, f(0)), f(-Infinity), choose(less(of, f(Infinity)), p, of)));

const log = define("log", {
  doc: "log x = k log 2 + log m, subnormal numbers times 2^23",
  body: [
    set("small", less(x, f(2 ** -126))),
    set("y", choose(small, mul(x, f(2 ** 23)), x)),
    ...splitLog,
    set("k", toFloat(subInt(k, and(small, i(23))))),
    set("t", sub(m, f(1))),
    set("rest", f(0)),
    ...joinLog,
    logOrEdge(x),
  ],
});

const log1p = define("log1p", {
  doc: "log(1 + x) = log y + (1 + x - y) / y, y = 1 + x rounded; where k = 0, x is m - 1 and what rounding lost",
  body: [
    set("y", add(x, f(1))),
    // What rounding lost (D. Knuth's sum).
    set("part", sub(y, f(1))),
    set("rest", div(add(sub(f(1), sub(y, part)), sub(x, part)), y)),
    ...splitLog,
    set("near", equalInt(k, i(0))),
    set("rest", without(rest, near)),
    set("t", choose(near, x, sub(m, f(1)))),
    set("k", toFloat(k)),
    ...joinLog,
    signed(logOrEdge(y)),
  ],
});

const tanh = define("tanh", {
  doc: "tanh x = x + x³ polynomial(x²) for |x| < 0.625, else 1 - 2 / (e^(2|x|) + 1) with the sign of x",
  parameters: ["given v128"],
  body: [
    set("size", abs(given)),
    // tanh 10 rounds to 1.
    set("x", atMost(add(size, size), f(20))),
    ...reduceExp,
    set("far", sub(f(1), div(f(2), add(mul(add(p, f(1)), power(k)), f(1))))),
    set("square", mul(given, given)),
    ...polynomial(
      "p",
      square,
      [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 0.133314422036, -0.333332819422],
    ),
    set("near", add(mul(mul(p, square), given), given)),
    choose(f(-0), given, choose(less(size, f(0.625)), near, far)),
  ],
});

const erf = define("erf", {
  doc: "erf x = x + x polynomial(x²) for |x| <= 0.927734375, else 1 - e^(t polynomial(t) - t), t = |x|, with the sign of x",
  body: [
    // erf 4 rounds to 1.
    set("t", atMost(abs(x), f(4))),
    ...polynomial(
      "p",
      t,
      [-1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -0.106777877, -0.634846687, -0.128717512],
    ),
    set("far", sub(f(1), call("exp", sub(mul(p, t), t)))),
    set("square", mul(x, x)),
    ...polynomial("p", square, [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 0.112819925, -0.376125336, 0.128379166]),
    set("near", add(mul(p, x), x)),
    choose(less(f(0.927734375), t), signed(far), near),
  ],
});

const sigmoid = define("sigmoid", {
  doc: "1 / (1 + e^-x), below zero e^x / (1 + e^x)",
  body: [set("grown", call("exp", sub(f(0), abs(x)))), div(choose(less(x, f(0)), grown, f(1)), add(f(1), grown))],
});

const softplus = define("softplus", {
  doc: "log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)",
  body: [add(atLeast(x, f(0)), call("log1p", call("exp", sub(f(0), abs(x)))))],
});

const rsqrt = define("rsqrt", { doc: "1 / sqrt x", body: [div(f(1), `(f32x4.sqrt ${x})`)] });

/** By name. A scalar call splats its argument, so that one element and four have the same bits. */
export const mathFunctions: ReadonlyMap<string, MathFunction> = collect([
  exp,
  expm1,
  log,
  log1p,
  tanh,
  erf,
  sigmoid,
  softplus,
  rsqrt,
  ...trigonometry,
]);
