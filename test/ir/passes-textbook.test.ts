// The gradients that a textbook prints, as goldens of the graph after `simplify`; and which safe forms were seen on the way.
import { describe, expect, it } from "vitest";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { optimise } from "../../src/ir/passes/pipeline.ts";
import { printGraph } from "../../src/ir/print.ts";
import { type Dim, type DType, rows } from "../../src/ir/types.ts";

const N = rows();

function setup() {
  const b = new Builder(opTable);
  const n = (op: string, inputs: NodeId[], attrs: Attrs = {}): NodeId => b.node(op, inputs, attrs);
  const leaf =
    (op: string) =>
    (name: string, shape: Dim[], dtype: DType = "f32") =>
      n(op, [], { name, dtype, shape });
  const num = (value: number) => n("const", [], { value, dtype: "f32" });
  const sum = (x: NodeId, axes: number[], keepdims = false) => n("sum", [x], { axes, keepdims });
  const batch = (multiple = 1) => n("rows", [], { multiple });
  const gradients = (loss: NodeId, of: Record<string, NodeId>) => {
    const outputs = Object.entries(of).map(([name, v]) => [`d${name}`, n("grad", [loss, v])] as const);
    const { graph, applied } = optimise(b.graph(new Map(outputs)), opTable, new Set(), { until: "simplify" });
    return { text: printGraph(graph), applied: applied.map(({ name }) => name) };
  };
  return { b, n, input: leaf("input"), param: leaf("param"), num, sum, batch, gradients };
}

