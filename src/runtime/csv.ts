// csv files of numbers: commas (or another separator), an optional line of names. Read in pieces, twice: once to prove the file and
// count its numbers, once to take them, so that a bad file takes no memory however long it is.
import { Cells } from "./csv-cells.ts";
import { unreadable } from "./file-faults.ts";
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { textPieces } from "./text-pieces.ts";
import { bytesText, count, grouped, quoted, UserError } from "./user-error.ts";

export interface CsvFacts {
  readonly path: string;
  /** Names of the first line, where it holds any; else empty. */
  readonly header: readonly string[];
  readonly columns: number;
  readonly rows: number;
}

export interface Csv extends CsvFacts {
  /** Row-major. */
  readonly values: Float64Array;
}

export interface CsvOptions {
  readonly separator?: string;
  /** Whether the first line holds names; unsaid, it does where none of its cells is a number. */
  readonly header?: boolean;
}

export function readCsv(file: OpenFile, options: CsvOptions = {}): Csv {
  try {
    const facts = scanCsv(file, options, () => {});
    const values = new Float64Array(facts.rows * facts.columns);
    let at = 0;
    const { rows } = scanCsv(file, options, (value) => {
      values[at++] = value;
    });
    if (rows !== facts.rows || at !== values.length)
      throw unreadable(file.path, "it changed while it was read", "Let whatever writes it come to its end first.");
    return { ...facts, values };
  } finally {
    file.close();
  }
}

/** Shows `take` all numbers, row by row; a file that holds anything else is refused. */
export function scanCsv(file: OpenFile, options: CsvOptions, take: (value: number) => void): CsvFacts {
  const { path } = file;
  if (file.size > limits.csv) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} has ${bytesText(file.size)}, more than the limit \`csv\` of ${bytesText(limits.csv)}`,
      "Convert it to npy or safetensors, which are read by position.",
    );
  }
  const pieces = textPieces(
    file,
    () => new UserError("data/csv", `${quoted(path)} is not UTF-8 text`, "Save it as UTF-8."),
  );
  const cells = new Cells(path, pieces, options.separator ?? ",");
  const { names, numbers } = firstRow(cells, path, options.header);
  const columns = names.length + numbers.length;
  for (const value of numbers) take(value);
  let rows = numbers.length > 0 ? 1 : 0;
  for (; cells.next(); rows++) {
    for (let k = 0; ; k++) {
      if (cells.isLast ? k !== columns - 1 : k >= columns) throw unequal(cells, path, k, columns);
      if (!Number.isFinite(cells.value)) throw noNumber(cells, path, k);
      take(cells.value);
      if (cells.isLast) break;
      cells.next();
    }
  }
  if (rows === 0)
    throw new UserError("data/csv", `${quoted(path)} holds names but no rows`, "Write at least one line of numbers.");
  return { path, header: names, columns, rows };
}

/** Names or numbers; the other is empty. */
interface FirstRow {
  readonly names: readonly string[];
  readonly numbers: readonly number[];
}

function firstRow(cells: Cells, path: string, header: boolean | undefined): FirstRow {
  const names: string[] = [];
  const numbers: number[] = [];
  let characters = 0;
  let mayBeNames = header !== false;
  let wrong: UserError | undefined;
  do {
    if (!cells.next())
      throw new UserError("data/csv", `${quoted(path)} holds no rows`, "Write at least one line of numbers.");
    if (header === undefined && !Number.isNaN(cells.value)) mayBeNames = false;
    if (mayBeNames) {
      const name = cells.content;
      names.push(name);
      characters += name.length;
      if (characters > limits.names) throw tooMuch(path, "names", bytesText(characters), bytesText(limits.names));
    }
    if (!Number.isFinite(cells.value)) wrong ??= noNumber(cells, path, numbers.length);
    if (numbers.push(cells.value) > limits.columns)
      throw tooMuch(path, "columns", `more than ${grouped(limits.columns)}`, grouped(limits.columns));
  } while (!cells.isLast);
  if (mayBeNames) return { names, numbers: [] };
  if (wrong) throw wrong;
  return { names: [], numbers };
}

const tooMuch = (path: string, limit: "names" | "columns", value: string, most: string): UserError =>
  new UserError(
    "file/too-large",
    `the first line of ${quoted(path)} holds ${value} of ${limit}, and the limit \`${limit}\` is ${most}`,
    "Write rows as lines; convert wider ones to npy or safetensors.",
  );

function unequal(cells: Cells, path: string, k: number, columns: number): UserError {
  const { line } = cells;
  let found = k + 1;
  while (!cells.isLast && cells.next()) found++;
  return new UserError(
    "data/csv",
    `line ${line} of ${quoted(path)} has ${count(found, "cell")}, the first line ${columns}`,
    "Give every line the same number of cells.",
  );
}

function noNumber(cells: Cells, path: string, k: number): UserError {
  const text = cells.content.trim();
  const what = text === "" ? "is empty" : `is ${quoted(text)}, no finite number`;
  return new UserError(
    "data/csv",
    `cell ${k + 1} of line ${cells.line} of ${quoted(path)} ${what}`,
    "Every cell has to be a number: fill gaps and number categories first.",
  );
}
