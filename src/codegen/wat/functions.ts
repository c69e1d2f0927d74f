// Every function that kernels may call, as WebAssembly text by name; a module carries those that occur. Knows no kernels.
import type { MathFunction } from "./forms.ts";
import { mathFunctions } from "./math.ts";
import { randomFunctions } from "./random.ts";

type Number = "f32" | "i32";

/** A function of single numbers and, called NAME_x4, the same for each of four lanes. The first `shared` arguments are for all of them. */
function withLanes(
  name: string,
  parameters: readonly Number[],
  result: Number,
  { needs, wat }: MathFunction,
  shared = 0,
): [string, MathFunction][] {
  const types = parameters.map((type, i) => (i < shared ? type : "v128"));
  const lane = (k: number): string => {
    const args = parameters.map((type, i) =>
      i < shared ? `(local.get $p${i})` : `(${type}x4.extract_lane ${k} (local.get $p${i}))`,
    );
    return `(call $${name} ${args.join(" ")})`;
  };
  const lanes = `
(func $${name}_x4 ${types.map((type, i) => `(param $p${i} ${type})`).join(" ")} (result v128)
  (local $r v128)
  (local.set $r (${result}x4.splat ${lane(0)}))
${[1, 2, 3].map((k) => `  (local.set $r (${result}x4.replace_lane ${k} (local.get $r) ${lane(k)}))`).join("\n")}
  (local.get $r))
`;
  return [
    [name, { needs, wat }],
    [`${name}_x4`, { needs: [name], wat: lanes }],
  ];
}

const plain = (wat: string, needs: readonly string[] = []): MathFunction => ({ needs, wat });

// What JavaScript defines and WebAssembly has no instruction for comes from JavaScript, in float64.
const imported = (name: string): MathFunction =>
  plain(`(import "env" "${name}" (func $${name} (param f64 f64) (result f64)))`);

const float = (name: string, of: string): MathFunction =>
  plain(
    `
(func $${name} (param $x f32) (param $y f32) (result f32)
  (f32.demote_f64 (call $${of} (f64.promote_f32 (local.get $x)) (f64.promote_f32 (local.get $y)))))
`,
    [of],
  );

const integer = (name: string, of: string): MathFunction =>
  plain(
    `
(func $${name} (param $x i32) (param $y i32) (result i32)
  (call $wrap (call $${of} (f64.convert_i32_s (local.get $x)) (f64.convert_i32_s (local.get $y)))))
`,
    ["wrap", of],
  );

const wrap = `
;; A number as an integer: toward zero, modulo 2^32; 0 where it is none.
(func $wrap (param $x f64) (result i32)
  (if (i32.eqz (f64.lt (f64.abs (local.get $x)) (f64.const 9223372036854775808)))
    (then (return (i32.const 0))))
  (i32.wrap_i64 (i64.trunc_f64_s (local.get $x))))
`;

const words = `
;; The two words that name a stream: of seed, step and key.
(func $word (param $salt i32) (param $seed f64) (param $step f64) (param $key i32) (result i32)
  (local $word i32)
  (local.set $word (call $mix (i32.xor (local.get $salt) (call $wrap (local.get $seed)))))
  (local.set $word
    (call $mix
      (i32.xor
        (i32.xor (local.get $word) (call $wrap (f64.div (local.get $seed) (f64.const 4294967296))))
        (i32.const 0x632be5ab))))
  (local.set $word
    (call $mix (i32.xor (i32.xor (local.get $word) (call $wrap (local.get $step))) (i32.const 0x85157af5))))
  (call $mix (i32.xor (local.get $word) (local.get $key))))
`;

const stream = `
(func $stream (param $place i32) (param $seed f64) (param $step f64) (param $key i32)
  (i32.store
    (local.get $place)
    (call $word (i32.const 0x9e3779b9) (local.get $seed) (local.get $step) (local.get $key)))
  (i32.store offset=4
    (local.get $place)
    (call $word (i32.const 0x3c6ef372) (local.get $seed) (local.get $step) (local.get $key))))
`;

