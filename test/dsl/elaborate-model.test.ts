// Whole files through the elaborator: names of parameters, graphs, optimizers, entries.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { DataConfig } from "../../src/ir/module.ts";
import { check, codes, compile } from "./compile.ts";
import { slotNames, Trainer } from "./run.ts";

const tiny = (body: string, rest = ""): string => `model net(x: [N, 4]) {\n${body}\n}\n${rest}`;

describe("the tutorial's model", () => {
  const text = readFileSync("models/mnist_logistic.nn", "utf8");
  const facts = (config: DataConfig) => {
    expect(config.source).toBe("mnist");
    expect(config.named.get("train")).toEqual({ range: [0, 50000] });
    return [
      { storage: "u8" as const, zeros: 0.81 },
      { storage: "i32" as const, classes: 10 },
    ];
  };
  const module = compile(text, { dataFacts: facts });

  it("has its parameters, columns, scalars and configuration", () => {
    expect(module.name).toBe("logistic");
    expect(module.slots.map(({ name, trained, kind }) => ({ name, trained, kind }))).toEqual([
      { name: "weights", trained: true, kind: "param" },
      { name: "bias", trained: true, kind: "param" },
    ]);
    expect(
      module.columns.map(({ name, type, role, classes, zeros }) => ({ name, type, role, classes, zeros })),
    ).toEqual([
      { name: "x", type: { dtype: "u8", shape: [{ perRow: 1 }, 784] }, role: "input", classes: undefined, zeros: 0.81 },
      { name: "target", type: { dtype: "i32", shape: [{ perRow: 1 }] }, role: "target", classes: 10, zeros: undefined },
    ]);
    expect(module.scalars.map(({ name, value }) => ({ name, value }))).toEqual([{ name: "lr", value: 0.5 }]);
    expect(module.train).toMatchObject({ batch: 64, epochs: 2, seed: 0, shuffle: false, dropLast: false, init: [] });
    expect(module.outputs).toEqual(["out"]);
    expect(module.metrics).toEqual(["accuracy"]);
    expect([...module.step.outputs.keys()]).toEqual(["loss", "out"]);
    expect([...module.evaluate.outputs.keys()]).toEqual(["loss", "metric.accuracy", "out"]);
    expect([...module.predict.outputs.keys()]).toEqual(["out"]);
    expect(module.predict.nodes.some((node) => node.attrs["name"] === "target")).toBe(false);
  });

  it("scales bytes inside the graph", () => {
    const ops = module.predict.nodes.map(({ op }) => op);
    expect(ops.slice(0, 4)).toEqual(["input", "cast", "const", "div"]);
  });

  it("takes --batch", () => expect(compile(text, { batch: 16 }).train!.batch).toBe(16));

  it("says what every binding is", () => {
    const perceptron = compile(readFileSync("models/mnist_mlp.nn", "utf8"));
    expect(perceptron.bindings.map(({ name, type }) => `${name}: ${type}`)).toEqual(["hidden: [N, 128]"]);
  });
});

