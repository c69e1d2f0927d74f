// Ops in pairs: the derivative of f(g(x)) for every two ops of one argument. Bugs that single ops do not show live here.
import { expect, test } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import { words } from "../../src/ir/ops/build.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { verify } from "../../src/ir/verify.ts";

type Map1 = (b: Builder, x: NodeId) => NodeId;

const named = (op: string, attrs = {}): [string, Map1] => [op, (b, x) => b.node(op, [x], attrs)];

/** Over a matrix; results are matrices again, so that any two can be chained. */
const maps: readonly [string, Map1][] = [
  ...[
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
    "sigmoid",
    "softplus",
  ].map((op) => named(op)),
  ...["sum", "prod", "max", "min", "logsumexp"].map((op) => named(op, { axes: [1], keepdims: true })),
  ...["softmax", "log_softmax"].map((op) => named(op, { axes: [0] })),
  named("cumsum", { axis: 0 }),
  ["square", (b, x) => words(b).pow(x, words(b).num(2))],
  ["x ** x", (b, x) => words(b).pow(x, x)],
  ["relu", (b, x) => words(b).maximum(words(b).num(0), x)],
  ["min(x, cos x)", (b, x) => words(b).minimum(x, words(b).cos(x))],
  ["x % 0.37", (b, x) => words(b).mod(x, words(b).num(0.37))],
  ["x / sum |x|", (b, x) => words(b).div(x, words(b).sum(words(b).abs(x), [0, 1]))],
  ["where(x > 0.5, x, x * x)", (b, x) => words(b).where(words(b).gt(x, words(b).num(0.5)), x, words(b).mul(x, x))],
  ["x - mean x", (b, x) => words(b).sub(x, words(b).div(words(b).sum(x, [0]), b.node("rows", [], { multiple: 1 })))],
];

const start = [0.31, 1.27, 0.83, 0.47, 1.09, 0.59];
const weights = [0.7, -1.3, 0.4, 1.1, -0.6, 0.9];
const h = 1e-5;

/** The largest error of the gradient of sum(f(g(x)) * weights), or undefined where it is not finite. */
function error(f: Map1, g: Map1): number | undefined {
  const b = new Builder(opTable);
  const input = (name: string) => b.node("input", [], { name, dtype: "f32", shape: [{ perRow: 1 }, 3] });
  const x = input("x");
  const y = words(b).sum(words(b).mul(f(b, g(b, x)), input("w")), [0, 1], false);
  const [dx] = gradient(b, y, [x]);
  const graph = verify(
    b.graph(
      new Map([
        ["y", y],
        ["dx", dx!],
      ]),
    ),
    opTable,
  );
  const at = (values: readonly number[]) =>
    interpret(graph, {
      rows: 2,
      inputs: new Map([
        ["x", values],
        ["w", weights],
      ]),
    }).outputs;
  const mine = at(start).get("dx")!.data;
  let worst = 0;
  for (let i = 0; i < start.length; i++) {
    const moved = (by: number): number => at(start.with(i, start[i]! + by)).get("y")!.data[0]!;
    const slope = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h);
    if (!Number.isFinite(slope)) return undefined;
    worst = Math.max(worst, Math.abs(slope - mine[i]!) / Math.max(1, Math.abs(slope)) || 0);
    if (!Number.isFinite(mine[i]!)) return Number.POSITIVE_INFINITY;
  }
  return worst;
}

let outside = 0;

test.each(maps)("any op of %s", (_, g) => {
  for (const [name, f] of maps) {
    const found = error(f, g);
    if (found === undefined) outside++;
    else expect(found, name).toBeLessThan(1e-6);
  }
});

test("most pairs are defined here", () => {
  expect(outside).toBeLessThan(maps.length ** 2 / 6);
});
