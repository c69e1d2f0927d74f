import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { data } from "../../src/base/diagnostics/data.ts";
import { dataInfo, imagesInfo, paramsInfo } from "../../src/runtime/info.ts";
import { encodeSafetensors } from "../../src/runtime/safetensors.ts";
import type { ErrorCode } from "../../src/runtime/user-error.ts";
import { bytesText, grouped, quoted } from "../../src/runtime/user-error.ts";
import { complaintOf, temporaryFolder, testIo, verdictOf } from "./test-io.ts";

const folder = temporaryFolder();
const io = testIo({ folder });

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

test("what data files hold", () => {
  expect(dataInfo(write("a.idx", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 4, 0, 0, 3, 5)), io)).toMatchObject({
    format: "idx",
    packed: false,
    shape: [4],
    element: "u8",
    min: 0,
    max: 5,
    mean: 2,
    zeros: 0.5,
  });
  expect(dataInfo(write("a.csv", "a,b\n1,2\n3,6\n"), io)).toMatchObject({
    format: "csv",
    shape: [2, 2],
    names: ["a", "b"],
    mean: 3,
  });
  expect(dataInfo(write("a.tsv", "1\t2\n"), io)).toMatchObject({ format: "csv", shape: [1, 2] });
  expect(dataInfo(write("a.txt", "abca"), io)).toMatchObject({
    format: "text",
    shape: [4],
    characters: 3,
    element: "UTF-8",
  });
  expect(dataInfo(write("b.txt", Uint8Array.of(65, 0xff)), io)).toMatchObject({
    format: "text",
    shape: [2],
    element: "bytes",
  });
  const npy = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 58, 0]),
    Buffer.from("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"),
    Buffer.from(Float32Array.of(1, Number.NaN).buffer),
  ]);
  expect(dataInfo(write("a.npy", npy), io)).toMatchObject({
    format: "npy",
    shape: [2],
    element: "f32",
    min: Number.NaN,
    max: Number.NaN,
  });
  expect(verdictOf(() => dataInfo(join(folder, "none"), io))).toBe("file/missing");
});

test("images and labels are checked as a pair", () => {
  const labels = write("l.idx", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 9));
  const images = write(
    "i.idx",
    Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]), Buffer.alloc(784)]),
  );
  expect(imagesInfo(images, labels, io).map(({ shape }) => shape)).toEqual([[1, 28, 28], [1]]);
  expect(complaintOf(() => imagesInfo(labels, images, io))).toContain("images are [count, 28, 28]");
  const ten = write("ten.idx", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 10));
  expect(complaintOf(() => imagesInfo(images, ten, io))).toContain("holds the label 10");
});

test("what a parameter file holds", () => {
  const parts = encodeSafetensors([
    { name: "w", dtype: "F32", shape: [2], values: [1, 4] },
    { name: "empty", dtype: "F32", shape: [0], values: [] },
  ]);
  expect(paramsInfo(write("p.safetensors", Buffer.concat(parts)), io)).toEqual([
    { name: "w", dtype: "F32", shape: [2], min: 1, max: 4, mean: 2.5 },
    { name: "empty", dtype: "F32", shape: [0] },
  ]);
});

test("every code of the runtime has its page", () => {
  // The type checker sees to it that no code is missing and none is left over.
  const pages: Record<ErrorCode, { page: { explain: string } }> = data;
  for (const [code, { page }] of Object.entries(pages)) expect(page.explain.length, code).toBeGreaterThan(40);
  const left: ErrorCode[] = Object.keys(data) as (keyof typeof data)[];
  expect(left.length).toBe(Object.keys(pages).length);
});

test("texts of unknown origin are harmless in messages", () => {
  expect(quoted("a\x1b[31m\u202eb\x9b\n")).toBe('"a\\u001b[31m\\u202eb\\u009b\\n"');
  expect(quoted("x".repeat(5000)).length).toBeLessThan(90);
  expect([grouped(999), grouped(1000), grouped(1234567)]).toEqual(["999", "1,000", "1,234,567"]);
  expect([bytesText(1), bytesText(1536), bytesText(2 ** 30)]).toEqual(["1 bytes", "1.5 KiB", "1 GiB"]);
});
