// Ops against PyTorch's numbers, where the reference files are at hand: values, and gradients of sum(out * cot).
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/ir/differentiate.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { words } from "../../src/ir/ops/build.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import type { Shape } from "../../src/ir/types.ts";

const folder = new URL("../../../shared/fixtures/ops/", import.meta.url);

interface Tensor {
  readonly shape: number[];
  readonly values: ArrayLike<number>;
}

interface Case {
  readonly attrs: {
    readonly axis?: number | readonly number[] | "all";
    readonly keepdims?: boolean;
    readonly exponent?: number;
  };
  readonly tol: Record<string, { readonly rtol: number; readonly atol: number }>;
}

interface Entry {
  readonly dtype: "F32" | "I32";
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** The tensors of a safetensors file that is known to be sound. */
function tensorsOf(name: string): Map<string, Tensor> {
  const bytes = readFileSync(new URL(`${name}.safetensors`, folder));
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, Entry>;
  const tensors = new Map<string, Tensor>();
  for (const [key, entry] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    const { dtype, shape, data_offsets } = entry;
    const [from, to] = data_offsets;
    const own = Uint8Array.from(bytes.subarray(start + from, start + to)).buffer;
    tensors.set(key, { shape, values: dtype === "F32" ? new Float32Array(own) : new Int32Array(own) });
  }
  return tensors;
}

type Build = (b: Builder, inputs: ReadonlyMap<string, NodeId>, attrs: Case["attrs"]) => NodeId;

const elementwise =
  (op: string): Build =>
  (b, inputs) =>
    b.node(op, [...inputs.values()]);

/** The axes as the ops want them: ascending, not negative. */
function axesOf(shape: Shape, axis: Case["attrs"]["axis"] = "all"): number[] {
  if (axis === "all") return shape.map((_, d) => d);
  return [axis].flat().map((d) => (d < 0 ? d + shape.length : d));
}

const over =
  (op: string, more: (attrs: Case["attrs"]) => Attrs = ({ keepdims = false }) => ({ keepdims })): Build =>
  (b, inputs, attrs) => {
    const a = inputs.get("a")!;
    return b.node(op, [a], { axes: axesOf(b.type(a).shape, attrs.axis), ...more(attrs) });
  };
const overAll = (op: string): Build => over(op, () => ({}));

const by =
  (formula: (w: ReturnType<typeof words>, a: NodeId, attrs: Case["attrs"]) => NodeId): Build =>
  (b, inputs, attrs) =>
    formula(words(b), inputs.get("a")!, attrs);

const binary = (op: string, ...names: string[]): [string, Build][] => names.map((name) => [name, elementwise(op)]);

const cases = new Map<string, Build>([
  ...binary("add", "add_same", "add_row", "add_scalar"),
  ...binary("sub", "sub_row", "sub_outer", "sub_ones"),
  ...binary("mul", "mul_row", "mul_scalar", "denormal_mul"),
  ...binary("div", "div_row", "div_ones"),
  ...binary("maximum", "maximum", "maximum_tie"),
  ...binary("minimum", "minimum_bcast"),
  ["add_self", by(({ add }, a) => add(a, a))],
  ["pow_3", by(({ pow, num }, a, { exponent }) => pow(a, num(exponent!)))],
  ["pow_neg1", by(({ pow, num }, a, { exponent }) => pow(a, num(exponent!)))],
  ["pow_2_at_zero", by(({ pow, num }, a, { exponent }) => pow(a, num(exponent!)))],
  ["reciprocal", by(({ div, num }, a) => div(num(1), a))],
  ["relu", by(({ maximum, num }, a) => maximum(num(0), a))],
  ["log_sigmoid", by(({ neg, softplus }, a) => neg(softplus(neg(a))))],
  [
    "scalar_chain",
    by(({ add, sub, mul, div, num }, a) => sub(add(sub(mul(num(2.5), a), num(1)), div(a, num(3))), sub(num(7), a))),
  ],
  ...["log", "sqrt", "tanh", "erf"].map((op): [string, Build] => [op, elementwise(op)]),
  ["abs_zero", elementwise("abs")],
  ["softplus_large", elementwise("softplus")],
  ["expm1_large", elementwise("expm1")],
  ["exp_large", elementwise("exp")],
  ...["sum_all", "sum_ax1_keep", "sum_ax02_keep", "sum_scalar", "sum_long"].map((name): [string, Build] => [
    name,
    over("sum"),
  ]),
  ...["max_ax0", "max_all", "max_tie", "max_pos_zero_inf"].map((name): [string, Build] => [name, over("max")]),
  ...["min_ax0", "min_ax1_keep", "min_ax12", "min_negative"].map((name): [string, Build] => [name, over("min")]),
  ["argmax_ax1", over("argmax")],
  ["argmax_ax0_keep", over("argmax")],
  ...["softmax_last", "softmax_ax0", "softmax_mid3d", "softmax_large"].map((name): [string, Build] => [
    name,
    overAll("softmax"),
  ]),
  ["log_softmax_last", overAll("log_softmax")],
]);

/** Computes `out` and every `grad.*` that the file has. */
function compute(
  build: Build,
  tensors: ReadonlyMap<string, Tensor>,
  attrs: Case["attrs"],
): Map<string, ArrayLike<number>> {
  const b = new Builder(opTable);
  const columns = new Map<string, ArrayLike<number>>();
  const input = (name: string, { shape, values }: Tensor): NodeId => {
    columns.set(name, values);
    return b.node("input", [], { name, dtype: "f32", shape });
  };
  const inputs = new Map<string, NodeId>();
  for (const [key, tensor] of tensors) if (key.startsWith("in.")) inputs.set(key.slice(3), input(key, tensor));
  const out = build(b, inputs, attrs);
  const outputs = new Map([["out", out]]);
  const cot = tensors.get("cot");
  if (cot) {
    const loss = words(b).sum(words(b).mul(out, input("cot", cot)), axesOf(cot.shape), false);
    const names = [...inputs.keys()];
    const grads = gradient(b, loss, [...inputs.values()]);
    names.forEach((name, i) => void outputs.set(`grad.${name}`, grads[i]!));
  }
  const result = interpret(b.graph(outputs), { inputs: columns }).outputs;
  return new Map([...result].map(([name, { data }]) => [name, data]));
}

const fits = (mine: ArrayLike<number>, { values }: Tensor, { rtol, atol }: { rtol: number; atol: number }): boolean =>
  mine.length === values.length &&
  Array.from(values).every((want, i) => {
    // What float32 cannot hold, it stores as inf.
    const got = Math.fround(mine[i]!);
    return Object.is(got + 0, want + 0) || Math.abs(got - want) <= atol + rtol * Math.abs(want);
  });

if (!existsSync(folder)) {
  test.skip("reference numbers of PyTorch: no ../shared/fixtures here", () => {});
} else {
  const index = JSON.parse(readFileSync(new URL("index.json", folder), "utf8")) as { cases: Record<string, Case> };
  describe("as PyTorch computes", () => {
    test.each([...cases.keys()])("%s", (name) => {
      const { attrs, tol } = index.cases[name]!;
      const tensors = tensorsOf(name);
      const mine = compute(cases.get(name)!, tensors, attrs);
      const wanted = [...tensors.keys()].filter(
        (key) => key === "out" || (key.startsWith("grad.") && !key.includes("@")),
      );
      expect(wanted).toContain("out");
      for (const key of wanted) {
        // `grad.a@first` is another right answer.
        const answers = [...tensors].filter(([other]) => other === key || other.startsWith(`${key}@`));
        const found = answers.some(([, tensor]) => fits(mine.get(key)!, tensor, tol[key]!));
        expect(found, `${key} is ${Array.from(mine.get(key)!).slice(0, 12)}`).toBe(true);
      }
    });
  });
}
