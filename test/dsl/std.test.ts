// The library against definitions written out by hand: formulas and defaults of PyTorch.
import { describe, expect, it } from "vitest";
import { compile } from "./compile.ts";
import { formatText, library, parseText } from "./library.ts";
import { evaluate, slotNames, Trainer } from "./run.ts";

const near = (actual: readonly number[], wanted: readonly number[], digits = 10): void => {
  expect(actual).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(actual[i], `element ${i}`).toBeCloseTo(value, digits);
};
const xs = [-3, -1.5, -0.25, 0, 0.5, 2, 4];
const of = (name: string): number[] => evaluate(name, { [`x: [${xs.length}]`]: xs });
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

describe("files", () => {
  it("parse, are formatted, and document every function", () => {
    for (const source of library) {
      const { file, diagnostics } = parseText(source);
      expect(diagnostics, source.path).toEqual([]);
      for (const decl of file.decls) {
        expect(decl.doc, `${source.path} ${"name" in decl ? decl.name.text : ""}`).toMatch(/\.$/);
      }
      expect(formatText(source), source.path).toBe(source.text);
    }
  });
});

describe("activations", () => {
  const table: Readonly<Record<string, (x: number) => number>> = {
    "relu(x)": (x) => Math.max(x, 0),
    "leaky_relu(x)": (x) => (x > 0 ? x : 0.01 * x),
    "leaky_relu(x, slope=0.2)": (x) => (x > 0 ? x : 0.2 * x),
    "elu(x)": (x) => (x > 0 ? x : Math.expm1(x)),
    "sigmoid(x)": sigmoid,
    "log_sigmoid(x)": (x) => -softplus(-x),
    "softplus(x)": softplus,
    "silu(x)": (x) => x * sigmoid(x),
    "gelu_tanh(x)": (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    "clip(x, -1, 1)": (x) => Math.min(Math.max(x, -1), 1),
  };
  for (const [expr, f] of Object.entries(table)) it(expr, () => near(of(expr), xs.map(f)));
  it("gelu at known places", () => {
    // x * Phi(x), from tables of the normal distribution.
    near(evaluate("gelu(x)", { "x: [3]": [-1, 0, 1] }), [-0.15865525393145707, 0, 0.8413447460685429]);
  });
  it("softmax and its logarithms, along any axis", () => {
    const data = { "x: [2, 3]": [1, 2, 3, 0, 0, 5] };
    const rows = [
      [1, 2, 3],
      [0, 0, 5],
    ];
    const lse = rows.map((row) => Math.log(row.reduce((a, b) => a + Math.exp(b), 0)));
    near(evaluate("logsumexp(x)", data), lse);
    near(
      evaluate("log_softmax(x)", data),
      rows.flatMap((row, i) => row.map((v) => v - lse[i]!)),
    );
    near(
      evaluate("softmax(x)", data),
      rows.flatMap((row, i) => row.map((v) => Math.exp(v - lse[i]!))),
    );
    near(
      evaluate("softmax(x, axis=0)[0]", data),
      [0, 1, 2].map((j) => sigmoid(rows[0]![j]! - rows[1]![j]!)),
    );
  });
});

describe("losses and metrics", () => {
  const data = { "z: [2, 3]": [1, 2, 3, 0, 0, 5], "t: class[2] < 3": [0, 2] };
  const logp = [1 - Math.log(Math.E + Math.E ** 2 + Math.E ** 3), 5 - Math.log(2 + Math.E ** 5)];
  it("cross_entropy and nll are means over rows", () => {
    near(evaluate("cross_entropy(z, t)", data), [-(logp[0]! + logp[1]!) / 2]);
    near(evaluate("nll(log_softmax(z), t)", data), [-(logp[0]! + logp[1]!) / 2]);
    near(evaluate("cross_entropy(z, one_hot(t, 3))", data), [-(logp[0]! + logp[1]!) / 2]);
  });
  it("mse, l1, huber", () => {
    const pair = { "a: [4]": [1, 2, 3, 8], "b: [4]": [1.5, 0, 3, 3] };
    near(evaluate("mse(a, b)", pair), [(0.25 + 4 + 0 + 25) / 4]);
    near(evaluate("l1(a, b)", pair), [(0.5 + 2 + 0 + 5) / 4]);
    near(evaluate("huber(a, b)", pair), [(0.125 + 1.5 + 0 + 4.5) / 4]);
  });
  it("binary cross-entropies", () => {
    const pair = { "z: [4]": [-2, 0.5, 3, 0], "t: [4]": [0, 1, 0.25, 1] };
    const p = [-2, 0.5, 3, 0].map(sigmoid);
    const t = [0, 1, 0.25, 1];
    const mean = p.reduce((a, q, i) => a - t[i]! * Math.log(q) - (1 - t[i]!) * Math.log(1 - q), 0) / 4;
    near(evaluate("bce_with_logits(z, t)", pair), [mean]);
    near(evaluate("bce(sigmoid(z), t)", pair), [mean]);
    near(evaluate("bce(z, t)", { "z: [2]": [0, 1], "t: [2]": [1, 1] }), [50]);
  });
  it("accuracies", () => {
    near(evaluate("accuracy(z, t)", data), [0.5]);
    near(evaluate("top_k_accuracy(z, t, k=2)", data), [0.5]);
    near(evaluate("top_k_accuracy(z, t, k=3)", data), [1]);
    // Masked outputs are -inf; they are nobody's first choice.
    for (const [label, k, share] of [
      [0, 1, 1],
      [2, 1, 0],
      [2, 2, 1],
      [1, 2, 0],
    ]) {
      near(evaluate(`top_k_accuracy(tensor([[3, -inf, 1]]), i32(tensor([${label}])), k=${k})`, data), [share!]);
    }
  });
});

describe("layers", () => {
  const start = (text: string): Trainer => new Trainer(compile(text), {}, 1);
  it("have PyTorch's names and layouts", () => {
    const shapes = compile(`model m(x: [N, 6], image: [N, 4, 5, 5], ids: i32[N], s: [N, 3, 6]) {
  fc = linear(x, 2)
  cv = conv(image, 8, k=[3, 1], groups=2)
  ln = layer_norm(x)
  rn = rms_norm(x)
  bn = batch_norm(image)
  gn = group_norm(image, 2)
  em = embedding(ids, 10, 3)
  at = attention(s, 2)
  rec = lstm(s, 4)
  gated = gru(s, 4)
  (fc, cv, ln, rn, bn, gn, em, at, rec, gated)
}
`);
    expect(shapes.slots.map(({ name, type, kind }) => `${kind} ${name} [${type.shape.join(", ")}]`)).toEqual([
      "param fc.weight [2, 6]",
      "param fc.bias [2]",
      "param cv.weight [8, 2, 3, 1]",
      "param cv.bias [8]",
      "param ln.weight [6]",
      "param ln.bias [6]",
      "param rn.weight [6]",
      "param bn.weight [4]",
      "param bn.bias [4]",
      "state bn.running_mean [4]",
      "state bn.running_var [4]",
      "param gn.weight [4]",
      "param gn.bias [4]",
      "param em.weight [10, 3]",
      "param at.query.weight [6, 6]",
      "param at.query.bias [6]",
      "param at.key.weight [6, 6]",
      "param at.key.bias [6]",
      "param at.value.weight [6, 6]",
      "param at.value.bias [6]",
      "param at.output.weight [6, 6]",
      "param at.output.bias [6]",
      "param rec.weight_ih_l0 [16, 6]",
      "param rec.weight_hh_l0 [16, 4]",
      "param rec.bias_ih_l0 [16]",
      "param rec.bias_hh_l0 [16]",
      "param gated.weight_ih_l0 [12, 6]",
      "param gated.weight_hh_l0 [12, 4]",
      "param gated.bias_ih_l0 [12]",
      "param gated.bias_hh_l0 [12]",
    ]);
    expect(slotNames("model m(x: [N, 6]) {\n  h = linear(x, 2, use_bias = false)\n  h\n}\n")).toEqual(["h.weight"]);
  });

  it("linear starts within 1 / sqrt(fan_in), and kaiming and xavier have their spreads", () => {
    const t = start("model m(x: [N, 64]) {\n  h = linear(x, 500)\n  h\n}\n");
    const w = t.read("h.weight");
    expect(Math.max(...w.map(Math.abs))).toBeLessThanOrEqual(1 / 8);
    expect(Math.sqrt(w.reduce((a, v) => a + v * v, 0) / w.length)).toBeCloseTo(1 / 8 / Math.sqrt(3), 3);
    expect(Math.max(...t.read("h.bias").map(Math.abs))).toBeLessThanOrEqual(1 / 8);
    const spread = (init: string): number => {
      const values = start(`model m(x: [N, 50]) {\n  param w: [400, 50] = ${init}\n  x @ w.T\n}\n`).read("w");
      return Math.sqrt(values.reduce((a, v) => a + v * v, 0) / values.length);
    };
    expect(spread("kaiming()")).toBeCloseTo(Math.sqrt(2 / 50), 2);
    expect(spread("kaiming_normal()")).toBeCloseTo(Math.sqrt(2 / 50), 2);
    expect(spread("xavier()")).toBeCloseTo(Math.sqrt(2 / 450), 2);
    expect(spread("xavier_normal()")).toBeCloseTo(Math.sqrt(2 / 450), 2);
  });

  it("layer_norm, rms_norm and group_norm", () => {
    const data = { "x: [2, 4]": [1, 2, 3, 6, -1, 0, 0, 5] };
    const rows = [
      [1, 2, 3, 6],
      [-1, 0, 0, 5],
    ];
    const normal = (row: readonly number[], eps: number): number[] => {
      const m = row.reduce((a, b) => a + b) / row.length;
      const v = row.reduce((a, b) => a + (b - m) ** 2, 0) / row.length;
      return row.map((b) => (b - m) / Math.sqrt(v + eps));
    };
    near(
      evaluate("layer_norm(x)", data),
      rows.flatMap((row) => normal(row, 1e-5)),
    );
    near(
      evaluate("rms_norm(x)", data),
      rows.flatMap((row) => {
        const r = Math.sqrt(row.reduce((a, b) => a + b * b, 0) / 4 + 1e-6);
        return row.map((b) => b / r);
      }),
    );
    near(
      evaluate("group_norm(x, 2)", data),
      rows.flatMap((row) => [...normal(row.slice(0, 2), 1e-5), ...normal(row.slice(2), 1e-5)]),
    );
  });

  it("batch_norm normalises by the batch in training and by running statistics in evaluation", () => {
    const text = "model m(x: [N, 2, 2]) {\n  y = batch_norm(x)\n  y\n}\nloss(out) = sum(out)\n";
    const x = [1, 3, 10, 20, 5, 7, 40, 50];
    const t = new Trainer(compile(text), { x }, 2);
    const channels = [
      [1, 3, 5, 7],
      [10, 20, 40, 50],
    ];
    const stats = channels.map((c) => {
      const m = c.reduce((a, b) => a + b) / 4;
      return { m, v: c.reduce((a, b) => a + (b - m) ** 2, 0) / 4 };
    });
    const normal = (value: number, c: number): number => (value - stats[c]!.m) / Math.sqrt(stats[c]!.v + 1e-5);
    near(
      t.train().get("out")!,
      x.map((value, i) => normal(value, (i >> 1) % 2)),
    );
    near(
      t.read("y.running_mean"),
      stats.map(({ m }) => 0.1 * m),
    );
    near(
      t.read("y.running_var"),
      stats.map(({ v }) => 0.9 + 0.1 * v * (4 / 3)),
    );
    const [mean, variance] = [t.read("y.running_mean"), t.read("y.running_var")];
    const evaluated = x.map((value, i) => {
      const c = (i >> 1) % 2;
      return (value - mean[c]!) / Math.sqrt(variance[c]! + 1e-5);
    });
    near(t.evaluate().get("out")!, evaluated);
  });

  it("dropout scales what it keeps, and does nothing in evaluation", () => {
    const text = "model m(x: [N]) { dropout(x, 0.25) }\nloss(out) = sum(out)\n";
    const x = Array.from({ length: 4000 }, () => 3);
    const t = new Trainer(compile(text), { x }, 4000);
    const out = t.train().get("out")!;
    expect(new Set(out)).toEqual(new Set([0, 4]));
    expect(out.filter((v) => v === 0).length / 4000).toBeCloseTo(0.25, 1);
    expect(t.train().get("out")).not.toEqual(out);
    expect(t.evaluate().get("out")).toEqual(x);
  });

  it("scaled_attention is softmax(q k' / sqrt(d)) v, causal or not", () => {
    const q = [
      [1, 0],
      [0, 2],
      [1, 1],
    ];
    const v = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const attend = (causal: boolean): number[] =>
      q.flatMap((row, i) => {
        const scores = q.map((k, j) =>
          causal && j > i ? 0 : Math.exp((row[0]! * k[0]! + row[1]! * k[1]!) / Math.SQRT2),
        );
        const all = scores.reduce((a, b) => a + b);
        return [0, 1].map((e) => scores.reduce((a, s, j) => a + (s / all) * v[j]![e]!, 0));
      });
    const data = { "q: [3, 2]": q.flat(), "v: [3, 2]": v.flat() };
    near(evaluate("scaled_attention(q, q, v)", data), attend(false));
    near(evaluate("scaled_attention(q, q, v, causal=true)", data), attend(true));
    near(evaluate("from_heads(to_heads(q, 2)) - q", data), [0, 0, 0, 0, 0, 0]);
  });

  it("lstm and gru step as PyTorch's", () => {
    const x = [0.5, -1, 2, 0.25, 1, 1];
    const run = (layer: string): { out: number[]; read: (name: string) => number[] } => {
      const t = new Trainer(
        compile(`model m(x: [N, 3, 2]) {\n  r = ${layer}(x, 1)\n  r\n}\nloss(out) = sum(out)\n`),
        { x },
        1,
      );
      return { out: t.evaluate().get("out")!, read: (name) => t.read(`r.${name}`) };
    };
    const gatesOf = (
      read: (name: string) => number[],
      count: number,
      i: number,
      h: number,
    ): { fromX: number[]; fromH: number[] } => {
      const [wi, wh, bi, bh] = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"].map(read) as [
        number[],
        number[],
        number[],
        number[],
      ];
      const at = (k: number): number => wi[2 * k]! * x[2 * i]! + wi[2 * k + 1]! * x[2 * i + 1]! + bi[k]!;
      return {
        fromX: Array.from({ length: count }, (_, k) => at(k)),
        fromH: Array.from({ length: count }, (_, k) => wh[k]! * h + bh[k]!),
      };
    };
    const long = run("lstm");
    let [h, c] = [0, 0];
    const hidden: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { fromX, fromH } = gatesOf(long.read, 4, i, h);
      const g = fromX.map((v, k) => v + fromH[k]!);
      c = sigmoid(g[1]!) * c + sigmoid(g[0]!) * Math.tanh(g[2]!);
      h = sigmoid(g[3]!) * Math.tanh(c);
      hidden.push(h);
    }
    near(long.out, hidden);
    const gated = run("gru");
    h = 0;
    const states: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { fromX, fromH } = gatesOf(gated.read, 3, i, h);
      const r = sigmoid(fromX[0]! + fromH[0]!);
      const z = sigmoid(fromX[1]! + fromH[1]!);
      h = (1 - z) * Math.tanh(fromX[2]! + r * fromH[2]!) + z * h;
      states.push(h);
    }
    near(gated.out, states);
  });
});

