// What this core can do at most from WebAssembly: multiply-adds per second, scalar and on 128-bit vectors, in f32, fed by
// loads as a matrix product is. Eight sums, so that additions need not wait for each other.
import { createRequire } from "node:module";
import { benchFolder } from "./targets.ts";

/** The part of `wabt` that is used; it is a dependency of the benchmark alone. */
interface Wabt {
  parseWat(
    name: string,
    text: string,
    features: { simd: boolean },
  ): { toBinary(options: object): { buffer: Uint8Array } };
}

/** The tile of a matrix product: each of 2 loaded numbers times each of 4 that stay. More would not fit the registers. */
const loaded = 2;
const kept = 4;
const tile = Array.from({ length: loaded * kept }, (_, k) => ({
  sum: `$s${k}`,
  x: `$x${k % loaded}`,
  w: `$w${Math.floor(k / loaded)}`,
}));
const numbers = 512;

/** Goes `rounds` times over 512 numbers; returns the total of all sums, so that nothing can be left out. */
function source(type: "f32" | "v128"): string {
  const vector = type === "v128";
  const op = (name: string): string => (vector ? `f32x4.${name}` : `f32.${name}`);
  const load = vector ? "v128.load32_splat" : "f32.load";
  const locals = [...new Set(tile.flatMap(({ sum, x, w }) => [sum, x, w]))];
  const number = (value: number): string => (vector ? `(f32x4.splat (f32.const ${value}))` : `(f32.const ${value})`);
  const get = (name: string): string => `(local.get ${name})`;
  const total = tile.map(({ sum }) => get(sum)).reduce((a, b) => `(${op("add")} ${a} ${b})`);
  return `(module (memory 1) (func (export "run") (param $rounds i32) (result f32) (local $p i32)
    ${locals.map((name) => `(local ${name} ${type})`).join(" ")}
    ${Array.from({ length: kept }, (_, k) => `(local.set $w${k} ${number(1 + k / 16)})`).join(" ")}
    (loop $round
      (local.set $p (i32.const 0))
      (loop $number
        ${Array.from({ length: loaded }, (_, k) => `(local.set $x${k} (${load} offset=${4 * k} ${get("$p")}))`).join("\n")}
        ${tile.map(({ sum, x, w }) => `(local.set ${sum} (${op("add")} ${get(sum)} (${op("mul")} ${get(x)} ${get(w)})))`).join("\n")}
        (local.set $p (i32.add (local.get $p) (i32.const ${4 * loaded})))
        (br_if $number (i32.lt_u (local.get $p) (i32.const ${4 * numbers}))))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $round (local.get $rounds)))
    ${vector ? `(f32x4.extract_lane 0 ${total})` : total}))`;
}

// Of the web's types only what is used: this project's libraries are those of ECMAScript and Node.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

export interface Ceilings {
  /** Multiply-adds count two: operations per second. */
  readonly scalar: number;
  readonly simd: number;
}

/** Undefined where `wabt` is not installed. */
export async function ceilings(
  seconds: number,
  timed: (work: () => void, seconds: number) => number,
): Promise<Ceilings | undefined> {
  let wabt: Wabt;
  try {
    wabt = await (createRequire(`${benchFolder}package.json`)("wabt") as () => Promise<Wabt>)();
  } catch {
    return undefined;
  }
  const rounds = 200;
  const peak = (type: "f32" | "v128"): number => {
    const { buffer } = wabt.parseWat(`${type}.wat`, source(type), { simd: true }).toBinary({});
    const { run } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(buffer))).exports as {
      run(rounds: number): number;
    };
    const perRound = 2 * kept * numbers * (type === "v128" ? 4 : 1);
    return (perRound * rounds) / timed(() => run(rounds), seconds);
  };
  return { scalar: peak("f32"), simd: peak("v128") };
}
