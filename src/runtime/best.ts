// The best value of a validation metric so far: when to stop early, and which parameters to keep. Knows no trainer.
import type { Manifest } from "./library.ts";
import type { Results } from "./report.ts";
import { quoted, UserError } from "./user-error.ts";

/** A metric and the direction in which it is better. */
export interface Goal {
  readonly metric: string;
  readonly better: "lower" | "higher";
}

/** `loss`, `accuracy`, `mae:min`: a loss is better lower, a metric higher, unless said. */
export function goalOf(flag: string, text: string, manifest: Manifest): Goal {
  const [, metric = text, direction] = /^(.*?)(?::(min|max))?$/s.exec(text) ?? [];
  const known = ["loss", ...manifest.metrics];
  if (!known.includes(metric)) {
    throw new UserError(
      "usage/value",
      `--${flag}: this model reports no ${quoted(metric)}`,
      `It reports ${known.map(quoted).join(", ")}; :min or :max after the name says which way is better.`,
    );
  }
  return { metric, better: (direction ?? (metric === "loss" ? "min" : "max")) === "min" ? "lower" : "higher" };
}

export class Best {
  readonly goal: Goal;
  /** Undefined until a first number was offered. */
  value: number | undefined;
  /** From 1. */
  epoch = 0;
  /** Epochs since then. */
  stale = 0;

  constructor(goal: Goal) {
    this.goal = goal;
  }

  /** True where the epoch is better than all before. What is no number is never better. */
  offer(results: Results, epoch: number): boolean {
    const value = results.find(([name]) => name === this.goal.metric)![1];
    const isBetter =
      !Number.isNaN(value) &&
      (this.value === undefined || (this.goal.better === "lower" ? value < this.value : value > this.value));
    if (isBetter) {
      this.value = value;
      this.epoch = epoch;
      this.stale = 0;
    } else this.stale++;
    return isBetter;
  }

  /** For a checkpoint: with it a resumed run stops and keeps as the whole one does. */
  toText(): string {
    const { goal, value, epoch, stale } = this;
    return [goal.metric, goal.better, value ?? "none", epoch, stale].join(" ");
  }

  /** Goes on from a checkpoint's text; a text of another goal says nothing about this one. */
  restore(text: string | undefined): void {
    const [, metric, better, value, epoch, stale] =
      /^(.*) (lower|higher) (none|[-+.e\d]+|-?Infinity) (\d+) (\d+)$/s.exec(text ?? "") ?? [];
    if (metric !== this.goal.metric || better !== this.goal.better) return;
    this.value = value === "none" ? undefined : Number(value);
    this.epoch = Number(epoch);
    this.stale = Number(stale);
  }
}
