// What tests of ops, derivatives and passes share: samples as graphs, float64 central differences, comparisons.
import { expect } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type Graph, type NodeId } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { OpDef, Sample } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";

export const inputName = (k: number): string => `in${k}`;

/** A builder with one `input` node per input of the sample. */
export function sampleInputs(sample: Sample): { b: Builder; ids: NodeId[]; columns: Map<string, number[]> } {
  const b = new Builder(opTable);
  const ids = sample.inputs.map(({ type }, k) => b.node("input", [], { name: inputName(k), ...type }));
  const columns = new Map(sample.inputs.map(({ values }, k) => [inputName(k), [...values]]));
  return { b, ids, columns };
}

/** sum(y * weights): a scalar that depends on each element of y differently. */
export function weightedSum(b: Builder, y: NodeId): NodeId {
  const type = b.type(y);
  const weights = b.node("uniform", [], { shape: type.shape, key: "weights" });
  const axes = type.shape.map((_, axis) => axis);
  return b.node("sum", [b.node("mul", [y, weights])], { axes, keepdims: false });
}

export function evaluate(
  graph: Graph,
  columns: ReadonlyMap<string, readonly number[]>,
  rows = 1,
): Map<string, Float64Array> {
  const found = interpret(graph, { inputs: columns, slots: columns, rows, scalars: new Map([["lr", 0.5]]) });
  return new Map([...found.outputs].map(([name, value]) => [name, Float64Array.from(value.data)]));
}

export function expectClose(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(found.length, what).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const [a, b] = [found[i]!, wanted[i]!];
    if (Object.is(a, b) || a === b) continue;
    const error = Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b));
    expect(error, `${what}: element ${i} is ${a}, not ${b}`).toBeLessThan(tolerance);
  }
}

/** d of / d input `name` by central differences in float64, five-point. */
export function finiteDifferences(
  of: (columns: ReadonlyMap<string, readonly number[]>) => number,
  columns: ReadonlyMap<string, readonly number[]>,
  name: string,
  step = 1e-3,
): Float64Array {
  const base = columns.get(name)!;
  return Float64Array.from(base, (value, i) => {
    const at = (offset: number) => of(new Map(columns).set(name, base.with(i, value + offset)));
    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
  });
}

/** First derivatives of every f32 input of a sample against differences; with `second`, those of a product with them too. */
export function checkDerivatives(def: OpDef, sample: Sample): void {
  const { b, ids, columns } = sampleInputs(sample);
  const rows = sample.rows ?? 1;
  const y = b.node(def.name, ids, sample.attrs ?? {});
  if (b.type(y).dtype !== "f32" || def.vjp === "not-differentiable") return;
  const floats = ids.filter((id) => b.type(id).dtype === "f32");
  const loss = weightedSum(b, y);
  const first = gradient(b, loss, floats);
  const mixed = first.map((id) => weightedSum(b, id)).reduce((sum, id) => b.node("add", [sum, id]));
  const second = gradient(b, mixed, floats);
  const names = floats.map((id) => b.at(id).attrs["name"] as string);
  const outputs = new Map<string, NodeId>([
    ["loss", loss],
    ["mixed", mixed],
  ]);
  for (const [i, name] of names.entries()) outputs.set(`d.${name}`, first[i]!).set(`dd.${name}`, second[i]!);
  const graph = b.graph(outputs);
  const found = evaluate(graph, columns, rows);
  const only = (output: string) => {
    const id = outputs.get(output)!;
    const single = b.graph(new Map([[output, id]]));
    return (given: ReadonlyMap<string, readonly number[]>) => evaluate(single, given, rows).get(output)![0]!;
  };
  for (const name of names) {
    const what = `${def.name} ${JSON.stringify(sample.attrs ?? {})}`;
    expectClose(found.get(`d.${name}`)!, finiteDifferences(only("loss"), columns, name), 1e-6, `${what}: d${name}`);
    expectClose(found.get(`dd.${name}`)!, finiteDifferences(only("mixed"), columns, name), 1e-5, `${what}: dd${name}`);
  }
}
