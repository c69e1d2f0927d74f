// Copies rows of a data column into the trainer's input of that name: sizes and types are settled once, values checked
// when loaded where the rows are in memory, else as they are read.
import { type Column, widthOf } from "./columns.ts";
import type { Values } from "./elements.ts";
import type { ColumnManifest, ManifestDim, TypedArray } from "./library.ts";
import { grouped, quoted, UserError } from "./user-error.ts";

/** Copies `rows[0..count-1]` to rows 0.. of `into`. */
export type FillColumn = (rows: Int32Array, count: number, into: TypedArray) => void;

const sizeText = (dim: ManifestDim): string =>
  typeof dim === "number" ? String(dim) : dim.perRow === 1 ? "N" : `${dim.perRow} * N`;

const shapeText = (shape: readonly ManifestDim[]): string => `[${shape.map(sizeText).join(", ")}]`;

/** Numbers that the trainer's column takes per row of data. */
export const widthWanted = (wanted: ColumnManifest): number =>
  wanted.shape.reduce<number>((product, dim) => product * (typeof dim === "number" ? dim : dim.perRow), 1);

export function bindColumn(column: Column, wanted: ColumnManifest): FillColumn {
  const width = widthOf(column);
  if (typeof wanted.shape[0] !== "object") {
    throw new UserError(
      "data/column-size",
      `${quoted(wanted.name)} is ${shapeText(wanted.shape)}, without rows, so data cannot fill it`,
      `Begin its shape with N, as in [N, ${width}].`,
    );
  }
  if (width !== widthWanted(wanted)) {
    throw new UserError(
      "data/column-size",
      `${quoted(wanted.name)} is ${shapeText(wanted.shape)}, ${grouped(widthWanted(wanted))} numbers per row, but ${column.label} has ${grouped(width)} (${shapeText(column.shape)})`,
      `Declare ${quoted(wanted.name)} with ${grouped(width)} numbers per row, or name another column of the data.`,
    );
  }
  if (wanted.dtype === "u8" && !(column.values instanceof Uint8Array)) {
    throw new UserError(
      "data/column-type",
      `${quoted(wanted.name)} was compiled for pixels stored as bytes, but ${column.label} holds other numbers`,
      "Compile the model with the data set it is to be trained on.",
    );
  }
  const check = checkOf(column, wanted, width);
  if (check && column.whole) check(column.values, 0, column.rows, 0);
  const copy = copierOf(column, wanted);
  return (rows, count, into) => {
    for (let i = 0; i < count; ) {
      const row = rows[i]!;
      const from = column.place(row);
      const { values } = column;
      // Rows that follow one another go in one copy.
      const longest = Math.min(column.run(row), count - i);
      let run = 1;
      while (run < longest && rows[i + run] === row + run) run++;
      if (check && !column.whole) check(values, from, run, row);
      copy(values, from, into, i * width, run * width);
      i += run;
    }
  };
}

/** Of `count` rows, from `row` on; they begin at `from`. */
type Check = (values: Values, from: number, count: number, row: number) => void;

/** The test that each value of an integer column passes; undefined where any number will do. */
function checkOf(column: Column, wanted: ColumnManifest, width: number): Check | undefined {
  const { classes, dtype } = wanted;
  const low = classes !== undefined || dtype === "bool" ? 0 : -(2 ** 31);
  const high = classes !== undefined ? classes - 1 : dtype === "bool" ? 1 : 2 ** 31 - 1;
  if (dtype === "f32" || dtype === "u8") return undefined;
  if (column.values instanceof Uint8Array && high >= 255) return undefined;
  if (column.values instanceof Int32Array && high === 2 ** 31 - 1 && low < 0) return undefined;
  const rule =
    classes !== undefined ? `a class from 0 to ${high}` : dtype === "bool" ? "0 or 1" : "a whole number of 32 bits";
  return (values, from, count, row) => {
    const end = from + count * width;
    for (let k = from; k < end; k++) {
      const value = values[k]!;
      if (value >= low && value <= high && Math.floor(value) === value) continue;
      throw new UserError(
        "data/value",
        `row ${row + Math.floor((k - from) / width)} of ${column.label} holds ${value}, and ${quoted(wanted.name)} takes ${rule}`,
        classes === undefined
          ? "Mend the data, or declare the column as f32."
          : "Mend the data, or raise the number of classes in the model.",
      );
    }
  };
}

type Copier = (values: Values, from: number, into: TypedArray, to: number, count: number) => void;

function copierOf(column: Column, wanted: ColumnManifest): Copier {
  if (wanted.dtype === "f32" && column.scale !== undefined && column.values instanceof Uint8Array) {
    return scaledCopier(column.scale);
  }
  return (values, from, into, to, count) => {
    // One short-lived view and a memmove: 4 us for 64 shuffled MNIST rows, where a loop over words takes 21.
    if (count >= 16) into.set(values.subarray(from, from + count), to);
    else for (let k = 0; k < count; k++) into[to + k] = values[from + k]!;
  };
}

/** f32(byte) / 255, as the step does it for columns that stay bytes. */
function scaledCopier(scale: number): Copier {
  const scaled = Float32Array.from({ length: 256 }, (_, byte) => byte / scale);
  return (values, from, into, to, count) => {
    for (let k = 0; k < count; k++) into[to + k] = scaled[values[from + k]!]!;
  };
}
