// The loop language as WebAssembly, by procedures made by hand: what each kind of scalar and statement computes, with one number and
// with four, against plain JavaScript.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Buffer,
  dimIndex,
  type Index,
  type Loop,
  type Place,
  type Procedure,
  type Scalar,
} from "../../src/codegen/loops.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { functionsFor } from "../../src/codegen/wat/functions.ts";
import { type Binding, printLoops } from "../../src/codegen/wat/print-loops.ts";
import { linesOf } from "../../src/codegen/wat/text.ts";
import { floorMod } from "../../src/ir/math.ts";
import { type PureFn, scalarFunction } from "../../src/ir/scalar-functions.ts";
import type { ScalarFn } from "../../src/ir/stage.ts";
import type { DType, Storage } from "../../src/ir/types.ts";

const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Memory: new (pages: { initial: number }) => { readonly buffer: ArrayBuffer };
    instantiate: (bytes: Uint8Array, imports: object) => Promise<{ instance: { exports: Record<string, Run> } }>;
  };
};
type Run = (...args: number[]) => void;

// ---- Small constructors ----

const index = (constant: number, ...terms: [variable: string, mul: number][]): Index => ({
  const: constant,
  rows: 0,
  terms: terms.map(([variable, mul]) => ({ variable, mul })),
});
const whole = (i: Index): Scalar => ({ kind: "index", index: i });
const num = (value: number, dtype: DType = "f32"): Scalar => ({ kind: "num", value, dtype });
const at = (i: Index): Place => ({ index: i, computed: [] });
const load = (buffer: string, place: Place, dtype: DType, lanes: 1 | 4 = 1): Scalar => ({
  kind: "load",
  buffer,
  at: place,
  dtype,
  ...(lanes === 4 ? { lanes } : {}),
});
const call = (fn: ScalarFn, dtype: DType, ...args: Scalar[]): Scalar => ({ kind: "call", fn, dtype, args });
const variable = (name: string, dtype: DType, lanes: 1 | 4 = 1): Scalar => ({
  kind: "var",
  name,
  dtype,
  ...(lanes === 4 ? { lanes } : {}),
});
const store = (buffer: string, place: Place, value: Scalar, lanes: 1 | 4 = 1, add = false): Loop => ({
  kind: "store",
  buffer,
  at: place,
  value,
  add,
  ...(lanes === 4 ? { lanes } : {}),
});
const loop = (name: string, from: number, to: Scalar, step: number, body: readonly Loop[]): Loop => ({
  kind: "for",
  variable: name,
  from: whole(index(from)),
  to,
  step,
  body,
});
const define = (name: string, value: Scalar, mutable = false): Loop => ({ kind: "let", name, value, mutable });

// ---- Running them ----

/** Bytes of each buffer, one behind the other, with unused bytes between that nobody may write. */
const room = 4096;
const given = {
  a: "f32",
  b: "f32",
  c: "f32",
  i: "i32",
  j: "i32",
  k: "i32",
  m: "bool",
  p: "bool",
  q: "bool",
  u: "u8",
} as const;
const made = { x: "f32", y: "f32", w: "i32", v: "i32", n: "bool", o: "bool" } as const;
const storages: Readonly<Record<string, Storage>> = { ...given, ...made };
const names = Object.keys(storages);
const addressOf = (name: string): number => 64 + names.indexOf(name) * room;
const buffers: Buffer[] = names.map((name, value) => ({ name, value, storage: storages[name]!, comment: "" }));

interface Machine {
  readonly f32: (name: string) => Float32Array;
  readonly i32: (name: string) => Int32Array;
  readonly u8: (name: string) => Uint8Array;
  readonly f64: Float64Array;
  readonly run: Run;
  readonly text: string;
}

/** Host numbers and words of streams lie behind the buffers. */
const scalarsAt = addressOf("o") + room;

