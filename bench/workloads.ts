// What is measured: five models, what each step of theirs reads, and how far losses of correct programs may drift apart.

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly model: string;
  readonly data: "images" | "text";
  readonly rows: number;
  /** Steps of an epoch of 50,000 images, or of a stretch of text: the unit of the table. */
  readonly unit: { readonly steps: number; readonly name: string };
  /** Largest difference of a loss within the first 50 steps. Adam and momentum amplify rounding. */
  readonly tolerance: number;
}

const images = { data: "images", rows: 64, unit: { steps: 782, name: "epoch" } } as const;

export const workloads: readonly Workload[] = [
  { name: "logreg", title: "784-10, SGD", model: "models/logreg.nn", ...images, tolerance: 1e-4 },
  { name: "mlp", title: "784-128-10, momentum", model: "models/mlp.nn", ...images, tolerance: 1e-3 },
  { name: "mlp-big", title: "784-512-512-10, Adam", model: "models/mlp-big.nn", ...images, tolerance: 5e-3 },
  { name: "cnn", title: "three convolutions, momentum", model: "models/cnn.nn", ...images, tolerance: 2e-3 },
  {
    name: "gpt",
    title: "transformer of 2 blocks, Adam",
    model: "models/gpt.nn",
    data: "text",
    rows: 16,
    unit: { steps: 200, name: "200 steps" },
    tolerance: 2e-3,
  },
];
