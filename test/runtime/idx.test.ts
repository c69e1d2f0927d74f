import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentOf, openIdx } from "../../src/runtime/idx.ts";
import { imagesInfo } from "../../src/runtime/info.ts";
import type { Files } from "../../src/runtime/io.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { idxBytes } from "./idx-bytes.ts";
import {
  badFiles,
  complaintOf,
  fileOf,
  hasFixtures,
  hasMnist,
  mnistFolder,
  temporaryFolder,
  testIo,
  verdictOf,
} from "./test-io.ts";

const idxOf = (sizes: readonly number[], data: readonly number[], type?: number): Uint8Array =>
  new Uint8Array(idxBytes(sizes, data, type));

const filesWith = (bytes: Uint8Array): Files => ({ ...nodeFiles, open: () => fileOf(bytes) });

function load(bytes: Uint8Array) {
  const idx = openIdx(filesWith(bytes), "memory")!;
  return { shape: idx.shape, data: [...contentOf(idx).subarray(idx.offset)] };
}

const good = idxOf([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]);

describe("idx", () => {
  test("plain and packed are told apart by content", () => {
    const expected = { shape: [2, 2, 3], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255] };
    expect(load(good)).toEqual(expected);
    expect(load(new Uint8Array(gzipSync(good)))).toEqual(expected);
  });

  test.each([
    ["little-endian", Uint8Array.of(3, 8, 0, 0, 2, 0, 0, 0), "its header is little-endian"],
    ["floats", idxOf([1], [0, 0, 0, 0], 0x0d), "its elements are f32, and only bytes are read"],
    ["unknown elements", idxOf([1], [0], 0x33), "element type 51 is unknown"],
    ["no dimensions", idxOf([], []), "0 dimensions"],
    ["sizes of 2^32 and more", idxOf([65536, 65536, 1], []), "4,294,967,312 bytes in all"],
    ["no rows", idxOf([0, 28, 28], []), "holds nothing"],
    ["one byte too many", Uint8Array.of(...good, 0), "the file has 29"],
  ])("refuses %s", (_, bytes, says) => {
    expect(complaintOf(() => load(bytes))).toContain(says);
  });

  test("a file cut at any byte is refused, packed or not", () => {
    for (let length = 0; length < good.length; length++) {
      expect(
        verdictOf(() => load(good.slice(0, length))),
        `cut at ${length}`,
      ).toBe("data/idx");
    }
    const packed = new Uint8Array(gzipSync(good));
    for (let length = 2; length < packed.length; length++) {
      expect(
        verdictOf(() => load(packed.slice(0, length))),
        `packed, cut at ${length}`,
      ).toMatch(/^data\/(idx|gzip)$/);
    }
  });

  test("bytes after the packed stream are refused", () => {
    expect(verdictOf(() => load(new Uint8Array(Buffer.concat([gzipSync(good), Buffer.from("more")]))))).toMatch(
      /^data\/(idx|gzip)$/,
    );
    expect(verdictOf(() => load(new Uint8Array(Buffer.concat([gzipSync(good), gzipSync("x")]))))).toBe("data/idx");
  });

  test("a gzip bomb is stopped one byte after what its header announces", () => {
    const bomb = new Uint8Array(gzipSync(Buffer.concat([good, Buffer.alloc(64 * 1024 * 1024)])));
    let asked = 0;
    const files: Files = {
      ...filesWith(bomb),
      gunzip(packed, limit) {
        asked = limit;
        return nodeFiles.gunzip(packed, limit);
      },
    };
    expect(complaintOf(() => openIdx(files, "bomb"))).toContain("more follows");
    expect(asked).toBe(good.length);
  });

  test("a header that announces more than deflate can pack takes no memory", () => {
    const lying = new Uint8Array(gzipSync(idxOf([60000, 28, 28], [1, 2, 3])));
    const files: Files = {
      ...filesWith(lying),
      gunzip: () => {
        throw new Error("must not be unpacked");
      },
    };
    expect(complaintOf(() => openIdx(files, "lying"))).toContain("cannot hold that many");
  });

  test("10,000 mutants, packed and not, load or are refused", () => {
    const packed = new Uint8Array(gzipSync(good));
    const mutant = fc.tuple(
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(mutant, ([pack, changes]) => {
        const bytes = (pack ? packed : good).slice();
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        expect(verdictOf(() => load(bytes))).toMatch(/^(ok|data\/idx|data\/gzip|file\/too-large)$/);
      }),
      { seed: 3, numRuns: 10_000 },
    );
  });

  test.skipIf(!hasFixtures)("every collected bad file gets its verdict as one of a pair", () => {
    const { files } = JSON.parse(readFileSync(join(badFiles, "index.json"), "utf8")) as {
      files: Record<string, { verdict: string }>;
    };
    const io = testIo({ folder: badFiles });
    for (const name of readdirSync(badFiles).filter((name) => /\.idx(\.gz)?$/.test(name))) {
      const isLabels = name === "idx_ok_labels.idx" || name === "idx_count_mismatch.idx";
      const verdict = verdictOf(() =>
        isLabels
          ? imagesInfo(join(badFiles, "idx_ok_images.idx"), join(badFiles, name), io)
          : imagesInfo(join(badFiles, name), join(badFiles, "idx_ok_labels.idx"), io),
      );
      const wanted = files[name]!.verdict;
      if (wanted === "accept") expect(verdict, name).toBe("ok");
      if (wanted === "reject") expect(verdict, name).toMatch(/^data\//);
    }
  });

  test("folders, pipes and missing files", () => {
    const folder = temporaryFolder();
    expect(openIdx(nodeFiles, join(folder, "none"))).toBeUndefined();
    expect(complaintOf(() => openIdx(nodeFiles, folder))).toContain("it is a folder");
    expect(complaintOf(() => openIdx(nodeFiles, "/dev/null"))).toContain("no regular file");
    expect(complaintOf(() => openIdx(nodeFiles, "a\0b"))).toContain("file/unreadable");
    writeFileSync(join(folder, "file"), "");
    expect(openIdx(nodeFiles, join(folder, "file", "below"))).toBeUndefined();
  });

  test.skipIf(!hasMnist)("MNIST's own files", () => {
    const images = openIdx(nodeFiles, join(mnistFolder, "train-images-idx3-ubyte.gz"))!;
    expect(images.shape).toEqual([60000, 28, 28]);
    const labels = openIdx(nodeFiles, join(mnistFolder, "train-labels-idx1-ubyte.gz"))!;
    expect([...contentOf(labels).subarray(8, 18)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  });
});
