// csv files of numbers: commas (or another separator), quotes as in RFC 4180, an optional line of names.
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { bytesText, count, grouped, quoted, UserError } from "./user-error.ts";

export interface Csv {
  readonly path: string;
  /** Names of the first line, where it holds any; else empty. */
  readonly header: readonly string[];
  readonly columns: number;
  readonly rows: number;
  /** Row-major. */
  readonly values: Float64Array;
}

export interface CsvOptions {
  readonly separator?: string;
  /** Whether the first line holds names; unsaid, it does where none of its cells is a number. */
  readonly header?: boolean;
}

const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

export function readCsv(file: OpenFile, options: CsvOptions = {}): Csv {
  const { path } = file;
  if (file.size > limits.csv) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} has ${bytesText(file.size)}, more than the limit \`csv\` of ${bytesText(limits.csv)}`,
      "Convert it to npy or safetensors, which are read by position.",
    );
  }
  const bytes = new Uint8Array(file.size);
  file.read(0, bytes);
  file.close();
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError("data/csv", `${quoted(path)} is not UTF-8 text`, "Save it as UTF-8.");
  }
  return parseCsv(path, text, options);
}

export function parseCsv(path: string, text: string, options: CsvOptions): Csv {
  const lines = new Lines(path, text, options.separator ?? ",");
  const first = lines.next();
  if (!first) throw new UserError("data/csv", `${quoted(path)} holds no rows`, "Write at least one line of numbers.");
  const columns = first.length;
  if (columns > limits.columns) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} has ${count(columns, "column")}, more than the limit \`columns\` of ${grouped(limits.columns)}`,
      "Write rows as lines; convert wider ones to npy or safetensors.",
    );
  }
  const hasHeader = options.header ?? !first.some((cell) => numberPattern.test(cell.trim()));
  let values = new Float64Array(Math.max(columns, 4096));
  let rows = 0;
  for (let cells = hasHeader ? lines.next() : first; cells; cells = lines.next()) {
    if (cells.length !== columns) {
      throw new UserError(
        "data/csv",
        `line ${lines.line} of ${quoted(path)} has ${count(cells.length, "cell")}, the first line ${columns}`,
        "Give every line the same number of cells.",
      );
    }
    if ((rows + 1) * columns > values.length) {
      const larger = new Float64Array(values.length * 2);
      larger.set(values);
      values = larger;
    }
    for (let k = 0; k < columns; k++) values[rows * columns + k] = numberOf(cells[k]!, lines.line, k, path);
    rows++;
  }
  if (rows === 0)
    throw new UserError("data/csv", `${quoted(path)} holds names but no rows`, "Write at least one line of numbers.");
  return { path, header: hasHeader ? first : [], columns, rows, values: values.subarray(0, rows * columns) };
}

function numberOf(cell: string, line: number, column: number, path: string): number {
  const text = cell.trim();
  const value = numberPattern.test(text) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return value;
  const what = text === "" ? "is empty" : `is ${quoted(text)}, no finite number`;
  throw new UserError(
    "data/csv",
    `cell ${column + 1} of line ${line} of ${quoted(path)} ${what}`,
    "Every cell has to be a number: fill gaps and number categories first.",
  );
}

/** Splits a text into lines of cells; blank lines are passed over. */
class Lines {
  /** The line on which the last row began, from 1. */
  line = 0;
  private at = 0;
  private nextLine = 1;
  private readonly path: string;
  private readonly text: string;
  private readonly separator: string;

  constructor(path: string, text: string, separator: string) {
    this.path = path;
    this.text = text;
    this.separator = separator;
  }

  next(): string[] | undefined {
    const { text } = this;
    while (this.at < text.length) {
      this.line = this.nextLine;
      let end = text.indexOf("\n", this.at);
      if (end < 0) end = text.length;
      const line = text.slice(this.at, text[end - 1] === "\r" ? end - 1 : end);
      if (line.includes('"')) return this.quotedRow();
      this.at = end + 1;
      this.nextLine++;
      if (line.trim() !== "") return line.split(this.separator);
    }
    return undefined;
  }

  /** A row with quotes in it: cell by cell. A quoted cell may hold separators, line ends and doubled quotes. */
  private quotedRow(): string[] {
    const { text, separator } = this;
    const cells: string[] = [];
    for (;;) {
      if (text[this.at] === '"') cells.push(this.quotedCell());
      else {
        let end = this.at;
        while (end < text.length && text[end] !== separator && text[end] !== "\n") end++;
        cells.push(text.slice(this.at, end).replace(/\r$/, ""));
        this.at = end;
      }
      const ended = text[this.at] !== separator;
      if (ended && text[this.at] === "\r") this.at++;
      if (ended && this.at < text.length && text[this.at] !== "\n") {
        throw new UserError(
          "data/csv",
          `in line ${this.line} of ${quoted(this.path)}, something follows a closing quote`,
          "Double the quotes that are part of a cell.",
        );
      }
      this.at++;
      if (ended) {
        this.nextLine++;
        return cells;
      }
    }
  }

  private quotedCell(): string {
    const { text } = this;
    const pieces: string[] = [];
    for (;;) {
      const end = text.indexOf('"', this.at + 1);
      if (end < 0)
        throw new UserError(
          "data/csv",
          `the quote in line ${this.line} of ${quoted(this.path)} is not closed`,
          "Close the quote.",
        );
      const piece = text.slice(this.at + 1, end);
      for (let k = piece.indexOf("\n"); k >= 0; k = piece.indexOf("\n", k + 1)) this.nextLine++;
      pieces.push(piece);
      this.at = end + 1;
      if (text[this.at] !== '"') return pieces.join('"');
    }
  }
}
