// The order of rows: file order or a seeded shuffle per epoch, in batches. Any batch can be had without those before
// it,
// so a run resumes anywhere; integer arithmetic alone, so the order is the same on every platform.
import { Integers } from "./integers.ts";
import type { RowSet } from "./rows.ts";

export interface BatchOptions {
  readonly batch: number;
  readonly shuffle: boolean;
  readonly seed: number;
  /** Leaves out a last batch that is short. */
  readonly dropLast: boolean;
}

export class Batches {
  readonly perEpoch: number;
  private readonly rows: RowSet;
  private readonly options: BatchOptions;
  /** Positions in `rows` as shuffled for `shuffledEpoch`. */
  private order: Int32Array | undefined;
  private shuffledEpoch = -1;

  constructor(rows: RowSet, options: BatchOptions) {
    this.rows = rows;
    this.options = options;
    const whole = Math.floor(rows.count / options.batch);
    const short = rows.count % options.batch > 0 && !options.dropLast ? 1 : 0;
    this.perEpoch = whole + short;
  }

  /** Puts the rows of one batch into `into`; gives their number. */
  take(epoch: number, index: number, into: Int32Array): number {
    const { batch, shuffle } = this.options;
    const from = index * batch;
    const count = Math.min(batch, this.rows.count - from);
    if (shuffle && this.shuffledEpoch !== epoch) this.shuffle(epoch);
    for (let i = 0; i < count; i++) into[i] = this.rows.at(shuffle ? this.order![from + i]! : from + i);
    return count;
  }

  /** Fisher and Yates, from the order of the file each time: an epoch's order depends on seed and epoch alone. */
  private shuffle(epoch: number): void {
    const order = this.order ?? new Int32Array(this.rows.count);
    for (let i = 0; i < order.length; i++) order[i] = i;
    const numbers = new Integers(this.options.seed, epoch);
    for (let i = order.length - 1; i > 0; i--) {
      const j = numbers.below(i + 1);
      const kept = order[i]!;
      order[i] = order[j]!;
      order[j] = kept;
    }
    this.order = order;
    this.shuffledEpoch = epoch;
  }
}
