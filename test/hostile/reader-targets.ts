// The readers of files as targets of a fuzzer. Each mutant goes through the trainer's reader and through `nnc data info` or
// `nnc params`: both refuse it in words, or both take it, and then the numbers are those that another way of reading finds.
import { gunzipSync, gzipSync } from "node:zlib";
import { readCsv } from "../../src/runtime/csv.ts";
import type { Values } from "../../src/runtime/elements.ts";
import { contentOf, openIdx } from "../../src/runtime/idx.ts";
import { dataInfo, paramsInfo } from "../../src/runtime/info.ts";
import type { Integers } from "../../src/runtime/integers.ts";
import type { Io, OpenFile } from "../../src/runtime/io.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { readNpyHeader } from "../../src/runtime/npy.ts";
import { encodeSafetensors, readHeader, readTensor } from "../../src/runtime/safetensors.ts";
import { readText } from "../../src/runtime/text.ts";
import { UserError } from "../../src/runtime/user-error.ts";
import { mutate } from "./mutate.ts";

export interface Target {
  readonly name: string;
  /** Good inputs. */
  readonly seeds: readonly Uint8Array[];
  next(numbers: Integers): Uint8Array;
  /** Throws what is no told mistake. */
  run(bytes: Uint8Array): void;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes as a file; reading past its end is a crash. */
const fileOf = (bytes: Uint8Array, path: string): OpenFile => ({
  path,
  size: bytes.length,
  read(at, into) {
    if (at + into.length > bytes.length) throw new Error(`read ${at + into.length} of ${bytes.length} bytes`);
    into.set(bytes.subarray(at, at + into.length));
  },
  close() {},
});

const silent: Omit<Io, "files"> = {
  folder: ".",
  program: "fuzz",
  cache: undefined,
  env: () => undefined,
  print() {},
  warn() {},
  isTerminal: false,
  width: () => 80,
  now: () => 0,
  pause: () => Promise.resolve(),
  onInterrupt: () => () => {},
  isRunning: () => false,
  exit() {},
};

/** What a reader gives, or the mistake that it tells. */
function told<T>(read: () => T): T | UserError {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function agree(what: string, ...values: readonly unknown[]): void {
  const [first, ...others] = values.map((value) => JSON.stringify(value));
  for (const other of others) if (other !== first) throw new Error(`${what}: ${first} here, ${other} there`);
}

interface Reader<T> {
  readonly name: string;
  /** Of the file as the info commands see it: they go by its ending. */
  readonly ending: string;
  readonly seeds: readonly Uint8Array[];
  /** From the mutant to the file. */
  readonly pack?: (bytes: Uint8Array) => Uint8Array;
  /** As the trainer reads it. */
  read(file: OpenFile, io: Io): T;
  info?(path: string, io: Io): unknown;
  /** Throws where what was read is not what the bytes say. */
  check(read: T, bytes: Uint8Array): void;
}

const targetOf = <T>({ name, ending, seeds, pack, read, info, check }: Reader<T>): Target => ({
  name,
  seeds,
  next: (numbers) => mutate(seeds, numbers),
  run(mutant) {
    const bytes = pack ? pack(mutant) : mutant;
    const path = `memory.${ending}`;
    const io: Io = { ...silent, files: { ...nodeFiles, open: () => fileOf(bytes, path) } };
    const found = told(() => read(fileOf(bytes, path), io));
    const shown = told(() => (info ?? dataInfo)(path, io));
    if (found instanceof UserError !== shown instanceof UserError) {
      const says = (value: unknown): string => (value instanceof UserError ? value.message : "taken");
      throw new Error(`the trainer: ${says(found)}; info: ${says(shown)}`);
    }
    if (!(found instanceof UserError)) check(found, bytes);
  },
});

const idx = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);

const idxReader = (name: string, seeds: readonly Uint8Array[], pack?: (bytes: Uint8Array) => Uint8Array): Target =>
  targetOf({
    name,
    ending: "idx",
    seeds,
    ...(pack ? { pack } : {}),
    read(_, io) {
      const found = openIdx(io.files, "memory.idx")!;
      return { shape: found.shape, values: contentOf(found).subarray(found.offset) };
    },
    check({ shape, values }, bytes) {
      const plain = Buffer.from(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
      agree("idx header", [...plain.subarray(0, 4)], [0, 0, 8, shape.length]);
      agree(
        "idx sizes",
        shape,
        shape.map((_, k) => plain.readUInt32BE(4 + 4 * k)),
      );
      const rest = plain.subarray(4 + 4 * shape.length);
      if (!rest.equals(values)) throw new Error("idx elements differ");
      agree("idx count", rest.length, Number(shape.map(BigInt).reduce((a, b) => a * b, 1n)));
    },
  });

const safetensors = Buffer.concat(
  encodeSafetensors(
    [
      { name: "a", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
      { name: "b", dtype: "I32", shape: [], values: [7] },
      { name: "c", dtype: "BOOL", shape: [2], values: [1, 0] },
      { name: "d", dtype: "U8", shape: [0, 4], values: [] },
    ],
    new Map([["step", "12"]]),
  ),
);

/** Elements by JavaScript's own views, of the types that have one. */
const views = new Map<string, (bytes: ArrayBuffer) => ArrayLike<number>>([
  ["F64", (bytes) => new Float64Array(bytes)],
  ["F32", (bytes) => new Float32Array(bytes)],
  ["I32", (bytes) => new Int32Array(bytes)],
  ["I16", (bytes) => new Int16Array(bytes)],
  ["U16", (bytes) => new Uint16Array(bytes)],
  ["I8", (bytes) => new Int8Array(bytes)],
  ["U8", (bytes) => new Uint8Array(bytes)],
  ["BOOL", (bytes) => new Uint8Array(bytes)],
]);

const safetensorsTarget = targetOf({
  name: "safetensors",
  ending: "safetensors",
  seeds: [safetensors],
  info: paramsInfo,
  read(file) {
    const { tensors, metadata } = readHeader(file);
    return { tensors: [...tensors.values()].map((entry) => ({ entry, values: readTensor(file, entry) })), metadata };
  },
  check({ tensors, metadata }, bytes) {
    const length = Number(Buffer.from(bytes).readBigUInt64LE());
    const header = new Map(Object.entries(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))));
    agree("metadata", Object.fromEntries(metadata), header.get("__metadata__") ?? {});
    header.delete("__metadata__");
    agree("names", tensors.map(({ entry }) => entry.name).sort(), [...header.keys()].sort());
    for (const { entry, values } of tensors) {
      const said = header.get(entry.name) as { dtype: string; shape: number[]; data_offsets: [number, number] };
      agree("dtype and shape", [entry.dtype, entry.shape], [said.dtype, said.shape]);
      const [from, to] = said.data_offsets.map((offset) => 8 + length + offset) as [number, number];
      const view = views.get(entry.dtype)?.(new Uint8Array(bytes.subarray(from, to)).buffer);
      if (view) agree(`values of ${entry.dtype}`, Array.from(values as ArrayLike<number>), Array.from(view));
    }
  },
});

function npyOf(descr: string, shape: string, data: Uint8Array): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"), Buffer.from(`${header}\n`), data]);
}

