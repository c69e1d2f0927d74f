// Random small graphs for tests of passes: every op family, broadcasting, sizes of 1, rank 0, rows of a batch, fan-out.
// Values stay near 1, and nothing compares computed values, so that rounding cannot tip a decision.
import fc from "fast-check";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { type Dim, dimAt, f32, mulDims, productOf, rows, type Shape, sameShape } from "../../src/ir/types.ts";

export const batchRows = 3;

/** Choices from a stream of numbers, so that fast-check can shrink a graph by shrinking the numbers. */
export class Choices {
  private at = 0;
  private readonly numbers: readonly number[];

  constructor(numbers: readonly number[]) {
    this.numbers = numbers;
  }

  below(count: number): number {
    const number = this.numbers[this.at++ % Math.max(1, this.numbers.length)] ?? 0;
    return number % count;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

export const shapes: readonly Shape[] = [
  [],
  [3],
  [4],
  [1, 3],
  [rows(), 3],
  [rows(), 1],
  [4, 3],
  [rows(), 4],
  [2, 3, 4],
  [rows(), 2, 3],
  [1],
];

export interface RandomGraph {
  readonly b: Builder;
  readonly inputs: readonly NodeId[];
  /** A scalar made of the last few nodes. */
  readonly loss: NodeId;
  readonly results: readonly NodeId[];
  readonly columns: Map<string, number[]>;
}

/** Applies one random op to nodes of the pool; undefined where its shape rule refuses. */
export type Step = (
  c: Choices,
  b: Builder,
  pool: readonly NodeId[],
) => { op: string; inputs: NodeId[]; attrs?: Attrs } | undefined;

const unary = ["neg", "tanh", "sin", "cos", "sigmoid", "softplus", "erf", "exp"];
const binary = ["add", "sub", "mul", "add", "sub", "mul", "maximum", "minimum"];

const subset = (c: Choices, rank: number): number[] =>
  Array.from({ length: rank }, (_, axis) => axis).filter(() => c.below(2) === 1);

function shuffled(c: Choices, rank: number): number[] {
  const left = Array.from({ length: rank }, (_, axis) => axis);
  return Array.from({ length: rank }, () => left.splice(c.below(left.length), 1)[0]!);
}

const num = (b: Builder, value: number) => b.node("const", [], { value, dtype: "f32" });
const bounded = (b: Builder, x: NodeId) => b.node("tanh", [x]);

export const steps: readonly Step[] = [
  (c, _, pool) => ({ op: c.of(unary), inputs: [c.of(pool)] }),
  (c, _, pool) => ({ op: c.of(binary), inputs: [c.of(pool), c.of(pool)] }),
  (c, _, pool) => ({ op: c.of(binary), inputs: [c.of(pool), c.of(pool)] }),
  (c, b, pool) => ({
    op: c.of(["mul", "div", "add", "sub"]),
    inputs: [c.of(pool), num(b, c.of([1, 2, -1, 0.5, 3, -4]))],
  }),
  (c, b, pool) => ({ op: c.of(["mul", "sub", "add"]), inputs: [num(b, c.of([0, 1, -1, 2, 0.25])), c.of(pool)] }),
  (c, b, pool) => ({
    op: c.of(["mul", "div"]),
    inputs: [
      c.of(pool),
      c.of([b.node("scalar", [], { name: "lr" }), b.node("rows", [], { multiple: c.of([1, 2, 6]) })]),
    ],
  }),
  (c, b, pool) => ({
    op: "pow",
    inputs: [b.node("exp", [bounded(b, c.of(pool))]), num(b, c.of([1, 2, 3, 0.5, -0.5, -1, 1.5]))],
  }),
  (c, b, pool) => ({ op: c.of(["log", "sqrt", "rsqrt", "log1p"]), inputs: [b.node("exp", [bounded(b, c.of(pool))])] }),
  (c, b, pool) => ({ op: "log", inputs: [b.node("add", [num(b, 1), b.node("exp", [bounded(b, c.of(pool))])])] }),
  (c, b, pool) => ({ op: "div", inputs: [c.of(pool), b.node("exp", [bounded(b, c.of(pool))])] }),
  (c, b, pool) => {
    const x = c.of(pool);
    return {
      op: c.of(["sum", "sum", "logsumexp"]),
      inputs: [x],
      attrs: { axes: subset(c, b.type(x).shape.length), keepdims: c.below(2) === 1 },
    };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length === 0) return undefined;
    const axes = [c.below(shape.length)];
    const total = b.node("sum", [b.node("exp", [x])], { axes, keepdims: true });
    if (c.below(2) === 0) return { op: "div", inputs: [b.node("exp", [x]), total] };
    return { op: "sub", inputs: [x, b.node("log", [total])] };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length === 0) return undefined;
    const axes = [c.below(shape.length)];
    const size = shape[axes[0]!]!;
    const count = typeof size === "number" ? num(b, size) : b.node("rows", [], { multiple: size.perRow });
    const mean = b.node("div", [b.node("sum", [x], { axes, keepdims: true }), count]);
    return { op: "sub", inputs: [x, mean] };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    return {
      op: c.of(["softmax", "log_softmax"]),
      inputs: [x],
      attrs: { axes: shape.length === 0 ? [] : [c.below(shape.length)] },
    };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    return { op: "transpose", inputs: [x], attrs: { perm: shuffled(c, b.type(x).shape.length) } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    const choices: Shape[] = [[...shape, 1], [1, ...shape], shape.filter((d) => d !== 1), ...shapes];
    if (shape.length >= 2) choices.push([mulDims(shape[0]!, shape[1]!) ?? 1, ...shape.slice(2)]);
    return { op: "reshape", inputs: [x], attrs: { shape: c.of(choices) } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    const grown = shape.map((d): Dim => (d === 1 ? c.of<Dim>([1, 2, rows()]) : d));
    return { op: "broadcast", inputs: [x], attrs: { shape: c.below(2) === 0 ? grown : [2, ...grown] } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const pairs = b
      .type(x)
      .shape.map((d): [Dim, Dim] =>
        typeof d === "number" ? [c.below(2), c.below(3)] : [0, c.below(2) === 0 ? 0 : rows()],
      );
    return { op: "pad", inputs: [x], attrs: { pairs, value: c.of([0, 0, 0.1]) } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const starts = b.type(x).shape.map((d) => (typeof d === "number" && d > 1 ? c.below(2) : 0));
    const sizes = b
      .type(x)
      .shape.map((d, i): Dim => (typeof d === "number" ? Math.max(1, d - starts[i]! - c.below(2)) : d));
    return { op: "slice", inputs: [x], attrs: { starts, sizes } };
  },
  (c, b, pool) => {
    // Thirds of a whole, as `split` gives them.
    const x = c.of(pool);
    const { shape } = b.type(x);
    const axis = shape.findIndex((d) => typeof d === "number" && d > 1);
    if (axis === -1) return undefined;
    const cut = 1 + c.below((shape[axis] as number) - 1);
    const part = (start: number, size: number) =>
      b.node("slice", [x], {
        starts: shape.map((_, i) => (i === axis ? start : 0)),
        sizes: shape.map((d, i) => (i === axis ? size : d)),
      });
    const parts = [part(0, cut), b.node("tanh", [part(cut, (shape[axis] as number) - cut)])];
    return { op: "concat", inputs: c.below(2) === 0 ? parts : [...parts, x], attrs: { axis } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    return { op: "flip", inputs: [x], attrs: { axes: subset(c, b.type(x).shape.length) } };
  },
  (c, b, pool) => {
    const [x, y] = [c.of(pool), c.of(pool)];
    const labelled = (shape: Shape, from: string) => shape.map((_, axis) => from[axis]!).join("");
    const [left, right] = [
      labelled(b.type(x).shape, "abc"),
      labelled(b.type(y).shape, c.of(["abc", "bad", "cab", "dba", "def"])),
    ];
    const all = [...new Set(left + right)];
    return {
      op: "einsum",
      inputs: [x, y],
      attrs: { inputs: [left, right], output: all.filter(() => c.below(2) === 1).join("") },
    };
  },
  (c, b, pool) => {
    const [x, y, z] = [c.of(pool), c.of(pool), c.of(pool)];
    const wave = (id: NodeId) => bounded(b, id);
    const labels = [x, y, z].map((id) => "abcd".slice(0, b.type(id).shape.length));
    return {
      op: "einsum",
      inputs: [wave(x), wave(y), wave(z)],
      attrs: { inputs: labels, output: labels[0]!.slice(0, 1) },
    };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    const count = shape.at(-1);
    if (typeof count !== "number") return undefined;
    const line = b.node("iota", [], { count: shape.length < 2 ? 1 : shape[shape.length - 2]! });
    const ids = b.node("mod", [line, b.node("const", [], { value: count, dtype: "i32" })]);
    const wanted = shape.slice(0, -1);
    const spread =
      wanted.length === 0 ? b.node("reshape", [ids], { shape: [] }) : b.node("broadcast", [ids], { shape: wanted });
    const scores = c.below(2) === 0 ? x : b.node("log_softmax", [x], { axes: [shape.length - 1] });
    return { op: "pick", inputs: [scores, spread] };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const first = b.type(x).shape[0];
    if (typeof first !== "number") return undefined;
    const ids = b.node("mod", [b.node("iota", [], { count: 5 }), b.node("const", [], { value: first, dtype: "i32" })]);
    return { op: "gather", inputs: [x, ids] };
  },
  (c, b, pool) => ({ op: "mul", inputs: [num(b, 0), bounded(b, c.of(pool))] }),
  (c, b, pool) => {
    const x = c.of(pool);
    const known = b.node("const", [], { value: c.below(2), dtype: "bool" });
    const noise = b.node("gt", [b.node("uniform", [], { shape: b.type(x).shape, key: "mask" }), num(b, 0.5)]);
    return { op: "where", inputs: [c.of([known, noise]), x, c.of([x, num(b, 0.5)])] };
  },
  (c, _, pool) => ({ op: "cast", inputs: [c.of(pool)], attrs: { to: "f32" } }),
  (c, b, pool) => {
    // A slice of what was just put together.
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length === 0) return undefined;
    const zeros = shape.map((): Dim => 0);
    if (c.below(2) === 0) {
      const padded = b.node("pad", [x], {
        pairs: shape.map((d) => (typeof d === "number" ? [1, 1] : [0, 0])),
        value: 1,
      });
      const starts = shape.map((d): Dim => (typeof d === "number" ? 1 : 0));
      return { op: "slice", inputs: [padded], attrs: { starts, sizes: shape } };
    }
    const both = b.node("concat", [x, bounded(b, x)], { axis: 0 });
    return {
      op: "slice",
      inputs: [both],
      attrs: { starts: c.of([zeros, [shape[0]!, ...zeros.slice(1)]]), sizes: shape },
    };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length < 2) return undefined;
    if (c.below(2) === 0)
      return { op: "concat", inputs: [b.node("concat", [x, bounded(b, x)], { axis: 1 }), x], attrs: { axis: 1 } };
    const inner = b.node("sum", [bounded(b, x)], { axes: [c.below(shape.length)], keepdims: c.below(2) === 1 });
    return { op: "sum", inputs: [inner], attrs: { axes: [0], keepdims: c.below(2) === 1 } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length !== 2) return undefined;
    const product = b.node("einsum", [x, bounded(b, x)], { inputs: ["ij", "kj"], output: "ik" });
    return { op: "sum", inputs: [product], attrs: { axes: [c.below(2)], keepdims: false } };
  },
  (c, b, pool) => {
    // Contractions of what was moved or spread in three dimensions, and sums over some of them.
    const x = c.of(pool);
    const { shape } = b.type(x);
    const spread =
      shape.length === 3 ? x : shape.length < 3 ? b.tryNode("broadcast", [x], { shape: [2, 4, 3] }) : undefined;
    if (typeof spread !== "number") return undefined;
    if (c.below(2) === 0)
      return { op: "sum", inputs: [spread], attrs: { axes: subset(c, 3), keepdims: c.below(2) === 1 } };
    const moved = b.node("transpose", [spread], { perm: shuffled(c, 3) });
    const output = c.of(["abc", "ca", "b", "bca", ""]);
    return { op: "einsum", inputs: [moved, bounded(b, moved)], attrs: { inputs: ["abc", "abc"], output } };
  },
  (c, b, pool) => {
    // A mean taken off over one axis, summed over another or the same.
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length !== 2) return undefined;
    const over = (axis: number, of: NodeId, keepdims: boolean) => b.node("sum", [of], { axes: [axis], keepdims });
    const axis = c.below(2);
    const size = shape[axis]!;
    const count = typeof size === "number" ? num(b, size) : b.node("rows", [], { multiple: size.perRow });
    const centred = b.node("sub", [x, b.node("div", [over(axis, x, true), count])]);
    return { op: "sum", inputs: [centred], attrs: { axes: [c.below(2)], keepdims: c.below(2) === 1 } };
  },
  (c, b, pool) => {
    // Sizes that cancel: sums over parts of a batch divided by the whole.
    const batch = (multiple: number) => b.node("rows", [], { multiple });
    return { op: "div", inputs: [b.node("mul", [c.of(pool), batch(c.of([1, 2, 4]))]), batch(c.of([2, 6]))] };
  },
];

/** Larger tensors are not kept: a test runs hundreds of graphs. */
const maxElements = 200;

export function randomGraph(numbers: readonly number[]): RandomGraph {
  const c = new Choices(numbers);
  const b = new Builder(opTable);
  const pool: NodeId[] = [];
  const columns = new Map<string, number[]>();
  let elements = 0;
  for (let k = 0; k < 3; k++) {
    const name = `in${k}`;
    const shape = c.of(shapes);
    pool.push(b.node("input", [], { name, ...f32(...shape) }));
    const count = shape.reduce<number>((product, d) => product * dimAt(d, batchRows), 1);
    // No two elements are equal: a maximum of ties has no derivative that differences could confirm.
    const value = () => (c.below(199) - 99 + (elements++ + 0.5) / 100) / 77;
    columns.set(name, Array.from({ length: count }, value));
  }
  const inputs = [...pool];
  const length = 2 + c.below(10);
  for (let i = 0; i < length; i++) {
    const step = c.of(steps)(c, b, pool);
    const made = step && b.tryNode(step.op, step.inputs, step.attrs ?? {});
    if (typeof made !== "number") continue;
    const count = productOf(b.type(made).shape);
    if (count === undefined || dimAt(count, batchRows) > maxElements || pool.includes(made)) continue;
    pool.push(made);
  }
  const results = pool.slice(-3);
  const totals = results.map((id) => {
    const { shape } = b.type(id);
    const weights = b.node("uniform", [], { shape, key: `weights ${id}` });
    return b.node("sum", [b.node("mul", [bounded(b, id), weights])], {
      axes: shape.map((_, axis) => axis),
      keepdims: false,
    });
  });
  const loss = totals.reduce((left, right) => b.node("add", [left, right]));
  if (!sameShape(b.type(loss).shape, [])) throw new Error("the loss is no scalar");
  return { b, inputs, loss, results, columns };
}

/** Numbers that `randomGraph` makes a graph of. */
export const graphNumbers = fc.array(fc.nat(1_000_003), { minLength: 24, maxLength: 90, size: "max" });
