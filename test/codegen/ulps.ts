// The functions of the WebAssembly target beside float64: how far off they are, in units of the last place of f32.
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { functionsFor } from "../../src/codegen/wat/functions.ts";
import { erf, sigmoid, softplus } from "../../src/ir/math.ts";

// Not among the types of this project, which holds neither a browser's nor a server's.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (pages: { initial: number }) => { readonly buffer: ArrayBuffer };
    instantiate: (bytes: Uint8Array, imports: object) => Promise<{ instance: { exports: Record<string, unknown> } }>;
  };
};

/** What each function approximates. */
export const truths: ReadonlyMap<string, (x: number) => number> = new Map([
  ["exp", Math.exp],
  ["expm1", Math.expm1],
  ["log", Math.log],
  ["log1p", Math.log1p],
  ["tanh", Math.tanh],
  ["sin", Math.sin],
  ["cos", Math.cos],
  ["erf", erf],
  ["sigmoid", sigmoid],
  ["softplus", softplus],
  ["rsqrt", (x: number) => 1 / Math.sqrt(x)],
]);

/** Two pages, and a module made of these functions and of the text after them. */
async function moduleOf(
  names: Iterable<string>,
  text: string,
): Promise<{ readonly buffer: ArrayBuffer; readonly exports: Record<string, unknown> }> {
  const wat = [...functionsFor(names).values()].join("\n");
  const bytes = assemble(`(module (import "env" "memory" (memory 2))\n${wat}\n${text})`);
  const memory = new WebAssembly.Memory({ initial: 2 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return { buffer: memory.buffer, exports: instance.exports };
}

const chunk = 1 << 14;

/** Applies a function to numbers, any count, four at a time. */
export type Apply = (name: string, xs: Float32Array) => Float32Array;

export async function loadMath(): Promise<Apply> {
  const loops = [...truths.keys()].map(
    (name) => `(func (export "${name}") (local $i i32)
  (loop $next
    (v128.store offset=65536 (local.get $i) (call $${name} (v128.load (local.get $i))))
    (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (i32.const ${4 * chunk})))))`,
  );
  const { buffer, exports } = await moduleOf(truths.keys(), loops.join("\n"));
  const given = new Float32Array(buffer, 0, chunk);
  const made = new Float32Array(buffer, 65536, chunk);
  return (name, xs) => {
    const ys = new Float32Array(xs.length);
    for (let from = 0; from < xs.length; from += chunk) {
      const part = xs.subarray(from, from + chunk);
      given.set(part);
      (exports[name] as () => void)();
      ys.set(made.subarray(0, part.length), from);
    }
    return ys;
  };
}

/** `uniform` and `normal` of one index after another. */
export async function loadRandom(): Promise<Record<"uniform" | "normal", (a: number, b: number, i: number) => number>> {
  const names = ["uniform", "normal"];
  const exported = names.map((name) => `(export "${name}" (func $${name}))`);
  const { exports } = await moduleOf(names, exported.join("\n"));
  return exports as Awaited<ReturnType<typeof loadRandom>>;
}

/** Every `stride`-th of all 2^32 patterns of bits, from `first` on, as f32. */
export function* patterns(stride: number, first = 0): Generator<Float32Array> {
  for (let next = first; next < 2 ** 32; next += stride * chunk) {
    const count = Math.min(chunk, Math.ceil((2 ** 32 - next) / stride));
    yield new Float32Array(Uint32Array.from({ length: count }, (_, k) => next + k * stride).buffer);
  }
}

/** In ulps; infinite where not-a-number, an infinity, a zero or its sign is not what it is in float64. */
export function distance(got: number, want: number): number {
  const rounded = Math.fround(want);
  if (Number.isFinite(got) && Number.isFinite(rounded) && (want !== 0 || got === want)) {
    // The sign of a zero counts where it is exact.
    return want === 0 ? (Object.is(got, want) ? 0 : Number.POSITIVE_INFINITY) : Math.abs(got - want) / ulp(want);
  }
  return Object.is(got, rounded) ? 0 : Number.POSITIVE_INFINITY;
}

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** The distance of neighbours in f32 about x. */
function ulp(x: number): number {
  float[0] = x;
  const exponent = ((words[1]! >>> 20) & 0x7ff) - 1023;
  return 2 ** (Math.max(exponent, -126) - 23);
}

export interface Worst {
  readonly error: number;
  readonly at: number;
  readonly got: number;
}

/** The largest distance of a function over a stride of all patterns. */
export function worstOf(apply: Apply, name: string, stride: number, first = 0): Worst {
  const truth = truths.get(name)!;
  let worst: Worst = { error: 0, at: 0, got: 0 };
  for (const xs of patterns(stride, first)) {
    const ys = apply(name, xs);
    for (let k = 0; k < xs.length; k++) {
      const error = distance(ys[k]!, truth(xs[k]!));
      if (error > worst.error) worst = { error, at: xs[k]!, got: ys[k]! };
    }
  }
  return worst;
}