async function machine(
  body: readonly Loop[],
  more: { readonly bindings?: ReadonlyMap<string, Binding>; readonly parts?: Partial<Procedure> } = {},
): Promise<Machine> {
  const bindings = new Map<string, Binding>(names.map((name) => [name, addressOf(name)]));
  for (const [name, binding] of more.bindings ?? []) bindings.set(name, binding);
  const called = new Set<string>();
  const { locals, texts } = printLoops({ body, buffers, hosts: [], streams: [], ...more.parts }, bindings, (name) => {
    called.add(name);
    return name;
  });
  const parameters = [...bindings].filter(([, b]) => b === "argument").map(([name]) => ` (param $${name} i32)`);
  const text = [
    `(func (export "run") (param $N i32)${parameters.join("")}`,
    ...locals.map(({ name, type }) => `(local $${name} ${type})`),
    ...texts.flatMap(linesOf),
    ")",
  ].join("\n");
  const functions = [...functionsFor(called).values()].sort(
    (a, b) => Number(b.startsWith("(import")) - Number(a.startsWith("(import")),
  );
  const imports = functions.filter((f) => f.startsWith("(import"));
  const rest = functions.filter((f) => !f.startsWith("(import"));
  const bytes = assemble(
    `(module ${imports.join("\n")} (import "env" "memory" (memory 1)) ${rest.join("\n")} ${text})`,
  );
  const memory = new WebAssembly.Memory({ initial: 2 });
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, power: Math.pow, floorMod } });
  const { buffer } = memory;
  return {
    f32: (name) => new Float32Array(buffer, addressOf(name), room / 4),
    i32: (name) => new Int32Array(buffer, addressOf(name), room / 4),
    u8: (name) => new Uint8Array(buffer, addressOf(name), room),
    f64: new Float64Array(buffer, scalarsAt, 16),
    run: instance.exports["run"]!,
    text,
  };
}

const element = index(0, ["e", 1]);
/** The statements for elements 0 to count - 1, by four and by one. */
const each = (count: number, lanes: 1 | 4, ...body: Loop[]): Loop => loop("e", 0, whole(index(count)), lanes, body);

const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  7,
  -7,
  0.1,
  -0.1,
  100.25,
  -100.75,
  1e-3,
  12345.678,
  -12345.678,
  1e6,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  16777217,
  2 ** -126,
  3e9,
  -3e9,
  1e20,
];
const integers = [0, 1, -1, 2, 3, -3, 7, 10, -10, 255, 65536, -65536, 2147483647, -2147483648, 123456789, -987654321];

/** All pairs of a list. */
const pairs = (values: readonly number[]): readonly (readonly [number, number])[] =>
  values.flatMap((a) => values.map((b) => [a, b] as const));

