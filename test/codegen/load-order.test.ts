// Where loads stand in innermost loops, and tiles whose sums take all registers: against the plain TypeScript of the same model.
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { orderLoads, registers } from "../../src/codegen/load-order.ts";
import { countedLoop, type Loop, type Scalar, variableOf } from "../../src/codegen/loops.ts";
import { watTextApart } from "../../src/codegen/wat/module.ts";
import type { Module } from "../../src/ir/module.ts";
import { compile as compileText } from "../dsl/compile.ts";
import { results } from "./results.ts";

type For = Extract<Loop, { kind: "for" }>;

const place = (at: number) => ({ index: { const: at, rows: 0, terms: [{ variable: "k", mul: 1 }] }, computed: [] });
const four = (name: string): Extract<Scalar, { kind: "var" }> => ({ kind: "var", name, dtype: "f32", lanes: 4 });
const load = (name: string, at: number, splat: boolean): Loop => {
  const one: Scalar = { kind: "load", buffer: name, at: place(at), dtype: "f32" };
  return { kind: "let", name, value: splat ? { kind: "splat", value: one } : { ...one, lanes: 4 }, mutable: false };
};

/** The sums of a product's tile, each load before the first sum that needs it; what follows is made of the sums' names. */
function tile(rows: number, vectors: number, after: (sums: readonly string[]) => Loop[]): { loop: For; block: Loop[] } {
  const body: Loop[] = [];
  const sums: string[] = [];
  for (let r = 0; r < rows; r++) {
    body.push(load(`x${r}`, 100 * r, true));
    for (let v = 0; v < vectors; v++) {
      if (r === 0) body.push(load(`w${v}`, 4 * v, false));
      const sum = `sum${sums.length}`;
      sums.push(sum);
      const product: Scalar = { kind: "call", fn: "mul", dtype: "f32", args: [four(`x${r}`), four(`w${v}`)] };
      body.push({
        kind: "assign",
        name: sum,
        value: { kind: "call", fn: "add", dtype: "f32", args: [four(sum), product] },
      });
    }
  }
  const [loop] = countedLoop("k", 64, body) as [For];
  return { loop, block: [loop, ...after(sums)] };
}

const stored =
  (of: (sum: Scalar) => Scalar, add = false) =>
  (sums: readonly string[]): Loop[] =>
    sums.map((sum, i) => ({ kind: "store", buffer: "out", at: place(4 * i), value: of(four(sum)), add, lanes: 4 }));
const asTheyAre = stored((sum) => sum);
const doubled = stored((sum) => ({ kind: "call", fn: "add", dtype: "f32", args: [sum, sum] }));

const arranged = (block: readonly Loop[]): For => orderLoads(block)[0] as For;
const namesOf = (body: readonly Loop[]): string[] => body.flatMap((loop) => ("name" in loop ? [loop.name] : []));

/** The most numbers that are in use at a time: all sums, and what is loaded until its last use. */
function mostHeld(body: readonly Loop[]): number {
  const uses = (loop: Loop, name: string): boolean =>
    loop.kind === "assign" && JSON.stringify(loop.value).includes(`"${name}"`);
  const sums = body.filter((loop) => loop.kind === "assign").length;
  const alive = body.map((_, i) =>
    body.slice(0, i + 1).filter((l) => l.kind === "let" && body.slice(i).some((later) => uses(later, l.name))),
  );
  return sums + Math.max(...alive.map((loads) => loads.length)) + 1;
}

