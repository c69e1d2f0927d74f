// A mistake that the user can mend: what is wrong, and one next step. Thrown here, printed by `main` or the CLI,
// never traced.

/** `area/what`; every code has its page in the catalogue of diagnostics. */
export type ErrorCode =
  | "file/missing"
  | "file/unreadable"
  | "file/unwritable"
  | "file/outside"
  | "file/too-large"
  | "data/source"
  | "data/argument"
  | "data/missing"
  | "data/fetch"
  | "data/hash"
  | "data/columns"
  | "data/column-size"
  | "data/column-type"
  | "data/value"
  | "data/range"
  | "data/no-rows"
  | "data/row-counts"
  | "data/idx"
  | "data/gzip"
  | "data/npy"
  | "data/csv"
  | "data/text"
  | "data/images"
  | "params/format"
  | "params/names"
  | "params/shape"
  | "params/value"
  | "train/no-data"
  | "train/no-loss"
  | "train/checkpoint"
  | "train/memory"
  | "train/kernels"
  | "train/threads"
  | "usage/option"
  | "usage/batch"
  | "usage/value";

export class UserError extends Error {
  readonly code: ErrorCode;
  /** One sentence saying what to change. */
  readonly help: string;

  constructor(code: ErrorCode, message: string, help: string) {
    super(message);
    this.name = "UserError";
    this.code = code;
    this.help = help;
  }

  /** The same, with what follows from it. */
  and(consequence: string): UserError {
    return new UserError(this.code, `${this.message}; ${consequence}`, this.help);
  }
}

/** What is wrong with an action, where it is the user's to mend. */
export function attempted(action: () => void): UserError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** As it is printed: in the form of the compiler's own messages. */
export const errorText = ({ code, message, help }: UserError): string => `error: ${message} [${code}]\nhelp: ${help}\n`;

/** Text of unknown origin outside of quotes: nothing in it moves the cursor, colours or turns a line around. */
export const printable = (text: string): string =>
  text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
    /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Text of unknown origin inside a message: quoted, without terminal escapes, at most 80 characters. */
export const quoted = (text: string): string =>
  printable(JSON.stringify(text.length > 80 ? `${text.slice(0, 76)} …` : text));

/** A path as a shell takes it back, and as a terminal may show it. */
export const shellWord = (path: string): string => (/^[\w./:@%+=~-]+$/.test(path) ? path : quoted(path));

/** "3 rows", "1 row". */
export const count = (n: number, noun: string): string => `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;

/** 60000 as "60,000". */
export const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

/** A size for people: "512 MiB". */
export function bytesText(n: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}
