// Scalar functions in float64 that JavaScript lacks, or defines otherwise than the language. Pure; knows no ops.

/** Logistic function; the exponential never overflows. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const grown = Math.exp(x);
  return grown / (1 + grown);
}

/** log(1 + e^x); the exponential never overflows. */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Remainder with the divisor's sign. */
export function floorMod(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** The index, if it is one of 0 to count - 1; else an error that a driver can tell from others, by the row of the batch. */
export function within(index: number, count: number, row: number): number {
  if (index >= 0 && index < count) return index;
  const error = new RangeError(`the index ${index} is none of 0 to ${count - 1}`);
  throw Object.assign(error, { name: "IndexError", row });
}

/** Value of the polynomial with these coefficients, constant first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let y = 0;
  for (let k = coefficients.length - 1; k >= 0; k--) y = y * x + coefficients[k]!;
  return y;
}

// Coefficients of fdlibm's s_erf.c (Sun Microsystems, 1993): rational approximations on four ranges, error below 1 ulp.
// erf(x) = x + x P(x²) / Q(x²) for |x| < 0.84375
const p = [
  0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -0.000023763016656650163,
];
const q = [
  1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164, -0.000003960228278775368,
];
// erf(x) = erf(1) rounded + A(s) / B(s), s = |x| - 1, for |x| < 1.25
const atOne = 0.8450629115104675;
const a = [
  -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175, -0.11089469428239668,
  0.035478304325618236, -0.002166375594868791,
];
const b = [
  1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905,
  0.011984499846799107,
];
// erfc(x) = exp(-x² - 0.5625 + R(1/x²) / S(1/x²)) / x for |x| < 1 / 0.35
const r = [
  -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347,
  -184.60509290671104, -81.2874355063066, -9.814329344169145,
];
const s = [
  1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783,
  108.63500554177944, 6.570249770319282, -0.0604244152148581,
];
// the same for |x| < 6
const rFar = [
  -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896,
  -1025.0951316110772, -483.5191916086514,
];
const sFar = [
  1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644,
  474.52854120695537, -22.44095244658582,
];

/** The error function. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.84375) return x + (x * polynomial(x * x, p)) / polynomial(x * x, q);
  const sign = x < 0 ? -1 : 1;
  if (size < 1.25) return sign * (atOne + polynomial(size - 1, a) / polynomial(size - 1, b));
  if (size >= 6) return sign;
  const inverse = 1 / (size * size);
  const isFar = size >= 1 / 0.35;
  const fraction = polynomial(inverse, isFar ? rFar : r) / polynomial(inverse, isFar ? sFar : s);
  // z² is exact for a z of 24 bits; the rest of x² goes into the second factor.
  const z = Math.fround(size);
  const rest = (Math.exp(-z * z - 0.5625) * Math.exp((z - size) * (z + size) + fraction)) / size;
  return Number.isNaN(size) ? Number.NaN : sign * (1 - rest);
}
