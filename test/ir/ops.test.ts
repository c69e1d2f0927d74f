// Every op in the table, whoever wrote it, is held to its own record: types, values, refusals, first and second derivatives.
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { interpret, runOp } from "../../src/ir/interpret.ts";
import { type Attrs, isShapeError, type OpDef, type Sample } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { countAt } from "../../src/ir/types.ts";

/** Numbers in -1..1 with no pattern that a formula could share. */
const arbitrary = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) % 1);

const all = [...opTable.values()];
const isLeaf = (op: OpDef, sample: Sample): boolean => {
  const types = sample.inputs.map(({ type }) => type);
  const out = op.infer(types, sample.attrs ?? {});
  return !isShapeError(out) && op.lower(types, sample.attrs ?? {}, out).kind === "leaf";
};

/** The differentiable inputs of a sample. */
const floats = (sample: Sample): number[] => sample.inputs.flatMap(({ type }, k) => (type.dtype === "f32" ? [k] : []));

type Values = readonly (readonly number[])[];

/**
 * phi(v) = sum(op(inputs) * cotangent), its gradient by each f32 input, and the gradients of psi(v) = sum over inputs of
 * sum(gradient * direction): all by the rules of the table.
 */
function differentiated(op: OpDef, sample: Sample) {
  const rows = sample.rows ?? 1;
  const attrs: Attrs = sample.attrs ?? {};
  const b = new Builder(opTable);
  const input = (name: string, type: { dtype: string; shape: unknown }) =>
    b.node("input", [], { name, ...type } as Attrs);
  const inputs = sample.inputs.map(({ type }, k) => input(`in${k}`, type));
  const wrt = floats(sample);
  const out = b.node(op.name, inputs, attrs);
  const dot = (x: NodeId, name: string): NodeId => {
    const weighted = b.node("mul", [x, input(name, b.type(x))]);
    return b.node("sum", [weighted], { axes: b.type(x).shape.map((_, d) => d), keepdims: false });
  };
  const phi = dot(out, "cot");
  const targets = wrt.map((k) => inputs[k]!);
  const first = gradient(b, phi, targets);
  const psi = first.map((g, i) => dot(g, `dir${i}`)).reduce((sum, term) => b.node("add", [sum, term]));
  const second = gradient(b, psi, targets);
  const names = new Map<string, NodeId>([
    ["phi", phi],
    ["psi", psi],
  ]);
  first.forEach((g, i) => void names.set(`first${i}`, g));
  second.forEach((g, i) => void names.set(`second${i}`, g));
  const graph = b.graph(names);
  const columns = new Map<string, readonly number[]>([["cot", arbitrary(countAt(b.type(out).shape, rows), 1)]]);
  first.forEach((g, i) => void columns.set(`dir${i}`, arbitrary(countAt(b.type(g).shape, rows), 2 + i)));
  return (values: Values) => {
    values.forEach((value, k) => void columns.set(`in${k}`, value));
    return interpret(graph, { rows, inputs: columns }).outputs;
  };
}

const h = 2e-4;

/** Largest |a - b| / max(1, |a|, |b|) of the rule's gradient `name` and central differences of `of`. */
function worstError(sample: Sample, run: ReturnType<typeof differentiated>, of: string, name: string): number {
  const values = sample.inputs.map((given) => [...given.values]);
  const exact = run(values);
  let worst = 0;
  for (const [i, k] of floats(sample).entries()) {
    for (const [j, x] of values[k]!.entries()) {
      const at = (place: number): number => {
        values[k]![j] = place;
        return run(values).get(of)!.data[0]!;
      };
      // Five points: the error is of the order of h^4.
      const slope = (8 * (at(x + h) - at(x - h)) - (at(x + 2 * h) - at(x - 2 * h))) / (12 * h);
      values[k]![j] = x;
      const mine = exact.get(`${name}${i}`)!.data[j]!;
      const error = Math.abs(mine - slope) / Math.max(1, Math.abs(mine), Math.abs(slope));
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    }
  }
  return worst;
}

test("the table has every op that ARCHITECTURE.md names, under its own name", () => {
  expect(all.length).toBeGreaterThan(70);
  for (const [name, op] of opTable) expect(op.name).toBe(name);
});

describe.each(all)("$name", (op) => {
  test("has documentation and at least two samples", () => {
    expect(op.samples.length).toBeGreaterThanOrEqual(2);
    for (const text of [op.doc.summary, op.doc.math, op.doc.derivative, op.doc.example]) expect(text).not.toBe("");
  });

  test("gives the values of its samples", () => {
    for (const sample of op.samples) {
      if (isLeaf(op, sample) && op.name !== "tensor") continue;
      const { type, data } = runOp(op, sample.inputs, sample.attrs, sample.rows);
      expect(type).toEqual(
        op.infer(
          sample.inputs.map((given) => given.type),
          sample.attrs ?? {},
        ),
      );
      expect(data.length).toBe(countAt(type.shape, sample.rows ?? 1));
      for (const [i, want] of (sample.expect ?? []).entries()) {
        const near =
          Object.is(data[i]! + 0, want + 0) || Math.abs(data[i]! - want) <= 1e-6 * Math.max(Math.abs(want), 1e-3);
        expect(near, `element ${i} is ${data[i]}, not ${want}`).toBe(true);
      }
      if (sample.expect) expect(data.length).toBe(sample.expect.length);
    }
  });

  test("refuses what its error samples say", () => {
    for (const { inputs, attrs, code } of op.errors ?? []) {
      const result = op.infer(inputs, attrs ?? {});
      expect(isShapeError(result) ? result.code : "accepted").toBe(code);
      if (isShapeError(result)) for (const k of result.inputs) expect(inputs[k]).toBeDefined();
    }
  });

  if (typeof op.vjp !== "function") return;
  test("has the derivatives that finite differences show", () => {
    const smooth = op.samples.filter(
      (sample) => !sample.kink && floats(sample).length > 0 && opOut(op, sample) === "f32",
    );
    expect(smooth.length, "smooth f32 samples").toBeGreaterThan(0);
    for (const [i, sample] of smooth.entries()) {
      const run = differentiated(op, sample);
      expect(worstError(sample, run, "phi", "first"), `first derivative, sample ${i}`).toBeLessThan(1e-6);
      expect(worstError(sample, run, "psi", "second"), `second derivative, sample ${i}`).toBeLessThan(1e-5);
    }
  });
});

function opOut(op: OpDef, sample: Sample): string {
  const out = op.infer(
    sample.inputs.map((given) => given.type),
    sample.attrs ?? {},
  );
  return isShapeError(out) ? "error" : out.dtype;
}