const npyTarget = targetOf({
  name: "npy",
  ending: "npy",
  seeds: [
    npyOf("<f4", "(2, 1)", Buffer.alloc(8, 1)),
    npyOf("|b1", "(3,)", Uint8Array.of(1, 0, 1)),
    npyOf("<i8", "()", Buffer.alloc(8)),
  ],
  read: (file, io) => ({ ...readNpyHeader(file), info: dataInfo(file.path, io) }),
  check({ shape, offset, info }, bytes) {
    const text = Buffer.from(bytes.subarray(bytes[6] === 1 ? 10 : 12, offset)).toString("latin1");
    // The dictionary as JSON.
    const json = text
      .replaceAll(/\s+/g, " ")
      .replaceAll("'", '"')
      .replaceAll("False", "false")
      .replace(/\(([\d\s,]*)\)/, (_, sizes: string) => `[${sizes.trim().replace(/,$/, "")}]`)
      .replace(/,\s*\}/, "}");
    const said = JSON.parse(json) as { descr: string; fortran_order: boolean; shape: number[] };
    agree("npy shape", shape, info.shape, said.shape);
    const size = Number(/\d+$/.exec(said.descr)![0]);
    agree("npy length", bytes.length - offset, size * shape.reduce((a, b) => a * b, 1));
  },
});

const csvSeeds = [
  'a,b,"c ""d"""\n1,2.5,-3e-4\n4,5,6\n',
  "1,2\r\n3,4\r\n",
  "\ufeff1,2\n3,4\n5,6",
  ' 1 ,"2"\n\n.5,+3.\n',
];

const csvTarget = targetOf({
  name: "csv",
  ending: "csv",
  seeds: csvSeeds.map(bytesOf),
  read: (file) => readCsv(file),
  check({ header, columns, rows, values }, bytes) {
    const text = new TextDecoder().decode(bytes);
    agree("count", values.length, rows * columns);
    for (const separator of [";", "\t"]) told(() => readCsv(fileOf(bytes, "memory.csv"), { separator }));
    if (text.includes('"')) return;
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
    const cells = lines.slice(header.length > 0 ? 1 : 0).flatMap((line) => line.split(",").map(Number));
    agree("csv numbers", Array.from(values), cells);
  },
});

const textTarget = targetOf({
  name: "text",
  ending: "txt",
  seeds: [bytesOf("It was a dark and stormy night; Größe 数 🦜.\n")],
  read: (file) => readText(file, "bytes"),
  // What begins like another format is told as that one.
  info: (path, io) => void told(() => dataInfo(path, io)),
  check({ tokens }, bytes) {
    if (!Buffer.from(bytes).equals(tokens as Uint8Array)) throw new Error("the bytes differ");
    const read = told(() => readText(fileOf(bytes, "memory.txt"), "chars"));
    if (read instanceof UserError) return;
    const codes: Values = read.tokens;
    agree("text", Array.from(codes, (place) => read.alphabet[place]).join(""), new TextDecoder().decode(bytes));
  },
});

export const readerTargets: readonly Target[] = [
  idxReader("idx", [idx, gzipSync(idx)]),
  // Damage within what a sound gzip stream holds.
  idxReader("idx-packed", [idx], (bytes) => gzipSync(bytes, { level: 1 })),
  safetensorsTarget,
  npyTarget,
  csvTarget,
  textTarget,
];
