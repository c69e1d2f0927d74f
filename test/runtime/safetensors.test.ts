import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { encodeSafetensors, readHeader, readTensor } from "../../src/runtime/safetensors.ts";
import { badFiles, complaintOf, fileOf, hasFixtures, tutorial, verdictOf } from "./test-io.ts";

/** A file as the format's description says, by other means than the writer under test. */
function fileWith(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return new Uint8Array(Buffer.concat([length, text, data]));
}

function readAll(bytes: Uint8Array) {
  const file = fileOf(bytes);
  const header = readHeader(file);
  return new Map([...header.tensors.values()].map((entry) => [entry.name, readTensor(file, entry)]));
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe("reading", () => {
  test.each([
    ["F32", Float32Array.of(1.5, -2), [1.5, -2]],
    ["F64", Float64Array.of(0.1), [0.1]],
    ["I32", Int32Array.of(-7, 2 ** 31 - 1), [-7, 2 ** 31 - 1]],
    ["I64", BigInt64Array.of(-7n, 5n), [-7, 5]],
    ["U8", Uint8Array.of(0, 255), [0, 255]],
    ["I8", Int8Array.of(-128, 127), [-128, 127]],
    ["U16", Uint16Array.of(65535), [65535]],
    ["I16", Int16Array.of(-32768), [-32768]],
    ["U32", Uint32Array.of(2 ** 31 - 1), [2 ** 31 - 1]],
    ["U64", BigUint64Array.of(9n), [9]],
    ["BOOL", Uint8Array.of(1, 0), [1, 0]],
    ["BF16", Uint16Array.of(0x3f80, 0xc020), [1, -2.5]],
    ["F16", Uint16Array.of(0x3c00, 0x0001, 0xfc00, 0x7bff), [1, 2 ** -24, Number.NEGATIVE_INFINITY, 65504]],
  ] as const)("%s", (dtype, values, expected) => {
    const data = new Uint8Array(values.buffer);
    const header = JSON.stringify({ t: { dtype, shape: [values.length], data_offsets: [0, data.length] } });
    expect([...readAll(fileWith(header, data)).get("t")!]).toEqual(expected);
  });

  test.each([
    [
      "a key twice",
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      4,
    ],
    ["a key twice inside a tensor", '{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4],
    [
      "overlap",
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      4,
    ],
    ["a hole", '{"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}', 8],
    ["bytes after the last tensor", '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 5],
    ["a negative size", '{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}', 4],
    ["a size that is no whole number", '{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', 4],
    ["a number with a leading zero", '{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}', 4],
    [
      "sizes whose product passes 2^64",
      `{"a":{"dtype":"F32","shape":[${2 ** 40},${2 ** 40}],"data_offsets":[0,4]}}`,
      4,
    ],
    ["end before begin", '{"a":{"dtype":"F32","shape":[0],"data_offsets":[4,0]}}', 4],
    ["an unknown dtype", '{"a":{"dtype":"constructor","shape":[],"data_offsets":[0,4]}}', 4],
    ["deep nesting", `${"[".repeat(100_000)}`, 0],
    ["a list as header", "[]", 0],
    ["text after the header", "{} {}", 0],
    ["half a character", '{"\\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4],
    ["no JSON", "{a:1}", 0],
  ])("refuses %s", (_, header, bytes) => {
    expect(verdictOf(() => readAll(fileWith(header, new Uint8Array(bytes))))).toBe("params/format");
  });

  test("refuses a header that is not UTF-8", () => {
    const bytes = fileWith('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4));
    bytes[10] = 0xff;
    expect(complaintOf(() => readAll(bytes))).toContain("not UTF-8");
  });

  test("refuses bools other than 0 and 1, and whole numbers past 32 bits", () => {
    const bool = fileWith('{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', Uint8Array.of(2));
    expect(complaintOf(() => readAll(bool))).toContain("element 0 is a bool but neither 0 nor 1");
    const wide = fileWith(
      '{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}',
      new Uint8Array(BigInt64Array.of(2n ** 40n).buffer),
    );
    expect(verdictOf(() => readAll(wide))).toBe("data/value");
  });

  test("names such as __proto__ are ordinary", () => {
    const names = ["__proto__", "constructor", "toString", "a\u0000b", "*/x/*", ""];
    const parts = encodeSafetensors(names.map((name, i) => ({ name, dtype: "I32", shape: [], values: [i] })));
    const read = readAll(joined(parts));
    expect([...read.keys()].sort()).toEqual([...names].sort());
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
  });
});

describe("writing", () => {
  test("is what the format's description says: aligned, padded with spaces, metadata first", () => {
    const parts = encodeSafetensors(
      [
        { name: "flag", dtype: "BOOL", shape: [3], values: [1, 0, 1] },
        { name: "w", dtype: "F32", shape: [2, 1], values: [0.5, -1] },
      ],
      new Map([["step", "7"]]),
    );
    const bytes = Buffer.concat(parts);
    const length = Number(bytes.readBigUInt64LE());
    expect((8 + length) % 8).toBe(0);
    const text = bytes.toString("utf8", 8, 8 + length);
    expect(JSON.parse(text)).toEqual({
      __metadata__: { step: "7" },
      w: { dtype: "F32", shape: [2, 1], data_offsets: [0, 8] },
      flag: { dtype: "BOOL", shape: [3], data_offsets: [8, 11] },
    });
    expect(text).toMatch(/^\{.*\} *$/);
    expect(bytes.readFloatLE(8 + length)).toBe(0.5);
    expect(bytes.readFloatLE(8 + length + 4)).toBe(-1);
    expect([...bytes.subarray(8 + length + 8)]).toEqual([1, 0, 1]);
  });

  test("reads back what was written, to the bit", () => {
    const tensor = fc.oneof(
      fc.array(fc.float(), { maxLength: 9 }).map((values) => ({ dtype: "F32" as const, values })),
      fc.array(fc.double(), { maxLength: 9 }).map((values) => ({ dtype: "F64" as const, values })),
      fc
        .array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 9 })
        .map((values) => ({ dtype: "I32" as const, values })),
      fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 9 }).map((values) => ({ dtype: "BOOL" as const, values })),
    );
    const file = fc.uniqueArray(
      fc.tuple(
        fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__"),
        tensor,
      ),
      { selector: ([name]) => name, maxLength: 6 },
    );
    fc.assert(
      fc.property(file, (tensors) => {
        const read = readAll(
          joined(
            encodeSafetensors(
              tensors.map(([name, { dtype, values }]) => ({ name, dtype, shape: [values.length], values })),
            ),
          ),
        );
        expect(read.size).toBe(tensors.length);
        for (const [name, { values }] of tensors) expect([...read.get(name)!]).toEqual(values);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe("hostile files", () => {
  const good = joined(
    encodeSafetensors([
      { name: "w", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
      { name: "n", dtype: "I32", shape: [], values: [3] },
    ]),
  );

  test("a file cut at any byte is refused", () => {
    for (let length = 0; length < good.length; length++) {
      expect(
        verdictOf(() => readAll(good.slice(0, length))),
        `cut at ${length}`,
      ).toBe("params/format");
    }
  });

  test("10,000 mutants load or are refused", () => {
    const mutant = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutant, (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        expect(verdictOf(() => readAll(bytes))).toMatch(/^(ok|params\/format|file\/too-large|data\/value)$/);
      }),
      { seed: 2, numRuns: 10_000 },
    );
  });

  test.skipIf(!hasFixtures)("every collected bad file gets its verdict", () => {
    const { files } = JSON.parse(readFileSync(join(badFiles, "index.json"), "utf8")) as {
      files: Record<string, { verdict: string }>;
    };
    for (const name of readdirSync(badFiles).filter((name) => name.endsWith(".safetensors"))) {
      const verdict = verdictOf(() => {
        const file = nodeFiles.open(join(badFiles, name))!;
        for (const entry of readHeader(file).tensors.values()) readTensor(file, entry);
      });
      const wanted = files[name]!.verdict;
      if (wanted === "accept") expect(verdict, name).toBe("ok");
      if (wanted === "reject") expect(verdict, name).toBe("params/format");
    }
  });

  test.skipIf(!hasFixtures)("a file that PyTorch's writer made", () => {
    const file = nodeFiles.open(join(tutorial, "trace.safetensors"))!;
    const { tensors } = readHeader(file);
    expect(tensors.get("init.weights")!.shape).toEqual([784, 10]);
    expect(readTensor(file, tensors.get("loss")!)).toHaveLength(1564);
    expect(readTensor(file, tensors.get("loss")!)[0]).toBeCloseTo(2.461711883544922, 6);
  });
});
