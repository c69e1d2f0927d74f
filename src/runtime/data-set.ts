// What a descriptor in `data/` says of a data set: files, hashes, mirrors, columns. Types only.
import type { Storage } from "./library.ts";

/** What the compiler may know of a column before any file is read. */
export interface ColumnFact {
  /** Where the source names its columns. */
  readonly name?: string;
  /** How the trainer keeps it. `u8` columns hold pixels, which the step divides by 255. */
  readonly storage: Storage;
  /** Sizes of one row. */
  readonly shape?: readonly number[];
  /** Values are 0..classes-1. */
  readonly classes?: number;
  /** Share of zeros in the training rows, about. */
  readonly zeros?: number;
}

export interface DataFile {
  /** Without `.gz`: files are found packed or not. */
  readonly name: string;
  /** SHA-256 of the unpacked file. */
  readonly sha256?: string;
  /** SHA-256 of the packed file, where only that is published; such a set is read packed only. */
  readonly packedSha256?: string;
}

export interface Part {
  readonly rows: number;
  readonly files: readonly DataFile[];
}

interface DataSetFacts {
  /** As in `data = mnist(…)`. */
  readonly name: string;
  /** For people: "MNIST". */
  readonly title: string;
  /** One line: what it is and whence. */
  readonly summary: string;
  /** In order: inputs, then targets. */
  readonly columns: readonly (ColumnFact & { readonly shape: readonly number[] })[];
  /** Rows meant for testing, unless `test = …` says others. */
  readonly test: readonly [from: number, to: number];
}

/** A public data set in idx files: parts follow one another, each has one file per column. */
export interface FileSet extends DataSetFacts {
  readonly kind: "files";
  readonly parts: readonly Part[];
  /** Folders on the web, tried in order; each file's name and `.gz` is added. */
  readonly mirrors: readonly string[];
}

/** A data set that is computed, row by row, the same on every platform: one image and its class. */
export interface MadeSet extends DataSetFacts {
  readonly kind: "made";
  readonly rows: number;
  /** Draws row `row` into `pixels` from `at` on, and gives its class. */
  draw(row: number, pixels: Uint8Array, at: number): number;
}

export type DataSet = FileSet | MadeSet;
