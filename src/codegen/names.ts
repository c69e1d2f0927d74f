// Safe identifiers for emitted code, made from names that a model file chose. Knows JavaScript's reserved words and nothing else.

const reserved = new Set(
  (
    "abstract arguments as async await boolean break byte case catch char class const continue create debugger default delete do " +
    "double else enum eval export extends false final finally float for from function get goto if implements import in index inputs instanceof " +
    "int interface let long manifest native new null number object of package private protected public read return rows scalars " +
    "seed set short static step string super switch synchronized this throw throws transient true try type typeof undefined " +
    "var void volatile while with write yield Math Infinity NaN Object Array f32 i32 u16 u8 floats ints shorts bytes arena N options evaluate predict " +
    // Helpers that emitted modules may carry (a test compares this list with them).
    "mix streamA streamB bitsOf uniformOf normalOf quantileOf logOfInteger sigmoid softplus floorMod within polynomial erf step create " +
    "Number String Boolean Symbol BigInt Function JSON Map Set Promise Reflect Proxy Error TypeError RangeError DataView " +
    "Float32Array Float64Array Int32Array Uint8Array ArrayBuffer SharedArrayBuffer Atomics process globalThis prototype constructor __proto__"
  ).split(" "),
);

/** Keeps letters, digits and underscores of a name; never a reserved word, never empty, never long. */
export function safeIdentifier(name: string): string {
  const cleaned = name.replace(/[^A-Za-z0-9_]+/g, "_").slice(0, 60);
  const started = /^[A-Za-z]/.test(cleaned) ? cleaned : `v${cleaned}`;
  return reserved.has(started) ? `${started}_` : started;
}

/** Gives each name once: `x`, `x2`, `x3`. */
export class NameScope {
  taken: Set<string>;
  private next = new Map<string, number>();
  /** All that were ever given. */
  private readonly given = new Set<string>();
  private avoidsGiven = false;

  constructor(taken: Iterable<string> = []) {
    this.taken = new Set(taken);
  }

  /** Names given in `work` are free again after it. */
  scoped<T>(work: () => T): T {
    const { taken, next } = this;
    this.taken = new Set(taken);
    this.next = new Map(next);
    const result = work();
    this.taken = taken;
    this.next = next;
    return result;
  }

  /** Names given in `work` are none that were given before, though they may be free again. */
  fresh<T>(work: () => T): T {
    const outer = this.avoidsGiven;
    this.avoidsGiven = true;
    const result = work();
    this.avoidsGiven = outer;
    return result;
  }

  unique(wanted: string): string {
    const base = safeIdentifier(wanted);
    let name = base;
    let count = this.next.get(base) ?? 1;
    const isTaken = (): boolean => this.taken.has(name) || (this.avoidsGiven && this.given.has(name));
    while (isTaken()) name = `${base}${/\d$/.test(base) ? "_" : ""}${++count}`;
    this.next.set(base, count);
    this.taken.add(name);
    this.given.add(name);
    return name;
  }

  /** `x0`, `x1`, …: elements of one buffer that are held at the same time. */
  numbered(wanted: string): string {
    const base = safeIdentifier(wanted).replace(/(\d)_?$/, "$1_");
    for (let count = this.next.get(`${base}#`) ?? 0; ; count++) {
      const name = `${base}${count}`;
      if (this.taken.has(name)) continue;
      this.next.set(`${base}#`, count + 1);
      this.taken.add(name);
      return name;
    }
  }
}