describe("scalar functions", () => {
  const one: PureFn[] = [
    "neg",
    "abs",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "rsqrt",
    "tanh",
    "sin",
    "cos",
    "erf",
    "floor",
    "sign",
    "sigmoid",
    "softplus",
  ];
  const two: PureFn[] = ["add", "sub", "mul", "div", "mod", "pow", "min", "max"];
  const compare: PureFn[] = ["eq", "ne", "lt", "le", "gt", "ge"];
  interface Case {
    readonly fn: PureFn;
    readonly from: DType;
    readonly to: DType;
    readonly arity: 1 | 2;
  }
  const cases: Case[] = [
    ...one.map((fn): Case => ({ fn, from: "f32", to: "f32", arity: 1 })),
    ...two.map((fn): Case => ({ fn, from: "f32", to: "f32", arity: 2 })),
    ...compare.map((fn): Case => ({ fn, from: "f32", to: "bool", arity: 2 })),
    ...(["neg", "abs", "sign"] as const).map((fn): Case => ({ fn, from: "i32", to: "i32", arity: 1 })),
    ...(["add", "sub", "mul", "mod", "min", "max"] as const).map(
      (fn): Case => ({ fn, from: "i32", to: "i32", arity: 2 }),
    ),
    ...compare.map((fn): Case => ({ fn, from: "i32", to: "bool", arity: 2 })),
    ...compare.map((fn): Case => ({ fn, from: "bool", to: "bool", arity: 2 })),
    ...(["and", "or"] as const).map((fn): Case => ({ fn, from: "bool", to: "bool", arity: 2 })),
    { fn: "not", from: "bool", to: "bool", arity: 1 },
    ...(["f32", "i32", "bool"] as const).flatMap((from) =>
      (["f32", "i32", "bool"] as const).map((to): Case => ({ fn: "cast", from, to, arity: 1 })),
    ),
  ];
  const first = { f32: ["a", "b"], i32: ["i", "j"], bool: ["m", "p"] } as const;
  const results = { f32: ["x", "y"], i32: ["w", "v"], bool: ["n", "o"] } as const;
  const values = { f32: floats, i32: integers, bool: [0, 1] };

  it.each(cases)("$fn of $from gives $to, one or four at a time", async ({ fn, from, to, arity }) => {
    const inputs = arity === 1 ? values[from].map((x) => [x, 0] as const) : pairs(values[from]);
    const count = Math.ceil(inputs.length / 4) * 4;
    const args = (lanes: 1 | 4): Scalar[] =>
      first[from].slice(0, arity).map((name) => load(name, at(element), from, lanes));
    const compute = (lanes: 1 | 4, into: string): Loop =>
      each(count, lanes, store(into, at(element), call(fn, to, ...args(lanes)), lanes));
    const m = await machine([compute(1, results[to][0]), compute(4, results[to][1])]);
    const view = from === "f32" ? m.f32 : from === "i32" ? m.i32 : m.u8;
    inputs.forEach(([x, y], e) => {
      view(first[from][0])[e] = x;
      view(first[from][1])[e] = y;
    });
    m.run(1);
    const out = to === "f32" ? m.f32 : to === "i32" ? m.i32 : m.u8;
    const [single, four] = results[to].map((name) => [...out(name).subarray(0, inputs.length)]);
    expect(four).toEqual(single);
    const rounded = (v: number): number => (from === "f32" ? Math.fround(v) : v);
    inputs.forEach(([x, y], e) => {
      const truth = scalarFunction(fn, from === "i32" && to === "bool" ? "bool" : to)(rounded(x), rounded(y), 0);
      const what = `${fn}(${x}, ${y})`;
      if (to !== "f32") expect(single![e], what).toBe(truth + 0);
      else if (Number.isNaN(truth)) expect(single![e], what).toBeNaN();
      else {
        const near = Math.fround(truth);
        const distance = Math.abs(single![e]! - near);
        if (single![e] !== near)
          expect(distance, `${what} = ${single![e]}, not ${near}`).toBeLessThanOrEqual(Math.abs(near) * 3e-7);
      }
    });
  });

  it("where takes one side, with one number or four, with one condition for all four", async () => {
    const sides = (lanes: 1 | 4): [Scalar, Scalar] => [
      load("a", at(element), "f32", lanes),
      load("b", at(element), "f32", lanes),
    ];
    const condition = call("gt", "bool", load("a", at(index(0, ["e", 1])), "f32"), num(0));
    const m = await machine([
      each(8, 1, store("x", at(element), call("where", "f32", load("m", at(element), "bool"), ...sides(1)))),
      each(8, 4, store("y", at(element), call("where", "f32", load("m", at(element), "bool", 4), ...sides(4)), 4)),
      each(8, 4, store("x", at(index(8, ["e", 1])), call("where", "f32", condition, ...sides(4)), 4)),
    ]);
    for (let e = 0; e < 8; e++) {
      m.f32("a")[e] = e < 4 ? e + 1 : -e;
      m.f32("b")[e] = 100 + e;
      m.u8("m")[e] = e % 3 === 0 ? 1 : 0;
    }
    m.run(1);
    const expected = Array.from({ length: 8 }, (_, e) => (e % 3 === 0 ? m.f32("a")[e] : m.f32("b")[e]));
    expect([...m.f32("x").subarray(0, 8)]).toEqual(expected);
    expect([...m.f32("y").subarray(0, 8)]).toEqual(expected);
    expect([...m.f32("x").subarray(8, 16)]).toEqual([1, 2, 3, 4, 104, 105, 106, 107]);
  });

  it("the side that is not taken is not read: it may lie outside of memory", async () => {
    const outside = load("a", { index: index(0), computed: [{ value: num(-1000000, "i32"), stride: 1 }] }, "f32");
    const never = call("gt", "bool", load("a", at(index(0)), "f32"), num(5));
    const m = await machine([store("x", at(index(0)), call("where", "f32", never, outside, num(7)))]);
    m.run(1);
    expect(m.f32("x")[0]).toBe(7);
  });

  it("four draw what one draws, from the words of their stream", async () => {
    const draw = (fn: "uniform" | "normal", lanes: 1 | 4): Scalar => {
      const words = [variable("s0", "i32"), variable("s1", "i32")];
      const count = call(
        "add",
        "i32",
        load("i", at(element), "i32", lanes),
        lanes === 4 ? { kind: "splat", value: num(3, "i32") } : num(3, "i32"),
      );
      return call(fn, "f32", ...words, count);
    };
    const m = await machine(
      [
        each(
          64,
          1,
          store("x", at(element), draw("uniform", 1)),
          store("x", at(index(64, ["e", 1])), draw("normal", 1)),
        ),
        each(
          64,
          4,
          store("y", at(element), draw("uniform", 4), 4),
          store("y", at(index(64, ["e", 1])), draw("normal", 4), 4),
        ),
      ],
      { bindings: new Map([["s0", scalarsAt + 8]]), parts: { streams: [{ a: "s0", b: "s1", key: "k" }] } },
    );
    new Int32Array(m.f64.buffer, scalarsAt + 8, 2).set([4023233417, 2309737967]);
    for (let e = 0; e < 64; e++) m.i32("i")[e] = e * 7919;
    m.run(1);
    expect([...m.f32("y").subarray(0, 128)]).toEqual([...m.f32("x").subarray(0, 128)]);
    expect(new Set(m.f32("x").subarray(0, 128)).size).toBe(128);
  });
});

