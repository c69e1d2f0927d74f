// Writes what every peer reads, so that all do the same work: raw data columns, start values drawn by our own compiler, and
// a description of both as JSON. Knows no peer.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeCli } from "../src/cli/cli.ts";
import { openData } from "../src/runtime/data.ts";
import type { ColumnManifest, Library, TypedArray } from "../src/runtime/library.ts";
import { UserError } from "../src/runtime/user-error.ts";
import type { Workload } from "./workloads.ts";

export interface Column {
  readonly name: string;
  readonly dtype: "u8" | "i32";
  /** Numbers per row. */
  readonly size: number;
  readonly file: string;
}

export interface StartTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Its place in the file, in numbers of 4 bytes. */
  readonly offset: number;
}

/** All that a peer is told. */
export interface Inputs {
  readonly workload: string;
  readonly rows: number;
  /** Full batches in the data; step k takes batch k modulo this. */
  readonly batches: number;
  readonly lr: number;
  readonly columns: readonly Column[];
  readonly start: { readonly file: string; readonly tensors: readonly StartTensor[] };
}

export interface Data {
  readonly title: string;
  readonly rows: number;
  readonly columns: readonly Column[];
}

const imageRows = 50_000;
const places = 64;
const symbols = 65;
const windows = 1024;

const bytesOf = (array: TypedArray): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** MNIST's first 50,000 images; the generated digits where MNIST is absent. */
export function writeImages(folder: string, dataDir: string | undefined): Data {
  const x = new Uint8Array(imageRows * 784);
  const target = new Int32Array(imageRows);
  const wanted: ColumnManifest[] = [
    { name: "x", dtype: "u8", shape: [{ perRow: 1 }, 784], role: "input" },
    { name: "target", dtype: "i32", shape: [{ perRow: 1 }], role: "target", classes: 10 },
  ];
  const open = (source: string) =>
    openData({ source, positional: [], named: [["train", { range: [0, imageRows] }]] }, wanted, {
      io: nodeCli(),
      dataDir,
    });
  let data: ReturnType<typeof open>;
  try {
    data = open("mnist");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    data = open("digits");
  }
  data.fill(
    Int32Array.from({ length: imageRows }, (_, i) => i),
    imageRows,
    { x, target },
  );
  const files = { x: join(folder, "images.u8"), target: join(folder, "labels.i32") };
  writeFileSync(files.x, x);
  writeFileSync(files.target, bytesOf(target));
  return {
    title: data.title,
    rows: imageRows,
    columns: [
      { name: "x", dtype: "u8", size: 784, file: files.x },
      { name: "target", dtype: "i32", size: 1, file: files.target },
    ],
  };
}

/** A text by a formula with long repeats, so that there is something to learn; a target is the next symbol. */
export function writeText(folder: string): Data {
  const symbol = (i: number): number =>
    (3 * i + 5 * Math.floor(i / 7) + (i % 5) ** 2 + (Math.floor(i / 11) % 3)) % symbols;
  const text = Int32Array.from({ length: windows * places + 1 }, (_, i) => symbol(i));
  const files = { x: join(folder, "text.i32"), target: join(folder, "next.i32") };
  writeFileSync(files.x, bytesOf(text.slice(0, -1)));
  writeFileSync(files.target, bytesOf(text.slice(1)));
  return {
    title: "a text by formula",
    rows: windows,
    columns: [
      { name: "x", dtype: "i32", size: places, file: files.x },
      { name: "target", dtype: "i32", size: places, file: files.target },
    ],
  };
}

/** Writes `NAME.start.f32` and `NAME.json`; gives the path of the latter. */
export function writeInputs(folder: string, workload: Workload, data: Data, library: Library): string {
  const trainer = library.create({ seed: 0 });
  const tensors: StartTensor[] = [];
  const values: Uint8Array[] = [];
  let offset = 0;
  for (const slot of library.manifest.slots.filter((s) => s.kind === "param")) {
    const value = trainer.read(slot.name);
    tensors.push({ name: slot.name, shape: slot.shape.map(Number), offset });
    values.push(bytesOf(value).slice());
    offset += value.length;
  }
  const file = join(folder, `${workload.name}.start.f32`);
  writeFileSync(file, Buffer.concat(values));
  const inputs: Inputs = {
    workload: workload.name,
    rows: workload.rows,
    batches: Math.floor(data.rows / workload.rows),
    lr: library.manifest.scalars.find((s) => s.name === "lr")!.value,
    columns: data.columns,
    start: { file, tensors },
  };
  const path = join(folder, `${workload.name}.json`);
  writeFileSync(path, JSON.stringify(inputs));
  return path;
}
