// A small generator of 32-bit integers (Bob Jenkins's sfc32): for the order of rows and for made data.
// Integer arithmetic alone, so every platform gives the same numbers. Not for the language's uniform(): see random.ts.

export class Integers {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** Two numbers choose the stream: a seed, and an epoch or a row. */
  constructor(seed: number, stream: number) {
    this.a = seed | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    this.c = stream | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 0 .. 2^32 - 1. */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** 0 .. bound - 1, each equally likely. */
  below(bound: number): number {
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let value = this.next();
    while (value >= fair) value = this.next();
    return value % bound;
  }

  /** From low on, below high: a multiple of 2^-32 of the way. */
  between(low: number, high: number): number {
    return low + (high - low) * (this.next() / 2 ** 32);
  }
}
