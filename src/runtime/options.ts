// The options of a training run, read from a command line; `nnc train` and generated trainers share them.
import { quoted, UserError } from "./user-error.ts";

export interface TrainOptions {
  readonly dataDir?: string;
  /** Another data set with the same columns, instead of the model's. */
  readonly data?: string;
  readonly epochs?: number;
  readonly batch?: number;
  /** Run-time scalars by name: `--lr`, `--critic.lr`, `--set`. */
  readonly scalars: ReadonlyMap<string, number>;
  readonly seed?: number;
  readonly threads: number;
  readonly maxSteps?: number;
  readonly init?: string;
  readonly save?: string;
  readonly log?: string;
  readonly checkpoint?: string;
  readonly every: Interval;
  readonly keep: number;
  /** METRIC or METRIC:min|max. */
  readonly earlyStop?: string;
  readonly keepBest?: string;
  /** Epochs without a better value before `earlyStop` ends the run. */
  readonly patience: number;
  readonly resume: boolean;
  readonly quiet: boolean;
  readonly help: boolean;
}

export interface Interval {
  readonly count: number;
  readonly unit: "steps" | "seconds" | "epochs";
}

/** An option, for the help of whoever takes them over. */
export interface Rule {
  readonly flag: string;
  /** What follows the flag; absent for a switch. */
  readonly value?: string;
  readonly text: string;
}

export const rules: readonly Rule[] = [
  { flag: "data-dir", value: "DIR", text: "where the data lies; else NNC_DATA_DIR, then the user's cache" },
  { flag: "data", value: "NAME", text: "another data set with the same columns: mnist, fashion_mnist, digits" },
  { flag: "epochs", value: "K", text: "times to go through the training rows" },
  {
    flag: "batch",
    value: "N",
    text: "rows per step; a program that is built takes up to the size it was compiled for",
  },
  { flag: "lr", value: "X", text: "learning rate; --GROUP.lr in a group" },
  { flag: "set", value: "NAME=X", text: "value of a hyper; may be repeated" },
  { flag: "seed", value: "S", text: "chooses start values, order of rows and random numbers" },
  { flag: "threads", value: "K", text: "threads to compute with (1 unless said); the results are the same bits" },
  { flag: "max-steps", value: "K", text: "stop after K steps; schedules still plan for all" },
  { flag: "init", value: "FILE", text: "start from the tensors of a safetensors file" },
  { flag: "save", value: "FILE", text: "write parameters and states as safetensors at the end" },
  { flag: "log", value: "FILE", text: "write a JSON object per step: step and epoch from 1, loss, rows, data" },
  { flag: "checkpoint", value: "DIR", text: "keep checkpoints there" },
  { flag: "every", value: "T", text: "how often: 500steps, 30s or 1epoch (1epoch unless said)" },
  { flag: "keep", value: "K", text: "checkpoints to keep (3 unless said)" },
  {
    flag: "early-stop",
    value: "METRIC",
    text: "end when this metric of the validation rows gets no better: loss, accuracy, mae:min",
  },
  { flag: "patience", value: "K", text: "epochs to wait for a better one (5 unless said)" },
  { flag: "keep-best", value: "METRIC", text: "--save the parameters of the epoch that is best by this metric" },
  { flag: "resume", text: "go on from the newest checkpoint" },
  { flag: "quiet", text: "print only results and errors" },
  { flag: "help", text: "print this" },
];

/** Flags and what they mean, a line each. */
export function optionsText(): string {
  const names = rules.map(({ flag, value }) => `--${flag}${value ? ` ${value}` : ""}`);
  const width = Math.max(...names.map((name) => name.length));
  return rules.map(({ text }, i) => `  ${names[i]!.padEnd(width)}  ${text}\n`).join("");
}

