// Opens `data = source(…)` for a model: its rows split into train, valid and test, its columns bound to the trainer's
// inputs.
import { bindColumn, type FillColumn } from "./bind.ts";
import type { Column } from "./columns.ts";
import type { ColumnManifest, DataManifest, Trainer } from "./library.ts";
import { limits } from "./limits.ts";
import type { Places } from "./locate.ts";
import { type Split, splitOf } from "./rows.ts";
import { openTable } from "./sources.ts";
import type { Table } from "./table.ts";
import { count, grouped, quoted, UserError } from "./user-error.ts";

export interface OpenData {
  /** The source's name: `mnist`. */
  readonly name: string;
  /** For people: `MNIST`. */
  readonly title: string;
  /** Where it came from. */
  readonly from: string;
  readonly rows: number;
  readonly split: Split;
  /** Copies `rows[0..count-1]` to rows 0..count-1 of the inputs. */
  fill(rows: Int32Array, count: number, inputs: Trainer["inputs"]): void;
}

export function openData(data: DataManifest, wanted: readonly ColumnManifest[], places: Places): OpenData {
  const table = openTable({ data, wanted, places });
  if (table.rows > limits.rows) {
    throw new UserError(
      "file/too-large",
      `${table.title} has ${grouped(table.rows)} rows, more than the limit \`rows\` of ${grouped(limits.rows)}`,
      "Split the file, and train on a part of it.",
    );
  }
  const split = splitOf(data, table.rows, table.test);
  if (split.train.count === 0) {
    throw new UserError(
      "data/no-rows",
      `no rows of ${table.title} are left to train on`,
      "Leave some out of valid and test.",
    );
  }
  const fills: { readonly name: string; readonly fill: FillColumn }[] = match(table, wanted).map(
    ({ column, wanted }) => ({
      name: wanted.name,
      fill: bindColumn(column, wanted),
    }),
  );
  return {
    name: data.source,
    title: table.title,
    from: table.from,
    rows: table.rows,
    split,
    fill(rows, n, inputs) {
      for (const { name, fill } of fills) fill(rows, n, inputs[name]!);
    },
  };
}

/** By name where the source names its columns, else in order. */
function match(table: Table, wanted: readonly ColumnManifest[]): { column: Column; wanted: ColumnManifest }[] {
  const byName = new Map(
    table.columns.flatMap((column) => (column.name === undefined ? [] : [[column.name, column] as const])),
  );
  return wanted.map((column, k) => {
    const found = byName.size > 0 ? byName.get(column.name) : table.columns[k];
    if (found) return { column: found, wanted: column };
    throw new UserError(
      "data/columns",
      `the model needs ${count(wanted.length, "column")} (${wanted.map(({ name }) => quoted(name)).join(", ")}), and ${table.title} has ${table.columns.length}`,
      byName.size > 0
        ? `Say which file or column is ${quoted(column.name)}.`
        : "Drop an input or target, or take other data.",
    );
  });
}
