// The most a core can do from WebAssembly, as the text of a module: multiply-adds in f32, scalar or four side by side, fed by loads
// as a matrix product is. Eight sums, so that additions need not wait for each other.

/** The tile of a matrix product: each of 2 loaded numbers times each of 4 that stay. More would not fit the registers. */
const loaded = 2;
const kept = 4;
const tile = Array.from({ length: loaded * kept }, (_, k) => ({
  sum: `$s${k}`,
  x: `$x${k % loaded}`,
  w: `$w${Math.floor(k / loaded)}`,
}));
const numbers = 512;

export interface MultiplyAdds {
  /** Exports `run(rounds)`. */
  readonly text: string;
  /** Of a round; a multiply-add counts two. */
  readonly operations: number;
}

/** Goes `rounds` times over 512 numbers; returns the total of all sums, so that nothing can be left out. */
export function multiplyAdds(type: "f32" | "v128"): MultiplyAdds {
  const vector = type === "v128";
  const op = (name: string): string => (vector ? `f32x4.${name}` : `f32.${name}`);
  const load = vector ? "v128.load32_splat" : "f32.load";
  const locals = [...new Set(tile.flatMap(({ sum, x, w }) => [sum, x, w]))];
  const number = (value: number): string => (vector ? `(f32x4.splat (f32.const ${value}))` : `(f32.const ${value})`);
  const get = (name: string): string => `(local.get ${name})`;
  const total = tile.map(({ sum }) => get(sum)).reduce((a, b) => `(${op("add")} ${a} ${b})`);
  const text = `(module (memory 1) (func (export "run") (param $rounds i32) (result f32) (local $p i32)
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
  return { text, operations: 2 * kept * numbers * (vector ? 4 : 1) };
}

// Of the web's types only what is used: this project's libraries are those of ECMAScript and Node.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** The assembled text as a function. */
export function instantiate(bytes: Uint8Array): (rounds: number) => number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return (exports as { run(rounds: number): number }).run;
}
