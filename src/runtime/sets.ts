// Opens the data sets of `data/`: finds their files, proves them by size and hash, reads them when a row is first asked for.
import { dataSets } from "../../data/index.ts";
import { type Column, joinedColumn, memoryColumn } from "./columns.ts";
import type { DataFile, DataSet, FileSet, MadeSet } from "./data-set.ts";
import { contentOf, openIdx } from "./idx.ts";
import type { Io } from "./io.ts";
import type { Places } from "./locate.ts";
import type { Opener, Table } from "./table.ts";
import { argumentsOf, wrongArgument } from "./table.ts";
import { quoted, UserError } from "./user-error.ts";

export { dataSets };

/** Folders in which the files of public sets are looked for, best first. Each holds the files, or a folder of the set's name. */
function foldersOf({ io, dataDir }: Places): readonly string[] {
  return [dataDir, io.env("NNC_DATA_DIR"), io.cache].filter((folder) => folder !== undefined);
}

/** The folder that has the set's first file, packed or not. */
export function findSet(set: FileSet, places: Places): string | undefined {
  const { files } = places.io;
  const name = set.parts[0]!.files[0]!.name;
  for (const folder of foldersOf(places)) {
    for (const candidate of [files.join(folder, set.name), folder]) {
      const names = files.list(candidate);
      // Files in the cache lie in the set's own folder: those of two sets have the same names.
      if (candidate !== places.io.cache && (names.includes(name) || names.includes(`${name}.gz`))) return candidate;
    }
  }
  return undefined;
}

export const openSet: Opener = (request) => {
  const set = dataSets.get(request.data.source)!;
  const { positional } = argumentsOf(request, [], false);
  if (positional.length > 0)
    throw wrongArgument(set.name, "row ranges alone", `${set.name}(train = 0:50000, valid = 50000:60000)`);
  return set.kind === "made" ? openMade(set) : openFileSet(set, request.places);
};

/** Rows are drawn when first asked for, and kept. */
function openMade(set: MadeSet): Table {
  const [image, label] = set.columns as [(typeof set.columns)[0], (typeof set.columns)[0]];
  const width = image.shape.reduce((a, b) => a * b, 1);
  const pixels = new Uint8Array(set.rows * width);
  const labels = new Uint8Array(set.rows);
  const drawn = new Uint8Array(set.rows);
  const draw = (row: number) => {
    if (drawn[row]) return;
    labels[row] = set.draw(row, pixels, row * width);
    drawn[row] = 1;
  };
  const column = (
    facts: { label: string; shape: readonly number[]; scale?: number },
    values: Uint8Array,
    size: number,
  ): Column => ({
    ...memoryColumn(facts, set.rows, values),
    whole: false,
    place(row) {
      draw(row);
      return row * size;
    },
    run: () => 1,
  });
  return {
    title: set.title,
    from: "drawn by its generator",
    columns: [
      column({ label: `the images of ${set.name}`, shape: image.shape, scale: 255 }, pixels, width),
      column({ label: `the labels of ${set.name}`, shape: label.shape }, labels, 1),
    ],
    rows: set.rows,
    test: set.test,
  };
}

function openFileSet(set: FileSet, places: Places): Table {
  const folder = findSet(set, places);
  if (folder === undefined) {
    const looked = foldersOf(places).map(quoted).join(", ");
    throw new UserError(
      "data/missing",
      `${set.title} is not on this machine: ${quoted(`${set.parts[0]!.files[0]!.name}[.gz]`)} is not in ${looked || "any known folder"}`,
      `Fetch it with \`nnc data fetch ${set.name}\`, name its folder with --data-dir or NNC_DATA_DIR, or train on made digits with --data digits.`,
    );
  }
  const columns = set.columns.map((column, k) =>
    joinedColumn(
      {
        label: `column ${k + 1} of ${set.title}`,
        shape: column.shape,
        ...(column.storage === "u8" ? { scale: 255 } : {}),
      },
      set.parts.map(({ rows, files }) => ({
        rows,
        open: () => openPart(set, column, rows, files[k]!, folder, places.io),
      })),
      new Uint8Array(0),
    ),
  );
  return { title: set.title, from: folder, columns, rows: columns[0]!.rows, test: set.test };
}

function openPart(
  set: FileSet,
  column: DataSet["columns"][number],
  rows: number,
  file: DataFile,
  folder: string,
  io: Io,
): Column {
  const plain = io.files.join(folder, file.name);
  const wrong = (path: string, why: string) =>
    new UserError(
      "data/hash",
      `${quoted(path)} is not ${set.title}'s file: ${why}`,
      `Fetch it again with \`nnc data fetch ${set.name}\`.`,
    );
  const seePacked = (packed: Uint8Array) => {
    if (file.sha256 === undefined && io.files.sha256(packed) !== file.packedSha256)
      throw wrong(`${plain}.gz`, "its SHA-256 differs");
  };
  const idx = openIdx(io.files, plain, seePacked) ?? openIdx(io.files, `${plain}.gz`, seePacked);
  if (!idx)
    throw new UserError(
      "data/missing",
      `${quoted(folder)} lacks ${quoted(`${file.name}[.gz]`)} of ${set.title}`,
      `Fetch it with \`nnc data fetch ${set.name}\`.`,
    );
  const { path } = idx.file;
  const shape = [rows, ...column.shape];
  if (idx.shape.join() !== shape.join())
    throw wrong(path, `it holds [${idx.shape.join(", ")}] and not [${shape.join(", ")}]`);
  const content = contentOf(idx);
  // Hashed once per run, when it is read: 27 ms for MNIST's images where the processor knows SHA, and sure.
  if (file.sha256 !== undefined && io.files.sha256(content) !== file.sha256) throw wrong(path, "its SHA-256 differs");
  if (file.sha256 === undefined && !idx.packed)
    throw wrong(path, "only packed, as published, can it be told from another set's");
  return memoryColumn({ label: quoted(path), shape: column.shape }, rows, content.subarray(idx.offset));
}
