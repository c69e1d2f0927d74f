import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bindColumn } from "../../src/runtime/bind.ts";
import { fileColumn, memoryColumn } from "../../src/runtime/columns.ts";
import { openData } from "../../src/runtime/data.ts";
import { valuesFor } from "../../src/runtime/elements.ts";
import type { ColumnManifest, DataArgument, ManifestDim, Storage, TypedArray } from "../../src/runtime/library.ts";
import { encodeSafetensors } from "../../src/runtime/safetensors.ts";
import { columnsOf, sourceNames } from "../../src/runtime/sources.ts";
import { idxBytes } from "./idx-bytes.ts";
import { complaintOf, fileOf, hasMnist, mnistFolder, temporaryFolder, testIo, verdictOf } from "./test-io.ts";

const folder = temporaryFolder();
const io = testIo({ folder });
const N: ManifestDim = { perRow: 1 };

const column = (name: string, dtype: Storage, shape: readonly ManifestDim[], classes?: number): ColumnManifest => ({
  name,
  dtype,
  shape,
  role: name === "target" ? "target" : "input",
  ...(classes === undefined ? {} : { classes }),
});

function open(
  source: string,
  wanted: readonly ColumnManifest[],
  positional: readonly DataArgument[] = [],
  named: Record<string, DataArgument> = {},
  dataDir?: string,
) {
  return openData({ source, positional, named: Object.entries(named) }, wanted, { io, dataDir });
}

/** The given rows of every column. */
function rowsOf(
  data: ReturnType<typeof open>,
  wanted: readonly ColumnManifest[],
  rows: readonly number[],
): Record<string, number[]> {
  const width = ({ shape }: ColumnManifest) => shape.slice(1).reduce<number>((a, b) => a * (b as number), 1);
  const inputs: Record<string, TypedArray> = Object.fromEntries(
    wanted.map((c) => {
      const size = rows.length * width(c);
      return [
        c.name,
        c.dtype === "f32" ? new Float32Array(size) : c.dtype === "i32" ? new Int32Array(size) : new Uint8Array(size),
      ];
    }),
  );
  data.fill(Int32Array.from(rows), rows.length, inputs);
  return Object.fromEntries(Object.entries(inputs).map(([name, values]) => [name, [...values]]));
}

const write = (name: string, content: string | Uint8Array | Buffer) => writeFileSync(join(folder, name), content);

