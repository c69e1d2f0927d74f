// Larger programs of the kinds the language is for: each elaborates, trains by the interpreter, and its loss falls.
import { describe, expect, it } from "vitest";
import { compile } from "./compile.ts";
import { Trainer } from "./run.ts";

const wave = (count: number, phase = 0): number[] => Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase));

const programs: Readonly<
  Record<string, { text: string; inputs: Record<string, number[]>; rows: number; steps: number; slots: string[] }>
> = {
  "a causal transformer with tied embeddings, clipping and warm-up": {
    text: `dim vocab = 5
dim width = 4
fn block(x: [.., t, d], heads) {
  a = x + attention(layer_norm(x), heads, causal = true)
  h = gelu(linear(layer_norm(a), 2 * d))
  a + linear(h, d)
}
model gpt(ids: class[N, 3] < vocab) -> (logits: [N, 3, vocab]) {
  param tokens: [vocab, width] = randn() * 0.1
  param places: [3, width] = randn() * 0.1
  h = gather(tokens, ids) + places
  for i in 0:2 { h = block(h, 2) }
  layer_norm(h) @ tokens.T
}
loss(logits, next: class[N, 3] < vocab) = cross_entropy(logits, next)
metric accuracy(logits, next)
train {
  batch     = 2
  optimizer = clipped(1.0, adamw(_, _, lr = warmup_cosine(0.05, warmup = 2)))
}
`,
    inputs: { ids: [0, 1, 2, 3, 4, 0], next: [1, 2, 3, 4, 0, 1] },
    rows: 2,
    steps: 12,
    slots: [
      "tokens",
      "places",
      "block_0.layer_norm_0.weight",
      "block_1.attention_0.query.weight",
      "block_1.linear_1.bias",
    ],
  },
  "a variational autoencoder, with a second model that samples": {
    text: `hyper beta = 0.1
decoder = mlp(_, [4, 6])
fn gaussian(mu, log_var) = mu + exp(0.5 * log_var) * normal(shape(mu))
model vae(x: [N, 6]) -> (image: [N, 6], mu: [N, 2], log_var: [N, 2]) {
  h = relu(linear(x, 4))
  mu = linear(h, 2)
  log_var = linear(h, 2)
  z = if training then gaussian(mu, log_var) else mu
  (decoder(z), mu, log_var)
}
model sample(z: [N, 2]) -> (image: [N, 6]) { sigmoid(decoder(z)) }
loss(image, mu, log_var, x) {
  kl = -0.5 * mean(sum(1 + log_var - mu ** 2 - exp(log_var), axis = -1))
  bce_with_logits(image, x) + beta * kl
}
train { optimizer = adam(lr = 0.05) }
`,
    inputs: { x: wave(12).map((v) => (v > 0 ? 1 : 0)) },
    rows: 2,
    steps: 12,
    slots: ["decoder.linear_0.weight", "mu.weight", "log_var.bias"],
  },
  "a gan with gradient penalty and two groups": {
    text: `critic = mlp(_, [8, 1])
generator = mlp(_, [8, 2])
fn penalty(f, real, fake) {
  t = uniform([shape(real)[0], 1])
  between = real * t + fake * (1 - t)
  slope = grad(sum(f(between)), between)
  mean((sqrt(sum(slope ** 2, axis = -1) + 1e-12) - 1) ** 2)
}
model gan(z: [N, 3]) -> [N, 2] { generator(z) }
loss(fake, x: [N, 2]) {
  fixed = stop_gradient(fake)
  critic_loss = mean(critic(fixed)) - mean(critic(x)) + 10 * penalty(critic, x, fixed)
  generator_loss = -mean(stop_gradient(critic)(fake))
  critic_loss + generator_loss
}
train {
  optimizer.critic    = adam(lr = 0.01, beta1 = 0)
  optimizer.generator = every(5, adam(_, _, lr = 0.01, beta1 = 0))
}
`,
    inputs: { z: wave(12), x: wave(8, 1).map((v) => v + 2) },
    rows: 4,
    steps: 8,
    slots: ["generator.linear_0.weight", "critic.linear_1.bias", "optimizer.v.critic.linear_0.weight"],
  },
  "a convolutional net with batch norm, dropout and frozen layers": {
    text: `model net(x: [N, 1, 8, 8]) -> [N, 3] {
  h = conv(x, 4, k = 3, padding = 1) |> batch_norm |> relu |> max_pool(2)
  g = conv(h, 4, k = 3, stride = 2, padding = 1, groups = 2) |> relu
  reshape(g, [N, -1]) |> dropout(0.1) |> linear(3)
}
loss(out, target: class[N] < 3) = cross_entropy(out, target)
metric accuracy(out, target)
train {
  optimizer = sgd(0.1, momentum = 0.9)
  freeze    = ["conv_0.*"]
}
`,
    inputs: { x: wave(192), target: [0, 1, 2] },
    rows: 3,
    steps: 5,
    slots: ["conv_0.weight", "batch_norm_0.running_var", "conv_1.weight", "linear_0.weight"],
  },
  "a teacher in evaluation mode, distilled": {
    text: `fn body(x: [.., n]) = batch_norm(linear(x, 3))
teacher = body(_)
model student(x: [N, 4]) -> [N, 3] { linear(x, 3) }
loss(out, x) {
  t = stop_gradient(teacher)(x, training = false)
  mse(out, t)
}
train { optimizer = sgd(0.1) }
`,
    inputs: { x: wave(12) },
    rows: 3,
    steps: 10,
    slots: ["linear_0.weight", "teacher.linear_0.weight", "teacher.batch_norm_0.running_mean"],
  },
};

describe("programs", () => {
  for (const [name, { text, inputs, rows, steps, slots }] of Object.entries(programs)) {
    it(name, () => {
      const module = compile(text);
      const names = module.slots.map((slot) => slot.name);
      for (const slot of slots) expect(names).toContain(slot);
      const trainer = new Trainer(module, inputs, rows, {}, steps);
      const before = trainer.evaluate().get("loss")![0]!;
      for (let step = 0; step < steps; step++) {
        for (const value of trainer.train().get("loss")!) expect(Number.isFinite(value)).toBe(true);
      }
      expect(trainer.evaluate().get("loss")![0]!).toBeLessThan(before);
    });
  }

  it("leave what they freeze and what a teacher knows as it was", () => {
    const { text, inputs } = programs["a convolutional net with batch norm, dropout and frozen layers"]!;
    const trainer = new Trainer(compile(text), inputs, 3);
    const before = trainer.read("conv_0.weight");
    trainer.train();
    expect(trainer.read("conv_0.weight")).toEqual(before);
    expect(trainer.read("batch_norm_0.running_var")).not.toEqual([1, 1, 1, 1]);
  });
});
