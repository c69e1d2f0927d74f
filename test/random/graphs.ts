// Random typed models: columns, parameters that several readers share, a state, every op family, 1 to 30 steps deep. Values stay
// near 1; what decides (comparisons, places of extremes, floors) is asked of stored numbers only, so that rounding cannot tip it.
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { type Dim, type DType, dimAt, f32, productOf, rows, type Shape, sameShape } from "../../src/ir/types.ts";
import { Choices, steps as plainSteps, type Step } from "../ir/random-graphs.ts";

export interface Leaf {
  readonly name: string;
  readonly op: "input" | "param" | "state";
  readonly dtype: DType | "u8";
  readonly shape: Shape;
  readonly classes?: number;
}

export interface RandomModel {
  readonly b: Builder;
  readonly leaves: readonly Leaf[];
  readonly nodes: ReadonlyMap<string, NodeId>;
  readonly loss: NodeId;
  readonly results: readonly NodeId[];
}

const N = rows();
const columnShapes: readonly Shape[] = [[N, 3], [N, 1], [N, 4], [N], [N, 2, 3], [N, 3, 4], [N, 1, 3]];
const paramShapes: readonly Shape[] = [[3], [4], [1], [], [4, 3], [3, 4], [1, 3], [2, 3, 4], [3, 3]];
const imageShapes: readonly Shape[] = [
  [N, 2, 4, 5],
  [N, 1, 5, 4],
  [1, 2, 4, 4],
  [2, 1, 3, 5],
];

const num = (b: Builder, value: number): NodeId => b.node("const", [], { value, dtype: "f32" });
const bounded = (b: Builder, x: NodeId): NodeId => b.node("tanh", [x]);

/** Leaves of the pool whose values are stored as they are. */
const stored = (b: Builder, pool: readonly NodeId[]): NodeId[] =>
  pool.filter((id) => ["input", "param"].includes(b.at(id).op) && b.type(id).dtype === "f32");

const idsOf = (b: Builder): NodeId => b.node("input", [], { name: "ids", dtype: "i32", shape: [N] });
const bytesOf = (b: Builder): NodeId => {
  const bytes = b.node("input", [], { name: "bytes", dtype: "u8", shape: [N, 3] });
  return b.node("div", [b.node("cast", [bytes], { to: "f32" }), num(b, 255)]);
};

const window = (c: Choices): [number, number] => [1 + c.below(2), 1 + c.below(3)];