describe("columns", () => {
  test("any rows from memory and from a file are the same, read in any order", () => {
    const all = Float32Array.from({ length: 3000 }, (_, i) => i / 2);
    const facts = { label: "f", shape: [3] };
    const wanted = column("x", "f32", [N, 3]);
    const inMemory = bindColumn(memoryColumn(facts, 1000, all), wanted);
    const inFile = bindColumn(
      fileColumn(facts, 1000, fileOf(new Uint8Array([1, 2, 3, 4, ...new Uint8Array(all.buffer)])), "f32", 4),
      wanted,
    );
    for (const rows of [
      [0, 1, 2, 3],
      [999, 998, 0, 1, 2, 500],
      [5, 5, 6, 4, 5],
      [996, 997, 998, 999],
    ]) {
      const [a, b] = [new Float32Array(rows.length * 3), new Float32Array(rows.length * 3)];
      inMemory(Int32Array.from(rows), rows.length, a);
      inFile(Int32Array.from(rows), rows.length, b);
      expect([...a]).toEqual(rows.flatMap((row) => [...all.subarray(row * 3, row * 3 + 3)]));
      expect([...b]).toEqual([...a]);
    }
  });

  test("pixels become floats as the step scales them: f32(byte) / 255, correctly rounded", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const fill = bindColumn(
      memoryColumn({ label: "f", shape: [256], scale: 255 }, 1, bytes),
      column("x", "f32", [N, 256]),
    );
    const into = new Float32Array(256);
    fill(Int32Array.of(0), 1, into);
    for (let i = 0; i < 256; i++) expect(into[i]).toBe(Math.fround(i / 255));
  });

  test("sizes and types that cannot fit", () => {
    const floats = memoryColumn({ label: "the data", shape: [2, 3] }, 1, new Float32Array(6));
    expect(complaintOf(() => bindColumn(floats, column("x", "f32", [N, 5])))).toContain(
      '"x" is [N, 5], 5 numbers per row, but the data has 6 ([2, 3])',
    );
    expect(complaintOf(() => bindColumn(floats, column("x", "f32", [6])))).toContain("without rows");
    expect(complaintOf(() => bindColumn(floats, column("x", "u8", [N, 6])))).toContain("data/column-type");
    expect(verdictOf(() => bindColumn(floats, column("x", "f32", [N, 1, 6])))).toBe("ok");
  });

  test("values that cannot be are named by row when the data is opened", () => {
    const labels = memoryColumn({ label: '"labels"', shape: [] }, 4, Uint8Array.of(1, 2, 9, 3));
    expect(complaintOf(() => bindColumn(labels, column("target", "i32", [N], 9)))).toContain(
      'row 2 of "labels" holds 9, and "target" takes a class from 0 to 8',
    );
    expect(verdictOf(() => bindColumn(labels, column("target", "i32", [N], 10)))).toBe("ok");
    const halves = memoryColumn({ label: "f", shape: [] }, 2, Float64Array.of(1, 0.5));
    expect(complaintOf(() => bindColumn(halves, column("x", "i32", [N])))).toContain("row 1 of f holds 0.5");
    expect(complaintOf(() => bindColumn(halves, column("x", "bool", [N])))).toContain("0 or 1");
    const negative = memoryColumn({ label: "f", shape: [] }, 2, Int32Array.of(0, -1));
    expect(complaintOf(() => bindColumn(negative, column("target", "i32", [N], 5)))).toContain("holds -1");
    const none = memoryColumn({ label: "f", shape: [] }, 1, Float64Array.of(Number.NaN));
    expect(complaintOf(() => bindColumn(none, column("target", "i32", [N], 5)))).toContain("holds NaN");
  });

  test("values in a file that stays there are named when they are read", () => {
    const fill = bindColumn(
      fileColumn({ label: "f", shape: [] }, 3, fileOf(Uint8Array.of(1, 2, 7)), "u8", 0),
      column("target", "i32", [N], 5),
    );
    const into = new Int32Array(3);
    fill(Int32Array.of(0, 1), 2, into);
    expect(complaintOf(() => fill(Int32Array.of(0, 2), 2, into))).toContain("row 2 of f holds 7");
  });

  test("a value amid rows that are copied at once is named by its own row", () => {
    const pairs = bindColumn(
      fileColumn({ label: "f", shape: [2] }, 5, fileOf(Uint8Array.of(0, 1, 2, 3, 4, 0, 1, 7, 3, 4)), "u8", 0),
      column("target", "i32", [N, 2], 5),
    );
    const into = new Int32Array(10);
    expect(complaintOf(() => pairs(Int32Array.of(1, 2, 3, 4), 4, into))).toContain("row 3 of f holds 7");
    pairs(Int32Array.of(0, 1, 2, 4), 4, into);
    expect([...into.subarray(0, 8)]).toEqual([0, 1, 2, 3, 4, 0, 3, 4]);
  });

  test("whole numbers become i32, doubles stay", () => {
    expect(valuesFor("u16", 1)).toBeInstanceOf(Int32Array);
    expect(valuesFor("f64", 1)).toBeInstanceOf(Float64Array);
    expect(valuesFor("bf16", 1)).toBeInstanceOf(Float32Array);
  });
});

