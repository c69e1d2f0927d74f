// Names for the values of equations: plain words of the language, each given once.

/** What equations must not use as names: words of the grammar, and of the functions that equations call. */
const reserved: readonly string[] = (
  "if then else and or not for in true false param state fn import N inf pi all training step epoch steps max min abs exp expm1 log " +
  "log1p sqrt rsqrt tanh sin cos erf floor sign sigmoid softplus where f32 i32 bool sum prod mean argmax argmin cumsum logsumexp " +
  "softmax log_softmax einsum reshape transpose broadcast pad concat flip gather pick one_hot iota tensor uniform normal conv2d " +
  "max_pool avg_pool grad stop_gradient zeros load"
).split(" ");

/** A word of the language: letters, digits and underscores, with a letter first (`_` alone is a hole). */
const plain = (wish: string): string => wish.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^(?![A-Za-z])/, "v");

export class EquationNames {
  private readonly taken = new Set<string>(reserved);
  private readonly counts = new Map<string, number>();

  /** The first of these that is free; else the first with a number. */
  claim(...wishes: readonly string[]): string {
    const free = wishes.map(plain).find((wish) => !this.taken.has(wish));
    return free === undefined ? this.next(`${plain(wishes[0]!)}_`) : this.take(free);
  }

  /** `t1`, `t2`, …: for what has no name. */
  next(stem: string): string {
    let count = this.counts.get(stem) ?? 0;
    do count++;
    while (this.taken.has(stem + count));
    this.counts.set(stem, count);
    return this.take(stem + count);
  }

  private take(name: string): string {
    this.taken.add(name);
    return name;
  }
}