describe("optimizers follow PyTorch's rules", () => {
  type Rule = (state: Record<string, number>, p: number, g: number, t: number) => number;
  const rules: Readonly<Record<string, Rule>> = {
    "sgd(lr=0.1, momentum=0.9, nesterov=true, weight_decay=0.01)": (s, p, g) => {
      const d = g + 0.01 * p;
      s["b"] = 0.9 * (s["b"] ?? 0) + d;
      return p - 0.1 * (d + 0.9 * s["b"]);
    },
    "adam(lr=0.1, weight_decay=0.01)": (s, p, g, t) => {
      const d = g + 0.01 * p;
      s["m"] = 0.9 * (s["m"] ?? 0) + 0.1 * d;
      s["v"] = 0.999 * (s["v"] ?? 0) + 0.001 * d * d;
      return p - (0.1 * (s["m"] / (1 - 0.9 ** t))) / (Math.sqrt(s["v"] / (1 - 0.999 ** t)) + 1e-8);
    },
    "adamw(lr=0.1)": (s, p, g, t) => {
      s["m"] = 0.9 * (s["m"] ?? 0) + 0.1 * g;
      s["v"] = 0.999 * (s["v"] ?? 0) + 0.001 * g * g;
      return p * (1 - 0.1 * 0.01) - (0.1 * (s["m"] / (1 - 0.9 ** t))) / (Math.sqrt(s["v"] / (1 - 0.999 ** t)) + 1e-8);
    },
    "rmsprop(lr=0.1, momentum=0.5)": (s, p, g) => {
      s["q"] = 0.99 * (s["q"] ?? 0) + 0.01 * g * g;
      s["b"] = 0.5 * (s["b"] ?? 0) + g / (Math.sqrt(s["q"]) + 1e-8);
      return p - 0.1 * s["b"];
    },
    "adagrad(lr=0.1)": (s, p, g) => {
      s["q"] = (s["q"] ?? 0) + g * g;
      return p - (0.1 * g) / (Math.sqrt(s["q"]) + 1e-10);
    },
    "lion(lr=0.1, weight_decay=0.1)": (s, p, g) => {
      const u = Math.sign(0.9 * (s["m"] ?? 0) + 0.1 * g);
      s["m"] = 0.99 * (s["m"] ?? 0) + 0.01 * g;
      return p - 0.1 * (u + 0.1 * p);
    },
    "accumulate(2, sgd(_, _, lr=0.1))": (s, p, g, t) => {
      const sum = (s["a"] ?? 0) + g;
      s["a"] = t % 2 === 0 ? 0 : sum;
      return t % 2 === 0 ? p - 0.1 * (sum / 2) : p;
    },
    "lookahead(sgd(_, _, lr=0.1), k=2)": (s, p, g, t) => {
      const slow = s["slow"] ?? 2;
      const fast = p - 0.1 * g;
      if (t % 2 !== 0) return fast;
      s["slow"] = slow + 0.5 * (fast - slow);
      return s["slow"];
    },
  };
  for (const [optimizer, rule] of Object.entries(rules)) {
    it(optimizer, () => {
      const text = `model m(x: []) {\n  param p: [] = 2\n  x * p ** 3\n}\nloss(out) = out\ntrain { optimizer = ${optimizer} }\n`;
      const t = new Trainer(compile(text), { x: [0.7] }, 1);
      const state: Record<string, number> = {};
      let p = 2;
      for (let step = 1; step <= 5; step++) {
        p = rule(state, p, 3 * 0.7 * p * p, step);
        t.train();
        near(t.read("p"), [p]);
      }
    });
  }
});