describe("names of parameters", () => {
  it("follow the bound name, the function that rebinds, or the function and its count", () => {
    const bound = tiny("  fc1 = linear(x, 4)\n  h = fc1\n  for i in 0:2 { h = linear(h, 4, use_bias=false) }\n  h");
    expect(slotNames(bound)).toEqual(["fc1.weight", "fc1.bias", "linear_0.weight", "linear_1.weight"]);
    const counted = tiny("  relu(linear(x, 4, use_bias=false)) + linear(x, 4, use_bias=false)");
    expect(slotNames(counted)).toEqual(["linear_0.weight", "linear_1.weight"]);
  });

  it("nest, go through pipes and static ifs, and count rounds", () => {
    const names = slotNames(`fn block(x: [.., n]) {
  a = linear(x, n, use_bias=false)
  a + linear(a, n, use_bias=false)
}
model net(x: [N, 4]) {
  first = x |> linear(4, use_bias=false) |> linear(4, use_bias=false)
  second = if training then linear(first, 4, use_bias=false) else first
  h = second
  for i in 0:2 {
    for j in [1] { h = block(h) }
    g = linear(h, 4, use_bias=false)
    h = g + relu(linear(g, 4, use_bias=false))
  }
  h
}
loss(out, y: [N, 4]) = mse(out, y)
`);
    expect(names).toEqual([
      "linear_0.weight",
      "first.weight",
      "second.weight",
      "block_0_0.a.weight",
      "block_0_0.linear_0.weight",
      "g_0.weight",
      "linear_1_0.weight",
      "block_1_0.a.weight",
      "block_1_0.linear_0.weight",
      "g_1.weight",
      "linear_1_1.weight",
    ]);
  });

  it("keep the count of a call through the rounds of a for", () => {
    const names = slotNames(
      tiny(`  h = x
  for i in 0:2 { h = relu(linear(h, 4, use_bias=false)) }
  for i in 0:1 { h = relu(linear(h, 4, use_bias=false)) }
  h`),
    );
    expect(names).toEqual(["linear_0_0.weight", "linear_0_1.weight", "linear_1_0.weight"]);
  });

  it("are shared by the uses of a partial, and new for each call of a plain function", () => {
    const shared = `fn twice(f, x) = f(f(x))\n`;
    expect(slotNames(shared + tiny("  f = linear(_, 4, use_bias=false)\n  twice(f, x) + f(x)"))).toEqual(["f.weight"]);
    expect(slotNames(shared + tiny("  twice(linear(_, 4, use_bias=false), x)"))).toEqual(["linear_0.weight"]);
    const plain = `fn unit(x: [.., n]) = linear(x, n, use_bias=false)\n${shared}`;
    expect(slotNames(plain + tiny("  twice(unit, x)"))).toEqual([
      "twice_0.unit_0.linear_0.weight",
      "twice_0.unit_1.linear_0.weight",
    ]);
  });

  it("are shared between models through top-level partials", () => {
    const module = compile(`decoder = mlp(_, [8, 4])
model net(x: [N, 2]) -> [N, 4] { decoder(x) }
model sample(z: [N, 2]) -> (image: [N, 4]) { decoder(z) }
model whole(x: [N, 2]) { 2 * net(x) }
`);
    expect(module.slots.map(({ name }) => name)).toEqual([
      "decoder.linear_0.weight",
      "decoder.linear_0.bias",
      "decoder.linear_1.weight",
      "decoder.linear_1.bias",
    ]);
    expect(module.entries.map(({ name, outputs, inputs }) => [name, outputs, inputs.map((i) => i.name)])).toEqual([
      ["sample", ["image"], ["z"]],
      ["whole", ["out"], ["x"]],
    ]);
  });

  it("of two models do not meet by accident", () => {
    const text = `model a(x: [N, 4]) { fc = linear(x, 4)\n fc }\nmodel b(x: [N, 4]) { fc = linear(x, 4)\n fc }\n`;
    expect(new Set(codes(text))).toEqual(new Set(["name/slot-twice"]));
  });

  it("may be words that JavaScript knows", () => {
    const names = slotNames(
      tiny(
        "  __proto__ = linear(x, 4, use_bias=false)\n  constructor = linear(__proto__, 4, use_bias=false)\n  constructor",
      ),
    );
    expect(names).toEqual(["__proto__.weight", "constructor.weight"]);
  });
});

