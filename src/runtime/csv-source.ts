// `csv("f.csv", x = 0:4, target = "price")`: which columns of the file become which columns of the model.
import { widthWanted } from "./bind.ts";
import { type Column, memoryColumn } from "./columns.ts";
import { type Csv, readCsv } from "./csv.ts";
import type { ColumnManifest, DataArgument } from "./library.ts";
import { openNamed } from "./locate.ts";
import { type Arguments, argumentsOf, optionText, type Request, type Table, wrongArgument } from "./table.ts";
import { count, quoted, UserError } from "./user-error.ts";

export function openCsv(request: Request): Table {
  const example = 'csv("f.csv", x = 0:4, target = 4)';
  const given = argumentsOf(request, ["separator", "header"], true);
  const [name, ...more] = given.positional;
  const header = given.options.get("header");
  const separator = optionText(given.options, "separator", ",");
  if (
    typeof name !== "string" ||
    more.length > 0 ||
    !/^[^\d.+\-eE"\r\n]$/.test(separator) ||
    (header !== undefined && typeof header !== "boolean")
  ) {
    throw wrongArgument("csv", 'one file, columns by number or name, separator = ";" and header = true', example);
  }
  const csv = readCsv(openNamed(name, request.places), header === undefined ? { separator } : { separator, header });
  const columns = given.columns.size > 0 ? chosenColumns(csv, request, given) : columnsInOrder(csv, request.wanted);
  return { title: quoted(name), from: csv.path, columns, rows: csv.rows };
}

/** `x = 0:4, target = "price"`: every column of the model is named. */
function chosenColumns(csv: Csv, request: Request, given: Arguments): Column[] {
  return request.wanted.map((wanted) => {
    const choice = given.columns.get(wanted.name);
    if (choice === undefined)
      throw new UserError(
        "data/columns",
        `csv does not say which columns are ${quoted(wanted.name)}`,
        "Name the columns of every input and target, or of none.",
      );
    return pickColumns(csv, wanted, placesOf(csv, wanted.name, choice));
  });
}

function placesOf(csv: Csv, name: string, choice: DataArgument): number[] {
  const items = Array.isArray(choice) ? (choice as readonly DataArgument[]) : [choice];
  const place = (value: number): number => {
    const at = value < 0 ? value + csv.columns : value;
    if (Number.isInteger(at) && at >= 0 && at < csv.columns) return at;
    throw new UserError(
      "data/columns",
      `${quoted(name)} asks for column ${value}, but ${quoted(csv.path)} has ${count(csv.columns, "column")}`,
      "The first column is 0.",
    );
  };
  return items.flatMap((item) => {
    if (typeof item === "number") return [place(item)];
    if (typeof item === "string") {
      const at = csv.header.findIndex((title) => title.trim() === item);
      if (at >= 0) return [at];
      throw new UserError(
        "data/columns",
        `${quoted(csv.path)} has no column ${quoted(item)}`,
        csv.header.length > 0
          ? `Its columns are ${csv.header
              .slice(0, 20)
              .map((title) => quoted(title.trim()))
              .join(", ")}.`
          : "Its first line holds no names: use numbers from 0.",
      );
    }
    if (typeof item !== "object" || !("range" in item))
      throw new UserError(
        "data/argument",
        `${quoted(name)} takes columns by number, range or name`,
        `Write it as in ${quoted(name)} = 0:4.`,
      );
    const from = place(item.range[0] ?? 0);
    const to = item.range[1] === null || item.range[1] === csv.columns ? csv.columns : place(item.range[1]);
    return Array.from({ length: Math.max(0, to - from) }, (_, k) => from + k);
  });
}

/** Each column of the model takes as many columns of the file as it has numbers per row. */
function columnsInOrder(csv: Csv, wanted: readonly ColumnManifest[]): Column[] {
  let next = 0;
  return wanted.map((column) => {
    const from = next;
    next += widthWanted(column);
    if (next > csv.columns) {
      throw new UserError(
        "data/columns",
        `${quoted(column.name)} needs columns ${from} to ${next - 1} of ${quoted(csv.path)}, which has ${count(csv.columns, "column")}`,
        "Say which columns it is, as in target = 4.",
      );
    }
    return pickColumns(
      csv,
      column,
      Array.from({ length: next - from }, (_, k) => from + k),
    );
  });
}

function pickColumns(csv: Csv, wanted: ColumnManifest, places: readonly number[]): Column {
  const width = places.length;
  const values = new Float64Array(csv.rows * width);
  for (let row = 0; row < csv.rows; row++) {
    for (let k = 0; k < width; k++) values[row * width + k] = csv.values[row * csv.columns + places[k]!]!;
  }
  const [only] = places;
  const label =
    width === 1 ? `column ${only} of ${quoted(csv.path)}` : `${count(width, "column")} of ${quoted(csv.path)}`;
  return memoryColumn({ name: wanted.name, label, shape: width === 1 ? [] : [width] }, csv.rows, values);
}
