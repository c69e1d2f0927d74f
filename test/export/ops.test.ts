// Every op's samples, in PyTorch and in ONNX, against the interpreter.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { writeOnnx } from "../../src/export/onnx/model.ts";
import { operators } from "../../src/export/onnx/ops.ts";
import { expressions } from "../../src/export/pytorch/expressions.ts";
import helpers from "../../src/export/pytorch/helpers.py";
import { atom } from "../../src/export/pytorch/pieces.ts";
import { Statements } from "../../src/export/pytorch/statements.ts";
import { PythonScope } from "../../src/export/pytorch/words.ts";
import { Builder, type Graph } from "../../src/ir/graph.ts";
import { runOp, type Value } from "../../src/ir/interpret.ts";
import type { Module } from "../../src/ir/module.ts";
import type { Attrs, Sample } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { dimAt, f32, rows, type TensorType } from "../../src/ir/types.ts";
import { folderWith } from "../cli/nnc.ts";
import { pythonWith } from "./python.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const python = pythonWith("torch");

/** Leaves have no inputs to run on; gradients and markers are gone or another's before a graph is written. */
const leaves = new Set(["input", "param", "state", "load", "scalar", "grad", "rows"]);

interface Case {
  readonly name: string;
  readonly sample: Sample;
  readonly graph: Graph;
  readonly wanted: Value;
}

const cases: readonly Case[] = [...opTable.values()]
  .filter(({ name }) => !leaves.has(name))
  .flatMap((op) =>
    op.samples.map((sample, k) => {
      const attrs = (sample.attrs ?? {}) as Attrs;
      const b = new Builder(opTable);
      const ids = sample.inputs.map(({ type: { dtype, shape } }, i) =>
        b.node("input", [], { name: `x${i}`, dtype, shape }),
      );
      const graph = b.graph(new Map([["out", b.node(op.name, ids, attrs)]]));
      return { name: `${op.name} ${k}`, sample, graph, wanted: runOp(op, sample.inputs, attrs, sample.rows ?? 1) };
    }),
  );

const sizes = ({ shape }: TensorType, n = 1): number[] => shape.map((dim) => dimAt(dim, n));

/** Where a sample's result is not the interpreter's; undefined where all is well. */
function fault(name: string, got: readonly number[], wanted: Value): string | undefined {
  const far = wanted.data.findIndex((value, i) => {
    const other = got[i]!;
    return !(
      Object.is(value, other) ||
      value === other ||
      Math.abs(value - other) <= 1e-5 * Math.max(1, Math.abs(value))
    );
  });
  if (got.length === wanted.data.length && far < 0) return undefined;
  return `${name}: [${got.slice(0, 8)}], and not [${[...wanted.data.slice(0, 8)]}]`;
}

const numbers = (values: ArrayLike<number>): string =>
  `[${Array.from(values, (value) => (Number.isNaN(value) ? "math.nan" : Math.abs(value) === Infinity ? `${value < 0 ? "-" : ""}math.inf` : String(value))).join(", ")}]`;

