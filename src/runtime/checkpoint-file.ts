// What a checkpoint is: parameters, states and moments, and of which run they are. The same bytes wherever a run is: in a folder, in a
// page. Knows no folder.
import type { Files, OpenFile } from "./io.ts";
import { encodeSlots, loadSlots, slotFaults } from "./parameters.ts";
import type { Run } from "./run.ts";
import { readHeader } from "./safetensors.ts";
import { count, quoted, UserError } from "./user-error.ts";

type Sha256 = Files["sha256"];

/** Hashes of the model and of the training rows: a run goes on with the same ones only. Takes as long as the rows are many. */
export const identityOf = (run: Run, sha256: Sha256): ReadonlyMap<string, string> =>
  new Map([
    ["slots", sha256(new TextEncoder().encode(JSON.stringify(slotsOf(run))))],
    ["program", run.plan.manifest.program ?? ""],
    ["data hash", hashRows(run, sha256)],
  ]);

const slotsOf = ({ plan }: Run) => plan.manifest.slots.map(({ name, dtype, shape }) => [name, dtype, shape]);

/** What a run must share with the checkpoint it goes on from. Its seed is the key of the order of rows and of all random numbers. */
function factsOf(run: Run, identity: ReadonlyMap<string, string>): Map<string, string> {
  const { manifest, data, batch, seed, steps } = run.plan;
  return new Map([
    ["format", "nnc checkpoint 1"],
    ["model", manifest.model],
    ["data", data.name],
    ["training rows", data.split.train.text],
    ["batch", String(batch)],
    ["seed", String(seed)],
    ["planned steps", String(steps)],
    ["shuffle", String(manifest.train!.shuffle)],
    ["drop_last", String(manifest.train!.dropLast)],
    ...identity,
  ]);
}

/** How far the run is: `step` says it all, the others say it to people. */
function placeOf({ step, plan }: Run): [key: string, text: string][] {
  const { perEpoch } = plan.batches;
  return [
    ["step", String(step)],
    ["epoch", String(Math.floor(step / perEpoch))],
    ["batch of the epoch", String(step % perEpoch)],
    ["target", plan.manifest.target],
  ];
}

/** Run-time numbers, as `--lr` and `--set` give them. */
const settingsOf = ({ trainer, plan }: Run): [key: string, text: string][] =>
  plan.manifest.scalars.map(({ name }) => [`setting ${name}`, String(trainer.scalars[trainer.index[name]!])]);

/** `marks`: what the driver wants to find again. */
export const encodeCheckpoint = (
  run: Run,
  identity: ReadonlyMap<string, string>,
  marks: readonly (readonly [key: string, text: string])[],
): Uint8Array[] =>
  encodeSlots(
    run.trainer,
    run.plan.manifest,
    new Map([...factsOf(run, identity), ...placeOf(run), ...settingsOf(run), ...marks]),
  );

/** What differs where a hash does: nobody can read those. */
const hashes: ReadonlyMap<string, string> = new Map([
  ["slots", "its parameters and states are others"],
  ["program", "its model computes something else, or learns by other rules"],
  ["data hash", "its training rows are others"],
]);

/** The run as it was when the file was written; gives what stands in it. Nothing is changed unless all of it fits. */
export function restoreCheckpoint(
  run: Run,
  file: OpenFile,
  identity: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const { metadata, tensors } = readHeader(file);
  const differences = [...factsOf(run, identity)].filter(([key, value]) => metadata.get(key) !== value);
  const step = Number(metadata.get("step"));
  if (differences.length > 0 || !Number.isSafeInteger(step) || step < 0) {
    const { faults } = slotFaults(run.plan.manifest.slots, tensors);
    const told = differences.flatMap(([key, value]) => {
      if (key === "slots" && faults.length > 0) return faults;
      const what = hashes.get(key);
      return what ?? `${key} is ${quoted(metadata.get(key) ?? "not there")} there and ${quoted(value)} here`;
    });
    const shown = told.slice(0, 5);
    if (told.length > shown.length) shown.push(count(told.length - shown.length, "more difference"));
    throw new UserError(
      "train/checkpoint",
      `${quoted(file.path)} is of another run: ${shown.join("; ") || "its step is no number"}`,
      "Resume with the model, data and options that it was written with, or name another folder.",
    );
  }
  loadSlots(run.trainer, run.plan.manifest, file);
  restoreSettings(run, metadata);
  run.goOnAfter(step);
  return metadata;
}

/** Numbers that the command line does not give are what they were. */
function restoreSettings({ trainer, plan }: Run, metadata: ReadonlyMap<string, string>): void {
  for (const { name } of plan.manifest.scalars) {
    const value = Number(metadata.get(`setting ${name}`) ?? Number.NaN);
    if (!plan.options.scalars.has(name) && Number.isFinite(value)) trainer.scalars[trainer.index[name]!] = value;
  }
}

/** What is not as it was when the checkpoint was written, though the run may go on so. */
export function changesSince({ plan }: Run, metadata: ReadonlyMap<string, string>): string[] {
  const changes: string[] = [];
  for (const [name, value] of plan.options.scalars) {
    const before = metadata.get(`setting ${name}`);
    if (before !== undefined && before !== String(value)) changes.push(`${name} is ${value} now, and was ${before}`);
  }
  const target = metadata.get("target");
  if (target !== undefined && target !== plan.manifest.target)
    changes.push(`it was begun for ${target}, whose results agree within rounding`);
  return changes;
}

/** Bytes of training rows that are hashed: MNIST five times over. Of more, evenly spaced rows. */
const hashedBytes = 256 * 1024 * 1024;

/** A hash of the training rows as the model sees them. */
function hashRows(run: Run, sha256: Sha256): string {
  const { data, batch } = run.plan;
  const { train } = data.split;
  const { inputs } = run.trainer;
  const columns = run.plan.manifest.columns.map(({ name }) => inputs[name]!);
  const rowBytes = columns.reduce((sum, column) => sum + column.byteLength, 0) / run.plan.manifest.batch;
  const stride = Math.max(1, Math.ceil((rowBytes * train.count) / hashedBytes));
  const rows = new Int32Array(batch);
  let hash = "";
  for (let first = 0; first < train.count; first += stride * batch) {
    let count = 0;
    for (let k = first; k < train.count && count < batch; k += stride) rows[count++] = train.at(k);
    data.fill(rows, count, inputs);
    const bytes = columns.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength));
    const used = bytes.map((all) => all.subarray(0, (all.length / run.plan.manifest.batch) * count));
    hash = sha256(joined([new TextEncoder().encode(hash), ...used]));
  }
  return hash;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
