// Opens the data sets of `data/`: finds their files, proves them by size and hash, reads them when a row is first
// asked for.
import { dataSets } from "../../data/index.ts";
import { type Column, joinedColumn, memoryColumn } from "./columns.ts";
import type { FileSet, MadeSet, Part } from "./data-set.ts";
import { contentOf, openIdx } from "./idx.ts";
import type { Files, Io } from "./io.ts";
import type { Places } from "./locate.ts";
import type { Opener, Table } from "./table.ts";
import { argumentsOf, wrongArgument } from "./table.ts";
import { quoted, UserError } from "./user-error.ts";

export { dataSets };

/**
 * Folders in which the files of public sets are looked for, best first. Each holds the files, or a folder of the
 * set's name.
 */
function foldersOf({ io, dataDir }: Places): readonly string[] {
  return [dataDir, io.env("NNC_DATA_DIR"), io.cache].filter((folder) => folder !== undefined);
}

/** The folder that has the set's first file, packed or not. */
export function findSet(set: FileSet, places: Places): string | undefined {
  const { files } = places.io;
  const name = set.parts[0]!.files[0]!.name;
  for (const folder of foldersOf(places)) {
    for (const candidate of [files.join(folder, set.name), folder]) {
      const names = folder === places.io.cache ? listed(candidate, files) : files.list(candidate);
      // Files in the cache lie in the set's own folder: those of two sets have the same names.
      if (candidate !== places.io.cache && (names.includes(name) || names.includes(`${name}.gz`))) return candidate;
    }
  }
  return undefined;
}

/** The cache may be another user's: nobody named it. */
function listed(folder: string, files: Files): readonly string[] {
  try {
    return files.list(folder);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
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
      set.parts.map((part) => ({ rows: part.rows, open: () => openPart(set, part, k, folder, places.io) })),
      new Uint8Array(0),
    ),
  );
  return { title: set.title, from: folder, columns, rows: columns[0]!.rows, test: set.test };
}

function openPart(set: FileSet, part: Part, k: number, folder: string, io: Io): Column {
  const name = part.files[k]!.name;
  const plain = io.files.join(folder, name);
  for (const path of [plain, `${plain}.gz`]) {
    const content = readProven(set, part, k, path, io.files);
    if (content) return memoryColumn({ label: quoted(path), shape: set.columns[k]!.shape }, part.rows, content);
  }
  throw new UserError(
    "data/missing",
    `${quoted(folder)} lacks ${quoted(`${name}[.gz]`)} of ${set.title}`,
    `Fetch it with \`nnc data fetch ${set.name}\`.`,
  );
}

/** The elements of the set's file at `path`, sizes and hash proven; undefined where there is no file. */
export function readProven(set: FileSet, part: Part, k: number, path: string, files: Files): Uint8Array | undefined {
  const { sha256, packedSha256 } = part.files[k]!;
  const wrong = (why: string) =>
    new UserError(
      "data/hash",
      `${quoted(path)} is not ${set.title}'s file: ${why}`,
      `Fetch the set with \`nnc data fetch ${set.name}\`, or name another folder with --data-dir.`,
    );
  const idx = openIdx(files, path, (packed) => {
    if (packedSha256 !== undefined && files.sha256(packed) !== packedSha256) throw wrong("its SHA-256 differs");
  });
  if (!idx) return undefined;
  const shape = [part.rows, ...set.columns[k]!.shape];
  if (idx.shape.join() !== shape.join())
    throw wrong(`it holds [${idx.shape.join(", ")}] and not [${shape.join(", ")}]`);
  if (packedSha256 !== undefined && !idx.packed)
    throw wrong("only packed, as published, can it be told from another set's");
  const content = contentOf(idx);
  // Hashed once per run, when it is read: 27 ms for MNIST's images where the processor knows SHA, and sure.
  if (sha256 !== undefined && files.sha256(content) !== sha256) throw wrong("its SHA-256 differs");
  return content.subarray(idx.offset);
}