describe.skipIf(python === undefined)("PyTorch (skipped where Python has no torch)", () => {
  it("writes every op, and gets its samples' results", { timeout: 300_000 }, () => {
    const types = { f32: "float32", i32: "int32", bool: "bool", u8: "uint8" };
    // Gradients are autograd's: these never reach a file.
    const derived = new Set([...opTable.keys()].filter((name) => /_grad$|max_pool_pick/.test(name)));
    // PyTorch refuses whole numbers modulo 0.
    const written = cases.filter(({ name, graph }) => !derived.has(graph.nodes.at(-1)!.op) && name !== "mod 2");
    expect(written.map(({ name }) => name.split(" ")[0]).filter((name) => !expressions.has(name!))).toEqual([]);
    const functions = written.map(({ sample, graph }, k) => {
      const scope = new PythonScope();
      const given = new Map(
        graph.nodes.flatMap(({ id, op, attrs }) =>
          op === "input" ? [[id, atom(String(attrs["name"]))] as const] : [],
        ),
      );
      const place = { scope, given, device: "", helpers: new Set<string>(), scalar: String };
      const root = graph.outputs.get("out")!;
      const { lines, values } = new Statements(graph, place).print([root]);
      const inputs = sample.inputs.map(
        ({ type, values }, i) =>
          `    x${i} = torch.tensor(${numbers(values)}).to(torch.${types[type.dtype]}).reshape([${sizes(type, sample.rows)}])`,
      );
      const body = [
        ...inputs,
        ...lines.map((line) => `    ${line}`),
        `    return torch.as_tensor(${values.get(root)!.text})`,
      ];
      return `def case_${k}():\n    n = ${sample.rows ?? 1}\n    random = Random()\n${body.join("\n")}\n`;
    });
    const main = `
def run(k):
    try:
        return [str(float(value)) for value in globals()[f"case_{k}"]().reshape(-1)]
    except Exception as fault:
        return [str(fault)]

print(json.dumps([run(k) for k in range(${functions.length})]))`;
    const folder = folderWith({});
    const imports = "import json, math, numpy, torch\nimport torch.nn.functional as F\n";
    writeFileSync(join(folder, "cases.py"), [imports, helpers, ...functions, main].join("\n\n"));
    const results = JSON.parse(execFileSync(python!, [join(folder, "cases.py")], { encoding: "utf8" })) as string[][];
    const read = (text: string): number => Number(text.replace("inf", "Infinity"));
    const faults = written.flatMap(({ name, wanted }, k) => {
      const wrong = fault(name, results[k]!.map(read), wanted);
      return wrong === undefined ? [] : `${wrong} (${results[k]!.slice(0, 8)})`;
    });
    expect(faults).toEqual([]);
    expect(written.length).toBeGreaterThan(120);
  });
});

describe("ONNX", () => {
  it("writes every op, and gets its samples' results", { timeout: 300_000 }, async () => {
    const faults: string[] = [];
    // Random numbers are inputs of a graph; markers are gone.
    const elsewhere = new Set(["uniform", "normal", "stop_gradient", "variable"]);
    // onnxruntime refuses whole numbers modulo 0, and holds products of them at 2^31 - 1, where ours wrap.
    const beyond = new Set(["mod 2", "prod 3"]);
    const written = cases.filter(({ name, graph }) => !elsewhere.has(graph.nodes.at(-1)!.op) && !beyond.has(name));
    expect(written.map(({ name }) => name.split(" ")[0]).filter((name) => !operators.has(name!))).toEqual([]);
    for (const { name, sample, graph, wanted } of written) {
      const origin = { role: "forward" } as const;
      const column = (name: string, type: TensorType) => ({ name, type, role: "input" as const, origin });
      // One more column, so that the rows are known where the op reads none.
      const columns = [...sample.inputs.map(({ type }, i) => column(`x${i}`, type)), column("rows", f32(rows()))];
      const nothing: Graph = { nodes: [], outputs: new Map(), updates: [] };
      const module: Module = {
        name,
        slots: [],
        columns,
        scalars: [],
        outputs: ["out"],
        metrics: [],
        init: nothing,
        step: nothing,
        evaluate: nothing,
        predict: graph,
        entries: [],
        bindings: [],
      };
      try {
        const session = await ort.InferenceSession.create(writeOnnx(module, "forward"));
        const feeds = sample.inputs.map(({ type, values }, i): [string, ort.Tensor] => {
          const shape = sizes(type, sample.rows);
          if (type.dtype === "f32") return [`x${i}`, new ort.Tensor("float32", Float32Array.from(values), shape)];
          if (type.dtype === "i32") return [`x${i}`, new ort.Tensor("int32", Int32Array.from(values), shape)];
          return [`x${i}`, new ort.Tensor(type.dtype === "bool" ? "bool" : "uint8", Uint8Array.from(values), shape)];
        });
        const n = sample.rows ?? 1;
        feeds.push(["rows", new ort.Tensor("float32", new Float32Array(n), [n])]);
        const { out } = await session.run(Object.fromEntries(feeds));
        const wrong = fault(name, Array.from(out!.data as Float32Array, Number), wanted);
        if (wrong) faults.push(wrong);
      } catch (error) {
        faults.push(`${name}: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`);
      }
    }
    expect(faults).toEqual([]);
    expect(written.length).toBeGreaterThan(120);
  });
});
