// What holds where derivatives do not exist or formulas break: ties, zeros, infinities. Values from PyTorch's rules.
import { expect, test } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { words } from "../../src/ir/ops/build.ts";
import { opTable } from "../../src/ir/ops/table.ts";

type Build = (w: ReturnType<typeof words>, x: NodeId, y: NodeId) => NodeId;

/** Gradients of sum(f(x, y)) for vectors x and y. */
function gradients(build: Build, x: readonly number[], y: readonly number[] = x): [number[], number[]] {
  const b = new Builder(opTable);
  const column = (name: string, values: readonly number[]) =>
    b.node("input", [], { name, dtype: "f32", shape: [values.length] });
  const [xNode, yNode] = [column("x", x), column("y", y)];
  const out = build(words(b), xNode, yNode);
  const axes = b.type(out).shape.map((_, d) => d);
  const [dx, dy] = gradient(b, b.node("sum", [out], { axes, keepdims: false }), [xNode, yNode]);
  const graph = b.graph(
    new Map([
      ["dx", dx!],
      ["dy", dy!],
    ]),
  );
  const { outputs } = interpret(graph, {
    inputs: new Map([
      ["x", x],
      ["y", y],
    ]),
  });
  return [[...outputs.get("dx")!.data], [...outputs.get("dy")!.data]];
}

test("relu'(0) = 0, since the tie of max(0, x) goes to the 0", () => {
  const b = (w: ReturnType<typeof words>, x: NodeId) => w.maximum(w.num(0), x);
  expect(gradients(b, [-1, 0, 2])[0]).toEqual([0, 0, 1]);
});

test("a tie of elementwise max and min goes to the first argument", () => {
  expect(gradients((w, x, y) => w.maximum(x, y), [1, 2, 3], [1, 5, 1])).toEqual([
    [1, 0, 1],
    [0, 1, 0],
  ]);
  expect(gradients((w, x, y) => w.minimum(x, y), [1, 2, 3], [1, 5, 1])).toEqual([
    [1, 1, 0],
    [0, 0, 1],
  ]);
});

test("abs'(0) = 0", () => {
  expect(gradients((w, x) => w.abs(x), [-3, 0, 4])[0]).toEqual([-1, 0, 1]);
});

test("a reduction sends its gradient to the first extreme", () => {
  expect(gradients((w, x) => w.max(x, [0]), [1, 7, 7, 2])[0]).toEqual([0, 1, 0, 0]);
  expect(gradients((w, x) => w.min(x, [0]), [5, 1, 7, 1])[0]).toEqual([0, 1, 0, 0]);
  expect(gradients((w, x) => w.max(x, [0]), [-Infinity, -Infinity])[0]).toEqual([1, 0]);
});

test("powers at base 0 with a constant exponent", () => {
  const power = (n: number) => gradients((w, x) => w.pow(x, w.num(n)), [0, 2, -3])[0];
  expect(power(0)).toEqual([0, 0, 0]);
  expect(power(1)).toEqual([1, 1, 1]);
  expect(power(2)).toEqual([0, 4, -6]);
  expect(power(3)).toEqual([0, 12, 27]);
  expect(power(-1)).toEqual([-Infinity, -1 / 4, -1 / 9]);
});

test("powers at base 0 with a tensor of exponents", () => {
  const [dx, dy] = gradients((w, x, y) => w.pow(x, y), [0, 0, 0, 4], [0, 1, 2, 0.5]);
  expect(dx).toEqual([0, 1, 0, 0.25]);
  expect(dy).toEqual([0, 0, 0, 2 * Math.log(4)]);
});

test("a product with zeros", () => {
  expect(gradients((w, x) => w.prod(x, [0]), [2, 0, 5])[0]).toEqual([0, 10, 0]);
  expect(gradients((w, x) => w.prod(x, [0]), [0, 0, 5])[0]).toEqual([0, 0, 0]);
});

test("sign and floor let no gradient pass", () => {
  expect(gradients((w, x) => w.mul(x, w.sign(x)), [-2, 3])[0]).toEqual([-1, 1]);
  expect(gradients((w, x) => w.mul(x, w.floor(x)), [2.5, -0.5])[0]).toEqual([2, -1]);
});

test("where(x > 0, sqrt(x), 0) has a nan gradient at 0, as everywhere else", () => {
  const b = (w: ReturnType<typeof words>, x: NodeId) => w.where(w.gt(x, w.num(0)), w.sqrt(x), w.num(0));
  expect(gradients(b, [4, 0])[0]).toEqual([0.25, Number.NaN]);
});

test("sqrt at 0 and log at 0 have the infinite slope they have", () => {
  expect(gradients((w, x) => w.sqrt(x), [0, 4])[0]).toEqual([Infinity, 0.25]);
  expect(gradients((w, x) => w.log(x), [0, 4])[0]).toEqual([Infinity, 0.25]);
});

test("saturated exponentials neither overflow nor lose their gradient", () => {
  expect(gradients((w, x) => w.sigmoid(x), [-1000, 1000])[0]).toEqual([0, 0]);
  expect(gradients((w, x) => w.softplus(x), [-1000, 1000])[0]).toEqual([0, 1]);
});