describe("gradients come out as in the textbook", () => {
  it("softmax regression: dlogits = (softmax(logits) - one_hot(target)) / N", () => {
    const { n, input, param, sum, batch, gradients } = setup();
    const x = input("x", [N, 784]);
    const target = input("target", [N], "i32");
    const [W, bias] = [param("W", [784, 10]), param("b", [10])];
    const logits = n("add", [n("einsum", [x, W], { inputs: ["nk", "km"], output: "nm" }), bias]);
    const logp = n("sub", [logits, n("log", [sum(n("exp", [logits]), [1], true)])]);
    const loss = n("neg", [n("div", [sum(n("pick", [logp, target]), [0]), batch()])]);
    const { text, applied } = gradients(loss, { W, b: bias });
    expect(applied).toEqual(["log of a sum of exponentials", "x - logsumexp(x)"]);
    expect(text).toMatchInlineSnapshot(`
      "x = input : [N, 784]
      target = input : i32[N]
      W = param : [784, 10]
      b = param : [10]
      %4 = einsum("nk,km->nm") x, W : [N, 10]
      %5 = add %4, b : [N, 10]
      %6 = rows(multiple=1) : []
      %7 = one_hot(count=10, picked) target : [N, 10]
      %8 = softmax(axes=[1]) %5 : [N, 10]
      %9 = sub %8, %7 : [N, 10]
      %10 = div %9, %6 : [N, 10]
      db = sum(axes=[0]) %10 : [10]
      dW = einsum("nk,nm->km") x, %10 : [784, 10]
      output dW = dW
      output db = db
      "
    `);
  });

  it("mean squared error: 2 / (N * k) * (out - y)", () => {
    const { n, input, num, sum, batch, gradients } = setup();
    const [out, y] = [input("out", [N, 3]), input("y", [N, 3])];
    const loss = n("div", [sum(n("pow", [n("sub", [out, y]), num(2)]), [0, 1]), batch(3)]);
    expect(gradients(loss, { out }).text).toMatchInlineSnapshot(`
      "out = input : [N, 3]
      y = input : [N, 3]
      %2 = sub out, y : [N, 3]
      %4 = rows(multiple=3) : []
      %5 = div 2, %4 : []
      dout = mul %2, %5 : [N, 3]
      output dout = dout
      "
    `);
  });

  it.each(["log(sigmoid)", "softplus"])("sigmoid cross-entropy by %s: (sigmoid(z) - y) / N", (spelling) => {
    const { n, input, num, sum, batch, gradients } = setup();
    const [z, y] = [input("z", [N]), input("y", [N])];
    const s = n("sigmoid", [z]);
    const one = num(1);
    const each =
      spelling === "softplus"
        ? n("sub", [n("softplus", [z]), n("mul", [z, y])])
        : n("neg", [
            n("add", [n("mul", [y, n("log", [s])]), n("mul", [n("sub", [one, y]), n("log", [n("sub", [one, s])])])]),
          ]);
    const { text } = gradients(n("div", [sum(each, [0]), batch()]), { z });
    expect(text.replace(/%\d+/g, "%")).toMatch(/% = sigmoid z : \[N\]\n% = sub %, y : \[N\]\ndz = div %, % : \[N\]/);
  });

  it("layer norm: two reductions over the row", () => {
    const { n, input, param, num, sum, gradients } = setup();
    const [x, ct, gain] = [input("x", [N, 8]), input("ct", [N, 8]), param("gain", [8])];
    const mean = (v: NodeId) => n("div", [sum(v, [1], true), num(8)]);
    const centred = n("sub", [x, mean(x)]);
    const deviation = n("sqrt", [n("add", [mean(n("pow", [centred, num(2)])), num(1e-5)])]);
    const y = n("mul", [n("div", [centred, deviation]), gain]);
    const { text } = gradients(sum(n("mul", [y, ct]), [0, 1]), { x });
    expect(text).toMatchInlineSnapshot(`
      "x = input : [N, 8]
      ct = input : [N, 8]
      gain = param : [8]
      %3 = sum(axes=[1], keepdims) x : [N, 1]
      %5 = div %3, 8 : [N, 1]
      %6 = sub x, %5 : [N, 8]
      %7 = mul %6, %6 : [N, 8]
      %8 = sum(axes=[1], keepdims) %7 : [N, 1]
      %9 = div %8, 8 : [N, 1]
      %11 = add %9, 0.00001 : [N, 1]
      %12 = sqrt %11 : [N, 1]
      %13 = mul ct, gain : [N, 8]
      %14 = div %13, %12 : [N, 8]
      %15 = mul %13, %6 : [N, 8]
      %16 = sum(axes=[1], keepdims) %15 : [N, 1]
      %17 = div %16, %12 : [N, 1]
      %18 = div %17, %12 : [N, 1]
      %19 = div %18, %12 : [N, 1]
      %20 = div %19, 8 : [N, 1]
      %21 = mul %20, %6 : [N, 8]
      %22 = sub %14, %21 : [N, 8]
      %23 = sum(axes=[1], keepdims) %14 : [N, 1]
      %24 = div %23, 8 : [N, 1]
      dx = sub %22, %24 : [N, 8]
      output dx = dx
      "
    `);
  });

  it("attention: dscores = p * (dp - sum(dp * p)) * scale, and only matmuls around it", () => {
    const { n, input, num, sum, gradients } = setup();
    const [q, k, v, ct] = ["q", "k", "v", "ct"].map((name) => input(name, [N, 4, 8])) as [
      NodeId,
      NodeId,
      NodeId,
      NodeId,
    ];
    const kT = n("transpose", [k], { perm: [0, 2, 1] });
    const scores = n("div", [n("einsum", [q, kT], { inputs: ["bik", "bkj"], output: "bij" }), n("sqrt", [num(8)])]);
    const grown = n("exp", [n("sub", [scores, n("max", [scores], { axes: [2], keepdims: true })])]);
    const p = n("div", [grown, sum(grown, [2], true)]);
    const out = n("einsum", [p, v], { inputs: ["bij", "bjd"], output: "bid" });
    const { text } = gradients(sum(n("mul", [out, ct]), [0, 1, 2]), { q, k, v });
    expect(text).toMatchInlineSnapshot(`
      "q = input : [N, 4, 8]
      k = input : [N, 4, 8]
      v = input : [N, 4, 8]
      ct = input : [N, 4, 8]
      %4 = einsum("bik,bjk->bij") q, k : [N, 4, 4]
      %6 = div %4, 2.8284271247461903 : [N, 4, 4]
      %7 = softmax(axes=[2]) %6 : [N, 4, 4]
      %8 = einsum("bid,bjd->bij") ct, v : [N, 4, 4]
      dv = einsum("bij,bid->bjd") %7, ct : [N, 4, 8]
      %10 = mul %8, %7 : [N, 4, 4]
      %11 = sum(axes=[2], keepdims) %10 : [N, 4, 1]
      %12 = sub %8, %11 : [N, 4, 4]
      %13 = mul %7, %12 : [N, 4, 4]
      %14 = div %13, 2.8284271247461903 : [N, 4, 4]
      dq = einsum("bij,bjk->bik") %14, k : [N, 4, 8]
      dk = einsum("bik,bij->bjk") q, %14 : [N, 4, 8]
      output dq = dq
      output dk = dk
      output dv = dv
      "
    `);
  });
});
