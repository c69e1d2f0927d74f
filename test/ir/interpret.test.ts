// The reference interpreter against loops written by hand, and the places where it must refuse to go on.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/graph.ts";
import { interpret, interpretStages, runOp, type Value } from "../../src/ir/interpret.ts";
import { broadcastShapes } from "../../src/ir/ops/build.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { acc, at, call, type Expr, fixed, load, num, OUT, type Stage } from "../../src/ir/stage.ts";
import { countAt, f32, i32, rows, type TensorType, tensor } from "../../src/ir/types.ts";

const op = (name: string) => opTable.get(name)!;
const finite = fc.double({ min: -4, max: 4, noNaN: true });

/** Runs stages on given inputs (0, 1, …) and gives value OUT. */
function run(stages: readonly Stage[], inputs: readonly Value[], out: TensorType, n = 1): number[] {
  const values = new Map(inputs.entries());
  interpretStages(stages, values, () => out, { rows: n, seed: 0, step: 0 });
  return [...values.get(OUT)!.data];
}

const value = (type: TensorType, ...data: number[]): Value => ({ type, data: Float64Array.from(data) });

describe("graphs", () => {
  const model = () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [rows(), 2] });
    const w = b.node("param", [], { name: "w", dtype: "f32", shape: [2] });
    const lr = b.node("scalar", [], { name: "lr" });
    const y = b.node("sum", [b.node("mul", [x, w])], { axes: [1], keepdims: false });
    const mean = b.node("div", [
      b.node("sum", [y], { axes: [0], keepdims: false }),
      b.node("rows", [], { multiple: 1 }),
    ]);
    const next = b.node("sub", [w, b.node("mul", [lr, w])]);
    return b.graph(
      new Map([
        ["y", y],
        ["mean", mean],
      ]),
      [{ slot: w, next }],
    );
  };
  const given = {
    slots: new Map([["w", [10, 1]]]),
    inputs: new Map([["x", [1, 2, 3, 4, 5, 6]]]),
    scalars: new Map([["lr", 0.1]]),
  };

  test("outputs and updates, with N from the options", () => {
    const { outputs, updates } = interpret(model(), { ...given, rows: 3 });
    expect([...outputs.get("y")!.data]).toEqual([12, 34, 56]);
    expect([...outputs.get("mean")!.data]).toEqual([34]);
    expect([...updates.get("w")!.data]).toEqual([9, 0.9]);
  });

  test("rounding each f32 node gives what float32 programs store", () => {
    const { updates } = interpret(model(), { ...given, rows: 3, round: "f32" });
    const step = Math.fround(Math.fround(0.1) * 1);
    expect([...updates.get("w")!.data]).toEqual([
      Math.fround(10 - Math.fround(Math.fround(0.1) * 10)),
      Math.fround(1 - step),
    ]);
    expect(updates.get("w")!.data[1]).not.toBe(0.9);
  });

  test("a value that is missing or of another size is named", () => {
    expect(() => interpret(model(), { ...given, rows: 3, slots: new Map() })).toThrow("param w has no value");
    expect(() => interpret(model(), { ...given, rows: 2 })).toThrow("input x is [N, 2]: 4 values, not 6");
    expect(() => interpret(model(), { ...given, rows: 3, scalars: new Map() })).toThrow("scalar lr has no value");
  });

  test("a gradient that is not expanded yet is refused", () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "x", dtype: "f32", shape: [] });
    const graph = b.graph(new Map([["dx", b.node("grad", [x, x])]]));
    expect(() => interpret(graph, { inputs: new Map([["x", [1]]]) })).toThrow("differentiate the graph");
  });

  test("names of Object.prototype are ordinary", () => {
    const b = new Builder(opTable);
    const x = b.node("input", [], { name: "__proto__", dtype: "f32", shape: [] });
    const graph = b.graph(new Map([["constructor", x]]));
    const { outputs } = interpret(graph, { inputs: new Map([["__proto__", [3]]]) });
    expect(outputs.get("constructor")!.data[0]).toBe(3);
  });

  test("a chain of 20,000 nodes and an expression 20,000 deep do not exhaust the stack", () => {
    const b = new Builder(opTable);
    const one = b.node("const", [], { value: 1, dtype: "f32" });
    let x = b.node("input", [], { name: "x", dtype: "f32", shape: [] });
    for (let k = 0; k < 20_000; k++) x = b.node("add", [x, one]);
    const { outputs } = interpret(b.graph(new Map([["x", x]])), { inputs: new Map([["x", [0.5]]]) });
    expect(outputs.get("x")!.data[0]).toBe(20_000.5);

    let body: Expr = num(0);
    for (let k = 0; k < 20_000; k++) body = call("add", "f32", body, num(1));
    expect(run([{ axes: [], body, out: { value: OUT, at: [], mode: "set" } }], [], f32())).toEqual([20_000]);
  });
});

