// printGraph: what a reader of `nnc inspect` and of a pass's golden sees.
import { expect, test } from "vitest";
import type { Origin } from "../../src/ir/graph.ts";
import { Builder } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { printGraph } from "../../src/ir/print.ts";
import { rows } from "../../src/ir/types.ts";

const source = { path: "models/logistic.nn", text: "model m(x) {\n  h = x @ w\n  h * 0.5\n}\n" };
const span = (text: string) => {
  const start = source.text.indexOf(text);
  return { source, start, end: start + text.length };
};

test("names, constants in place, types and source lines", () => {
  const b = new Builder(opTable);
  const on = (origin: Origin, op: string, inputs: number[], attrs = {}) =>
    b.withOrigins([origin], () => b.node(op, inputs, attrs));
  const x = b.node("input", [], { name: "x", dtype: "f32", shape: [rows(), 4] });
  const w = b.node("param", [], { name: "w", dtype: "f32", shape: [4, 2] });
  const h = on({ role: "forward", label: "h", span: span("x @ w") }, "einsum", [x, w], {
    inputs: ["nk", "km"],
    output: "nm",
  });
  const y = on({ role: "forward", span: span("h * 0.5") }, "mul", [
    h,
    b.node("const", [], { value: 0.5, dtype: "f32" }),
  ]);
  const place = on({ role: "metric", span: span("h * 0.5") }, "argmax", [y], { axes: [1], keepdims: true });
  const dw = on({ role: "backward", label: "w", span: span("x @ w") }, "sub", [w, w]);
  const graph = b.graph(
    new Map([
      ["out", y],
      ["place", place],
    ]),
    [{ slot: w, next: dw }],
  );
  expect(printGraph(graph)).toMatchInlineSnapshot(`
    "x = input : [N, 4]
    w = param : [4, 2]
    h = einsum("nk,km->nm") x, w : [N, 2]           # logistic.nn:2
    %4 = mul h, 0.5 : [N, 2]                        # logistic.nn:3
    %5 = argmax(axes=[1], keepdims) %4 : i32[N, 1]  # logistic.nn:3
    dw = sub w, w : [4, 2]                          # logistic.nn:2 backward
    output out = %4
    output place = %5
    w <- dw
    "
  `);
});

test("a name that is taken gives way to the number, and is then written out", () => {
  const b = new Builder(opTable);
  const x = b.node("input", [], { name: "v", dtype: "f32", shape: [] });
  const w = b.node("param", [], { name: "v", dtype: "f32", shape: [] });
  const y = b.withOrigins([{ role: "forward", label: "v" }], () => b.node("add", [x, w]));
  expect(printGraph(b.graph(new Map([["y", y]])))).toMatchInlineSnapshot(`
    "v = input : []
    %1 = param(name="v") : []
    %2 = add v, %1 : []
    output y = %2
    "
  `);
});
