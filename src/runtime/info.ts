// What a data or parameter file holds, by the same readers and rules as training: `nnc data info`, `nnc params`.
import { scanCsv } from "./csv.ts";
import { eachPiece, type Stretch, type Values } from "./elements.ts";
import { isIdxHead, openIdx } from "./idx.ts";
import type { Io, OpenFile } from "./io.ts";
import { openGiven } from "./locate.ts";
import { readNpyHeader } from "./npy.ts";
import { readHeader, type SafetensorsType } from "./safetensors.ts";
import { checkLength, countCharacters } from "./text.ts";
import { quoted, UserError } from "./user-error.ts";

export interface DataInfo {
  readonly path: string;
  readonly format: "idx" | "npy" | "csv" | "text" | "safetensors";
  readonly packed?: boolean;
  /** Rows first. */
  readonly shape: readonly number[];
  readonly element: string;
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  /** Share of zeros. */
  readonly zeros?: number;
  /** Names of a csv file's columns, tensors of a safetensors file. */
  readonly names?: readonly string[];
  /** Different characters of a text. */
  readonly characters?: number;
}

interface Stats {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly zeros: number;
}

/** A sum that goes on from piece to piece. */
class Tally {
  private count = 0;
  private low = Number.POSITIVE_INFINITY;
  private high = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private zeroCount = 0;

  add(values: Values): void {
    this.count += values.length;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      // Once NaN, always NaN: nothing compares with it.
      if (value < this.low || Number.isNaN(value)) this.low = value;
      if (value > this.high || Number.isNaN(value)) this.high = value;
      this.sum += value;
      if (value === 0) this.zeroCount++;
    }
  }

  get stats(): Stats | undefined {
    if (this.count === 0) return undefined;
    return { min: this.low, max: this.high, mean: this.sum / this.count, zeros: this.zeroCount / this.count };
  }
}

/** Of elements in a file, however many there are. */
function statsIn(file: OpenFile, stretch: Stretch, where: string): Stats | undefined {
  const tally = new Tally();
  eachPiece(file, stretch, where, (piece) => tally.add(piece));
  return tally.stats;
}

/** Of a data file: by its content where that tells, else by its name's ending. */
export function formatOf(path: string, io: Io): DataInfo["format"] {
  const file = openGiven(path, io);
  const head = new Uint8Array(Math.min(8, file.size));
  try {
    file.read(0, head);
  } finally {
    file.close();
  }
  const begins = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  if (begins(0x93, 0x4e, 0x55, 0x4d) || /\.npy$/i.test(path)) return "npy";
  if (/\.safetensors$/i.test(path)) return "safetensors";
  if (/\.(csv|tsv)$/i.test(path)) return "csv";
  if (isIdxHead(head) || begins(0x1f, 0x8b) || /(\.idx|ubyte)(\.gz)?$|\.gz$/i.test(path)) return "idx";
  return "text";
}

const infos: Readonly<Record<DataInfo["format"], (path: string, io: Io) => DataInfo>> = {
  npy: npyInfo,
  safetensors: safetensorsInfo,
  csv: csvInfo,
  idx: idxInfo,
  text: textInfo,
};

/** What one file holds. */
export const dataInfo = (path: string, io: Io): DataInfo => infos[formatOf(path, io)](path, io);

function idxInfo(path: string, io: Io): DataInfo {
  const { file, packed, shape, offset } = openIdx(io.files, path)!;
  try {
    const stats = statsIn(file, { element: "u8", count: file.size - offset, offset }, quoted(path));
    return { path, format: "idx", packed, shape, element: "u8", ...stats };
  } finally {
    file.close();
  }
}

function npyInfo(path: string, io: Io): DataInfo {
  const file = openGiven(path, io);
  try {
    const { element, shape, offset } = readNpyHeader(file);
    const count = shape.reduce((a, b) => a * b, 1);
    return { path, format: "npy", shape, element, ...statsIn(file, { element, count, offset }, quoted(path)) };
  } finally {
    file.close();
  }
}

function csvInfo(path: string, io: Io): DataInfo {
  const file = openGiven(path, io);
  try {
    const tally = new Tally();
    const some = new Float64Array(1024);
    let held = 0;
    const { header, rows, columns } = scanCsv(file, /\.tsv$/i.test(path) ? { separator: "\t" } : {}, (value) => {
      some[held++] = value;
      if (held < some.length) return;
      tally.add(some);
      held = 0;
    });
    tally.add(some.subarray(0, held));
    return { path, format: "csv", shape: [rows, columns], element: "numbers", names: header, ...tally.stats };
  } finally {
    file.close();
  }
}

function textInfo(path: string, io: Io): DataInfo {
  const file = openGiven(path, io);
  try {
    checkLength(file);
    const bytes: DataInfo = { path, format: "text", shape: [file.size], element: "bytes" };
    const found = told(() => countCharacters(file).found);
    // Where it is not UTF-8, its bytes are all there is to tell.
    return found === undefined ? bytes : { ...bytes, element: "UTF-8", characters: found.length };
  } finally {
    file.close();
  }
}

/** Undefined where it is no text. */
function told<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError && error.code === "data/text") return undefined;
    throw error;
  }
}

function safetensorsInfo(path: string, io: Io): DataInfo {
  const tensors = paramsInfo(path, io);
  return {
    path,
    format: "safetensors",
    shape: [tensors.length],
    element: "tensors",
    names: tensors.map(({ name }) => name),
  };
}

/** Checks images and labels as `mnist` would: equal counts, 28 x 28, classes 0 to 9. */
export function imagesInfo(images: string, labels: string, io: Io): readonly [DataInfo, DataInfo] {
  const pair = [dataInfo(images, io), dataInfo(labels, io)] as const;
  for (const info of pair) if (info.format !== "idx") throw wrongImages(info, "no idx file");
  const [first, second] = pair;
  if (first.shape.length !== 3 || first.shape[1] !== 28 || first.shape[2] !== 28)
    throw wrongImages(first, `[${first.shape.join(", ")}], and images are [count, 28, 28]`);
  if (second.shape.length !== 1) throw wrongImages(second, `[${second.shape.join(", ")}], and labels are [count]`);
  if (first.shape[0] !== second.shape[0]) {
    throw new UserError(
      "data/row-counts",
      `${quoted(images)} has ${first.shape[0]} images, ${quoted(labels)} has ${second.shape[0]} labels`,
      "Take files that belong together.",
    );
  }
  if (second.max! > 9)
    throw new UserError(
      "data/value",
      `${quoted(labels)} holds the label ${second.max}, and classes are 0 to 9`,
      "Take labels of ten classes.",
    );
  return pair;
}

const wrongImages = (info: DataInfo, what: string): UserError =>
  new UserError("data/images", `${quoted(info.path)} is ${what}`, "Name the images first, then their labels.");

export interface ParamInfo {
  readonly name: string;
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  /** Absent for tensors without elements. */
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
}

/** Every tensor of a safetensors file. */
export function paramsInfo(path: string, io: Io): readonly ParamInfo[] {
  const file = openGiven(path, io);
  try {
    return [...readHeader(file).tensors.values()].map((entry) => {
      const stats = statsIn(file, entry, `${quoted(entry.name)} in ${quoted(path)}`);
      const { name, dtype, shape } = entry;
      return { name, dtype, shape, ...(stats && { min: stats.min, max: stats.max, mean: stats.mean }) };
    });
  } finally {
    file.close();
  }
}
