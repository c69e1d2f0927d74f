// WebAssembly text as bytes, against wabt: every instruction, numbers at their edges, blocks, names; and what is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { type Immediate, instructions } from "../../src/codegen/wat/assembler/opcodes.ts";
import { numeral } from "../../src/codegen/wat/forms.ts";
import { floatText } from "../../src/codegen/wat/instructions.ts";
import { wabtBytes } from "./wabt.ts";

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object) => { readonly exports: { run(): number } };
  };
};

function expectSame(text: string): void {
  expect(Buffer.from(assemble(text))).toEqual(Buffer.from(wabtBytes(text)));
}

/** A module with one of each thing that an instruction may name, and these instructions. */
const moduleAround = (...body: string[]): string => `(module
  (type $unused (func (result f64)))
  (type $taken (func (param i32)))
  (import "env" "memory" (memory 1 1 shared))
  (global $first f32 (f32.const 1))
  (global $second i32 (i32.const 2))
  (table $listed funcref (elem $behind $before))
  (func $before (param $x i32))
  (func (param i32) (local $a f32) (local $b v128) (local $c i32)
    ${body.join("\n    ")})
  (func $behind (param $x i32) (call $behind (local.get $x))))`;

describe("instructions", () => {
  /** What is written behind the name; undefined for those that are parts of others. */
  const immediates: Record<Immediate, string | undefined> = {
    nothing: "",
    local: "$c",
    global: "$second",
    function: "$before",
    "type and table": "$listed (type $taken)",
    label: "$outer",
    memory: "offset=300",
    "memory and lane": "offset=300 1",
    lane: "1",
    "16 lanes": "0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 31",
    "zero byte": "",
    i32: "-7",
    i64: "-7",
    f32: "0.1",
    f64: "0.1",
    v128: "i32x4 1 -2 3 -4",
    block: undefined,
    if: undefined,
    // biome-ignore lint/suspicious/noThenProperty: WebAssembly calls it so
    then: undefined,
    else: undefined,
  };

  it.each(Object.entries(immediates).filter(([, text]) => text !== undefined))("with %s", (kind, text) => {
    const names = [...instructions].filter(([, { immediate }]) => immediate === kind).map(([name]) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      // Behind what is never reached anything may stand.
      const body = `(block $outer (block $inner (unreachable) (${name} ${text}) (unreachable)))`;
      const found = Buffer.from(assemble(moduleAround(body)));
      expect({ name, found }).toEqual({ name, found: Buffer.from(wabtBytes(moduleAround(body))) });
    }
  });

  it("their operands come first, and blocks end", () =>
    expectSame(
      moduleAround(
        "(local.set $c (i32.add (i32.mul (local.get $c) (i32.const 3)) (local.tee $c (i32.const 4))))",
        "(if (i32.lt_s (local.get $c) (i32.const 5)) (then (local.set $c (i32.const 6)) (nop)))",
        "(if (local.get $c) (then (nop)) (else (local.set $c (i32.const 7))))",
        "(local.set $a (if (result f32) (i32.eqz (local.get $c)) (then (f32.const 1)) (else (f32.const 2))))",
        "(local.set $b (block (result v128) (local.set $c (i32.const 8)) (local.get $b)))",
        "(i32.store8 (local.get $c) (select (i32.const 1) (i32.const 2) (local.get $c)))",
        "(call_indirect $listed (type $taken) (i32.const 9) (i32.const 1))",
        "(return)",
      ),
    ));

  it("branches count the blocks between, also those of an if, but not for its condition", () =>
    expectSame(
      moduleAround(
        "(block $a (loop $b",
        "  (if (block (result i32) (br_if $b (local.get $c)) (i32.const 1))",
        "    (then (br_if $a (local.get $c)) (if (local.get $c) (then (br $b)) (else (block $c (br $c) (br $a)))))",
        "    (else (loop $a (br_if $a (local.get $c)) (br_if $b (local.get $c)))))",
        "  (br $b)))",
        "(loop $a (br_if $a (i32.const 0)))",
      ),
    ));

  it("addresses have the alignment of what they load, or the one that is told", () =>
    expectSame(
      moduleAround(
        "(drop (f64.load align=1 (i32.const 0)))",
        "(drop (v128.load offset=4294967295 align=4 (i32.const 0)))",
        "(drop (i32.load16_u align=2 (i32.const 0)))",
      ),
    ));
});

