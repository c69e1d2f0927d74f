// How fast this machine can be at best, measured here and now: multiply-adds from registers, and bytes from memory, in one thread.
// What a kernel is held against.

export interface Ceiling {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Milliseconds that the kernel would take if nothing but arithmetic or memory held it up. */
export const leastTime = ({ flopsPerSecond, bytesPerSecond }: Ceiling, flops: number, bytes: number): number =>
  1000 * Math.max(flops / flopsPerSecond, bytes / bytesPerSecond);

/** A piece of work that does so many operations. */
export interface Trial {
  readonly operations: number;
  run(): void;
}

/** The best of several short trials. `arithmetic`: multiply-adds as the kernels do them, unless they are JavaScript's numbers. */
export function measureCeiling(now: () => number, arithmetic?: Trial): Ceiling {
  const best = (work: number, run: () => void): number => {
    run();
    let least = Number.POSITIVE_INFINITY;
    for (let trial = 0; trial < 7; trial++) {
      const start = now();
      run();
      least = Math.min(least, now() - start);
    }
    return (1000 * work) / Math.max(least, 1e-3);
  };
  const rounds = 1_000_000;
  let kept = 0;
  // Eight sums at once: more than that no kernel holds in registers, fewer wait for one another.
  const scalars = (): void => {
    let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7] as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    for (let i = 0; i < rounds; i++) {
      a = a * 0.999 + 0.1;
      b = b * 0.999 + 0.1;
      c = c * 0.999 + 0.1;
      d = d * 0.999 + 0.1;
      e = e * 0.999 + 0.1;
      f = f * 0.999 + 0.1;
      g = g * 0.999 + 0.1;
      h = h * 0.999 + 0.1;
    }
    kept += a + b + c + d + e + f + g + h;
  };
  const { operations, run } = arithmetic ?? { operations: 16 * rounds, run: scalars };
  const flopsPerSecond = best(operations, run);
  // Larger than caches; read and written.
  const from = new Float32Array(8 * 1024 * 1024);
  const to = new Float32Array(from.length);
  const bytesPerSecond = best(8 * from.length, () => {
    to.set(from);
    kept += to[1]!;
  });
  if (Number.isNaN(kept)) throw new Error("a sum of finite numbers is not finite");
  return { flopsPerSecond, bytesPerSecond };
}
