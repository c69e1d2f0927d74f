// What a training run prints: plain lines, and on a terminal one line that is redrawn. Knows numbers and texts, no
// trainer.
import type { Io } from "./io.ts";
import { grouped, printable } from "./user-error.ts";

/** Loss and metrics by name, loss first. */
export type Results = readonly (readonly [name: string, value: number])[];

export const resultsText = (results: Results): string =>
  results.map(([name, value]) => `${name} ${numberText(value)}`).join(", ");

/** Four digits after the point, or after the first digit of very large and very small numbers. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e6) ? value.toFixed(4) : value.toExponential(3);
}

export function timeText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const clock = `${String(minutes).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}`;
  return whole < 3600 ? clock : `${Math.floor(whole / 3600)}:${clock}`;
}

export interface Progress {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done in this epoch, and in all of it. */
  readonly step: number;
  readonly perEpoch: number;
  /** Mean over the rows of this epoch so far. */
  readonly loss: number;
  readonly rowsPerSecond: number;
  /** For the whole run. */
  readonly secondsLeft: number;
}

/** Between two lines of progress where the last line cannot be redrawn, in milliseconds. */
const plainInterval = 10_000;

export class Report {
  private readonly io: Io;
  private readonly quiet: boolean;
  private drawn = false;
  private plainAt: number;
  /** The loss at each redrawing, for the sparkline. */
  private losses: number[] = [];

  constructor(io: Io, quiet: boolean) {
    this.io = io;
    this.quiet = quiet;
    this.plainAt = io.now();
  }

  /** A line about the run; not when quiet. */
  line(label: string, text: string): void {
    if (!this.quiet) this.result(label, text);
  }

  /** A line that is wanted even when quiet. */
  result(label: string, text: string): void {
    this.clear();
    this.io.print(`${label.padEnd(16)} ${printable(text)}\n`);
  }

  progress(progress: Progress): void {
    if (this.quiet) return;
    const { epoch, epochs, step, perEpoch } = progress;
    const label = `epoch ${epoch + 1}/${epochs}`.padEnd(16);
    if (this.losses.push(progress.loss) > mostLosses) this.losses = this.losses.filter((_, k) => k % 2 === 0);
    const numbers = `${grouped(Math.round(progress.rowsPerSecond))} rows/s, ${timeText(progress.secondsLeft)} left, loss ${numberText(progress.loss)}`;
    const facts = this.io.isTerminal ? `${numbers} ${sparkline(this.losses, 12)}` : numbers;
    if (this.io.isTerminal) {
      const room = Math.min(30, this.io.width() - label.length - facts.length - 10);
      const text = `${label} ${room >= 8 ? `${bar(step / perEpoch, room)} ` : ""}${percent(step / perEpoch)} ${facts}`;
      this.io.print(`\r${text.slice(0, this.io.width() - 1)}\x1b[K`);
      this.drawn = true;
    } else if (this.io.now() - this.plainAt >= plainInterval) {
      this.plainAt = this.io.now();
      this.io.print(`${label} ${percent(step / perEpoch)} ${facts}\n`);
    }
  }

  epochDone(progress: Progress, seconds: number): void {
    const { epoch, epochs, step, loss } = progress;
    this.plainAt = this.io.now();
    this.line(
      `epoch ${epoch + 1}/${epochs}`,
      `loss ${numberText(loss)}, ${grouped(step)} steps in ${timeText(seconds)}, ${grouped(Math.round(progress.rowsPerSecond))} rows/s`,
    );
  }

  /** Takes the progress line away. */
  clear(): void {
    if (this.drawn) this.io.print("\r\x1b[K");
    this.drawn = false;
  }
}

/** Losses that are kept for the sparkline; past it every second one goes. */
const mostLosses = 1024;

/** A curve of `width` characters: each stands for the mean of an equal part of the values. */
export function sparkline(values: readonly number[], width: number): string {
  const finite = values.filter(Number.isFinite);
  const count = Math.min(width, finite.length);
  const means = Array.from({ length: count }, (_, k) => {
    const part = finite.slice(Math.floor((k * finite.length) / count), Math.floor(((k + 1) * finite.length) / count));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const low = Math.min(...means);
  const high = Math.max(...means);
  return means.map((mean) => "▁▂▃▄▅▆▇█"[high > low ? Math.round((7 * (mean - low)) / (high - low)) : 0]!).join("");
}

const percent = (share: number): string => `${String(Math.floor(share * 100)).padStart(3)} %`;

function bar(share: number, room: number): string {
  const filled = Math.round(share * room);
  return "█".repeat(filled) + "░".repeat(room - filled);
}