describe("numbers", () => {
  const edges = [0, 1, 63, 64, 127, 128, 255, 256, 8191, 8192, 16383, 16384, 2 ** 20, 2 ** 27, 2 ** 28, 2 ** 31 - 1];

  it("whole ones of 32 and of 64 bits", () => {
    const words = [
      ...edges.flatMap((value) => [`${value}`, `-${value}`, `-${value + 1}`]),
      ...["2147483648", "4294967295", "0x9e3779b9", "0x7fffffff", "0xffffffff"],
    ];
    const longs = ["4294967296", "-4294967297", `${2n ** 50n}`, "0x2000000000000000", `${2n ** 63n - 1n}`];
    const least = [`-${2n ** 63n}`, `${2n ** 63n}`, `${2n ** 64n - 1n}`, "0xffffffffffffffff"];
    const all = [...words, ...longs, ...least];
    expectSame(
      moduleAround(
        ...words.map((word) => `(drop (i32.const ${word}))`),
        ...words.map((word) => `(drop (v128.const i32x4 ${word} 1 2 ${word}))`),
        ...all.map((word) => `(drop (i64.const ${word}))`),
        ...all.map((word) => `(drop (v128.const i64x2 ${word} 1))`),
        "(drop (v128.const i8x16 0 1 2 3 127 128 129 255 8 9 10 11 12 13 14 15))",
        ...edges.map((offset) => `(drop (i32.load offset=${offset} (i32.const 0)))`),
      ),
    );
  });

  it.each([0, 1, 2, 126, 127, 128, 129, 300])("%d locals, of one type and of two by turns", (count) => {
    const locals = (type: (k: number) => string): string =>
      Array.from({ length: count }, (_, k) => `(local $l${k} ${type(k)})`).join(" ");
    const last = count === 0 ? "" : `(local.set $l${count - 1} (i32.const 1))`;
    expectSame(`(module (func ${locals(() => "i32")} ${last}))`);
    expectSame(`(module (func (param $p f32) ${locals((k) => (k % 2 === count % 2 ? "f64" : "i32"))} ${last}))`);
  });

  it.each([120, 130, 16_300, 16_500])("a function of %d bytes", (bytes) =>
    expectSame(`(module (func ${"(nop)".repeat(bytes)}))`),
  );

  const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e21, -1e21, 1e-7, 123456.75];
  const singles = [2 ** -149, -(2 ** -149), 2 ** -126, 2 ** -126 - 2 ** -149, (2 - 2 ** -23) * 2 ** 127];

  const constants = (values: readonly number[]): string[] => [
    ...values.map((value) => `(drop (f64.const ${numeral(value)}))`),
    ...values.map((value) => `(drop (v128.const f64x2 ${numeral(value)} 1))`),
    ...values.map((value) => `(drop (f32.const ${floatText(Math.fround(value))}))`),
    ...values.map((value) => `(drop (v128.const f32x4 ${numeral(Math.fround(value))} 1 2 3))`),
  ];

  it("with a fraction, at their edges", () =>
    expectSame(
      moduleAround(...constants([...special, ...singles, 2 ** -1074, 2 ** -1022 - 2 ** -1074, Number.MAX_VALUE])),
    ));

  it("with a fraction, any", () => {
    const values = fc.array(fc.oneof(fc.float(), fc.double()), { minLength: 100, maxLength: 200 });
    fc.assert(
      fc.property(values, (some) => expectSame(moduleAround(...constants(some)))),
      { numRuns: 60, seed: 4 },
    );
  });

  // wabt rounds the digits to an f32, and JavaScript the f64 that they stand for: here they are halfway between two f32, and a little more.
  it("an f32 is the one nearest to the f64 that its digits stand for, as in kernels of TypeScript", () => {
    const digits = String(1 + 2 ** -24);
    expect(digits).toBe("1.0000000596046448");
    const bytes = assemble(`(module (func (export "run") (result f32) (f32.const ${digits})))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    expect(exports.run()).toBe(Math.fround(Number(digits)));
  });
});

describe("parts of a module", () => {
  it.each([
    ["nothing", "(module)"],
    ["a memory", "(module (memory 1))"],
    ["a memory that grows", "(module (memory 1 60000))"],
    ["a function without a name, and none at all", "(module (func) (func (param f32 i64)))"],
    ["exports", '(module (func $a (export "x") (export "y") (result i32) (i32.const 1)) (export "z" (func $a)))'],
    [
      "imports",
      `(module (import "env" "f" (func $f (param f64 f64) (result f64))) (import "env" "memory" (memory 3))
        (import "env" "g" (func (param $named i32))) (import "env" "sleeps" (global $sleeps i32)) (func $own (call $f)))`.replace(
        "(call $f)",
        "(drop (call $f (f64.const 1) (f64.const 2)))",
      ),
    ],
    [
      "data",
      `(module (memory 1) (data (i32.const 0) "plain text, +-*/ ~") (data (i32.const 70) "")
        (data (i32.const 100) "${Array.from({ length: 256 }, (_, k) => `\\${k.toString(16).padStart(2, "0")}`).join("")}"))`,
    ],
    [
      "types of functions, each once",
      "(module (func (param i32)) (func (param $x i32)) (func (result i32) (i32.const 0)) (func) (func (param i32)))",
    ],
  ])("%s", (_, text) => expectSame(text));

  it("comments are gone past, whatever is in them", () => {
    const text = ';; (\n(module ;; (func" $x (nop)) ;;\n;;\n  (func ;; )\n    (nop)) ;; (;\n) ;; end';
    expectSame(text);
    expect(assemble(text.replace("(nop))", "\r\u2028(é"))).toEqual(assemble("(module (func (nop)))"));
  });
});

describe("text that the compiler should not have printed", () => {
  const inFunction = (body: string): string => `(module (memory 1) (func $f (param $x i32) ${body}))`;

  it.each([
    [inFunction("(i32.sum (local.get $x) (local.get $x))"), "no instruction is called i32.sum"],
    [inFunction("(drop (local.get $y))"), "nothing is called $y"],
    [inFunction("(drop (global.get $x))"), "nothing is called $x"],
    [inFunction("(call $g)"), "nothing is called $g"],
    [inFunction("(block $a (nop)) (br $a)"), "no block around is called $a"],
    [inFunction("(drop (v128.const i16x8 1 2 3 4 5 6 7 8))"), "no vector is called i16x8"],
    [inFunction("(drop (block (result i31) (i32.const 1)))"), "no type is called i31"],
    [inFunction("(drop (i32.const 4294967296))"), "4294967296 is no i32"],
    [inFunction("(drop (i32.const 1.5))"), "1.5 is no i32"],
    [inFunction("(drop (i32.const))"), "a word is missing"],
    [inFunction("(drop (i64.const 1e3))"), "1e3 is no i64"],
    [inFunction("(drop (f32.const infinite))"), "infinite is no number"],
    [inFunction("(drop (i32x4.extract_lane 256 (v128.const i32x4 1 2 3 4)))"), "256 is no byte"],
    [inFunction("local.get $x (drop)"), "a parenthesis is missing"],
    [inFunction("(drop (i32.const 1 2))"), "a parenthesis is missing"],
    [`${inFunction("(nop)")} (func)`, "it goes on behind the module"],
    ["(module (func (nop)", "a parenthesis is missing"],
    ["(module (func $a) (func $a))", "two things are called $a"],
    ["(module (func (param $a i32) (local $a i32)))", "two things are called $a"],
    ["(module (start $f))", "no part of a module is called start"],
    ['(module (import "env" "t" (table 1 funcref)))', "no import is called table"],
    ["(module (table $t funcref (elem $missing)))", "nothing is called $missing"],
    ['(module (memory 1) (data (i32.const 0) "\\zz"))', "a character is missing"],
    ['(module (memory 1) (data (i32.const 0) "é"))', "a character is missing"],
    ['(module (memory 1) (data (i32.const 0) "abc))', "a character is missing"],
  ])("%s", (text, message) => expect(() => assemble(text)).toThrow(message));

  it("a module that is none is told with its function", () => {
    expect(() => assemble(inFunction("(drop (f32.neg (local.get $x)))"))).toThrow(/function #0:"f" failed: f32\.neg/);
  });
});
