// What a run will do, settled before its first step: data, batches, steps, start values. All mistakes in options are
// found here.
import { Batches } from "./batches.ts";
import { type Goal, goalOf } from "./best.ts";
import { type OpenData, openData } from "./data.ts";
import type { Io } from "./io.ts";
import type { Manifest } from "./library.ts";
import type { Places } from "./locate.ts";
import type { TrainOptions } from "./options.ts";
import { dataSets } from "./sets.ts";
import { quoted, UserError } from "./user-error.ts";

export interface Plan {
  readonly manifest: Manifest;
  readonly options: TrainOptions;
  readonly places: Places;
  readonly data: OpenData;
  readonly batches: Batches;
  /** Rows per step. */
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
  /** Steps of all epochs: what schedules plan for. */
  readonly steps: number;
  /** Where this run stops: `steps`, or `--max-steps`. */
  readonly stop: number;
  /** What ends the run before its time, and what decides which parameters are saved: by the validation rows, each epoch. */
  readonly earlyStop: Goal | undefined;
  readonly keepBest: Goal | undefined;
}

export function planRun(manifest: Manifest, options: TrainOptions, io: Io): Plan {
  const { train } = manifest;
  if (!manifest.hasLoss)
    throw new UserError(
      "train/no-loss",
      `${quoted(manifest.model)} has no loss, so there is nothing to train`,
      "Write loss(out, target) = … in the model file.",
    );
  const places: Places = { io, dataDir: options.dataDir };
  const named = dataOf(manifest, options);
  if (!train || !named) {
    throw new UserError(
      "train/no-data",
      `${quoted(manifest.model)} names no data`,
      "Write data = mnist() or another source into its train block, or drive it from host code.",
    );
  }
  const batch = batchOf(manifest, options);
  for (const name of options.scalars.keys()) checkScalar(manifest, name);
  const data = openData(named, manifest.columns, places);
  const seed = options.seed ?? train.seed;
  const batches = new Batches(data.split.train, { batch, shuffle: train.shuffle, seed, dropLast: train.dropLast });
  if (batches.perEpoch === 0) {
    throw new UserError(
      "data/no-rows",
      `drop_last leaves nothing: ${data.split.train.count} rows are fewer than one batch of ${batch}`,
      "Take a smaller batch, or drop_last = false.",
    );
  }
  const epochs = options.epochs ?? train.epochs;
  const steps = epochs * batches.perEpoch;
  const stop = Math.min(steps, options.maxSteps ?? steps);
  const goals = goalsOf(manifest, options, data.split.valid.count > 0);
  return { manifest, options, places, data, batches, batch, epochs, seed, steps, stop, ...goals };
}

function goalsOf(
  manifest: Manifest,
  options: TrainOptions,
  hasValidation: boolean,
): Pick<Plan, "earlyStop" | "keepBest"> {
  const { earlyStop, keepBest } = options;
  const flag = earlyStop !== undefined ? "early-stop" : "keep-best";
  if ((earlyStop !== undefined || keepBest !== undefined) && !hasValidation) {
    throw new UserError(
      "usage/option",
      `--${flag} needs validation rows`,
      "Say which rows they are: data = mnist(train = 0:50000, valid = 50000:60000).",
    );
  }
  return {
    earlyStop: earlyStop === undefined ? undefined : goalOf("early-stop", earlyStop, manifest),
    keepBest: keepBest === undefined ? undefined : goalOf("keep-best", keepBest, manifest),
  };
}

function dataOf(manifest: Manifest, options: TrainOptions) {
  const own = manifest.train?.data;
  if (options.data === undefined) return own;
  if (!dataSets.has(options.data)) {
    throw new UserError(
      "usage/value",
      `--data takes ${[...dataSets.keys()].join(", ")}, and not ${quoted(options.data)}`,
      "Name other data in the model file.",
    );
  }
  // The model's row ranges stay.
  const set = own && dataSets.has(own.source) ? own : { positional: [], named: [] };
  return { ...set, source: options.data };
}

function batchOf(manifest: Manifest, options: TrainOptions): number {
  const batch = options.batch ?? Math.min(manifest.train!.batch, manifest.batch);
  if (batch <= manifest.batch) return batch;
  throw new UserError(
    "usage/batch",
    `--batch ${batch} is more than the ${manifest.batch} rows that this trainer was compiled for`,
    `Compile it for more: \`nnc build --batch ${batch}\`, or take at most ${manifest.batch}.`,
  );
}

function checkScalar(manifest: Manifest, name: string): void {
  if (manifest.scalars.some((scalar) => scalar.name === name)) return;
  const known = manifest.scalars.map((scalar) => scalar.name);
  const what = name === "lr" || name.endsWith(".lr") ? `--${name}` : `--set ${name}`;
  throw new UserError(
    "usage/value",
    `${what}: this model has no run-time number ${quoted(name)}`,
    known.length > 0
      ? `It has ${known.map(quoted).join(", ")}.`
      : "It has none: its numbers are part of the compiled program.",
  );
}
