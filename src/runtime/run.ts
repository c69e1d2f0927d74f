// A trainer with its data: fills batches, steps, evaluates. Prints nothing.
import { Batches } from "./batches.ts";
import { loadConstants } from "./constants.ts";
import type { Library, Trainer } from "./library.ts";
import { openNamed } from "./locate.ts";
import { loadFrom, loadSlots } from "./parameters.ts";
import type { Plan } from "./plan.ts";
import type { Results } from "./report.ts";
import type { RowSet } from "./rows.ts";
import { bytesText, UserError } from "./user-error.ts";

/** What an emitted program throws where an index of the batch is out of range. */
interface IndexError extends RangeError {
  /** Of the batch; -1 where the index belongs to none. */
  readonly row: number;
}

const isIndexError = (error: unknown): error is IndexError =>
  error instanceof RangeError && error.name === "IndexError" && "row" in error;

function created({ create, manifest }: Library, seed: number): Trainer {
  try {
    return create({ seed });
  } catch (error) {
    // What engines say where a buffer is more than there is.
    if (!(error instanceof RangeError) || !/allocat/i.test(error.message)) throw error;
    throw new UserError(
      "train/memory",
      `this machine does not give the ${bytesText(manifest.arenaBytes)} of memory that the program works in`,
      "Take a smaller --batch or a smaller model.",
    );
  }
}

export class Run {
  readonly plan: Plan;
  readonly trainer: Trainer;
  /** Steps done. */
  step = 0;
  /** Rows of the last step. */
  lastRows = 0;
  private readonly rows: Int32Array;
  private readonly lossAt: number;
  private readonly stepAt: number | undefined;
  private readonly epochAt: number | undefined;

  constructor(library: Library, plan: Plan) {
    const { manifest, options, places } = plan;
    this.plan = plan;
    const trainer = created(library, plan.seed);
    this.trainer = trainer;
    this.rows = new Int32Array(plan.batch);
    this.lossAt = trainer.index["loss"]!;
    this.stepAt = trainer.index["step"];
    this.epochAt = trainer.index["epoch"];
    loadConstants(trainer, manifest, places);
    for (const { prefix, file: name } of manifest.train!.init) {
      const file = openNamed(name, places);
      loadSlots(trainer, manifest, file, prefix);
      file.close();
    }
    if (options.init !== undefined) loadFrom(options.init, trainer, manifest, places.io);
    for (const [name, value] of options.scalars) trainer.scalars[trainer.index[name]!] = value;
    if (trainer.index["steps"] !== undefined) trainer.scalars[trainer.index["steps"]] = plan.steps;
    this.setClock(0);
  }

  /** `step` and `epoch` of the language count from 0. */
  private setClock(step: number): void {
    const { scalars } = this.trainer;
    if (this.stepAt !== undefined) scalars[this.stepAt] = step;
    if (this.epochAt !== undefined) scalars[this.epochAt] = Math.floor(step / this.plan.batches.perEpoch);
  }

  /** As after so many steps. */
  goOnAfter(step: number): void {
    this.step = step;
    this.setClock(Math.max(0, step - 1));
  }

  /** Of the last step or evaluation. */
  get loss(): number {
    return this.trainer.scalars[this.lossAt]!;
  }

  /** Puts the batch of a step into the inputs; gives its rows. */
  fillBatch(step: number): number {
    const { batches, data } = this.plan;
    const count = batches.take(Math.floor(step / batches.perEpoch), step % batches.perEpoch, this.rows);
    data.fill(this.rows, count, this.trainer.inputs);
    return count;
  }

  /** One step on the next batch; gives its rows. */
  next(): number {
    const count = this.fillBatch(this.step);
    this.setClock(this.step);
    this.checked(() => this.trainer.step(count));
    this.step++;
    this.lastRows = count;
    return count;
  }

  /** Runs a program on the batch; an index out of range is told by the row of the data that led to it. */
  private checked(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!isIndexError(error)) throw error;
      const row = this.rows[error.row];
      const { title } = this.plan.data;
      throw new UserError(
        "data/value",
        `${error.message}${row === undefined ? "" : `, in row ${row} of ${title}`}, in step ${this.step + 1}`,
        "Mend the data, or keep the index of `gather` or `pick` in range: clip(i, 0, n - 1).",
      );
    }
  }

  /** Loss and metrics of the rows in the inputs. */
  evaluateBatch(count: number): Results {
    this.checked(() => this.trainer.evaluate(count));
    return this.names().map(([name, place]) => [name, this.trainer.scalars[place]!]);
  }

  /** Means over all rows of a set, batch by batch; `pause` between them may end it by giving true. */
  async evaluate(rows: RowSet, pause: () => Promise<boolean>): Promise<Results | undefined> {
    const { batch, data } = this.plan;
    const batches = new Batches(rows, { batch, shuffle: false, seed: 0, dropLast: false });
    const names = this.names();
    const sums = new Float64Array(names.length);
    for (let index = 0; index < batches.perEpoch; index++) {
      const count = batches.take(0, index, this.rows);
      data.fill(this.rows, count, this.trainer.inputs);
      this.checked(() => this.trainer.evaluate(count));
      for (let k = 0; k < names.length; k++) sums[k]! += this.trainer.scalars[names[k]![1]]! * count;
      if (await pause()) return undefined;
    }
    return names.map(([name], k) => [name, sums[k]! / rows.count]);
  }

  /** Loss and metrics with their places in `scalars`. */
  private names(): (readonly [name: string, place: number])[] {
    const { index } = this.trainer;
    return ["loss", ...this.plan.manifest.metrics].map((name) => [name, index[name]!]);
  }
}
