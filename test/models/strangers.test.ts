// Layers and optimizers that the compiler has never heard of, written in `.nn` files: their numbers against plain
// arithmetic written here, and steps that go down.
import { describe, expect, it } from "vitest";
import type { Trainer } from "../../src/runtime/library.ts";
import { libraryOf } from "./load.ts";

type Numbers = readonly number[];

const trainerOf = async (name: string): Promise<Trainer> => {
  const { create } = await libraryOf(new URL(`strangers/${name}.nn`, import.meta.url).pathname, { grads: true });
  return create({ seed: 7 });
};

/** Numbers without a pattern, between -1 and 1. */
const values = (count: number, shift = 0): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 + shift));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const close = (got: ArrayLike<number>, wanted: Numbers, digits = 5): void => {
  expect(got.length).toBe(wanted.length);
  for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, digits);
};
const numbers = (trainer: Trainer, name: string): number[] => [...trainer.read(name)];

/** weight [m, n] times x [n]. */
const apply = (weight: Numbers, x: Numbers): number[] =>
  Array.from({ length: weight.length / x.length }, (_, i) =>
    x.reduce((sum, value, j) => sum + weight[i * x.length + j]! * value, 0),
  );
const plus = (a: Numbers, b: Numbers): number[] => a.map((value, i) => value + b[i]!);

/** Steps on one batch of two rows; the loss must fall. */
function descends(trainer: Trainer, steps: number): void {
  const { scalars, index } = trainer;
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    if (index["step"] !== undefined) scalars[index["step"]] = step;
    trainer.step(2);
    losses.push(scalars[index["loss"]!]!);
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.9);
}

describe("layers", () => {
  it("squeeze and excitation", async () => {
    const trainer = await trainerOf("squeeze_excitation");
    const x = values(2 * 4 * 9);
    trainer.inputs["x"]!.set(x);
    trainer.inputs["target"]!.set(x.map((value) => value * 0.2));
    trainer.predict(2);
    const slot = (name: string) => numbers(trainer, `excited.${name}`);
    const wanted = [0, 1].flatMap((n) => {
      const channel = (c: number) => x.slice((n * 4 + c) * 9, (n * 4 + c + 1) * 9);
      const squeezed = [0, 1, 2, 3].map((c) => channel(c).reduce((a, b) => a + b, 0) / 9);
      const hidden = plus(apply(slot("linear_0.weight"), squeezed), slot("linear_0.bias")).map((v) => Math.max(0, v));
      const gate = plus(apply(slot("linear_1.weight"), hidden), slot("linear_1.bias")).map(sigmoid);
      return gate.flatMap((g, c) => channel(c).map((value) => value * g));
    });
    close(trainer.read("out"), wanted);
    descends(trainer, 200);
  });

  it("gated units, with a function as argument", async () => {
    const trainer = await trainerOf("gated_unit");
    const x = values(6, 1);
    trainer.inputs["x"]!.set(x);
    trainer.inputs["target"]!.set(values(6, 2));
    trainer.predict(2);
    const gates = [
      (v: number) => v * sigmoid(v),
      (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    ];
    const wanted = [x.slice(0, 3), x.slice(3)].flatMap((row) =>
      gates.reduce<number[]>((h, gate, i) => {
        const weight = (name: string) => numbers(trainer, `gated_0_${i}.${name}`);
        const up = apply(weight("up"), h);
        const open = apply(weight("open"), h).map(gate);
        return plus(
          h,
          apply(
            weight("down"),
            plus(
              up.map((v, k) => v * open[k]!),
              up.map(() => 0),
            ),
          ),
        );
      }, row),
    );
    close(trainer.read("out"), wanted);
    descends(trainer, 100);
  });
});

describe("optimizers", () => {
  const start = async (name: string): Promise<Trainer> => {
    const trainer = await trainerOf(name);
    trainer.inputs["x"]!.set(values(6, 3));
    trainer.inputs["target"]!.set(values(4, 4));
    return trainer;
  };
  const slots = ["linear_0.weight", "linear_0.bias"];

  it("LAMB", async () => {
    const trainer = await start("lamb");
    const { scalars, index } = trainer;
    const moments = new Map(slots.map((slot) => [slot, numbers(trainer, slot).map(() => ({ m: 0, v: 0 }))]));
    for (let step = 0; step < 5; step++) {
      scalars[index["step"]!] = step;
      const before = new Map(slots.map((slot) => [slot, numbers(trainer, slot)]));
      trainer.step(2);
      for (const slot of slots) {
        const p = before.get(slot)!;
        const direction = numbers(trainer, `grad.${slot}`).map((g, i) => {
          const kept = moments.get(slot)![i]!;
          kept.m = 0.9 * kept.m + 0.1 * g;
          kept.v = 0.999 * kept.v + 0.001 * g * g;
          const [m, v] = [kept.m / (1 - 0.9 ** (step + 1)), kept.v / (1 - 0.999 ** (step + 1))];
          return m / (Math.sqrt(v) + 1e-6) + 0.01 * p[i]!;
        });
        const trust = Math.hypot(...p) / Math.hypot(...direction);
        close(
          trainer.read(slot),
          p.map((value, i) => value - 0.1 * trust * direction[i]!),
        );
      }
    }
    descends(trainer, 100);
  });

  it("an exponential moving average around another optimizer", async () => {
    const trainer = await start("moving_average");
    const { scalars, index } = trainer;
    const average = new Map(slots.map((slot) => [slot, numbers(trainer, slot)]));
    for (let step = 0; step < 20; step++) {
      scalars[index["step"]!] = step;
      trainer.step(2);
      const keep = Math.min(0.9, (1 + step) / (10 + step));
      for (const slot of slots) {
        const now = numbers(trainer, slot);
        average.set(
          slot,
          average.get(slot)!.map((value, i) => keep * value + (1 - keep) * now[i]!),
        );
        close(trainer.read(`optimizer.average.${slot}`), average.get(slot)!);
      }
    }
    descends(trainer, 100);
  });
});