describe("memory", () => {
  it.each(["f32", "i32", "bool", "u8"] as const)(
    "%s: four neighbours are read and written, and no fifth",
    async (storage) => {
      const from = { f32: "a", i32: "i", bool: "m", u8: "u" }[storage];
      const into = { f32: "x", i32: "w", bool: "n", u8: "x" }[storage];
      const dtype = storage === "u8" ? "f32" : storage;
      const m = await machine([store(into, at(index(3)), load(from, at(index(2)), dtype, 4), 4)]);
      const source = storage === "f32" ? m.f32(from) : storage === "i32" ? m.i32(from) : m.u8(from);
      for (let e = 0; e < 8; e++) source[e] = storage === "bool" ? e % 2 : e * 31;
      const target = into === "x" ? m.f32(into) : into === "w" ? m.i32(into) : m.u8(into);
      target.fill(77, 0, 10);
      m.run(1);
      expect([...target.subarray(0, 10)]).toEqual([77, 77, 77, source[2], source[3], source[4], source[5], 77, 77, 77]);
    },
  );

  it("adds to what is there, one and four at a time", async () => {
    const m = await machine([
      each(4, 1, store("x", at(element), load("a", at(element), "f32"), 1, true)),
      each(8, 4, store("y", at(element), load("a", at(element), "f32", 4), 4, true)),
      store(
        "w",
        { index: index(0), computed: [{ value: load("i", at(index(0)), "i32"), stride: 2 }] },
        num(5, "i32"),
        1,
        true,
      ),
    ]);
    for (let e = 0; e < 8; e++) m.f32("a")[e] = e;
    m.f32("x").fill(10, 0, 8);
    m.f32("y").fill(20, 0, 8);
    m.i32("w").fill(1, 0, 8);
    m.i32("i")[0] = 3;
    m.run(1);
    expect([...m.f32("x").subarray(0, 8)]).toEqual([10, 11, 12, 13, 10, 10, 10, 10]);
    expect([...m.f32("y").subarray(0, 8)]).toEqual([20, 21, 22, 23, 24, 25, 26, 27]);
    expect([...m.i32("w").subarray(0, 8)]).toEqual([1, 1, 1, 1, 1, 1, 6, 1]);
  });

  it("numbers are the f32 nearest to what is written", async () => {
    const values = [
      0.1,
      -0,
      1e39,
      -1e39,
      Number.NaN,
      1e-50,
      1e-45,
      1.1754943508222875e-38,
      16777217,
      1e21,
      1 / 3,
      Math.PI,
      3.4e38,
    ];
    const m = await machine(values.map((value, e) => store("x", at(index(e)), num(value))));
    m.run(1);
    expect([...m.f32("x").subarray(0, values.length)]).toEqual(values.map(Math.fround));
  });

  it("a buffer may begin where an argument says", async () => {
    const bindings = new Map<string, Binding>([["a", "argument"]]);
    const m = await machine([each(6, 1, store("x", at(element), load("a", at(index(1, ["e", 2])), "f32")))], {
      bindings,
    });
    for (let e = 0; e < 40; e++) m.f32("b")[e] = e;
    m.run(1, addressOf("b") + 8);
    expect([...m.f32("x").subarray(0, 7)]).toEqual([3, 5, 7, 9, 11, 13, 0]);
  });

  it("host numbers are read as f32, i32 and bool", async () => {
    const bindings = new Map([
      ["rate", scalarsAt],
      ["steps", scalarsAt + 8],
      ["on", scalarsAt + 16],
    ]);
    const hosts = ["rate", "steps", "on"].map((name, value) => ({ name, value }));
    const m = await machine(
      [
        store("x", at(index(0)), variable("rate", "f32")),
        store("w", at(index(0)), variable("steps", "i32")),
        store("n", at(index(0)), variable("on", "bool")),
      ],
      { bindings, parts: { hosts } },
    );
    m.f64.set([0.1, 12, 1]);
    m.run(1);
    expect([m.f32("x")[0], m.i32("w")[0], m.u8("n")[0]]).toEqual([Math.fround(0.1), 12, 1]);
  });
});

