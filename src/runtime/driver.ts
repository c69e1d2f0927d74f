// A training run from its first line to its last: before, epochs, after; log, checkpoints, signals, divergence.
import { Best, type Goal } from "./best.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { Io, LogFile } from "./io.ts";
import type { Library, NotFinite } from "./library.ts";
import { describeRun, describeStart } from "./opening-lines.ts";
import type { TrainOptions } from "./options.ts";
import { firstBrokenParameter, firstNonFinite } from "./parameters.ts";
import { type Plan, planRun } from "./plan.ts";
import { numberText, Report, resultsText, timeText } from "./report.ts";
import { Run } from "./run.ts";
import { SaveFile } from "./save-file.ts";
import { startWorkers } from "./threads.ts";
import { attempted, count, errorText, grouped, quoted, shellWord, UserError } from "./user-error.ts";

export const exitCodes = { done: 0, wrong: 1, usage: 2, diverged: 3, internal: 70 } as const;

/** Between two looks at signals and the clock, in milliseconds. */
const pauseInterval = 30;

const isNotFinite = (error: unknown): error is NotFinite => error instanceof Error && error.name === "NotFinite";

export async function train(library: Library, options: TrainOptions, io: Io): Promise<number> {
  const plan = planRun(library.manifest, options, io);
  const run = new Run(library, plan);
  const workers = startWorkers(library, run.trainer, options.threads, io, (error) => session.fail(error));
  const session = new Session(run, io, workers.threads);
  const stopListening = io.onInterrupt((code) => session.interrupt(code));
  try {
    return await session.train();
  } catch (error) {
    if (isNotFinite(error)) return session.notFinite(error);
    throw error;
  } finally {
    stopListening();
    session.closeLog();
    workers.end();
  }
}

class Session {
  private log: LogFile | undefined;
  private readonly run: Run;
  private readonly plan: Plan;
  private readonly io: Io;
  private readonly report: Report;
  private readonly checkpoints: Checkpoints | undefined;
  private readonly earlyStop: Best | undefined;
  private readonly keepBest: Best | undefined;
  /** The step after which the validation rows were last looked at. */
  private validatedAt = 0;
  /** The exit code that a signal asked for. */
  private stopCode: number | undefined;
  private readonly saveFile: SaveFile | undefined;
  /** Whether something that was asked for is missing in the end: a log, a checkpoint, the parameters. */
  private isShort = false;
  /** Whether the last checkpoint could not be written. */
  private isWaiting = false;
  /** The metadata of the checkpoint that the run goes on from. */
  private resumed: ReadonlyMap<string, string> | undefined;
  /** What ended a worker. */
  private failure: UserError | undefined;
  private pausedAt: number;
  private readonly threads: number;

  constructor(run: Run, io: Io, threads: number) {
    this.threads = threads;
    this.run = run;
    this.plan = run.plan;
    this.io = io;
    const { options } = run.plan;
    this.report = new Report(io, options.quiet);
    const bestOf = (goal: Goal | undefined) => (goal === undefined ? undefined : new Best(goal));
    this.earlyStop = bestOf(run.plan.earlyStop);
    this.keepBest = bestOf(run.plan.keepBest);
    this.checkpoints =
      options.checkpoint === undefined ? undefined : new Checkpoints(run, options.checkpoint, io, () => this.marks());
    this.saveFile = options.save === undefined ? undefined : new SaveFile(options.save, run);
    this.resumed = options.resume ? this.checkpoints?.resume() : undefined;
    this.restore(this.resumed);
    this.log = options.log === undefined ? undefined : io.files.log(options.log, run.step);
    this.pausedAt = io.now();
  }

  private marks(): [key: string, text: string][] {
    const marks: [string, string][] = [["validated", String(this.validatedAt)]];
    if (this.earlyStop) marks.push(["early stop", this.earlyStop.toText()]);
    if (this.keepBest) marks.push(["keep best", this.keepBest.toText()]);
    if (this.saveFile?.bestHash !== undefined) marks.push(["best hash", this.saveFile.bestHash]);
    return marks;
  }

