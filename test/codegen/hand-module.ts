// Small modules built by hand, so that the code generator is tested without the front end.
import { Builder, type Graph, type NodeId, type Update } from "../../src/ir/graph.ts";
import type { ColumnInfo, Module, SlotInfo } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { rows, type Shape, tensor } from "../../src/ir/types.ts";

const origin = { role: "forward" } as const;

/** `784 -> sizes… -> 10` with relu between, mean negative log-likelihood, plain SGD at lr 0.5. */
export function perceptron(sizes: readonly number[], batch = 8, inputs = 6, zeros?: number): Module {
  const widths = [inputs, ...sizes];
  const slots: SlotInfo[] = [];
  const shapes = new Map<string, Shape>();
  widths.slice(1).forEach((width, i) => {
    shapes.set(`W${i}`, [widths[i]!, width]);
    shapes.set(`b${i}`, [width]);
  });
  for (const [name, shape] of shapes) {
    slots.push({ name, kind: "param", type: tensor("f32", shape), trained: true, optimizer: false, origin });
  }
  const columns: ColumnInfo[] = [
    {
      name: "x",
      type: tensor("u8", [rows(), inputs]),
      role: "input",
      origin,
      ...(zeros === undefined ? {} : { zeros }),
    },
    { name: "target", type: tensor("i32", [rows()]), classes: widths.at(-1)!, role: "target", origin },
  ];

  const forward = (b: Builder): { logits: NodeId; logp: NodeId } => {
    const bytes = b.node("input", [], { name: "x", dtype: "u8", shape: [rows(), inputs] });
    let h = b.node("div", [b.node("cast", [bytes], { to: "f32" }), b.node("const", [], { value: 255, dtype: "f32" })]);
    widths.slice(1).forEach((_, i) => {
      if (i > 0) h = b.node("maximum", [b.node("const", [], { value: 0, dtype: "f32" }), h]);
      const W = param(b, `W${i}`, shapes);
      const z = b.node("einsum", [h, W], { inputs: ["nk", "km"], output: "nm" });
      h = b.node("add", [z, param(b, `b${i}`, shapes)]);
    });
    const sums = b.node("log", [b.node("sum", [b.node("exp", [h])], { axes: [1], keepdims: true })]);
    return { logits: h, logp: b.node("sub", [h, sums]) };
  };
  const loss = (b: Builder, logp: NodeId): NodeId => {
    const target = b.node("input", [], { name: "target", dtype: "i32", shape: [rows()] });
    const picked = b.node("sum", [b.node("pick", [logp, target])], { axes: [0], keepdims: false });
    return b.node("neg", [b.node("div", [picked, b.node("rows", [], { multiple: 1 })])]);
  };

  const step = build((b) => {
    const { logp } = forward(b);
    const value = loss(b, logp);
    const updates = [...shapes.keys()].map((name): Update => {
      const p = param(b, name, shapes);
      const g = b.node("grad", [value, p]);
      return { slot: p, next: b.node("sub", [p, b.node("mul", [b.node("scalar", [], { name: "lr" }), g])]) };
    });
    return {
      outputs: new Map([
        ["loss", value],
        ["out", logp],
      ]),
      updates,
    };
  });
  const evaluate = build((b) => {
    const { logp } = forward(b);
    const target = b.node("input", [], { name: "target", dtype: "i32", shape: [rows()] });
    const best = b.node("argmax", [logp], { axes: [1], keepdims: false });
    const right = b.node("cast", [b.node("eq", [best, target])], { to: "f32" });
    const accuracy = b.node("div", [
      b.node("sum", [right], { axes: [0], keepdims: false }),
      b.node("rows", [], { multiple: 1 }),
    ]);
    return {
      outputs: new Map([
        ["loss", loss(b, logp)],
        ["metric.accuracy", accuracy],
        ["out", logp],
      ]),
      updates: [],
    };
  });
  const predict = build((b) => ({ outputs: new Map([["out", forward(b).logp]]), updates: [] }));
  const init = build((b) => ({
    outputs: new Map(
      [...shapes].map(([name, shape]) => {
        const scale = b.node("const", [], { value: 1 / Math.sqrt(Number(shape[0])), dtype: "f32" });
        const start = b.node("normal", [], { shape, key: `init/${name}` });
        return [name, b.node("mul", [start, scale])] as const;
      }),
    ),
    updates: [],
  }));
  return {
    name: "perceptron",
    slots,
    columns,
    scalars: [{ name: "lr", value: 0.5, origin }],
    outputs: ["out"],
    metrics: ["accuracy"],
    init,
    step,
    evaluate,
    predict,
    entries: [],
    bindings: [],
    train: { batch, epochs: 1, seed: 0, shuffle: false, dropLast: false, init: [] },
  };
}

const param = (b: Builder, name: string, shapes: ReadonlyMap<string, Shape>): NodeId =>
  b.node("param", [], { name, dtype: "f32", shape: shapes.get(name)! });

function build(make: (b: Builder) => { outputs: ReadonlyMap<string, NodeId>; updates: readonly Update[] }): Graph {
  const b = new Builder(opTable);
  const { outputs, updates } = make(b);
  return b.graph(outputs, updates);
}