describe("lanes", () => {
  it("are packed, splat, taken apart and folded pairwise", async () => {
    const four = load("a", at(index(0)), "f32", 4);
    const parts = [0, 1, 2, 3].map((lane): Scalar => ({ kind: "lane", of: four, lane }));
    const m = await machine([
      store("x", at(index(0)), { kind: "pack", parts: parts.toReversed() }, 4),
      store("x", at(index(4)), { kind: "pack", parts: [3, 1, 0, 2].map((e) => load("a", at(index(e)), "f32")) }, 4),
      store("x", at(index(8)), { kind: "splat", value: load("a", at(index(2)), "f32") }, 4),
      store("x", at(index(12)), { kind: "splat", value: load("u", at(index(0)), "f32") }, 4),
      store("x", at(index(16)), { kind: "pack", parts: [5, 6, 7, 8].map((v) => num(v)) }, 4),
      ...(["add", "mul", "min", "max"] as const).map((fn, k) =>
        store("y", at(index(k)), { kind: "across", fn, of: four }),
      ),
      store("w", at(index(0)), { kind: "across", fn: "max", of: load("i", at(index(0)), "i32", 4) }),
      store("w", at(index(1)), { kind: "splat", value: load("i", at(index(1)), "i32") }, 4),
      store("n", at(index(0)), { kind: "splat", value: load("m", at(index(0)), "bool") }, 4),
      store("n", at(index(4)), { kind: "pack", parts: [1, 0, 0, 1].map((e) => load("m", at(index(e)), "bool")) }, 4),
      store("n", at(index(8)), { kind: "lane", of: load("m", at(index(0)), "bool", 4), lane: 0 }),
    ]);
    m.f32("a").set([1e8, -1e8, 1, 1]);
    m.i32("i").set([-5, 3, 9, 2]);
    m.u8("m").set([1, 0, 0, 0]);
    m.u8("u")[0] = 200;
    m.run(1);
    const x = [...m.f32("x").subarray(0, 20)];
    expect(x).toEqual([1, 1, -1e8, 1e8, 1, -1e8, 1e8, 1, 1, 1, 1, 1, 200, 200, 200, 200, 5, 6, 7, 8]);
    // (1e8 - 1e8) + (1 + 1): in another order 1 would be lost.
    expect([...m.f32("y").subarray(0, 4)]).toEqual([2, Math.fround(-1e16), -1e8, 1e8]);
    expect([...m.i32("w").subarray(0, 5)]).toEqual([9, 3, 3, 3, 3]);
    expect([...m.u8("n").subarray(0, 9)]).toEqual([1, 1, 1, 1, 0, 1, 1, 0, 1]);
  });

  it("of two vectors take turns, by one and by two, from each half", async () => {
    const two = [0, 4].map((at4) => load("i", at(index(at4)), "i32", 4)) as [Scalar, Scalar];
    const turns = ([1, 2] as const).flatMap((width) => ([0, 1] as const).map((half) => ({ width, half })));
    const m = await machine(
      turns.map(({ width, half }, k) => store("w", at(index(4 * k)), { kind: "zip", of: two, width, half }, 4)),
    );
    m.i32("i").set([0, 1, 2, 3, 10, 11, 12, 13]);
    m.run(1);
    expect([...m.i32("w").subarray(0, 16)]).toEqual([0, 10, 1, 11, 2, 12, 3, 13, 0, 1, 10, 11, 2, 3, 12, 13]);
  });

  it("nested choices keep their operands apart", async () => {
    const i = (e: number): Scalar => load("i", at(index(e)), "i32");
    const m = await machine([
      store(
        "w",
        at(index(0)),
        call("max", "i32", call("min", "i32", i(0), i(1)), call("min", "i32", i(2), call("max", "i32", i(3), i(4)))),
      ),
    ]);
    m.i32("i").set([4, 9, 7, 5, 6]);
    m.run(1);
    expect(m.i32("w")[0]).toBe(6);
  });
});

