// What a trained model makes of rows that it is not trained on: means, which class is taken for which, the worst rows. Draws nothing.
import { Batches } from "./batches.ts";
import type { OpenData } from "./data.ts";
import type { ColumnManifest, Manifest, ManifestDim, Trainer } from "./library.ts";
import type { Results } from "./report.ts";
import { RowSet } from "./rows.ts";

export interface WorstRow {
  readonly label: number;
  readonly said: number;
  /** What the model gave the right class, below what it gave the one it said. */
  readonly gap: number;
  /** The row's image, 0 to 255; empty where inputs are no images. */
  readonly pixels: Uint8Array;
}

export interface HeldOut {
  readonly rows: number;
  readonly results: Results;
  /** Rows: the true class; columns: the predicted one. Absent where the model predicts no classes. */
  readonly confusion?: readonly (readonly number[])[];
  /** Misread rows, the surest mistakes first. */
  readonly worst: readonly WorstRow[];
}

const sizeOf = (dim: ManifestDim): number => (typeof dim === "number" ? dim : dim.perRow);

/** Numbers of one row. */
export const widthOf = ({ shape }: ColumnManifest): number => shape.reduce<number>((n, dim) => n * sizeOf(dim), 1);

/** The target, where the first result has one number for each of its classes. */
export function classColumn({ columns, outputs }: Manifest): ColumnManifest | undefined {
  const [output] = outputs;
  return columns.find(
    ({ role, classes, shape }) =>
      role === "target" &&
      classes !== undefined &&
      shape.length === 1 &&
      output?.shape.length === 2 &&
      output.shape[1] === classes,
  );
}

/** The input that is a square image in one colour, and its side. */
export function imageColumn({
  columns,
}: Manifest): { readonly column: ColumnManifest; readonly side: number } | undefined {
  for (const column of columns) {
    const side = Math.sqrt(widthOf(column));
    if (column.role === "input" && Number.isInteger(side) && side > 1) return { column, side };
  }
  return undefined;
}

/** Bytes of a row's image in the trainer's input. */
export function pixelsOf({ inputs }: Trainer, { name, dtype, shape }: ColumnManifest, row: number): Uint8Array {
  const width = shape.reduce<number>((n, dim) => n * sizeOf(dim), 1);
  const values = inputs[name]!.subarray(row * width, (row + 1) * width);
  return Uint8Array.from(values, (value) => (dtype === "f32" ? Math.round(value * 255) : value));
}

export function firstRows({ ranges }: RowSet, count: number): RowSet {
  const taken: [number, number][] = [];
  let left = count;
  for (const [from, to] of ranges) {
    if (left <= 0) break;
    taken.push([from, Math.min(to, from + left)]);
    left -= to - from;
  }
  return new RowSet(taken);
}

export interface LookOptions {
  readonly batch: number;
  /** How many misread rows are kept. */
  readonly worst: number;
}

/** Evaluates rows batch by batch; changes no parameter and no state. */
export function lookAt(
  trainer: Trainer,
  manifest: Manifest,
  data: OpenData,
  rows: RowSet,
  options: LookOptions,
): HeldOut {
  const batches = new Batches(rows, { batch: options.batch, shuffle: false, seed: 0, dropLast: false });
  const places = new Int32Array(options.batch);
  const names = ["loss", ...manifest.metrics];
  const sums = names.map(() => 0);
  const label = classColumn(manifest);
  const image = imageColumn(manifest)?.column;
  const classes = label?.classes ?? 0;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let worst: WorstRow[] = [];
  for (let index = 0; index < batches.perEpoch; index++) {
    const count = batches.take(0, index, places);
    data.fill(places, count, trainer.inputs);
    trainer.evaluate(count);
    for (const [k, name] of names.entries()) sums[k]! += trainer.scalars[trainer.index[name]!]! * count;
    if (!label) continue;
    const scores = trainer.read(manifest.outputs[0]!.name);
    for (let row = 0; row < count; row++) {
      const truth = trainer.inputs[label.name]![row]!;
      const said = largestOf(scores, row * classes, classes);
      confusion[truth]![said]!++;
      if (said === truth || options.worst === 0) continue;
      const gap = scores[row * classes + said]! - scores[row * classes + truth]!;
      if (worst.length === options.worst && gap <= worst.at(-1)!.gap) continue;
      const pixels = image ? pixelsOf(trainer, image, row) : new Uint8Array(0);
      worst = [...worst, { label: truth, said, gap, pixels }].sort((a, b) => b.gap - a.gap).slice(0, options.worst);
    }
  }
  const results = names.map((name, k) => [name, sums[k]! / rows.count] as const);
  return { rows: rows.count, results, worst, ...(label ? { confusion } : {}) };
}

function largestOf(scores: ArrayLike<number>, from: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (scores[from + k]! > scores[from + best]!) best = k;
  return best;
}
