import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCsv, readCsv } from "../../src/runtime/csv.ts";
import { readNpyHeader } from "../../src/runtime/npy.ts";
import { charactersOf, readText, windowsOf } from "../../src/runtime/text.ts";
import { complaintOf, fileOf, verdictOf } from "./test-io.ts";

function npyOf(header: string, data: Uint8Array, version = 1): Uint8Array {
  const lengthBytes = version === 1 ? 2 : 4;
  const padded = `${header}${" ".repeat((64 - ((8 + lengthBytes + header.length + 1) % 64)) % 64)}\n`;
  const length = Buffer.alloc(lengthBytes);
  if (version === 1) length.writeUInt16LE(padded.length);
  else length.writeUInt32LE(padded.length);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]),
      length,
      Buffer.from(padded, "latin1"),
      data,
    ]),
  );
}

describe("npy", () => {
  // Headers as numpy 2 writes them.
  test.each([
    ["<f4", "(2, 3)", 24, "f32", [2, 3]],
    ["<f8", "(3,)", 24, "f64", [3]],
    ["|u1", "(2, 2, 2)", 8, "u8", [2, 2, 2]],
    ["<i8", "()", 8, "i64", []],
    ["|b1", "(0, 5)", 0, "bool", [0, 5]],
  ])("%s %s", (descr, shape, bytes, element, sizes) => {
    for (const version of [1, 2, 3]) {
      const file = fileOf(
        npyOf(`{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`, new Uint8Array(bytes), version),
      );
      expect(readNpyHeader(file)).toMatchObject({ element, shape: sizes });
    }
  });

  test.each([
    ["big-endian numbers", "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, 'type ">f4"'],
    ["Fortran order", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", 16, "Fortran order"],
    ["objects", "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, 'type "|O"'],
    ["records", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "not numpy's dictionary"],
    ["too little data", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4, "takes 8 bytes, but 4 follow"],
    ["too much data", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, "takes 8 bytes, but 9 follow"],
    [
      "code",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': __import__('os')}",
      4,
      "not numpy's dictionary",
    ],
    [
      "a size that is no tuple",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2), }",
      8,
      "not numpy's dictionary",
    ],
    ["a comma too many", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, ,), }", 8, "not numpy's dictionary"],
    ["negative sizes", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,-1), }", 4, "not numpy's dictionary"],
  ])("refuses %s", (_, header, bytes, says) => {
    expect(complaintOf(() => readNpyHeader(fileOf(npyOf(header, new Uint8Array(bytes)))))).toContain(says);
  });

  const good = npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", new Uint8Array(8));

  test("a file cut at any byte is refused", () => {
    for (let length = 0; length < good.length; length++) {
      expect(
        verdictOf(() => readNpyHeader(fileOf(good.slice(0, length)))),
        `cut at ${length}`,
      ).toBe("data/npy");
    }
  });

  test("10,000 mutants load or are refused", () => {
    const mutant = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutant, (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        expect(verdictOf(() => readNpyHeader(fileOf(bytes)))).toMatch(/^(ok|data\/npy)$/);
      }),
      { seed: 4, numRuns: 10_000 },
    );
  });
});