describe("loads of an innermost loop", () => {
  it("come first where registers hold them all, single numbers before vectors", () => {
    const loop = arranged(tile(4, 2, asTheyAre).block);
    expect(namesOf(loop.body).slice(0, 6)).toEqual(["x0", "x1", "x2", "x3", "w0", "w1"]);
    expect(loop.tight).toBeUndefined();
  });

  it("come row by row where they do not, in a loop that is kept as it is", () => {
    const loop = arranged(tile(5, 2, asTheyAre).block);
    expect(loop.tight).toEqual([]);
    expect(namesOf(loop.body).slice(0, 6)).toEqual(["x0", "w0", "sum0", "w1", "sum1", "x1"]);
    expect(mostHeld(loop.body)).toBeLessThanOrEqual(registers);
  });

  it.each([
    ["what is done with the sums comes before they are stored", doubled],
    ["they are added to what is there", stored((sum) => sum, true)],
  ])("come row by row, and the loop keeps the order of its sums, where %s", (_, after) => {
    const { block, loop: before } = tile(5, 2, after);
    const loop = arranged(block);
    expect(loop.tight).toEqual(Array.from({ length: 10 }, (__, i) => `sum${i}`));
    expect(loop.body.map((part) => JSON.stringify(part)).sort()).toEqual(
      before.body.map((part) => JSON.stringify(part)).sort(),
    );
  });

  it("know a sum by another name", () => {
    const renamed = (sums: readonly string[]): Loop[] => [
      ...sums.map((sum): Loop => ({ kind: "let", name: `d_${sum}`, value: four(sum), mutable: false })),
      ...asTheyAre(sums.map((sum) => `d_${sum}`)),
    ];
    expect(arranged(tile(5, 2, renamed).block).tight).toEqual([]);
  });

  it("come first all the same where row by row would not do, or a place depends on a load", () => {
    const wide = arranged(tile(2, 6, asTheyAre).block);
    expect(wide.tight).toBeUndefined();
    expect(namesOf(wide.body).slice(0, 8)).toEqual(["x0", "x1", "w0", "w1", "w2", "w3", "w4", "w5"]);
    const { loop } = tile(5, 2, asTheyAre);
    const [first, ...rest] = loop.body;
    const computed: Scalar = {
      kind: "load",
      buffer: "x",
      at: {
        ...place(0),
        computed: [{ value: variableOf("x0", (first as Extract<Loop, { kind: "let" }>).value), stride: 1 }],
      },
      dtype: "f32",
    };
    const indirect: Loop = { kind: "let", name: "w0", value: { kind: "splat", value: computed }, mutable: false };
    expect(arranged([{ ...loop, body: [first!, indirect, ...rest.slice(1)] }]).tight).toBeUndefined();
  });
});

describe("tiles whose sums take all registers", () => {
  const layer = (k: number, m: number, rest: string, batch: number): Module =>
    compileText(`
model net(x: [N, ${k}]) -> [N, ${m}] {
  param w: [${k}, ${m}] = randn() / sqrt(${k})
  param b: [${m}] = randn()
  ${rest}
}
loss(out, y: [N, ${m}]) = mse(out, y)
train { batch = ${batch}; optimizer = sgd(lr = 0.1) }`);

  const tightLoops = (module: Module): number =>
    watTextApart(compile(module, { target: "wasm" })).split("(loop $never").length - 1;

  // Batches of 10, 12, 14: whole tiles of 5 rows, and rests of 2 and 4; each also with fewer rows than that.
  it.each([
    [32, 8, "x @ w", 10],
    [33, 16, "relu(x @ w + b)", 19],
    [40, 24, "x @ w + b", 14],
    [128, 10, "x @ w + b", 14],
    [64, 17, "x @ w * 2 + b", 13],
    [36, 8, "tanh(x @ w + b)", 14],
  ])("of [%d, %d] in %s, batches of %d", async (k, m, rest, batch) => {
    const module = layer(k, m, rest, batch);
    if (!rest.startsWith("tanh")) expect(tightLoops(module)).toBeGreaterThan(0);
    const rows = Array.from({ length: batch }, (_, i) => batch - i);
    const wanted = await results(module, rows, { target: "ts", recipes: "naive" });
    expect(await results(module, rows, { target: "ts" })).toEqual(wanted);
    const found = await results(module, rows, { target: "wasm" });
    expect(found.length).toBe(wanted.length);
    const worst = wanted.reduce((most, w, i) => Math.max(most, Math.abs(found[i]! - w) / Math.max(1, Math.abs(w))), 0);
    expect(worst).toBeLessThan(2e-5);
  });

  it("are not taken where the sums are few, or much is done with each", () => {
    expect(tightLoops(layer(16, 8, "x @ w", 10))).toBe(0);
    expect(tightLoops(layer(36, 8, "tanh(x @ w)", 8))).toBe(0);
  });
});
