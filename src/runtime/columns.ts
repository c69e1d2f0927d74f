// Columns of a data set: rows of numbers, in memory, read by position, or made when first asked for.
import { decode, type ElementType, eachPiece, elementBytes, type Stretch, type Values, valuesFor } from "./elements.ts";
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";

export interface Column {
  /** Where the source names its columns. */
  readonly name?: string;
  /** What it is in messages: `"images.idx"`, `column 3 of "f.csv"`. */
  readonly label: string;
  readonly rows: number;
  /** Sizes of one row; `[]` for one number. */
  readonly shape: readonly number[];
  /** All rows, or a window on them. */
  readonly values: Values;
  /** True where `values` always holds all rows, so that they can be checked at once. */
  readonly whole: boolean;
  /** What a byte is divided by where it becomes a float: 255 for pixels. */
  readonly scale?: number;
  /** Index in `values` at which a row begins, after making sure it is there. */
  place(row: number): number;
  /** Rows after `row` that follow it in `values` and are there. */
  run(row: number): number;
}

export const widthOf = (column: { readonly shape: readonly number[] }): number =>
  column.shape.reduce((a, b) => a * b, 1);

export interface ColumnFacts {
  readonly name?: string;
  readonly label: string;
  readonly shape: readonly number[];
  readonly scale?: number;
}

export function memoryColumn(facts: ColumnFacts, rows: number, values: Values): Column {
  const width = widthOf(facts);
  return { ...facts, rows, values, whole: true, place: (row) => row * width, run: (row) => rows - row };
}

/** Bytes read ahead when rows are asked for in order. */
const ahead = 256 * 1024;

/** Rows that stay in the file, from byte `offset` on. Reads ahead while rows are asked for in order. */
export function fileColumn(
  facts: ColumnFacts,
  rows: number,
  file: OpenFile,
  element: ElementType,
  offset: number,
): Column {
  const width = widthOf(facts);
  const rowBytes = width * elementBytes[element];
  const capacity = Math.max(1, Math.min(rows, Math.floor(ahead / rowBytes)));
  // Taken when a row is first asked for: by then it is known that somebody wants rows of this width.
  let values = valuesFor(element, 0);
  let bytes = new Uint8Array(0);
  let first = 0;
  let held = 0;
  return {
    ...facts,
    rows,
    get values() {
      return values;
    },
    whole: false,
    place(row) {
      if (bytes.length === 0) {
        values = valuesFor(element, capacity * width);
        bytes = new Uint8Array(capacity * rowBytes);
      }
      if (row < first || row >= first + held) {
        const wanted = row === first + held ? Math.min(capacity, rows - row) : 1;
        // Nothing is held while a read may fail.
        held = 0;
        const into = wanted === capacity ? bytes : bytes.subarray(0, wanted * rowBytes);
        file.read(offset + row * rowBytes, into);
        decode(element, into, values, wanted * width, `row ${row} of ${facts.label}`);
        first = row;
        held = wanted;
      }
      return (row - first) * width;
    },
    run: (row) => (row >= first && row < first + held ? first + held - row : 1),
  };
}

/** A column over `file`: read as a whole, when it is first looked at, where that is cheap; else left there. */
export function columnOf(
  facts: ColumnFacts,
  rows: number,
  file: OpenFile,
  element: ElementType,
  offset: number,
): Column {
  const width = widthOf(facts);
  const count = rows * width;
  if (count * elementBytes[element] > limits.inMemory) return fileColumn(facts, rows, file, element, offset);
  let values: Values | undefined;
  return {
    ...facts,
    rows,
    get values() {
      values ??= valuesIn(file, { element, count, offset }, facts.label);
      return values;
    },
    whole: true,
    place: (row) => row * width,
    run: (row) => rows - row,
  };
}

function valuesIn(file: OpenFile, stretch: Stretch, label: string): Values {
  const values = valuesFor(stretch.element, stretch.count);
  if (values instanceof Uint8Array && stretch.element === "u8") file.read(stretch.offset, values);
  else eachPiece(file, stretch, label, (piece, from) => values.set(piece, from));
  file.close();
  return values;
}

/** Columns of equal shape one after another; each is opened when one of its rows is first asked for. */
export function joinedColumn(
  facts: ColumnFacts,
  parts: readonly { readonly rows: number; open(): Column }[],
  like: Values,
): Column {
  const opened: (Column | undefined)[] = parts.map(() => undefined);
  let current: Column | undefined;
  let start = 0;
  let end = 0;
  const find = (row: number): Column => {
    if (current && row >= start && row < end) return current;
    let from = 0;
    let index = 0;
    while (row >= from + parts[index]!.rows) from += parts[index++]!.rows;
    opened[index] ??= parts[index]!.open();
    current = opened[index]!;
    start = from;
    end = from + parts[index]!.rows;
    return current;
  };
  return {
    ...facts,
    rows: parts.reduce((sum, part) => sum + part.rows, 0),
    get values() {
      return current?.values ?? like;
    },
    whole: false,
    place: (row) => find(row).place(row - start),
    run: (row) => find(row).run(row - start),
  };
}