  private restore(marks: ReadonlyMap<string, string> | undefined): void {
    this.validatedAt = Number(marks?.get("validated") ?? 0);
    this.earlyStop?.restore(marks?.get("early stop"));
    this.keepBest?.restore(marks?.get("keep best"));
    if (this.keepBest?.value === undefined || this.saveFile!.adopt(marks?.get("best hash"))) return;
    // So it is too where a run was killed between such a file and the checkpoint after it: the same epoch comes again.
    this.warn(`${this.notBest()}; they are lost unless a later epoch is better`);
  }

  /** Where the best parameters should be and are not. */
  private notBest(): string {
    return `the best parameters until the checkpoint, of epoch ${this.keepBest!.epoch}, are not in ${quoted(this.saveFile!.path)}`;
  }

  /** Whether there are parameters that were the best of the run. */
  private get hasBest(): boolean {
    return this.keepBest?.value !== undefined && !this.saveFile!.isLost;
  }

  /** The first signal ends the run after its step; a second one at once. */
  interrupt(code: number): void {
    if (this.stopCode !== undefined) this.io.exit(code);
    this.stopCode = code;
  }

  /** A worker could not begin, or was ended from outside. */
  fail({ message }: Error): void {
    this.failure = new UserError("train/threads", `a worker thread failed: ${message}`, "Train without --threads.");
  }

  /** Lets signals in now and then; true where one came. */
  private readonly pause = async (): Promise<boolean> => {
    if (this.io.now() - this.pausedAt > pauseInterval) {
      await this.io.pause();
      this.pausedAt = this.io.now();
      if (this.failure) throw this.failure;
    }
    return this.stopCode !== undefined;
  };

  async train(): Promise<number> {
    const { run, plan, report } = this;
    describeRun(run, report, this.threads, this.resumed);
    if (run.step === 0) describeStart(run, report);
    const begin = this.io.now();
    const start = run.step;
    const ending = await this.epochs().catch((error: unknown) => {
      // Data that cannot be read any more: what was learned until now is kept.
      if (error instanceof UserError && error.code === "file/unreadable") this.checkpoint(false, true);
      throw error;
    });
    const seconds = (this.io.now() - begin) / 1000;
    // A run may end well by its losses and still have ruined its parameters in the last step.
    if (ending === "diverged" || this.isBroken()) return this.diverged();
    this.checkpoint(false, true);
    const isSaved = this.save();
    if (this.stopCode !== undefined) {
      report.result("interrupted", `after step ${grouped(run.step)} of ${grouped(plan.stop)}${this.kept(isSaved)}`);
      return this.stopCode;
    }
    if (ending === "enough") {
      const { goal, value, epoch } = this.earlyStop!;
      const best = value === undefined ? "was never a number" : `was best in epoch ${epoch}: ${numberText(value)}`;
      report.result("stopped early", `after step ${grouped(run.step)}; ${goal.metric} of the validation rows ${best}`);
    }
    this.takeBest();
    const steps = run.step - start;
    if (run.step > 0) {
      const rows = run.fillBatch(run.step - 1);
      report.result("after training", `last batch of ${count(rows, "row")}: ${resultsText(run.evaluateBatch(rows))}`);
    }
    await this.evaluateHeldOut();
    if (this.stopCode !== undefined) {
      report.result("interrupted", "after training, during validation");
      return this.stopCode;
    }
    report.line(
      "time",
      `${count(steps, "step")} in ${timeText(seconds)}, ${grouped(Math.round(steps / Math.max(seconds, 1e-9)))} steps/s`,
    );
    if (this.saveFile && isSaved) report.line("saved", shellWord(this.saveFile.path));
    this.closeLog();
    return this.isShort ? exitCodes.wrong : exitCodes.done;
  }