describe("csv", () => {
  const parse = (text: string, options = {}) => {
    const { header, columns, rows, values } = parseCsv("f.csv", text, options);
    return { header, columns, rows, values: [...values] };
  };

  test("numbers, with and without names, any line ends", () => {
    const values = [1, -2.5, 3e-3, 0.5];
    expect(parse("1,-2.5\n3e-3,.5\n")).toEqual({ header: [], columns: 2, rows: 2, values });
    expect(parse("a,b\r\n1, -2.5\r\n\r\n3e-3,.5")).toEqual({ header: ["a", "b"], columns: 2, rows: 2, values });
    expect(parse('"a ""x""","b,\nc"\n"1",-2.5\n3e-3,".5"\n')).toEqual({
      header: ['a "x"', "b,\nc"],
      columns: 2,
      rows: 2,
      values,
    });
  });

  test("separator and header can be said", () => {
    expect(parse("1;2\n3;4", { separator: ";" }).values).toEqual([1, 2, 3, 4]);
    expect(parse("1,2\n3,4", { header: true })).toMatchObject({ header: ["1", "2"], rows: 1 });
  });

  test.each([
    ["", "holds no rows"],
    ["a,b\n", "names but no rows"],
    ["1,2\n3\n", "line 2 of"],
    ["1,2\n3,\n", 'cell 2 of line 2 of "f.csv" is empty'],
    ["1,2\n\n3,abc\n", 'cell 2 of line 3 of "f.csv" is "abc"'],
    ["1,2\n3,NaN\n", '"NaN", no finite number'],
    ["1,1e999\n", '"1e999", no finite number'],
    ["1,0x10\n", '"0x10", no finite number'],
    ['1,"2\n', "is not closed"],
    ['1,"2"3\n', "follows a closing quote"],
  ])("refuses %j", (text, says) => {
    expect(complaintOf(() => parse(text))).toContain(says);
  });

  test("a line number counts line ends inside quotes", () => {
    expect(complaintOf(() => parse('"a\nb",c\n1,2\n3,x\n'))).toContain("line 4");
  });

  test("reads what was written, for any numbers", () => {
    const table = fc
      .integer({ min: 1, max: 5 })
      .chain((width) =>
        fc.array(
          fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: width, maxLength: width }),
          { minLength: 1 },
        ),
      );
    fc.assert(
      fc.property(table, (rows) => {
        expect(
          parse(rows.map((row) => row.map((x) => (Object.is(x, -0) ? "-0" : x)).join(",")).join("\n")).values,
        ).toEqual(rows.flat());
      }),
      { seed: 5 },
    );
  });

  test("any text is read or refused", () => {
    const text = fc.string({ unit: fc.constantFrom("1", ",", '"', "\n", "\r", "a", " ", "-", ".") });
    fc.assert(
      fc.property(text, (text) => {
        expect(verdictOf(() => parse(text))).toMatch(/^(ok|data\/csv)$/);
      }),
      { seed: 6, numRuns: 10_000 },
    );
  });

  test("a wide first line takes memory for itself alone", () => {
    expect(parse(`${"1,".repeat(200_000)}1`).columns).toBe(200_001);
  });

  test("refuses what is not UTF-8, takes a byte order mark", () => {
    expect(complaintOf(() => readCsv(fileOf(Uint8Array.of(0x31, 0xff))))).toContain("not UTF-8");
    expect([...readCsv(fileOf(new Uint8Array(Buffer.from("\ufeff1,2\n")))).values]).toEqual([1, 2]);
  });
});

describe("text", () => {
  test("bytes and characters", () => {
    const bytes = new Uint8Array(Buffer.from("añb"));
    expect(readText(fileOf(bytes), "bytes")).toMatchObject({
      classes: 256,
      tokens: Uint8Array.of(0x61, 0xc3, 0xb1, 0x62),
    });
    expect(readText(fileOf(bytes), "chars")).toMatchObject({
      classes: 3,
      alphabet: ["a", "b", "ñ"],
      tokens: Int32Array.of(0, 2, 1),
    });
  });

  test("characters beyond 16 bits are one token", () => {
    expect(charactersOf("f", "😀a😀")).toMatchObject({ alphabet: ["a", "😀"], tokens: Int32Array.of(1, 0, 1) });
  });

  test("windows end where the next token does", () => {
    const tokens = charactersOf("f", "0123456789");
    expect(windowsOf(tokens, 3, 3)).toBe(3);
    expect(windowsOf(tokens, 9, 1)).toBe(1);
    expect(complaintOf(() => windowsOf(tokens, 10, 1))).toContain("one row takes 11");
  });
});