const sign = `
(func $sign (param $x v128) (result v128)
  (v128.bitselect
    (v128.or
      (v128.and (local.get $x) (v128.const i32x4 0x80000000 0x80000000 0x80000000 0x80000000))
      (v128.const f32x4 1 1 1 1))
    (local.get $x)
    (v128.or
      (f32x4.lt (local.get $x) (v128.const f32x4 0 0 0 0))
      (f32x4.gt (local.get $x) (v128.const f32x4 0 0 0 0)))))
`;

const within = `
;; An index that is not one of 0 to count - 1 ends the run, from outside.
(func $within_i32 (param $index i32) (param $count i32) (param $row i32) (result i32)
  (if (i32.lt_u (local.get $index) (local.get $count)) (then (return (local.get $index))))
  (call $within (local.get $index) (local.get $count) (local.get $row)))
`;

const quotient = "(func $quotient (param $x f64) (param $y f64) (result f64) (f64.div (local.get $x) (local.get $y)))";

/** The functions by which kernels reach out of the module, by the name under which a library passes them. */
export const importedFunctions: ReadonlyMap<string, string> = new Map([
  ["power", "Math.pow"],
  ["floorMod", "floorMod"],
  ["within", "within"],
]);

const functions: ReadonlyMap<string, MathFunction> = new Map([
  ...[...importedFunctions.keys()].map((name) => [name, imported(name)] as const),
  ["wrap", plain(wrap)],
  ["quotient", plain(quotient)],
  ["word", plain(words, ["mix", "wrap"])],
  ["stream", plain(stream, ["word"])],
  ...withLanes("integer", ["f32"], "i32", {
    needs: ["wrap"],
    wat: "(func $integer (param $x f32) (result i32) (call $wrap (f64.promote_f32 (local.get $x))))",
  }),
  ...withLanes("pow", ["f32", "f32"], "f32", float("pow", "power")),
  ...withLanes("mod", ["f32", "f32"], "f32", float("mod", "floorMod")),
  ...withLanes("pow_i32", ["i32", "i32"], "i32", integer("pow_i32", "power")),
  ...withLanes("mod_i32", ["i32", "i32"], "i32", integer("mod_i32", "floorMod")),
  ...withLanes("div_i32", ["i32", "i32"], "i32", integer("div_i32", "quotient")),
  ...withLanes("abs_i32", ["i32"], "i32", {
    needs: [],
    wat: `
(func $abs_i32 (param $x i32) (result i32)
  (select (i32.sub (i32.const 0) (local.get $x)) (local.get $x) (i32.lt_s (local.get $x) (i32.const 0))))
`,
  }),
  ...withLanes("sign_i32", ["i32"], "i32", {
    needs: [],
    wat: `
(func $sign_i32 (param $x i32) (result i32)
  (i32.sub (i32.gt_s (local.get $x) (i32.const 0)) (i32.lt_s (local.get $x) (i32.const 0))))
`,
  }),
  ["sign", plain(sign)],
  ["within", plain('(import "env" "within" (func $within (param i32 i32 i32) (result i32)))')],
  ...withLanes("within_i32", ["i32", "i32", "i32"], "i32", { needs: ["within"], wat: within }),
  ...[...randomFunctions].flatMap(([name, fn]): [string, MathFunction][] =>
    name === "uniform" || name === "normal" ? withLanes(name, ["i32", "i32", "i32"], "f32", fn, 2) : [[name, fn]],
  ),
  ...mathFunctions,
]);

export const functionNamed = (name: string): MathFunction | undefined => functions.get(name);

export const hasFunction = (name: string): boolean => functions.has(name);

/** The functions with these names and all that they need, callees first. */
export function functionsFor(names: Iterable<string>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    const known = functions.get(name);
    if (!known) throw new Error(`no function ${name} in WebAssembly`);
    for (const needed of known.needs) add(needed);
    found.set(name, known.wat.trim());
  };
  for (const name of names) add(name);
  return found;
}