const steps: readonly Step[] = [
  // Chains of layers, the shape of most models.
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => b.type(id).shape.length === 2));
    if (x === undefined) return undefined;
    const weights = pool.filter(
      (id) => b.at(id).op === "param" && sameShape(b.type(id).shape.slice(0, 1), b.type(x).shape.slice(1)),
    );
    const w = c.of(weights);
    if (w === undefined || b.type(w).shape.length !== 2) return undefined;
    return { op: "einsum", inputs: [x, w], attrs: { inputs: ["nk", "km"], output: "nm" } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const { shape } = b.type(x);
    if (shape.length !== 4 || shape.slice(1).some((d) => typeof d !== "number")) return undefined;
    const groups = shape[1] === 2 ? 1 + c.below(2) : 1;
    const filters = [2, (shape[1] as number) / groups, 1 + c.below(3), 1 + c.below(3)];
    const w = b.node("param", [], { name: `w${filters.join("x")}`, dtype: "f32", shape: filters });
    const attrs = { stride: window(c), padding: [c.below(2), c.below(2)], dilation: [1, 1 + c.below(2)], groups };
    return { op: "conv2d", inputs: [bounded(b, x), w], attrs };
  },
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => b.type(id).shape.length === 4));
    if (x === undefined) return undefined;
    const attrs = { k: [1 + c.below(3), 1 + c.below(3)], stride: window(c), padding: [0, 0] };
    return c.below(2) === 0
      ? { op: "max_pool", inputs: [x], attrs }
      : { op: "avg_pool", inputs: [x], attrs: { ...attrs, count_padding: c.below(2) === 0 } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const rank = b.type(x).shape.length;
    return rank === 0 ? undefined : { op: "cumsum", inputs: [bounded(b, x)], attrs: { axis: c.below(rank) } };
  },
  (c, b, pool) => {
    const x = c.of(pool);
    const rank = b.type(x).shape.length;
    if (rank === 0) return undefined;
    return {
      op: c.of(["max", "min", "prod"]),
      inputs: [bounded(b, x)],
      attrs: { axes: [c.below(rank)], keepdims: c.below(2) === 0 },
    };
  },
  // Decisions, by stored numbers.
  (c, b, pool) => {
    const x = c.of(pool);
    const by = c.of(stored(b, pool));
    return {
      op: "where",
      inputs: [b.node(c.of(["gt", "le", "ne"]), [by, num(b, c.of([0.1, -0.3, 0]))]), x, c.of([num(b, 0.5), by])],
    };
  },
  (c, b, pool) => ({ op: c.of(["floor", "sign", "abs"]), inputs: [b.node("mul", [c.of(stored(b, pool)), num(b, 3)])] }),
  (c, b, pool) => ({ op: "mod", inputs: [c.of(stored(b, pool)), num(b, 0.75)] }),
  (c, b, pool) => ({ op: c.of(["maximum", "minimum"]), inputs: [num(b, 0), c.of(stored(b, pool))] }),
  (c, b, pool) => {
    const x = c.of(stored(b, pool));
    const rank = b.type(x).shape.length;
    if (rank === 0) return undefined;
    const best = b.node(c.of(["argmax", "argmin"]), [x], { axes: [c.below(rank)], keepdims: c.below(2) === 0 });
    return c.below(2) === 0
      ? {
          op: "cast",
          inputs: [b.node("add", [best, b.node("const", [], { value: 2, dtype: "i32" })])],
          attrs: { to: "f32" },
        }
      : { op: "one_hot", inputs: [best], attrs: { count: 7 } };
  },
  (c, b, pool) => {
    const x = c.of(stored(b, pool));
    const flags = b.node("not", [b.node("gt", [x, num(b, 0.2)])]);
    const both = b.node(c.of(["and", "or"]), [flags, b.node("lt", [x, num(b, 0.9)])]);
    return { op: "cast", inputs: [both], attrs: { to: "f32" } };
  },
  // Labels and bytes.
  (c, b, pool) => {
    const table = c.of(pool.filter((id) => b.type(id).shape[0] === 4));
    return table === undefined ? undefined : { op: "gather", inputs: [table, idsOf(b)] };
  },
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => sameShape(b.type(id).shape, [N, 4])));
    if (x === undefined) return undefined;
    const scores = c.below(2) === 0 ? x : b.node("log_softmax", [x], { axes: [1] });
    return { op: "pick", inputs: [scores, idsOf(b)] };
  },
  (c, b) =>
    c.below(2) === 0
      ? { op: "one_hot", inputs: [idsOf(b)], attrs: { count: 4 } }
      : { op: "tanh", inputs: [bytesOf(b)] },
  (c, b, pool) => {
    const w = c.of(
      pool.filter((id) => b.at(id).op === "param" && b.type(id).shape[0] === 3 && b.type(id).shape.length === 2),
    );
    return w === undefined
      ? undefined
      : { op: "einsum", inputs: [bytesOf(b), w], attrs: { inputs: ["nk", "km"], output: "nm" } };
  },
  // Normalised rows.
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => b.type(id).shape.length >= 1));
    if (x === undefined) return undefined;
    const { shape } = b.type(x);
    const axes = [c.below(shape.length)];
    const size = shape[axes[0]!]!;
    const count = typeof size === "number" ? num(b, size) : b.node("rows", [], { multiple: size.perRow });
    const mean = (v: NodeId): NodeId => b.node("div", [b.node("sum", [v], { axes, keepdims: true }), count]);
    const centred = b.node("sub", [bounded(b, x), mean(bounded(b, x))]);
    const variance = mean(b.node("mul", [centred, centred]));
    return { op: "div", inputs: [centred, b.node("sqrt", [b.node("add", [variance, num(b, 0.1)])])] };
  },
  // Twice the rows, and back to a sum over both halves.
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => sameShape(b.type(id).shape.slice(0, 1), [N])));
    return x === undefined ? undefined : { op: "concat", inputs: [x, bounded(b, x)], attrs: { axis: 0 } };
  },
  (c, b, pool) => {
    const x = c.of(pool.filter((id) => sameShape(b.type(id).shape.slice(0, 1), [rows(2)])));
    if (x === undefined) return undefined;
    const split = b.node("reshape", [x], { shape: [2, N, ...b.type(x).shape.slice(1)] });
    return { op: "sum", inputs: [split], attrs: { axes: [c.below(2) === 0 ? 0 : 1], keepdims: false } };
  },
];

