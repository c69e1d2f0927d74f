// Checkpoints of a run: every slot, and the step. Batches follow from seed and step, random numbers too, so a resumed
// run takes the same steps to the last bit.
import type { Io } from "./io.ts";
import { openGiven } from "./locate.ts";
import { loadSlots, saveSlots } from "./parameters.ts";
import type { Run } from "./run.ts";
import { readHeader } from "./safetensors.ts";
import { quoted, UserError } from "./user-error.ts";

const nameOf = (step: number): string => `step-${String(step).padStart(10, "0")}.safetensors`;

export class Checkpoints {
  private readonly run: Run;
  private readonly folder: string;
  private readonly io: Io;
  private writtenAtStep = 0;
  /** The step at which the last one was written, or could not be. */
  private triedAtStep = 0;
  private writtenAt: number;
  private epochsSince = 0;
  /** Of the model and of the training rows: a run goes on with the same ones only. */
  private readonly hashes: readonly (readonly [key: string, text: string])[];
  /** Marks of the driver, kept with the parameters: `resume` gives them back. */
  private readonly marks: () => readonly (readonly [key: string, text: string])[];

  constructor(run: Run, folder: string, io: Io, marks: Checkpoints["marks"] = () => []) {
    this.marks = marks;
    this.run = run;
    this.folder = folder;
    this.io = io;
    this.writtenAt = io.now();
    this.hashes = [
      ["program", run.plan.manifest.program ?? ""],
      ["data hash", hashRows(run, io)],
    ];
    const [newest] = this.names();
    if (newest !== undefined && !run.plan.options.resume) {
      throw new UserError(
        "train/checkpoint",
        `${quoted(folder)} holds checkpoints of a run already, the newest ${quoted(newest)}`,
        "Go on with it by --resume, or name another folder.",
      );
    }
    // Found out now, not after hours.
    io.files.probe(io.files.join(folder, nameOf(0)));
  }

  /** Names of checkpoints, newest first. */
  private names(): string[] {
    return this.io.files
      .list(this.folder)
      .filter((name) => /^step-\d{10}\.safetensors$/.test(name))
      .sort()
      .reverse();
  }

  /** Whether one is to be written now; `last` where the run ends here. */
  isDue(epochDone = false, last = false): boolean {
    const { every } = this.run.plan.options;
    if (epochDone) this.epochsSince++;
    if (this.run.step === this.writtenAtStep) return false;
    if (last) return true;
    if (every.unit === "steps") return this.run.step - this.triedAtStep >= every.count;
    if (every.unit === "seconds") return this.io.now() - this.writtenAt >= every.count * 1000;
    return this.epochsSince >= every.count;
  }

  /** Writes one and removes the oldest. A full disk is no reason to lose the run: the problem is given back. */
  write(): UserError | undefined {
    const { run, io, folder } = this;
    this.writtenAt = io.now();
    this.triedAtStep = run.step;
    this.epochsSince = 0;
    try {
      const metadata = new Map([...this.facts(), ...this.marks()]);
      saveSlots(run.trainer, run.plan.manifest, io.files.join(folder, nameOf(run.step)), io, metadata);
      this.writtenAtStep = run.step;
      for (const name of this.names().slice(run.plan.options.keep)) io.files.remove(io.files.join(folder, name));
      return undefined;
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
  }

  /** What a run must share with the checkpoint it goes on from. */
  private facts(): Map<string, string> {
    const { manifest, data, batch, seed, steps } = this.run.plan;
    const slots = manifest.slots.map(({ name, dtype, shape }) => [name, dtype, shape]);
    return new Map([
      ["format", "nnc checkpoint 1"],
      ["step", String(this.run.step)],
      ["model", manifest.model],
      ["slots", this.io.files.sha256(new TextEncoder().encode(JSON.stringify(slots)))],
      ["data", data.name],
      ["training rows", data.split.train.text],
      ["batch", String(batch)],
      ["seed", String(seed)],
      ["planned steps", String(steps)],
      ["shuffle", String(manifest.train!.shuffle)],
      ["drop_last", String(manifest.train!.dropLast)],
      ...this.hashes,
    ]);
  }

  /** Goes on from the newest checkpoint that is sound; from the start where there is none. */
  resume(): ReadonlyMap<string, string> | undefined {
    const { io, folder, run } = this;
    // What a killed run was writing; a run that is not dead may still be writing it.
    for (const name of io.files.list(folder)) {
      const [, writer] = /^step-\d{10}\.safetensors\.(\d+)\.\d+\.tmp$/.exec(name) ?? [];
      if (writer !== undefined && !io.isRunning(Number(writer))) io.files.remove(io.files.join(folder, name));
    }
    for (const name of this.names()) {
      const path = io.files.join(folder, name);
      const file = openGiven(path, io);
      try {
        const { metadata } = readHeader(file);
        this.compare(path, metadata);
        loadSlots(run.trainer, run.plan.manifest, file);
        run.goOnAfter(Number(metadata.get("step")));
        this.writtenAtStep = run.step;
        this.triedAtStep = run.step;
        return metadata;
      } catch (error) {
        // One that was damaged after it was written: the one before it will do.
        if (!(error instanceof UserError) || error.code !== "params/format") throw error;
        io.warn(`warning: ${error.message}; taking the checkpoint before it\n`);
      } finally {
        file.close();
      }
    }
    return undefined;
  }

  private compare(path: string, metadata: ReadonlyMap<string, string>): void {
    const differences = [...this.facts()].filter(([key, value]) => key !== "step" && metadata.get(key) !== value);
    const step = Number(metadata.get("step"));
    if (differences.length === 0 && Number.isSafeInteger(step) && step >= 0) return;
    const shown = differences
      .slice(0, 5)
      .map(([key, value]) => `${key} is ${quoted(metadata.get(key) ?? "not there")} there and ${quoted(value)} here`);
    throw new UserError(
      "train/checkpoint",
      `${quoted(path)} is of another run: ${shown.join("; ") || "its step is no number"}`,
      "Resume with the model, data and options that it was written with, or name another folder.",
    );
  }
}

/** Bytes of training rows that are hashed: MNIST five times over. Of more, evenly spaced rows. */
const hashedBytes = 256 * 1024 * 1024;

/** A hash of the training rows as the model sees them. */
function hashRows(run: Run, io: Io): string {
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
    hash = io.files.sha256(joined([new TextEncoder().encode(hash), ...used]));
  }
  return hash;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