describe("stages", () => {
  const axis = (id: number, extent: number, kind: "parallel" | "reduce" | "scan" = "parallel") => ({
    id,
    name: `i${id}`,
    extent,
    kind,
  });

  test("an epilogue sees the accumulator of its element", () => {
    const stage: Stage = {
      axes: [axis(0, 2), axis(1, 3, "reduce")],
      reduce: { op: "add", dtype: "f32" },
      body: load(0, [at(0), at(1)]),
      epilogue: call("mul", "f32", acc(), load(1, [at(0)])),
      out: { value: OUT, at: [at(0)], mode: "set" },
    };
    expect(run([stage], [value(f32(2, 3), 1, 2, 3, 4, 5, 6), value(f32(2), 10, 100)], f32(2))).toEqual([60, 1500]);
  });

  test("guards give the padding and keep reads inside", () => {
    const guarded: Expr = {
      kind: "load",
      of: 0,
      at: [at(0, 1, -1)],
      guard: [{ at: at(0, 1, -1), extent: 2 }],
      otherwise: 7,
      dtype: "f32",
    };
    const stage: Stage = { axes: [axis(0, 4)], body: guarded, out: { value: OUT, at: [at(0)], mode: "set" } };
    expect(run([stage], [value(f32(2), 1, 2)], f32(4))).toEqual([7, 1, 2, 7]);
  });

  test("scatter adds where indexes meet", () => {
    const index: Expr = { kind: "load", of: 0, at: [at(0)], dtype: "i32" };
    const stage: Stage = { axes: [axis(0, 4)], body: load(1, [at(0)]), out: { value: OUT, at: [index], mode: "add" } };
    const inputs = [value(i32(4), 2, 0, 2, 2), value(f32(4), 1, 10, 100, 1000)];
    expect(run([stage], inputs, f32(3))).toEqual([10, 0, 1101]);
  });

  test("a scan stores after each round, over what it reduces", () => {
    const stage: Stage = {
      axes: [axis(0, 2, "scan"), axis(1, 2, "reduce")],
      reduce: { op: "add", dtype: "f32" },
      body: load(0, [at(0), at(1)]),
      out: { value: OUT, at: [at(0)], mode: "set" },
    };
    expect(run([stage], [value(f32(2, 2), 1, 2, 3, 4)], f32(2))).toEqual([3, 10]);
  });

  test("elements that no stage writes are nan", () => {
    const stage: Stage = { axes: [axis(0, 1)], body: num(1), out: { value: OUT, at: [at(0)], mode: "set" } };
    expect(run([stage], [], f32(2))).toEqual([1, Number.NaN]);
  });

  test.each([
    ["a place past the end", load(0, [at(0)]), "index 2 is outside axis 0 of [2]"],
    ["too few places", load(0, []), "0 places into [2]"],
    ["an unknown axis", load(0, [at(5)]), "no axis 5"],
    ["an unknown value", load(9, [at(0)]), "value 9"],
    ["an accumulator in a body", acc(), "outside an epilogue"],
  ])("refuses %s", (_, body, message) => {
    const stage: Stage = { axes: [axis(0, 3)], body, out: { value: OUT, at: [fixed(0)], mode: "set" } };
    expect(() => run([stage], [value(f32(2), 1, 2)], f32(1))).toThrow(message);
  });
});

