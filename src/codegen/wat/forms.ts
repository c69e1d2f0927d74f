// WebAssembly text of expressions over four f32 side by side, written like formulas, and of functions made of them.
// Knows no ops and no kernels.

export interface MathFunction {
  /** Other functions of the map that its text calls. */
  readonly needs: readonly string[];
  /** One `(func $name …)`. */
  readonly wat: string;
  /** What it does, for a function of one vector that may stand where it would be called. */
  readonly inline?: Inline;
}

export interface Inline {
  readonly parameter: string;
  /** Statements, then the value. */
  readonly body: readonly string[];
}

export const get = (name: string): string => `(local.get $${name})`;

/** The reading of each of these locals, by name. */
export const locals = <Name extends string>(...names: readonly Name[]): Record<Name, string> =>
  Object.fromEntries(names.map((name) => [name, get(name)])) as Record<Name, string>;

export const set = (name: string, value: string): string => `(local.set $${name} ${value})`;

/** A number as WebAssembly writes it; decimal digits give the same bits there as here. */
export const numeral = (value: number): string =>
  Object.is(value, -0) ? "-0" : String(value).replace("Infinity", "inf").replace("NaN", "nan");

// Constants of four lanes are globals named by their value: V8 reads a global in one instruction, and builds a `v128.const`
// anew in four wherever it stands (a fourth of the time of exp).

/** One number in four lanes. */
export const f = (value: number): string => `(global.get $f:${numeral(value)})`;
export const i = (value: number): string => `(global.get $i:${value})`;
/** One number in two lanes of 64 bits. */
export const d = (value: number): string => `(global.get $d:${numeral(value)})`;
export const l = (value: number): string => `(global.get $l:${value})`;

const shapes = new Map([
  ["f", ["f32x4", 4] as const],
  ["i", ["i32x4", 4] as const],
  ["d", ["f64x2", 2] as const],
  ["l", ["i64x2", 2] as const],
]);

/** The global that `f`, `i`, `d` or `l` reads. */
function constantOf(name: string): string {
  const [shape, count] = shapes.get(name.slice(0, 1))!;
  return `(global $${name} v128 (v128.const ${shape}${` ${name.slice(2)}`.repeat(count)}))\n`;
}

/** Functions by name, and the constants that they need. */
export function collect(functions: readonly (readonly [string, MathFunction])[]): Map<string, MathFunction> {
  const all = new Map(functions);
  for (const [, { needs }] of functions)
    for (const name of needs) if (!all.has(name)) all.set(name, { needs: [], wat: constantOf(name) });
  return all;
}

const binary =
  (instruction: string) =>
  (a: string, b: string): string =>
    `(${instruction} ${a} ${b})`;
const unary =
  (instruction: string) =>
  (a: string): string =>
    `(${instruction} ${a})`;

export const add = binary("f32x4.add");
export const sub = binary("f32x4.sub");
export const mul = binary("f32x4.mul");
export const div = binary("f32x4.div");
export const less = binary("f32x4.lt");
export const equal = binary("f32x4.eq");
export const abs = unary("f32x4.abs");
export const toFloat = unary("f32x4.convert_i32x4_s");
/** The smaller or larger; `a` where it is not a number. */
export const atMost = binary("f32x4.pmin");
export const atLeast = binary("f32x4.pmax");

export const addInt = binary("i32x4.add");
export const subInt = binary("i32x4.sub");
export const equalInt = binary("i32x4.eq");
export const and = binary("v128.and");
/** The bits of `a` that are not set in `b`. */
export const without = binary("v128.andnot");
export const shiftLeft = (a: string, bits: number): string => `(i32x4.shl ${a} (i32.const ${bits}))`;
export const shiftRight = (a: string, bits: number): string => `(i32x4.shr_u ${a} (i32.const ${bits}))`;
export const halve = (a: string): string => `(i32x4.shr_s ${a} (i32.const 1))`;

/** `a` where the mask is set, else `b`. */
export const choose = (mask: string, a: string, b: string): string => `(v128.bitselect ${a} ${b} ${mask})`;
export const call = (name: string, ...args: readonly string[]): string => `(call $${name} ${args.join(" ")})`;

/**
 * Sets `to` to the polynomial of `of` with these coefficients, highest power first, and `squared` to the square of `of`. Even
 * and odd powers have a Horner's rule of their own, side by side: a processor waits for the last result more than for room.
 */
export function polynomial(to: string, of: string, coefficients: readonly number[]): string[] {
  const chain = (name: string, powers: readonly number[]): string[] =>
    powers.map((c, k) => set(name, k === 0 ? f(c) : add(mul(get(name), get("squared")), f(c))));
  const last = coefficients.length - 1;
  const even = coefficients.filter((_, k) => (last - k) % 2 === 0);
  const odd = coefficients.filter((_, k) => (last - k) % 2 === 1);
  return [
    set("squared", mul(of, of)),
    ...chain("even", even),
    ...chain("odd", odd),
    set(to, add(get("even"), mul(get("odd"), of))),
  ];
}

interface Parts {
  /** The formula, for the comment above. */
  readonly doc: string;
  readonly parameters?: readonly string[];
  readonly result?: string;
  /** The type of what it sets. */
  readonly type?: string;
  /** Statements, then the value. */
  readonly body: readonly string[];
}

const namesAfter = (form: string, text: string): string[] => [
  ...new Set([...text.matchAll(/\((\S+) \$(\S+?)[\s)]/g)].filter((m) => m[1] === form).map((m) => m[2]!)),
];

/** A function of vectors, unless told otherwise; what it sets are its locals, what it calls and reads are its needs. */
export function define(name: string, parts: Parts): readonly [string, MathFunction] {
  const { doc, parameters = ["x v128"], result = "v128", type = "v128", body } = parts;
  const given = new Set(parameters.map((p) => p.split(" ")[0]));
  const text = body.join("\n");
  const own = namesAfter("local.set", text).filter((local) => !given.has(local));
  const lines = [
    `;; ${doc}`,
    `(func $${name}${parameters.map((p) => ` (param $${p})`).join("")} (result ${result})`,
    ...(own.length > 0 ? [`  ${own.map((local) => `(local $${local} ${type})`).join(" ")}`] : []),
    ...body.map((line) => `  ${line}`),
  ];
  const needs = [...namesAfter("call", text), ...namesAfter("global.get", text)];
  const wat = `${lines.join("\n")})\n`;
  const [parameter, ...others] = given;
  const isPlain = others.length === 0 && [...parameters, result].every((p) => p.endsWith("v128")) && type === "v128";
  return [name, { needs, wat, ...(isPlain ? { inline: { parameter: parameter!, body } } : {}) }];
}
