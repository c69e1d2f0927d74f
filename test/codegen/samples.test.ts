// Every sample of every op, alone in an emitted program, against the reference interpreter.
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { Builder, type Graph } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { ColumnInfo, Module } from "../../src/ir/module.ts";
import type { Sample } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { loadUnit } from "./load.ts";

const empty: Graph = { nodes: [], outputs: new Map(), updates: [] };
const origin = { role: "forward" } as const;

/** A module whose prediction is one op of its inputs. */
function moduleOf(op: string, sample: Sample): Module {
  const b = new Builder(opTable);
  const inputs = sample.inputs.map(({ type }, i) =>
    b.node("input", [], { name: `x${i}`, dtype: type.dtype, shape: type.shape }),
  );
  const out = b.node(op, inputs, sample.attrs ?? {});
  const columns = sample.inputs.map(({ type }, i): ColumnInfo => ({ name: `x${i}`, type, role: "input", origin }));
  return {
    name: op,
    slots: [],
    columns,
    scalars: [],
    outputs: ["out"],
    metrics: [],
    init: empty,
    step: empty,
    evaluate: empty,
    predict: b.graph(new Map([["out", out]])),
    entries: [],
    bindings: [],
  };
}

describe("samples on the ts target", () => {
  for (const [name, def] of opTable) {
    const runnable = def.samples.filter((s) => {
      const types = s.inputs.map((i) => i.type);
      const out = def.infer(types, s.attrs ?? {});
      return !("code" in out) && def.lower(types, s.attrs ?? {}, out).kind !== "leaf";
    });
    if (runnable.length === 0) continue;
    it(name, async () => {
      for (const sample of runnable) {
        const module = moduleOf(name, sample);
        const rows = sample.rows ?? 1;
        const inputs = new Map(sample.inputs.map(({ values }, i) => [`x${i}`, values]));
        const truth = interpret(module.predict, { rows, inputs, round: "f32", seed: 5 }).outputs.get("out")!;
        // A larger batch than the sample's rows shows strides that are taken at the wrong N.
        for (const batch of [rows, rows + 2]) {
          const trainer = (await loadUnit(compile(module, { target: "ts", batch }))).create({ seed: 5 });
          sample.inputs.forEach(({ type, values }, i) => {
            place(
              trainer.inputs[`x${i}`]!,
              values,
              type.shape.map((d) => (typeof d === "number" ? [d, d] : [d.perRow * rows, d.perRow * batch])),
            );
          });
          trainer.predict(rows);
          const out = [...trainer.read("out")];
          expect(out.length).toBe(truth.data.length);
          out.forEach((v, i) => {
            const t = truth.data[i]!;
            const close =
              Object.is(v, t) ||
              v === t ||
              (Number.isNaN(v) && Number.isNaN(t)) ||
              Math.abs(v - t) <= 1e-6 * Math.max(1, Math.abs(t));
            if (!close) expect.fail(`${name}[${i}] = ${v}, expected ${t}; batch ${batch}, ${JSON.stringify(sample)}`);
          });
        }
      }
    });
  }
});

/** Writes a dense tensor into a buffer whose rows are spaced for the largest batch. */
function place(
  buffer: { [i: number]: number },
  values: readonly number[],
  sizes: readonly (readonly [number, number])[],
): void {
  for (let i = 0; i < values.length; i++) {
    let rest = i;
    let at = 0;
    let stride = 1;
    for (let d = sizes.length - 1; d >= 0; d--) {
      const [size, room] = sizes[d]!;
      at += (rest % size) * stride;
      rest = Math.floor(rest / size);
      stride *= room;
    }
    buffer[at] = values[i]!;
  }
}
