// The sources of `data = source(…)` by name: what each promises the compiler, and how its files open to a table.
import { widthWanted } from "./bind.ts";
import { type Column, columnOf, memoryColumn } from "./columns.ts";
import { openCsv } from "./csv-source.ts";
import type { ColumnFact } from "./data-set.ts";
import { openIdx } from "./idx.ts";
import type { DataArgument, DataManifest } from "./library.ts";
import { locate, openNamed } from "./locate.ts";
import { readNpyHeader } from "./npy.ts";
import { readHeader } from "./safetensors.ts";
import { dataSets, openSet } from "./sets.ts";
import { argumentsOf, equalRows, fileNames, type Opener, optionText, type Request, wrongArgument } from "./table.ts";
import { readText, windowsOf } from "./text.ts";
import { quoted, UserError } from "./user-error.ts";

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
    const characters = new Map(data.named).get("unit") === "chars";
    const fact: ColumnFact = characters ? { storage: "i32" } : { storage: "i32", classes: 256 };
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
  return tableOf(request.data.source, columns);
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
  return tableOf(request.data.source, columns);
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
  return tableOf(request.data.source, columns);
}

const tableOf = (source: string, columns: readonly Column[]) => ({
  title: source,
  from: columns.map((column) => column.label).join(", "),
  columns,
  rows: equalRows(columns),
});

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
