// Random numbers as pure functions of (seed, step, key, index). Integer arithmetic, IEEE +, *, / and sqrt only, so that every
// target gets the same bits; never Math.log or Math.cos, which differ between engines. Imports nothing: trainers bundle it.

/**
 * A bijection of 32-bit words that avalanches (lowbias32 of C. Wellons' hash prospector: bias 0.17). The word is signed: one from 2^31
 * on would be a double to V8, and returning it from a call allocates.
 */
export function mix(word: number): number {
  let x = word | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** The 32-bit number of a key: FNV-1a over its UTF-16 units, mixed. */
export function keyHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return mix(hash) >>> 0;
}

// A stream is named by two words. Both depend on all of seed, step and key, and either kind of overlap (an equal word) leaves
// the other to tell streams apart. Kernels take the words once and then hash each index with them.

const word = (salt: number, seed: number, step: number, key: number): number => {
  let x = mix(salt ^ (seed >>> 0));
  x = mix(x ^ ((seed / 4294967296) >>> 0) ^ 0x632be5ab);
  x = mix(x ^ (step >>> 0) ^ 0x85157af5);
  return mix(x ^ key);
};

/** First word of the stream. */
export const streamA = (seed: number, step: number, key: number): number => word(0x9e3779b9, seed, step, key);

/** Second word of the stream. */
export const streamB = (seed: number, step: number, key: number): number => word(0x3c6ef372, seed, step, key);

/** 32 random bits: element `index` of the stream (a, b). */
export const bitsOf = (a: number, b: number, index: number): number => mix(mix(index ^ a) ^ b) >>> 0;

/** A multiple of 2^-24 in 0 <= u < 1: exact in f32. */
export const uniformOf = (a: number, b: number, index: number): number => (bitsOf(a, b, index) >>> 8) / 16777216;

/** A standard normal number, rounded to f32. */
export const normalOf = (a: number, b: number, index: number): number => Math.fround(quantileOf(bitsOf(a, b, index)));

export const uniformAt = (seed: number, step: number, key: number, index: number): number =>
  uniformOf(streamA(seed, step, key), streamB(seed, step, key), index);

export const normalAt = (seed: number, step: number, key: number, index: number): number =>
  normalOf(streamA(seed, step, key), streamB(seed, step, key), index);

/**
 * The normal quantile at p = (bits + 1/2) / 2^32, so |z| < 6.34. Wichura's algorithm AS 241 (PPND16), whose relative error
 * is about 1e-16 (measured with our logarithm: below 1e-15); its far tail (p < e^-25) cannot be reached from 32 bits and is left out.
 */
export function quantileOf(bits: number): number {
  // q = p - 1/2 is an odd multiple of 2^-33: exact.
  const q = (bits - 2147483647.5) / 4294967296;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    const over = degree7(
      r,
      3.3871328727963665,
      133.14166789178438,
      1971.5909503065513,
      13731.69376550946,
      45921.95393154987,
      67265.7709270087,
      33430.57558358813,
      2509.0809287301227,
    );
    const under = degree7(
      r,
      1,
      42.31333070160091,
      687.1870074920579,
      5394.196021424751,
      21213.794301586597,
      39307.89580009271,
      28729.085735721943,
      5226.495278852854,
    );
    return (q * over) / under;
  }
  // The nearer tail holds `odd` / 2^33 of the mass.
  const odd = 2 * (q < 0 ? bits : 4294967295 - bits) + 1;
  const r = Math.sqrt(minusLog(odd)) - 1.6;
  const over = degree7(
    r,
    1.4234371107496835,
    4.630337846156546,
    5.769497221460691,
    3.6478483247632045,
    1.2704582524523684,
    0.2417807251774506,
    0.022723844989269184,
    0.0007745450142783414,
  );
  const under = degree7(
    r,
    1,
    2.053191626637759,
    1.6763848301838038,
    0.6897673349851,
    0.14810397642748008,
    0.015198666563616457,
    0.0005475938084995345,
    1.0507500716444169e-9,
  );
  return q < 0 ? -over / under : over / under;
}

/** The polynomial with these coefficients, by Horner's rule. */
// biome-ignore format: one line each
const degree7 = (
  x: number, c0: number, c1: number, c2: number, c3: number, c4: number, c5: number, c6: number, c7: number,
): number => ((((((c7 * x + c6) * x + c5) * x + c4) * x + c3) * x + c2) * x + c1) * x + c0;

/** -log(n / 2^33) for whole 1 <= n < 2^32: n = 2^e f with f about 1, and log f = 2 artanh(s) by its series. */
export function minusLog(n: number): number {
  let e = 31 - Math.clz32(n);
  let f = n / ((1 << e) >>> 0);
  if (f > Math.SQRT2) {
    f /= 2;
    e++;
  }
  // |s| < 0.1716, so the first term left out is below 1e-17.
  const s = (f - 1) / (f + 1);
  const t = s * s;
  const series = degree7(
    t,
    1,
    1 / 3,
    1 / 5,
    1 / 7,
    1 / 9,
    1 / 11,
    1 / 13,
    1 / 15 + t * (1 / 17 + t * (1 / 19 + t / 21)),
  );
  return (33 - e) * Math.LN2 - 2 * s * series;
}
