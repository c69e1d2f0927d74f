// What every kind of data source opens to, and what it is asked with. Types, and the reading of a source's arguments.
import type { Column } from "./columns.ts";
import type { ColumnManifest, DataArgument, DataManifest } from "./library.ts";
import type { Places } from "./locate.ts";
import { isPart } from "./rows.ts";
import { quoted, UserError } from "./user-error.ts";

/** Columns of equal length, in order: inputs, then targets; spare ones are ignored. */
export interface Table {
  /** For people: `MNIST`, `"f.csv"`. */
  readonly title: string;
  /** Where it came from. */
  readonly from: string;
  readonly columns: readonly Column[];
  readonly rows: number;
  /** Rows that the set itself keeps for testing. */
  readonly test?: readonly [number, number];
}

export interface Request {
  readonly data: DataManifest;
  /** The model's columns. */
  readonly wanted: readonly ColumnManifest[];
  readonly places: Places;
}

export type Opener = (request: Request) => Table;

/** Arguments of a source by name: its own options, and one per column of the model; row ranges are read elsewhere. */
export interface Arguments {
  readonly options: ReadonlyMap<string, DataArgument>;
  readonly columns: ReadonlyMap<string, DataArgument>;
  readonly positional: readonly DataArgument[];
}

/** Sorts the arguments of a source; an unknown name is an error that lists the known ones. */
export function argumentsOf({ data, wanted }: Request, optionNames: readonly string[], byColumn: boolean): Arguments {
  const options = new Map<string, DataArgument>();
  const columns = new Map<string, DataArgument>();
  for (const [name, value] of data.named) {
    if (isPart(name)) continue;
    if (optionNames.includes(name)) options.set(name, value);
    else if (byColumn && wanted.some((column) => column.name === name)) columns.set(name, value);
    else {
      const known = [
        ...optionNames,
        "train",
        "valid",
        "test",
        ...(byColumn ? wanted.map((column) => column.name) : []),
      ];
      throw new UserError(
        "data/argument",
        `${data.source} has no argument ${quoted(name)}`,
        `It takes ${known.map(quoted).join(", ")}.`,
      );
    }
  }
  return { options, columns, positional: data.positional };
}

export const wrongArgument = (source: string, what: string, example: string): UserError =>
  new UserError("data/argument", `${source} takes ${what}`, `Write it as in ${example}.`);

/** File names given in order, `idx("images.idx", "labels.idx")`, or by column, `idx(x = "images.idx")`. */
export function fileNames(
  source: string,
  given: Arguments,
): readonly { readonly column?: string; readonly file: string }[] {
  const named = [...given.columns].map(([column, file]) => ({ column, file }));
  const all = [...given.positional.map((file) => ({ file })), ...named];
  const bad =
    all.length === 0 ||
    (named.length > 0 && given.positional.length > 0) ||
    all.some(({ file }) => typeof file !== "string");
  if (bad)
    throw wrongArgument(
      source,
      "one file per column",
      `${source}("x.${source}", "labels.${source}") or ${source}(x = "x.${source}")`,
    );
  return all as readonly { readonly column?: string; readonly file: string }[];
}

/** Rows of several files must be as many; says which are not. */
export function equalRows(columns: readonly Column[]): number {
  const [first, ...others] = columns;
  const odd = others.find((column) => column.rows !== first!.rows);
  if (odd) {
    throw new UserError(
      "data/row-counts",
      `${first!.label} has ${first!.rows} rows, ${odd.label} has ${odd.rows}`,
      "Take files that belong together.",
    );
  }
  return first!.rows;
}

/** An option that is a text. */
export function optionText(options: ReadonlyMap<string, DataArgument>, name: string, otherwise: string): string {
  const value = options.get(name) ?? otherwise;
  if (typeof value === "string") return value;
  const what = `${quoted(name)} takes a text, and not ${quoted(JSON.stringify(value))}`;
  throw new UserError("data/argument", what, `Write it in quotes: ${name} = "…".`);
}