describe("optimizers", () => {
  const line = (train: string, more = ""): string =>
    `${more}\nmodel net(x: [N, 2]) -> [N] {\n  param w: [2] = tensor([1, -1])\n  param b: [] = 0.5\n  x @ w + b\n}\nloss(out, y: [N]) = mse(out, y)\ntrain {\n${train}\n}\n`;
  const data = { x: [1, 2, 3, -1, 0.5, 2], y: [1, 0, 2] };
  const trainer = (train: string, more = "", steps = 10): Trainer =>
    new Trainer(compile(line(train, more)), data, 3, {}, steps);
  /** Worked by hand: the gradient of the mean squared error of a linear model. */
  const gradient = (w: readonly number[], b: number): number[] => {
    const g = [0, 0, 0];
    for (let i = 0; i < 3; i++) {
      const [p, q] = [data.x[2 * i]!, data.x[2 * i + 1]!];
      const e = (2 / 3) * (p * w[0]! + q * w[1]! + b - data.y[i]!);
      g[0]! += e * p;
      g[1]! += e * q;
      g[2]! += e;
    }
    return g;
  };
  const near = (actual: readonly number[], wanted: readonly number[]): void => {
    expect(actual).toHaveLength(wanted.length);
    for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, 10);
  };

  it("sgd with momentum keeps a velocity, and none without", () => {
    expect(compile(line("optimizer = sgd(0.1)")).slots.map(({ name }) => name)).toEqual(["w", "b"]);
    const t = trainer("optimizer = sgd(0.1, momentum = 0.9)");
    let w = [1, -1];
    let b = 0.5;
    let v = [0, 0, 0];
    for (let step = 0; step < 3; step++) {
      const g = gradient(w, b);
      v = v.map((k, i) => 0.9 * k + g[i]!);
      w = w.map((k, i) => k - 0.1 * v[i]!);
      b -= 0.1 * v[2]!;
      t.train();
    }
    near(t.read("w"), w);
    near(t.read("b"), [b]);
    near(t.read("optimizer.v.w"), v.slice(0, 2));
    expect(t.module.slots.find(({ name }) => name === "optimizer.v.b")).toMatchObject({
      optimizer: true,
      kind: "state",
    });
  });

  it("clipping takes the norm over all parameters, and every stores nothing in between", () => {
    const t = trainer("optimizer = clipped(0.1, sgd(_, _, lr = 1))");
    const g = gradient([1, -1], 0.5);
    const scale = 0.1 / (Math.hypot(...g) + 1e-6);
    t.train();
    near([...t.read("w"), ...t.read("b")], [1 - scale * g[0]!, -1 - scale * g[1]!, 0.5 - scale * g[2]!]);
    const e = trainer("optimizer = every(2, sgd(_, _, lr = 0.1, momentum = 0.9))");
    e.train();
    const velocity = e.read("optimizer.v.w");
    near(velocity, g.slice(0, 2));
    const after = e.read("w");
    e.train();
    near(e.read("optimizer.v.w"), velocity);
    near(e.read("w"), after);
  });

  it("total over all groups counts the parameters of other entries", () => {
    const more = "optimizer scaled(p, g) { p <- p - g / total(sum(g ** 2), groups = all) }";
    const t = trainer("optimizer = sgd(0)\noptimizer.w = scaled()", more);
    const g = gradient([1, -1], 0.5);
    const all = g.reduce((a, k) => a + k * k, 0);
    t.train();
    near(t.read("w"), [1 - g[0]! / all, -1 - g[1]! / all]);
    near(t.read("b"), [0.5]);
  });

  it("totals may use totals", () => {
    const more = `optimizer centred(p, g) {
  count = total(size(p))
  centre = total(sum(g)) / count
  spread = total(sum((g - centre) ** 2)) / count
  p <- p - (g - centre) / sqrt(spread)
}`;
    const t = trainer("optimizer = centred", more);
    const g = gradient([1, -1], 0.5);
    const centre = (g[0]! + g[1]! + g[2]!) / 3;
    const spread = g.reduce((a, k) => a + (k - centre) ** 2, 0) / 3;
    t.train();
    near(
      [...t.read("w"), ...t.read("b")],
      [1, -1, 0.5].map((k, i) => k - (g[i]! - centre) / Math.sqrt(spread)),
    );
  });

  it("groups, schedules, lr as run-time scalars, freeze", () => {
    const module = compile(line("optimizer = adam(lr = 0.01)\noptimizer.b = sgd(lr = 0.1)"));
    expect(module.scalars.map(({ name, value }) => [name, value])).toEqual([
      ["lr", 0.01],
      ["b.lr", 0.1],
    ]);
    const t = trainer('optimizer = sgd(lr = cosine(0.1))\nfreeze = ["b"]', "", 3);
    expect(t.module.scalars).toEqual([]);
    expect(t.module.slots.find(({ name }) => name === "b")!.trained).toBe(false);
    t.train();
    const g = gradient([1, -1], 0.5);
    near(t.read("w"), [1 - 0.1 * g[0]!, -1 - 0.1 * g[1]!]);
    near(t.read("b"), [0.5]);
    t.train();
    t.train();
    const last = t.read("w");
    near(last, t.read("w"));
  });

  it("a stranger's optimizer needs no change to the compiler", () => {
    const lamb = `optimizer lamb(p, g, lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0.01) {
  state m: shape(p) = 0
  state v: shape(p) = 0
  m2 = beta1 * m + (1 - beta1) * g
  v2 = beta2 * v + (1 - beta2) * g ** 2
  m <- m2
  v <- v2
  t = step + 1
  r = m2 / (1 - beta1 ** t) / (sqrt(v2 / (1 - beta2 ** t)) + eps) + weight_decay * p
  size_of_p = sqrt(sum(p ** 2))
  size_of_r = sqrt(sum(r ** 2))
  trust = where(size_of_p > 0 and size_of_r > 0, size_of_p / size_of_r, 1)
  p <- p - lr * trust * r
}`;
    const t = trainer("optimizer = averaged(lamb(_, _, lr = 0.1))", lamb);
    t.train();
    const g = gradient([1, -1], 0.5).slice(0, 2);
    const r = g.map((k, i) => k / (Math.abs(k) + 1e-6) + 0.01 * [1, -1][i]!);
    const trust = Math.SQRT2 / Math.hypot(...r);
    const w = [1 - 0.1 * trust * r[0]!, -1 - 0.1 * trust * r[1]!];
    near(t.read("w"), w);
    near(t.read("optimizer.average.w"), [0.999 + 0.001 * w[0]!, -0.999 + 0.001 * w[1]!]);
  });
});

describe("warnings", () => {
  it("tell of parameters that cannot be trained, but not of those that stop_gradient cut", () => {
    const file = (body: string): string =>
      tiny(body, "loss(out, y: [N, 4]) = mse(out, y)\ntrain { optimizer = sgd(0.1) }\n");
    const unused = check(file("  param unused: [4] = 0\n  linear(x, 4)"));
    expect(unused.diagnostics.map(({ code, severity }) => [code, severity])).toEqual([["model/unreached", "warning"]]);
    expect(unused.module!.slots.map(({ name, trained }) => [name, trained])).toContainEqual(["unused", false]);
    expect(codes(file("  f = linear(_, 4)\n  linear(x, 4) + stop_gradient(f)(x)"))).toEqual([]);
    expect(codes(file("  param t: [4] = 1\n  linear(x, 4) + stop_gradient(t)"))).toEqual([]);
  });
});