describe("sources", () => {
  const pair = [column("x", "u8", [N, 2, 2]), column("target", "i32", [N], 3)];

  test("idx, in order and by name", () => {
    write("images.idx", idxBytes([3, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    write("labels.idx.gz", gzipSync(idxBytes([3], [2, 0, 1])));
    const expected = { x: [8, 9, 10, 11, 0, 1, 2, 3], target: [1, 2] };
    expect(rowsOf(open("idx", pair, ["images.idx", "labels.idx.gz"]), pair, [2, 0])).toEqual(expected);
    expect(rowsOf(open("idx", pair, [], { target: "labels.idx.gz", x: "images.idx" }), pair, [2, 0])).toEqual(expected);
    expect(complaintOf(() => open("idx", pair, ["images.idx"]))).toContain("the model needs 2 columns");
    expect(complaintOf(() => open("idx", pair, [], { y: "images.idx" }))).toContain('idx has no argument "y"');
    write("four.idx", idxBytes([4], [0, 0, 0, 0]));
    expect(complaintOf(() => open("idx", pair, ["images.idx", "four.idx"]))).toContain(
      '"images.idx" has 3 rows, "four.idx" has 4',
    );
  });

  test("csv by number, range, name and order", () => {
    write("f.csv", "a,b,c,y\n1,2,3,0\n4,5,6,1\n");
    const wanted = [column("x", "f32", [N, 2]), column("target", "i32", [N], 2)];
    const rows = (named: Record<string, DataArgument>) => rowsOf(open("csv", wanted, ["f.csv"], named), wanted, [1, 0]);
    const expected = { x: [4, 6, 1, 3], target: [1, 0] };
    expect(rows({ x: ["a", "c"], target: "y" })).toEqual(expected);
    expect(rows({ x: [0, 2], target: -1 })).toEqual(expected);
    expect(rows({ x: [{ range: [0, 1] }, 2], target: 3 })).toEqual(expected);
    expect(rows({ x: { range: [0, 2] }, target: 3 })).toEqual({ x: [4, 5, 1, 2], target: [1, 0] });
    const ordered = [column("x", "f32", [N, 3]), column("target", "i32", [N], 2)];
    expect(rowsOf(open("csv", ordered, ["f.csv"]), ordered, [0])).toEqual({ x: [1, 2, 3], target: [0] });
    expect(complaintOf(() => rows({ x: [0, 4], target: 3 }))).toContain("asks for column 4");
    expect(complaintOf(() => rows({ x: "d", target: 3 }))).toContain('has no column "d"');
    expect(complaintOf(() => rows({ x: [0, 1] }))).toContain('which columns are "target"');
    expect(complaintOf(() => open("csv", [column("x", "f32", [N, 5])], ["f.csv"]))).toContain("needs columns 0 to 4");
    expect(complaintOf(() => open("csv", wanted, ["f.csv"], { separator: ";;" }))).toContain("data/argument");
  });

  test("npy and safetensors", () => {
    const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n";
    const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    write("x.npy", Buffer.concat([head, Buffer.from(header), Buffer.from(Float64Array.of(0.1, 2, 3, 4).buffer)]));
    const x = [column("x", "f32", [N, 2])];
    expect(rowsOf(open("npy", x, ["x.npy"]), x, [1, 0])).toEqual({ x: [3, 4, Math.fround(0.1), 2] });

    const parts = encodeSafetensors([
      { name: "images", dtype: "F32", shape: [2, 2], values: [1, 2, 3, 4] },
      { name: "target", dtype: "I32", shape: [2], values: [7, 8] },
    ]);
    write("f.safetensors", Buffer.concat(parts));
    const wanted = [...x, column("target", "i32", [N])];
    expect(rowsOf(open("safetensors", wanted, ["f.safetensors"], { x: "images" }), wanted, [1])).toEqual({
      x: [3, 4],
      target: [8],
    });
    expect(complaintOf(() => open("safetensors", wanted, ["f.safetensors"]))).toContain('has no tensor "x"');
  });

  test("text: a row's target is the row one token later", () => {
    write("t.txt", "abcabcabd");
    const wanted = [column("x", "i32", [N, 4], 4), column("target", "i32", [N, 4], 4)];
    const data = open("text", wanted, ["t.txt"], { unit: "chars" });
    expect(data.rows).toBe(2);
    expect(rowsOf(data, wanted, [0, 1])).toEqual({ x: [0, 1, 2, 0, 1, 2, 0, 1], target: [1, 2, 0, 1, 2, 0, 1, 3] });
    const sliding = open("text", wanted, ["t.txt"], { unit: "chars", stride: 1 });
    expect(sliding.rows).toBe(5);
    expect(rowsOf(sliding, wanted, [1, 2]).x).toEqual([1, 2, 0, 1, 2, 0, 1, 2]);
    expect(verdictOf(() => open("text", wanted, ["t.txt"], { unit: "words" }))).toBe("data/argument");
    const bytes = open("text", wanted, ["t.txt"]);
    expect(complaintOf(() => rowsOf(bytes, wanted, [0]))).toContain("takes a class from 0 to 3");
  });

  test("an unknown source lists the known ones", () => {
    expect(complaintOf(() => open("minst", pair))).toBe('data/source: there is no data source "minst"');
    expect(sourceNames).toEqual(["mnist", "fashion_mnist", "digits", "idx", "npy", "safetensors", "csv", "text"]);
  });

  test("what the compiler may know beforehand", () => {
    expect(columnsOf({ source: "mnist", positional: [], named: [] })).toMatchObject([
      { storage: "u8", zeros: 0.81 },
      { storage: "i32", classes: 10 },
    ]);
    expect(columnsOf({ source: "csv", positional: ["f.csv"], named: [] })).toEqual([]);
    expect(columnsOf({ source: "minst", positional: [], named: [] })).toBeUndefined();
  });
});

describe("where files may lie", () => {
  const x = [column("x", "f32", [N, 1])];

  test.each(["../f.csv", "/etc/passwd", "a/../../f.csv", "C:\\f.csv", "..\\f.csv", "", "a\0b"])(
    "refuses %j",
    (name) => {
      expect(verdictOf(() => open("csv", x, [name]))).toBe("file/outside");
    },
  );

  test("links may not lead out", () => {
    const outside = temporaryFolder();
    writeFileSync(join(outside, "secret.csv"), "1\n");
    symlinkSync(join(outside, "secret.csv"), join(folder, "link.csv"));
    expect(verdictOf(() => open("csv", x, ["link.csv"]))).toBe("file/outside");
  });

  test("--data-dir comes before the model's folder", () => {
    const other = join(folder, "other");
    mkdirSync(other);
    writeFileSync(join(other, "one.csv"), "2\n");
    write("one.csv", "1\n");
    write("two.csv", "3\n");
    expect(rowsOf(open("csv", x, ["one.csv"]), x, [0])).toEqual({ x: [1] });
    expect(rowsOf(open("csv", x, ["one.csv"], {}, other), x, [0])).toEqual({ x: [2] });
    expect(rowsOf(open("csv", x, ["two.csv"], {}, other), x, [0])).toEqual({ x: [3] });
    expect(verdictOf(() => open("csv", x, ["three.csv"], {}, other))).toBe("file/missing");
  });
});

describe("public sets", () => {
  const wanted = [column("x", "u8", [N, 784]), column("target", "i32", [N], 10)];

  test("an absent set says where it was looked for and what to do", () => {
    const text = complaintOf(() => open("mnist", wanted, [], {}, folder));
    expect(text).toContain("data/missing: MNIST is not on this machine");
  });

  test("other files under its names are refused", () => {
    const fake = join(folder, "fake");
    mkdirSync(fake);
    writeFileSync(join(fake, "train-images-idx3-ubyte"), idxBytes([2, 28, 28], new Array<number>(2 * 784).fill(0)));
    writeFileSync(
      join(fake, "train-labels-idx1-ubyte.gz"),
      gzipSync(idxBytes([60000], new Array<number>(60000).fill(3))),
    );
    const data = open("mnist", wanted, [], {}, fake);
    const one = new Int32Array(1);
    expect(complaintOf(() => data.fill(one, 1, { x: new Uint8Array(784), target: one }))).toContain(
      "it holds [2, 28, 28] and not [60000, 28, 28]",
    );
    const labels = open("mnist", wanted.slice(0, 1), [], {}, fake);
    expect(labels.split.test.text).toBe("60000:70000");
  });

  test.skipIf(!hasMnist)("MNIST by images and labels, in any shape", () => {
    const image = [column("x", "u8", [N, 1, 28, 28]), wanted[1]!];
    const data = open(
      "mnist",
      image,
      [],
      { train: { range: [0, 50000] }, valid: { range: [50000, 60000] } },
      mnistFolder,
    );
    expect(data.from).toBe(mnistFolder);
    expect([data.split.train.count, data.split.valid.count, data.split.test.count]).toEqual([50000, 10000, 10000]);
    // Labels of the first images of each file, as everybody prints them.
    expect(rowsOf(data, image, [0, 1, 2, 3, 4, 5, 60000, 60001, 60002]).target).toEqual([5, 0, 4, 1, 9, 2, 7, 2, 1]);
    const sum = (row: number) => rowsOf(data, image, [row]).x!.reduce((a, b) => a + b, 0);
    expect(sum(0)).toBe(27525);
  });

  test.skipIf(!hasMnist)("a packed MNIST file with one byte changed is refused", () => {
    const dir = join(folder, "changed");
    mkdirSync(dir);
    for (const name of ["train-images-idx3-ubyte.gz"]) symlinkSync(join(mnistFolder, name), join(dir, name));
    writeFileSync(join(dir, "train-labels-idx1-ubyte"), idxBytes([60000], new Array<number>(60000).fill(1)));
    const data = open("mnist", wanted, [], {}, dir);
    const inputs = { x: new Uint8Array(784), target: new Int32Array(1) };
    expect(complaintOf(() => data.fill(new Int32Array(1), 1, inputs))).toContain("its SHA-256 differs");
  });

  test.skipIf(!hasMnist)("MNIST does not pass for Fashion-MNIST", () => {
    const data = open("fashion_mnist", wanted, [], {}, mnistFolder);
    const inputs = { x: new Uint8Array(784), target: new Int32Array(1) };
    expect(complaintOf(() => data.fill(new Int32Array(1), 1, inputs))).toContain("is not Fashion-MNIST's file");
  });
});