/** Larger tensors are not kept: a run makes thousands of graphs. */
const maxElements = 260;
const usualRows = 3;

/** The model that these numbers make; equal numbers make equal models. */
export function randomModel(numbers: readonly number[]): RandomModel {
  const c = new Choices(numbers);
  const b = new Builder(opTable);
  const pool: NodeId[] = [];
  const add = (op: "input" | "param", name: string, shape: Shape): void =>
    void pool.push(b.node(op, [], { name, ...f32(...shape) }));
  const columns = 1 + c.below(2);
  for (let k = 0; k < columns; k++) add("input", `x${k}`, c.of(columnShapes));
  if (c.below(3) === 0) add("input", "image", c.of(imageShapes));
  const params = 1 + c.below(3);
  for (let k = 0; k < params; k++) add("param", `p${k}`, c.of(paramShapes));
  const start = pool.length;
  const depth = 1 + c.below(30);
  for (let i = 0; i < depth; i++) {
    const step = c.of(c.below(2) === 0 ? steps : plainSteps)(c, b, pool);
    const made = step?.inputs.every((id) => id !== undefined)
      ? b.tryNode(step.op, step.inputs, step.attrs ?? {})
      : undefined;
    if (typeof made !== "number" || b.type(made).dtype !== "f32") continue;
    const count = productOf(b.type(made).shape);
    if (count === undefined || dimAt(count, usualRows) > maxElements || dimAt(count, 1) < 1 || pool.includes(made))
      continue;
    pool.push(made);
    // The newest is met again soon: long chains, and values with several readers.
    if (c.below(2) === 0) pool.push(made);
  }
  const made = [...new Set(pool.slice(start))];
  const results = made.length === 0 ? pool.slice(0, 1) : made.slice(-3);
  const totals = results.map((id, k) => {
    const { shape } = b.type(id);
    const weights = b.node("uniform", [], { shape, key: `weights ${k}` });
    return b.node("sum", [b.node("mul", [bounded(b, id), weights])], {
      axes: shape.map((_, axis) => axis),
      keepdims: false,
    });
  });
  const loss = totals.reduce((left, right) => b.node("add", [left, right]));
  return { b, leaves: leavesOf(b), nodes: namedNodes(b), loss, results };
}

function leavesOf(b: Builder): Leaf[] {
  return b.nodes.flatMap(({ op, attrs, type }): Leaf[] => {
    if (op !== "input" && op !== "param" && op !== "state") return [];
    const name = String(attrs["name"]);
    return [
      { name, op, dtype: type.dtype, shape: type.shape as readonly Dim[], ...(name === "ids" ? { classes: 4 } : {}) },
    ];
  });
}

const namedNodes = (b: Builder): Map<string, NodeId> =>
  new Map(
    b.nodes.flatMap(({ id, attrs }) => (typeof attrs["name"] === "string" ? [[attrs["name"], id] as const] : [])),
  );
