// The sources of `data = source(…)` by name: what each promises the compiler, and how its files open to a table.

import { widthWanted } from "./bind.ts";
import { type Column, columnOf, memoryColumn } from "./columns.ts";
import { type Csv, readCsv } from "./csv.ts";
import type { ColumnFact } from "./data-set.ts";
import { openIdx } from "./idx.ts";
import type { ColumnManifest, DataArgument, DataManifest } from "./library.ts";
import { locate, openNamed } from "./locate.ts";
import { readNpyHeader } from "./npy.ts";
import { readHeader } from "./safetensors.ts";
import { dataSets, openSet } from "./sets.ts";
import {
  type Arguments,
  argumentsOf,
  equalRows,
  fileNames,
  type Opener,
  type Request,
  wrongArgument,
} from "./table.ts";
import { readText, windowsOf } from "./text.ts";
import { count, quoted, UserError } from "./user-error.ts";

const openers: ReadonlyMap<string, Opener> = new Map([
  ...[...dataSets.keys()].map((name) => [name, openSet] as const),
  ["idx", openIdxFiles],
  ["npy", openNpyFiles],
  ["safetensors", openSafetensors],
  ["csv", openCsv],
  ["text", openText],
]);

/** Names that may stand in `data = NAME(…)`. */
export const sourceNames: readonly string[] = [...openers.keys()];

/**
 * What the compiler may know of a source's columns without reading files, in order: inputs, then targets.
 * Empty where the model's own declarations say all; undefined for an unknown source.
 */
export function columnsOf(data: DataManifest): readonly ColumnFact[] | undefined {
  const set = dataSets.get(data.source);
  if (set) return set.columns;
  if (!openers.has(data.source)) return undefined;
  // idx files hold bytes; the first column are pixels, which stay bytes.
  if (data.source === "idx") return [{ storage: "u8" }, { storage: "i32" }];
  if (data.source === "text") {
    const bytes = optionText(new Map(data.named), "unit", "bytes") === "bytes";
    const fact: ColumnFact = bytes ? { storage: "i32", classes: 256 } : { storage: "i32" };
    return [fact, fact];
  }
  return [];
}

export function openTable(request: Request) {
  const open = openers.get(request.data.source);
  if (!open)
    throw new UserError(
      "data/source",
      `there is no data source ${quoted(request.data.source)}`,
      `There are ${sourceNames.join(", ")}.`,
    );
  return open(request);
}

function openIdxFiles(request: Request) {
  const { files } = request.places.io;
  const columns = fileNames("idx", argumentsOf(request, [], true)).map(({ column, file }, k): Column => {
    const idx = openIdx(files, locate(file, request.places))!;
    const facts = {
      label: quoted(file),
      shape: idx.shape.slice(1),
      ...(column === undefined ? {} : { name: column }),
      ...(idx.shape.length > 1 && k === 0 ? { scale: 255 } : {}),
    };
    const rows = idx.shape[0]!;
    return idx.content
      ? memoryColumn(facts, rows, idx.content.subarray(idx.offset))
      : columnOf(facts, rows, idx.file, "u8", idx.offset);
  });
  return tableOf(columns);
}

function openNpyFiles(request: Request) {
  const columns = fileNames("npy", argumentsOf(request, [], true)).map(({ column, file }): Column => {
    const opened = openNamed(file, request.places);
    const { element, shape, offset } = readNpyHeader(opened);
    if (shape.length === 0 || shape[0] === 0)
      throw new UserError(
        "data/npy",
        `${quoted(file)} has no rows: its shape is [${shape.join(", ")}]`,
        "Its first size counts the rows.",
      );
    return columnOf(
      { label: quoted(file), shape: shape.slice(1), ...(column === undefined ? {} : { name: column }) },
      shape[0]!,
      opened,
      element,
      offset,
    );
  });
  return tableOf(columns);
}

function openSafetensors(request: Request) {
  const example = 'safetensors("f.safetensors", x = "images", target = "labels")';
  const { positional, columns: chosen } = argumentsOf(request, [], true);
  const [name, ...more] = positional;
  if (
    typeof name !== "string" ||
    more.length > 0 ||
    [...chosen.values()].some((tensor) => typeof tensor !== "string")
  ) {
    throw wrongArgument("safetensors", "one file, and names of tensors by column", example);
  }
  const file = openNamed(name, request.places);
  const { tensors } = readHeader(file);
  const columns = request.wanted.map((wanted): Column => {
    const tensorName = (chosen.get(wanted.name) as string | undefined) ?? wanted.name;
    const entry = tensors.get(tensorName);
    if (!entry)
      throw new UserError(
        "data/columns",
        `${quoted(name)} has no tensor ${quoted(tensorName)} for the column ${quoted(wanted.name)}`,
        `Name the tensor, as in ${example}.`,
      );
    const [rows, ...shape] = entry.shape;
    if (!rows)
      throw new UserError(
        "data/columns",
        `${quoted(tensorName)} in ${quoted(name)} has no rows: its shape is [${entry.shape.join(", ")}]`,
        "Its first size counts the rows.",
      );
    // Each column closes its own file where it is read at once.
    return columnOf(
      { name: wanted.name, label: `${quoted(tensorName)} in ${quoted(name)}`, shape },
      rows,
      openNamed(name, request.places),
      entry.element,
      entry.offset,
    );
  });
  file.close();
  return tableOf(columns);
}

const tableOf = (columns: readonly Column[]) => ({
  title: columns.map((column) => column.label).join(", "),
  from: "files",
  columns,
  rows: equalRows(columns),
});

function optionText(options: ReadonlyMap<string, DataArgument>, name: string, otherwise: string): string {
  const value = options.get(name) ?? otherwise;
  if (typeof value === "string") return value;
  throw new UserError("data/argument", `${quoted(name)} takes a text, and not ${quoted(JSON.stringify(value))}`);
}

function openCsv(request: Request) {
  const example = 'csv("f.csv", x = 0:4, target = 4)';
  const given = argumentsOf(request, ["separator", "header"], true);
  const [name, ...more] = given.positional;
  const header = given.options.get("header");
  const separator = optionText(given.options, "separator", ",");
  if (
    typeof name !== "string" ||
    more.length > 0 ||
    separator.length !== 1 ||
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

function openText(request: Request) {
  const example = 'text("book.txt", context = 64, unit = "chars")';
  const given = argumentsOf(request, ["context", "stride", "unit"], false);
  const [name, ...more] = given.positional;
  const context = given.options.get("context") ?? (request.wanted[0] ? widthWanted(request.wanted[0]) : 1);
  const stride = given.options.get("stride") ?? context;
  const unit = optionText(given.options, "unit", "bytes");
  const isSize = (value: DataArgument): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value > 0;
  if (
    typeof name !== "string" ||
    more.length > 0 ||
    !isSize(context) ||
    !isSize(stride) ||
    (unit !== "bytes" && unit !== "chars")
  ) {
    throw wrongArgument("text", 'one file, context = 64, stride = 64 and unit = "bytes" or "chars"', example);
  }
  const tokens = readText(openNamed(name, request.places), unit);
  const rows = windowsOf(tokens, context, stride);
  const column = (label: string, offset: number): Column => ({
    label: `${label} of ${quoted(name)}`,
    shape: [context],
    rows,
    values: tokens.tokens,
    whole: false,
    place: (row) => row * stride + offset,
    run: (row) => (stride === context ? rows - row : 1),
  });
  return {
    title: quoted(name),
    from: tokens.path,
    columns: [column("the tokens", 0), column("the next tokens", 1)],
    rows,
  };
}