export function parseOptions(argv: readonly string[], program: string): TrainOptions {
  const values = new Map<string, string>();
  const scalars = new Map<string, number>();
  const help = `See \`${program} --help\`.`;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] === "-h" ? "--help" : argv[i]!;
    const equals = word.indexOf("=");
    const flag = word.slice(2, equals < 0 ? undefined : equals);
    const group = flag.endsWith(".lr");
    const rule = group ? { flag, value: "X" } : rules.find((known) => known.flag === flag);
    if (!word.startsWith("--") || !rule)
      throw new UserError("usage/option", `there is no option ${quoted(word)}`, help);
    if (rule.value === undefined) {
      if (equals >= 0) throw new UserError("usage/option", `--${flag} takes no value`, help);
      values.set(flag, "");
      continue;
    }
    const value = equals >= 0 ? word.slice(equals + 1) : argv[++i];
    if (value === undefined || value === "")
      throw new UserError("usage/option", `--${flag} needs a value: ${rule.value}`, help);
    if (flag === "set") {
      const at = value.indexOf("=");
      if (at < 1)
        throw new UserError(
          "usage/value",
          `--set takes NAME=X, and not ${quoted(value)}`,
          "Write it as in --set beta=4.",
        );
      scalars.set(value.slice(0, at), finite("set", value.slice(at + 1)));
    } else if (flag === "lr" || group) scalars.set(flag, finite(flag, value));
    else values.set(flag, value);
  }
  const whole = (flag: string, low: number, high = highest) => {
    const value = values.get(flag);
    return value === undefined ? undefined : wholeNumber(flag, value, low, high);
  };
  const options = {
    ...defined({
      dataDir: values.get("data-dir"),
      data: values.get("data"),
      epochs: whole("epochs", 1),
      batch: whole("batch", 1),
      seed: whole("seed", 0),
      maxSteps: whole("max-steps", 0),
      init: values.get("init"),
      save: values.get("save"),
      log: values.get("log"),
      checkpoint: values.get("checkpoint"),
      earlyStop: values.get("early-stop"),
      keepBest: values.get("keep-best"),
    }),
    scalars,
    threads: whole("threads", 1, mostThreads) ?? 1,
    every: intervalOf(values.get("every") ?? "1epoch"),
    keep: whole("keep", 1) ?? 3,
    patience: whole("patience", 1) ?? 5,
    resume: values.has("resume"),
    quiet: values.has("quiet"),
    help: values.has("help"),
  };
  if (!options.help) checkTogether(values);
  return options;
}

/** Options that mean nothing without another. */
const companions: readonly (readonly [flag: string, needs: string, value: string, help: string])[] = [
  ["patience", "early-stop", "METRIC", "Say what is waited for."],
  ["keep-best", "save", "FILE", "Name the file that keeps the best parameters."],
  ["every", "checkpoint", "DIR", "Name the folder that keeps the checkpoints."],
  ["keep", "checkpoint", "DIR", "Name the folder that keeps the checkpoints."],
  ["resume", "checkpoint", "DIR", "Name the folder that holds the checkpoints."],
];

function checkTogether(values: ReadonlyMap<string, string>): void {
  for (const [flag, needs, value, help] of companions) {
    if (values.has(flag) && !values.has(needs))
      throw new UserError("usage/option", `--${flag} needs --${needs} ${value}`, help);
  }
  const log = values.get("log");
  const other = ["save", "init"].find((flag) => log !== undefined && values.get(flag) === log);
  if (other) throw sameFile("log", other);
}

/** One of the two would take the other's place. */
export const sameFile = (flag: string, other: string): UserError =>
  new UserError("usage/option", `--${flag} and --${other} name one file`, "Give each a file of its own.");

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
const defined = <T extends object>(members: T): Defined<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;

function finite(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UserError(
    "usage/value",
    `--${flag} takes a number, and not ${quoted(text)}`,
    "Write it as in 0.1 or 1e-3.",
  );
}

/** Seeds and counts stay below 2^32, so that they are exact on every target. */
const highest = 2 ** 32 - 1;

/** As many as an emitted program can call. */
const mostThreads = 64;

function wholeNumber(flag: string, text: string, low: number, high: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= low && value <= high) return value;
  const what = `--${flag} takes a whole number from ${low} to ${high}, and not ${quoted(text)}`;
  throw new UserError("usage/value", what, `Write it in digits, as in --${flag} ${Math.max(low, 2)}.`);
}

function intervalOf(text: string): Interval {
  const found = /^(\d+)\s*(steps?|s|seconds?|epochs?)$/.exec(text);
  const count = Number(found?.[1]);
  if (!found || count < 1 || count > highest) {
    throw new UserError(
      "usage/value",
      `--every takes steps, seconds or epochs, and not ${quoted(text)}`,
      "Write it as in 500steps, 30s or 1epoch.",
    );
  }
  const unit = found[2]!;
  return { count, unit: unit.startsWith("st") ? "steps" : unit.startsWith("s") ? "seconds" : "epochs" };
}
