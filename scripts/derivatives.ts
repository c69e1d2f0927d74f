// `npm run derivatives`: the worst error of each op's first and second derivatives against central differences in float64,
// over all of its smooth samples, as a table.

import { tableText } from "../src/cli/table.ts";
import { gradient } from "../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../src/ir/graph.ts";
import { interpret } from "../src/ir/interpret.ts";
import { isShapeError, type OpDef, type Sample } from "../src/ir/op-def.ts";
import { opTable } from "../src/ir/ops/table.ts";

const step = 2e-4;
const limits = [1e-6, 1e-5] as const;

/** sum(y * weights), the weights being numbers without a pattern. */
function weighted(b: Builder, y: NodeId, key: string): NodeId {
  const { shape } = b.type(y);
  const weights = b.node("uniform", [], { shape, key });
  return b.node("sum", [b.node("mul", [y, weights])], { axes: shape.map((_, axis) => axis), keepdims: false });
}

/** |a - b| / max(1, |a|, |b|), the worst over all entries of all f32 inputs: of the gradient, and of the gradient's gradient. */
function worstErrors(op: OpDef, sample: Sample): [number, number] {
  const rows = sample.rows ?? 1;
  const b = new Builder(opTable);
  const inputs = sample.inputs.map(({ type }, k) => b.node("input", [], { name: `x${k}`, ...type }));
  const wrt = inputs.filter((id) => b.type(id).dtype === "f32");
  const value = weighted(b, b.node(op.name, inputs, sample.attrs ?? {}), "weights");
  const first = gradient(b, value, wrt);
  const slope = first.map((id, k) => weighted(b, id, `weights ${k}`)).reduce((sum, id) => b.node("add", [sum, id]));
  const second = gradient(b, slope, wrt);
  const outputs = new Map<string, NodeId>([
    ["value", value],
    ["slope", slope],
  ]);
  wrt.forEach((id, k) => {
    const name = String(b.at(id).attrs["name"]);
    outputs.set(`value ${name}`, first[k]!).set(`slope ${name}`, second[k]!);
  });
  const graph = b.graph(outputs);
  const start = new Map(sample.inputs.map(({ values }, k) => [`x${k}`, [...values]]));
  const at = (columns: Map<string, number[]>) => interpret(graph, { rows, inputs: columns }).outputs;
  const found = at(start);
  const worst: [number, number] = [0, 0];
  for (const id of wrt) {
    const name = String(b.at(id).attrs["name"]);
    const values = start.get(name)!;
    for (const [i, middle] of values.entries()) {
      const [far, near, back, farBack] = [2, 1, -1, -2].map((by) =>
        at(new Map(start).set(name, values.with(i, middle + by * step))),
      ) as [typeof found, typeof found, typeof found, typeof found];
      for (const [k, of] of (["value", "slope"] as const).entries()) {
        const read = (run: typeof found): number => run.get(of)!.data[0]!;
        const wanted = (8 * (read(near) - read(back)) - (read(far) - read(farBack))) / (12 * step);
        const mine = found.get(`${of} ${name}`)!.data[i]!;
        worst[k] = Math.max(worst[k]!, Math.abs(mine - wanted) / Math.max(1, Math.abs(mine), Math.abs(wanted)));
      }
    }
  }
  return worst;
}

const rows: string[][] = [];
let tooLarge = 0;
for (const op of opTable.values()) {
  if (typeof op.vjp !== "function") continue;
  const smooth = op.samples.filter(({ inputs, attrs, kink }) => {
    const types = inputs.map(({ type }) => type);
    const out = op.infer(types, attrs ?? {});
    return !kink && !isShapeError(out) && out.dtype === "f32" && types.some(({ dtype }) => dtype === "f32");
  });
  const errors = smooth.map((sample) => worstErrors(op, sample));
  const worst = [0, 1].map((k) => Math.max(...errors.map((pair) => pair[k]!)));
  const isTooLarge = worst.some((error, k) => !(error < limits[k]!));
  if (isTooLarge) tooLarge++;
  rows.push([
    op.name,
    String(smooth.length),
    ...worst.map((error) => error.toExponential(1)),
    isTooLarge ? "too large" : "",
  ]);
}
console.log(tableText([["op", "samples", "first", "second", ""], ...rows], [1, 2, 3]));
console.log(
  `${rows.length} differentiable ops; limits ${limits.map((limit) => limit.toExponential()).join(" and ")}; ${tooLarge} too large`,
);
process.exitCode = tooLarge > 0 ? 1 : 0;