describe("statements", () => {
  it("a name may come again in another scope as another type", async () => {
    const m = await machine([
      each(4, 4, define("t", load("a", at(element), "f32", 4)), store("x", at(element), variable("t", "f32", 4), 4)),
      each(4, 1, define("t", load("i", at(element), "i32")), store("w", at(element), variable("t", "i32"))),
      each(4, 1, define("t", load("a", at(element), "f32")), store("y", at(element), variable("t", "f32"))),
    ]);
    m.f32("a").set([1.5, 2.5, 3.5, 4.5]);
    m.i32("i").set([1, 2, 3, 4]);
    m.run(1);
    expect([...m.f32("x").subarray(0, 4), ...m.i32("w").subarray(0, 4), ...m.f32("y").subarray(0, 4)]).toEqual([
      1.5, 2.5, 3.5, 4.5, 1, 2, 3, 4, 1.5, 2.5, 3.5, 4.5,
    ]);
  });

  it("loops over N rows, over the whole tiles of them, and over none", async () => {
    const rows: Scalar = whole({ const: 0, rows: 1, terms: [] });
    const tiles: Scalar = { kind: "whole", of: dimIndex({ perRow: 2 }), tile: 3 };
    const count = (place: number): Loop => store("w", at(index(place)), num(1, "i32"), 1, true);
    const m = await machine([
      loop("r", 0, rows, 1, [count(0)]),
      loop("s", 0, tiles, 3, [count(1)]),
      loop("t", 4, rows, 1, [count(2)]),
      store("x", at(index(0)), { kind: "size", dim: { perRow: 2 } }),
    ]);
    m.run(7);
    expect([...m.i32("w").subarray(0, 3)]).toEqual([7, 4, 3]);
    expect(m.f32("x")[0]).toBe(14);
    m.run(2);
    expect([...m.i32("w").subarray(0, 3)]).toEqual([9, 5, 3]);
  });

  it("assigns, and takes a branch only where its condition holds", async () => {
    const m = await machine([
      define("count", num(0, "i32"), true),
      each(10, 1, {
        kind: "if",
        condition: call("gt", "bool", load("a", at(element), "f32"), num(0)),
        body: [
          store("w", at(index(0, ["count", 1])), whole(element)),
          { kind: "assign", name: "count", value: whole(index(1, ["count", 1])) },
        ],
      }),
      store("v", at(index(0)), variable("count", "i32")),
    ]);
    m.f32("a").set([0, 1, -1, 2, 0, 0, 3, -4, 0, 5]);
    m.run(1);
    expect([...m.i32("w").subarray(0, 5), m.i32("v")[0]]).toEqual([1, 3, 6, 9, 0, 4]);
  });

  it("places of nested loops are those that the indices say, also where they run backwards or start below zero", async () => {
    const mul = fc.integer({ min: -9, max: 9 });
    const extents = fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
    );
    const shapes = fc.record({
      extents,
      step: fc.integer({ min: 1, max: 3 }),
      reads: fc.array(fc.tuple(mul, mul, mul), { minLength: 1, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ extents: [I, J, K], step, reads }) => {
        // Each read starts at the least constant that keeps it inside.
        const lowest = (muls: readonly number[]): number =>
          -muls.reduce((sum, m, d) => sum + Math.min(0, m * ([I, J, K][d]! - 1)), 0);
        const scalars = reads.map(
          (muls, r): Scalar =>
            load(
              r % 2 === 0 ? "a" : "b",
              at(index(lowest(muls) + (r % 3), ["ii", muls[0]], ["jj", muls[1]], ["kk", muls[2]])),
              "f32",
            ),
        );
        const sum = scalars.reduce((a, b) => call("add", "f32", a, b));
        const body = loop("ii", 0, whole(index(I)), 1, [
          loop("jj", 0, whole(index(J)), 1, [
            loop("kk", 0, whole(index(K)), step, [store("x", at(index(0, ["ii", J * K], ["jj", K], ["kk", 1])), sum)]),
          ]),
        ]);
        const m = await machine([body]);
        for (let e = 0; e < room / 4; e++) {
          m.f32("a")[e] = e;
          m.f32("b")[e] = 2000 + e;
        }
        m.run(1);
        for (let i = 0; i < I; i++) {
          for (let j = 0; j < J; j++) {
            for (let k = 0; k < K; k += step) {
              const truth = reads.reduce((total, muls, r) => {
                const place = lowest(muls) + (r % 3) + i * muls[0] + j * muls[1] + k * muls[2];
                return total + (r % 2 === 0 ? place : 2000 + place);
              }, 0);
              expect(m.f32("x")[i * J * K + j * K + k]).toBe(truth);
            }
          }
        }
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it("an index that a list gives changes in the loop that reads it", async () => {
    const m = await machine([
      each(
        4,
        1,
        define("pick", load("i", at(element), "i32")),
        store("x", at(element), load("a", at(index(1, ["pick", 3], ["e", 1])), "f32")),
      ),
    ]);
    m.i32("i").set([5, 0, 7, 2]);
    for (let e = 0; e < 64; e++) m.f32("a")[e] = e;
    m.run(1);
    expect([...m.f32("x").subarray(0, 4)]).toEqual([16, 2, 24, 10]);
  });

  it("an inner loop's addresses are pointers", async () => {
    const { text } = await machine([
      loop("r", 0, whole(index(4)), 1, [
        each(
          8,
          4,
          store("x", at(index(0, ["r", 8], ["e", 1])), load("a", at(index(4, ["r", 8], ["e", 1])), "f32", 4), 4),
        ),
      ]),
    ]);
    const inner = text.slice(text.indexOf("loop $each_e"), text.indexOf("br_if $each_e"));
    expect(inner).not.toContain("i32.mul");
    expect(inner.match(/i32\.add/g)?.length).toBe(1);
    expect(inner).toContain(`v128.load offset=${addressOf("a") + 16}`);
  });
});