  /** Trains until all is done or a signal came, early stopping has seen enough, or the loss is no number any more. */
  private async epochs(): Promise<"done" | "enough" | "diverged"> {
    const { run, plan, report, io } = this;
    const { perEpoch } = plan.batches;
    const begin = io.now();
    const start = run.step;
    let epochBegin = begin;
    let rowsSeen = 0;
    let epochRows = 0;
    let lossSum = 0;
    // A run that was interrupted between an epoch and its validation.
    if (start > 0 && start % perEpoch === 0) await this.validate();
    while (run.step < plan.stop && this.stopCode === undefined) {
      if (this.hasEnough()) return "enough";
      const epoch = Math.floor(run.step / perEpoch);
      const rows = run.next();
      const { loss } = run;
      this.writeLog(epoch, loss, rows);
      if (!Number.isFinite(loss)) return "diverged";
      lossSum += loss * rows;
      epochRows += rows;
      rowsSeen += rows;
      const done = run.step % perEpoch === 0;
      const now = io.now();
      if (!done && now - this.pausedAt <= pauseInterval && !this.checkpoints?.isDue()) continue;
      const elapsed = Math.max(now - begin, 1e-3) / 1000;
      const progress = {
        epoch,
        epochs: plan.epochs,
        step: done ? perEpoch : run.step % perEpoch,
        perEpoch,
        loss: lossSum / epochRows,
        rowsPerSecond: rowsSeen / elapsed,
        secondsLeft: ((plan.stop - run.step) * elapsed) / (run.step - start),
      };
      if (done) {
        report.epochDone(progress, (now - epochBegin) / 1000);
        epochBegin = now;
        lossSum = 0;
        epochRows = 0;
        await this.validate();
      } else report.progress(progress);
      if (!this.checkpoint(done)) return "diverged";
      await this.pause();
    }
    return this.hasEnough() ? "enough" : "done";
  }

  private hasEnough(): boolean {
    return this.earlyStop !== undefined && this.earlyStop.stale >= this.plan.options.patience;
  }

  /** After an epoch: whether it is the best so far. A signal during validation leaves that to the resumed run. */
  private async validate(): Promise<void> {
    const { run, plan, earlyStop, keepBest } = this;
    if ((!earlyStop && !keepBest) || this.validatedAt === run.step) return;
    const results = await run.evaluate(plan.data.split.valid, this.pause);
    if (!results) return;
    this.validatedAt = run.step;
    this.report.line("  validation", resultsText(results));
    const epoch = run.step / plan.batches.perEpoch;
    earlyStop?.offer(results, epoch);
    const problem = keepBest?.offer(results, epoch) ? this.saveFile?.keep() : this.saveFile?.retry();
    if (problem) this.warn(`${problem.message}; trying again after the next epoch`);
  }

  /** With --keep-best: the parameters of the best epoch, for what follows. */
  private takeBest(): void {
    const { keepBest } = this;
    if (keepBest?.value === undefined) return;
    if (!this.hasBest) {
      const help = "Name the file that --save had before, or train without --keep-best.";
      this.miss(new UserError("train/checkpoint", `${this.notBest()}; the last ones are saved`, help));
      return;
    }
    this.saveFile!.takeBest();
    this.report.result(
      "kept",
      `the parameters of epoch ${keepBest.epoch}: ${keepBest.goal.metric} ${numberText(keepBest.value)}`,
    );
  }

  private isBroken(): boolean {
    return firstBrokenParameter(this.run.trainer, this.plan.manifest) !== undefined;
  }

  private writeLog(epoch: number, loss: number, rows: number): void {
    if (!this.log) return;
    // JSON has no NaN: a loss that is no number is written as null.
    const value = Number.isFinite(loss) ? loss : null;
    const data = JSON.stringify(this.plan.data.name);
    this.guardLog((log) =>
      log.write(`{"step":${this.run.step},"epoch":${epoch + 1},"loss":${value},"rows":${rows},"data":${data}}\n`),
    );
  }

