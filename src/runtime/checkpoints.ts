// Checkpoints of a run in a folder: every slot, and the step. Batches follow from seed and step, random numbers too, so a resumed
// run takes the same steps to the last bit.
import { encodeCheckpoint, identityOf, restoreCheckpoint } from "./checkpoint-file.ts";
import type { Io } from "./io.ts";
import { openGiven, ownPlace } from "./locate.ts";
import type { Run } from "./run.ts";
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
  private readonly identity: ReadonlyMap<string, string>;
  /** Marks of the driver, kept with the parameters: `resume` gives them back. */
  private readonly marks: () => readonly (readonly [key: string, text: string])[];

  constructor(run: Run, folder: string, io: Io, marks: Checkpoints["marks"] = () => []) {
    this.marks = marks;
    this.run = run;
    this.folder = folder;
    this.io = io;
    this.writtenAt = io.now();
    this.identity = identityOf(run, io.files.sha256);
    const [newest] = this.names();
    if (newest !== undefined && !run.plan.options.resume) {
      throw new UserError(
        "train/checkpoint",
        `${quoted(folder)} holds checkpoints of a run already, the newest ${quoted(newest)}`,
        "Go on with it by --resume, or name another folder.",
      );
    }
    // Found out now, not after hours.
    io.files.probe(ownPlace(folder, nameOf(0), io.files));
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
      const [newest] = this.names();
      if (newest !== undefined && newest > nameOf(run.step)) throw otherRun(folder, newest);
      io.files.write(ownPlace(folder, nameOf(run.step), io.files), encodeCheckpoint(run, this.identity, this.marks()));
      this.writtenAtStep = run.step;
      for (const name of this.names().slice(run.plan.options.keep)) io.files.remove(io.files.join(folder, name));
      return undefined;
    } catch (error) {
      if (error instanceof UserError) return error;
      throw error;
    }
  }

  /** Whether the state of the run is on disk. */
  get isKept(): boolean {
    return this.run.step === this.writtenAtStep;
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
        const metadata = restoreCheckpoint(run, file, this.identity);
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
}

const otherRun = (folder: string, newest: string): UserError =>
  new UserError(
    "train/checkpoint",
    `another run has written ${quoted(newest)} to ${quoted(folder)} in the meantime`,
    "Give each run a folder of its own.",
  );
