// A hand-written logistic regression that keeps the contract of emitted libraries: the runtime's tests train it.
import type { Library, Manifest, Trainer } from "../../src/runtime/library.ts";

export interface FakeOptions {
  readonly batch?: number;
  readonly epochs?: number;
  readonly source?: string;
  readonly train?: Partial<NonNullable<Manifest["train"]>>;
  /** Columns' shape of x after N. */
  readonly imageShape?: readonly number[];
  /** The step (from 0) at which the loss becomes NaN. */
  readonly breakAt?: number;
}

const pixels = 784;
const classes = 10;

export function fakeLibrary(options: FakeOptions = {}): Library {
  const batch = options.batch ?? 64;
  const manifest: Manifest = {
    model: "logistic",
    target: "hand",
    batch,
    arenaBytes: (pixels + 1) * classes * 4 + batch * pixels,
    slots: [
      { name: "weights", kind: "param", dtype: "f32", shape: [pixels, classes], optimizer: false, trained: true },
      { name: "bias", kind: "param", dtype: "f32", shape: [classes], optimizer: false, trained: true },
    ],
    columns: [
      { name: "x", dtype: "u8", shape: [{ perRow: 1 }, ...(options.imageShape ?? [pixels])], role: "input" },
      { name: "target", dtype: "i32", shape: [{ perRow: 1 }], role: "target", classes },
    ],
    outputs: [{ name: "out", dtype: "f32", shape: [{ perRow: 1 }, classes] }],
    hasLoss: true,
    metrics: ["accuracy"],
    scalars: [{ name: "lr", value: 0.5 }],
    train: {
      data: {
        source: options.source ?? "mnist",
        positional: [],
        named: [
          ["train", { range: [0, 50000] }],
          ["valid", { range: [50000, 60000] }],
        ],
      },
      batch,
      epochs: options.epochs ?? 2,
      seed: 0,
      shuffle: false,
      dropLast: false,
      init: [],
      ...options.train,
    },
  };
  return { manifest, create: ({ seed = 0 } = {}) => createTrainer(batch, seed, options.breakAt) };
}

function createTrainer(batch: number, seed: number, breakAt: number | undefined): Trainer {
  const weights = new Float32Array(pixels * classes);
  const bias = new Float32Array(classes);
  let state = seed + 1;
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    weights[i] = (state / 2 ** 32 - 0.5) / 10;
  }
  const x = new Uint8Array(batch * pixels);
  const target = new Int32Array(batch);
  const out = new Float32Array(batch * classes);
  const index = { loss: 0, accuracy: 1, lr: 2, step: 3, epoch: 4, steps: 5 };
  const scalars = new Float64Array(6);
  scalars[index.lr] = 0.5;

  function forward(rows: number): void {
    for (let n = 0; n < rows; n++) {
      const z = out.subarray(n * classes, (n + 1) * classes);
      z.set(bias);
      for (let k = 0; k < pixels; k++) {
        const value = x[n * pixels + k]! / 255;
        if (value !== 0) for (let j = 0; j < classes; j++) z[j]! += value * weights[k * classes + j]!;
      }
      const top = Math.max(...z);
      let sum = 0;
      for (let j = 0; j < classes; j++) sum += Math.exp(z[j]! - top);
      for (let j = 0; j < classes; j++) z[j]! -= top + Math.log(sum);
    }
  }

  function judge(rows: number): void {
    let loss = 0;
    let right = 0;
    for (let n = 0; n < rows; n++) {
      const z = out.subarray(n * classes, (n + 1) * classes);
      loss -= z[target[n]!]! / rows;
      right += Number(z.indexOf(Math.max(...z)) === target[n]);
    }
    scalars[index.loss] = loss;
    scalars[index.accuracy] = right / rows;
  }

  const slots = new Map([
    ["weights", weights],
    ["bias", bias],
    ["out", out],
  ]);
  return {
    inputs: { x, target },
    scalars,
    index,
    read: (name) => slots.get(name)!.slice(),
    write: (name, values) => slots.get(name)!.set(values),
    predict: forward,
    evaluate(rows) {
      forward(rows);
      judge(rows);
    },
    step(rows) {
      forward(rows);
      const accuracy = scalars[index.accuracy]!;
      judge(rows);
      // As an emitted step: metrics are not computed there.
      scalars[index.accuracy] = accuracy;
      if (scalars[index.step] === breakAt) scalars[index.loss] = Number.NaN;
      if (scalars[index.step] === breakAt) weights[3] = Number.NaN;
      const rate = scalars[index.lr]! / rows;
      for (let n = 0; n < rows; n++) {
        const z = out.subarray(n * classes, (n + 1) * classes);
        for (let j = 0; j < classes; j++) z[j] = rate * (Math.exp(z[j]!) - Number(j === target[n]));
      }
      for (let n = 0; n < rows; n++) {
        for (let j = 0; j < classes; j++) bias[j]! -= out[n * classes + j]!;
        for (let k = 0; k < pixels; k++) {
          const value = x[n * pixels + k]! / 255;
          if (value !== 0) for (let j = 0; j < classes; j++) weights[k * classes + j]! -= value * out[n * classes + j]!;
        }
      }
    },
  };
}

/** As a train block has it: few rows of made digits, some of them for validation. */
export const fewDigits = {
  source: "digits",
  positional: [],
  named: [
    ["train", { range: [0, 200] }],
    ["valid", { range: [200, 260] }],
  ] as const,
};