describe("schedules", () => {
  const rates = (schedule: string, steps: number): number[] => {
    const text = `model m(x: []) {\n  param p: [] = 0\n  x * p\n}\nloss(out) = out\ntrain { optimizer = sgd(lr = ${schedule}) }\n`;
    const t = new Trainer(compile(text), { x: [1] }, 1, {}, steps);
    let before = 0;
    return Array.from({ length: steps }, () => {
      t.train();
      const now = t.read("p")[0]!;
      const rate = before - now;
      before = now;
      return rate;
    });
  };
  it("constant, cosine, warmup_cosine, step_decay", () => {
    near(rates("constant(0.1)", 3), [0.1, 0.1, 0.1]);
    near(
      rates("cosine(0.1)", 5),
      [0, 1, 2, 3, 4].map((i) => 0.05 * (1 + Math.cos((Math.PI * i) / 4))),
    );
    const warm = rates("warmup_cosine(0.1, warmup = 2)", 6);
    near(warm, [0.05, 0.1, ...[0, 1, 2, 3].map((i) => 0.05 * (1 + Math.cos((Math.PI * i) / 4)))]);
    near(rates("step_decay(0.1, 2, factor = 0.5)", 5), [0.1, 0.1, 0.05, 0.05, 0.025]);
  });
  it("one_cycle as OneCycleLR", () => {
    const [max, total] = [0.1, 10];
    const [first, peak] = [max / 25, 0.3 * total - 1];
    const last = first / 1e4;
    const cosine = (from: number, to: number, share: number): number =>
      to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    const wanted = Array.from({ length: total }, (_, i) =>
      i <= peak ? cosine(first, max, i / peak) : cosine(max, last, (i - peak) / (total - 1 - peak)),
    );
    near(rates("one_cycle(0.1)", total), wanted);
  });
});

describe("a stranger's layers need no change to the compiler", () => {
  it("squeeze-and-excitation and a gated unit", () => {
    const text = `# Squeeze-and-excitation. Hu et al. 2017.
fn squeeze_excite(x: [n, c, h, w], ratio = 4) {
  pooled = mean(x, axis = [2, 3])
  inner = relu(linear(pooled, c / ratio))
  gate = sigmoid(linear(inner, c))
  x * reshape(gate, [n, c, 1, 1])
}
# Gated linear unit. Dauphin et al. 2016.
fn glu(x: [.., n], m) {
  a, b = split(linear(x, 2 * m), 2)
  a * sigmoid(b)
}
model m(x: [N, 8, 4, 4]) -> [N, 3] {
  y = squeeze_excite(x)
  glu(mean(y, axis = [2, 3]), 3)
}
loss(out, t: class[N] < 3) = cross_entropy(out, t)
train { optimizer = adam() }
`;
    expect(slotNames(text).filter((name) => !name.startsWith("optimizer"))).toEqual([
      "y.linear_0.weight",
      "y.linear_0.bias",
      "y.linear_1.weight",
      "y.linear_1.bias",
      "glu_0.linear_0.weight",
      "glu_0.linear_0.bias",
    ]);
  });
});