  private warn(text: string): void {
    this.report.clear();
    this.io.warn(`warning: ${text}\n`);
  }

  /** A log that cannot be written any more is no reason to lose the run. */
  private guardLog(action: (log: LogFile) => void): void {
    const { log } = this;
    const problem = log && attempted(() => action(log));
    if (!problem) return;
    this.log = undefined;
    this.isShort = true;
    this.warn(`${problem.message}; the run goes on without a log`);
  }

  closeLog(): void {
    this.guardLog((log) => log.close());
  }

  /** False where the parameters are no numbers any more: the checkpoints before this are the good ones. */
  private checkpoint(epochDone: boolean, last = false): boolean {
    if (!this.checkpoints?.isDue(epochDone, last)) return true;
    if (this.isBroken()) return false;
    // A resumed run appends to the log: what it holds must reach as far as the checkpoint.
    this.guardLog((log) => log.flush());
    const problem = this.checkpoints.write();
    if (problem && last) this.miss(problem.and("the end of the run is in no checkpoint"));
    // Told once, however long it lasts.
    else if (problem && !this.isWaiting) this.warn(`${problem.message}; trying again at each interval`);
    else if (!problem && this.isWaiting) {
      this.report.clear();
      this.io.warn(`notice: checkpoints are written again, step ${this.run.step}\n`);
    }
    this.isWaiting = problem !== undefined;
    return true;
  }

  /** Something that was asked for is not there in the end. */
  private miss(problem: UserError): void {
    this.isShort = true;
    this.report.clear();
    this.io.warn(errorText(problem));
  }

  /** Whether what --save asks for is written. */
  private save(): boolean {
    const problem = this.saveFile?.finish(this.hasBest);
    if (problem) this.miss(problem);
    return this.saveFile !== undefined && !problem;
  }

  /** Where the state of an interrupted run is. */
  private kept(isSaved: boolean): string {
    const { save, checkpoint } = this.plan.options;
    if (this.checkpoints?.isKept) return `; go on with --resume --checkpoint ${shellWord(checkpoint!)}`;
    return isSaved ? `; parameters are in ${quoted(save!)}` : "";
  }

  private async evaluateHeldOut(): Promise<void> {
    const { split } = this.plan.data;
    for (const [label, rows] of [
      ["validation", split.valid],
      ["test", split.test],
    ] as const) {
      // The test rows are kept for the end of all trials: they are used where there is nothing else to judge by.
      if (rows.count === 0 || (label === "test" && split.valid.count > 0)) continue;
      const results = await this.run.evaluate(rows, this.pause);
      if (results) this.report.result(label, `${count(rows.count, "row")}: ${resultsText(results)}`);
    }
  }

  /** What a debug build found. */
  notFinite({ message }: NotFinite): number {
    this.report.clear();
    this.io.warn(`diverged after ${count(this.run.step, "step")}: ${message}\n`);
    return exitCodes.diverged;
  }

  private diverged(): number {
    const { run, plan, report, io } = this;
    // The best epoch of a run that went wrong is worth more than none.
    const problem = this.saveFile?.finish(true);
    if (problem) this.miss(problem);
    report.clear();
    const tensor = firstNonFinite(run.trainer, plan.manifest, run.lastRows);
    const where = tensor === undefined ? "" : `; the first tensor with such a number is ${quoted(tensor)}`;
    const epoch = Math.floor((run.step - 1) / plan.batches.perEpoch) + 1;
    const what = Number.isFinite(run.loss) ? "parameters are no numbers any more" : `the loss is ${run.loss}`;
    io.warn(`diverged: ${what} at step ${run.step} (epoch ${epoch})${where}\n`);
    io.warn("  Lower the learning rate, or look for log(0), a division by 0 or numbers out of range in the data.\n");
    return exitCodes.diverged;
  }
}