describe("against NumPy's rules, restated", () => {
  const shape = fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 });

  /** The element of a broadcast operand at a multi-index of the result, by definition. */
  const element = (data: readonly number[], of: readonly number[], index: readonly number[]): number => {
    const own = index.slice(index.length - of.length).map((i, d) => (of[d] === 1 ? 0 : i));
    return data[own.reduce((at, i, d) => at * of[d]! + i, 0)]!;
  };
  const indexes = (of: readonly number[]): number[][] =>
    of.reduce<number[][]>((all, size) => all.flatMap((i) => Array.from({ length: size }, (_, k) => [...i, k])), [[]]);

  test("broadcasting", () => {
    fc.assert(
      fc.property(shape, shape, fc.array(finite, { minLength: 60, maxLength: 60 }), (a, b, numbers) => {
        const out = broadcastShapes(a, b) as number[] | undefined;
        fc.pre(out !== undefined);
        const left = numbers.slice(0, countAt(a, 1));
        const right = numbers.slice(30, 30 + countAt(b, 1));
        const { type, data } = runOp(op("sub"), [
          { type: f32(...a), values: left },
          { type: f32(...b), values: right },
        ]);
        expect(type.shape).toEqual(out);
        expect([...data]).toEqual(indexes(out).map((i) => element(left, a, i) - element(right, b, i)));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  const folds: Record<string, (group: number[]) => number> = {
    sum: (group) => group.reduce((so, x) => so + x, 0),
    prod: (group) => group.reduce((so, x) => so * x, 1),
    max: (group) => Math.max(...group),
    min: (group) => Math.min(...group),
    argmax: (group) => group.indexOf(Math.max(...group)),
    argmin: (group) => group.indexOf(Math.min(...group)),
    logsumexp: (group) => Math.log(group.reduce((so, x) => so + Math.exp(x), 0)),
  };
  test.each(Object.keys(folds))("%s over any axes", (name) => {
    fc.assert(
      fc.property(
        shape,
        fc.subarray([0, 1, 2]),
        fc.boolean(),
        fc.array(finite, { minLength: 27, maxLength: 27 }),
        (of, some, keepdims, numbers) => {
          const axes = some.filter((axis) => axis < of.length);
          const values = numbers.slice(0, countAt(of, 1));
          const { type, data } = runOp(op(name), [{ type: f32(...of), values }], { axes, keepdims });
          const groups = new Map<string, number[]>();
          for (const index of indexes(of)) {
            const key = index.filter((_, d) => !axes.includes(d)).join();
            groups.set(key, [...(groups.get(key) ?? []), element(values, of, index)]);
          }
          const want = [...groups.values()].map(folds[name]!);
          expect(data.length).toBe(want.length);
          for (const [i, x] of want.entries()) expect(data[i]).toBeCloseTo(x, 9);
          expect(type.shape.length).toBe(keepdims ? of.length : of.length - axes.length);
        },
      ),
      { seed: 2, numRuns: 100 },
    );
  });

  test("i32 arithmetic is that of 32-bit machines", () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const exact: Record<string, (a: bigint, b: bigint) => bigint> = {
      add: (a, b) => a + b,
      sub: (a, b) => a - b,
      mul: (a, b) => a * b,
      mod: (a, b) => (b === 0n ? 0n : ((a % b) + b) % b),
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(exact)),
        word,
        fc.oneof(word, fc.integer({ min: -3, max: 3 })),
        (name, a, b) => {
          const inputs = [a, b].map((x) => ({ type: i32(), values: [x] }));
          const want = Number(BigInt.asIntN(32, exact[name]!(BigInt(a), BigInt(b))));
          expect(runOp(op(name), inputs).data[0]! + 0).toBe(want);
        },
      ),
      { seed: 3, numRuns: 500 },
    );
  });

  test("bytes enter as the numbers they are", () => {
    const bytes = Array.from({ length: 256 }, (_, i) => i);
    const { data } = runOp(op("cast"), [{ type: tensor("u8", [rows()]), values: bytes }], { to: "f32" }, 256);
    expect([...data]).toEqual(bytes);
  });
});
