// A run that is broken off and resumed ends with the bits of one that was not, whatever it holds: every optimizer of the library, with
// shuffle, dropout, running statistics, a schedule and states of the model; on both targets, with threads, in a trainer of its own.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";

const library = readFileSync(new URL("../../src/dsl/std/optimizers.nn", import.meta.url), "utf8");
const names = [...library.matchAll(/^optimizer (\w+)\(/gm)].map(([, name]) => name!);

/** Each with all that it can remember. */
const optimizers: readonly string[] = [
  "sgd(lr = 0.05)",
  "sgd(lr = warmup_cosine(0.05, warmup = 4), momentum = 0.9, nesterov = true, weight_decay = 1e-3)",
  "adam(lr = 0.01, weight_decay = 1e-3)",
  "adamw(lr = cosine(0.01))",
  "rmsprop(lr = 0.003, momentum = 0.9)",
  "adagrad(lr = 0.02)",
  "lion(lr = 0.001, weight_decay = 0.1)",
  "clipped(1.0, adam(_, _, lr = 0.01))",
  "every(3, rmsprop(_, _, lr = 0.01))",
  "accumulate(4, adam(_, _, lr = 0.01))",
  "lookahead(sgd(_, _, lr = 0.05, momentum = 0.9), k = 3)",
  "averaged(adam(_, _, lr = 0.01), decay = 0.9)",
  "own(lr = 0.01)",
];

const model = (optimizer: string): string => `hyper strength = 0.5
optimizer own(p, g, lr = 0.1) {
  state speed: shape(p) = normal()
  state count = 0
  count <- count + 1
  kept = 0.9 * speed + strength * g + 0.01 * uniform(shape(p)) / (count + 1)
  speed <- kept
  p <- p - lr * kept
}
model net(x: [N, 784]) -> [N, 10] {
  state seen = 0
  seen <- seen + 1
  h = linear(x, 8) |> batch_norm |> relu |> dropout(0.3)
  linear(h, 10) + 0.001 * seen * normal([10])
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train {
  data      = digits(train = 0:90)
  batch     = 16
  epochs    = 3
  shuffle   = true
  optimizer = ${optimizer}
}
`;

test("every optimizer of the library is among them", () => {
  expect(names.length).toBeGreaterThan(10);
  for (const name of names)
    expect(
      optimizers.some((text) => text.startsWith(`${name}(`)),
      name,
    ).toBe(true);
});

interface Ran {
  readonly saved: Buffer;
  readonly log: string;
}

/** Trains in pieces that end after these steps, each going on from what the one before left. */
async function inPieces(text: string, stops: readonly number[], ...more: readonly string[]): Promise<Ran> {
  const folder = folderWith({ "net.nn": text });
  const [save, log, points] = ["p.safetensors", "log.jsonl", "points"].map((name) => join(folder, name));
  for (const stop of [...stops, 1000]) {
    const argv = [
      "train",
      join(folder, "net.nn"),
      "--save",
      save!,
      "--log",
      log!,
      "--max-steps",
      String(stop),
      ...more,
    ];
    const kept = stops.length === 0 ? [] : ["--checkpoint", points!, "--every", "1000steps", "--resume"];
    expect(await nnc([...argv, ...kept])).toMatchObject({ code: 0, stderr: "" });
  }
  return { saved: readFileSync(save!), log: readFileSync(log!, "utf8") };
}

// Six steps are an epoch, the last of them short.
const stops = [6, 8];

describe.each(["ts", "wasm"])("%s", (target) => {
  test.each(optimizers)("%s", async (optimizer) => {
    const whole = await inPieces(model(optimizer), [], "--target", target);
    const pieces = await inPieces(model(optimizer), stops, "--target", target);
    expect(pieces.log).toBe(whole.log);
    expect(pieces.log.trim().split("\n")).toHaveLength(18);
    expect(pieces.saved.equals(whole.saved)).toBe(true);
  });
});

test("with threads, whose number may change", async () => {
  const text = model("adam(lr = 0.01)");
  const whole = await inPieces(text, []);
  for (const threads of ["2", "3"]) expect(await inPieces(text, [7], "--threads", threads)).toEqual(whole);
});

test("groups with rates of their own, two players, and a rate that the command line set once", async () => {
  const text = `model gan(x: [N, 784]) {
  noise = normal([N, 4])
  generator = linear(noise, 784)
  critic = linear
  fake = critic(generator, 1) |> mean
  fake - mean(linear(x, 1))
}
loss(out) = out ** 2
train {
  data = digits(train = 0:64)
  batch = 16
  epochs = 3
  shuffle = true
  optimizer.linear_0 = adam(lr = 0.01)
  optimizer = every(2, sgd(_, _, lr = 0.02, momentum = 0.5))
}
`;
  const rates = ["--linear_0.lr", "0.005"];
  const whole = await inPieces(text, [], ...rates);
  const folder = folderWith({ "net.nn": text });
  const common = ["train", join(folder, "net.nn"), "--checkpoint", join(folder, "points"), "--save", join(folder, "p")];
  expect(await nnc([...common, "--max-steps", "5", ...rates])).toMatchObject({ code: 0, stderr: "" });
  expect(await nnc([...common, "--resume"])).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(join(folder, "p")).equals(whole.saved)).toBe(true);
});

test("a trainer of its own goes on from what `nnc train` left, and the other way round", async () => {
  const text = model("adam(lr = 0.01)");
  const whole = await inPieces(text, [], "--target", "ts");
  const folder = folderWith({ "net.nn": text });
  const path = (name: string): string => join(folder, name);
  expect((await nnc(["build", path("net.nn"), "-o", folder])).code).toBe(0);
  const points = ["--checkpoint", path("points"), "--every", "2steps", "--keep", "2"];
  const own = (...argv: string[]) =>
    spawnSync(process.execPath, [path("net.train.js"), ...points, ...argv], { encoding: "utf8" });
  expect(own("--max-steps", "5")).toMatchObject({ status: 0, stderr: "" });
  const middle = await nnc(["train", path("net.nn"), "--target", "ts", ...points, "--resume", "--max-steps", "11"]);
  expect(middle).toMatchObject({ code: 0, stderr: "" });
  expect(own("--resume", "--save", path("p"))).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(path("p")).equals(whole.saved)).toBe(true);
  expect(readdirSync(path("points"))).toHaveLength(2);
});
