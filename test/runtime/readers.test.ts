import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCsv } from "../../src/runtime/csv.ts";
import { Cells } from "../../src/runtime/csv-cells.ts";
import { readNpyHeader } from "../../src/runtime/npy.ts";
import { readText, windowsOf } from "../../src/runtime/text.ts";
import { UserError } from "../../src/runtime/user-error.ts";
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
    ["records", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4, "it holds records"],
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
    const { header, columns, rows, values } = readCsv(fileOf(new Uint8Array(Buffer.from(text)), "f.csv"), options);
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

  /** All cells of a text that comes in pieces, or what is said against it. */
  function cellsOf(text: string, size: number): string {
    const pieces = (function* () {
      for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
    })();
    const cells = new Cells("f.csv", pieces, ",");
    const seen: unknown[] = [];
    try {
      while (cells.next()) seen.push([cells.line, cells.content, cells.isLast, String(cells.value)]);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      seen.push(error.message);
    }
    return JSON.stringify(seen);
  }

  test("is read alike, whole or in pieces of any length", () => {
    const unit = fc.constantFrom("1", "25", ",", '"', "\n", "\r", "a", " ", "-", ".", "e", "\u00a0", "\ufeff");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        const whole = cellsOf(text, text.length + 1);
        for (let size = 1; size < 8; size++) expect(cellsOf(text, size)).toBe(whole);
      }),
      { seed: 7, numRuns: 3000 },
    );
  });

  test("numbers are those that JavaScript reads", () => {
    const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 20 });
    const cell = fc
      .tuple(
        fc.constantFrom("", "-", "+"),
        digits,
        fc.constantFrom("", "."),
        digits,
        fc.constantFrom("", "e-7", "E+30"),
      )
      .map((parts) => parts.join(""))
      .filter((text) => /\d/.test(text) && Number.isFinite(Number(text)));
    fc.assert(
      fc.property(cell, (text) => {
        const [value] = parse(`${text},0\n`).values;
        expect(Object.is(value, Number(text)), text).toBe(true);
      }),
      { seed: 8, numRuns: 5000 },
    );
  });

  test.each([
    ["a cell", `1,${"x".repeat(2 ** 20 + 1)}\n`, "longer than the limit `cell` of 1 MiB"],
    ["names", `${`${"n".repeat(2 ** 20)},`.repeat(5)}\n`, "the limit `names` is 4 MiB"],
    ["columns", `${"1,".repeat(1_000_000)}1\n`, "the limit `columns` is 1,000,000"],
  ])("%s past its limit is refused", (_, text, says) => {
    expect(complaintOf(() => parse(text))).toContain(says);
  });

  test("what changes while it is read is refused", () => {
    const [before, after] = ["1,2\n3,4\n", "1,2\n\n\n\n\n"].map((text) => fileOf(new Uint8Array(Buffer.from(text))));
    let reads = 0;
    const file = {
      ...before!,
      read: (at: number, into: Uint8Array) => (reads++ === 0 ? before! : after!).read(at, into),
    };
    expect(complaintOf(() => readCsv(file))).toContain("it changed while it was read");
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
    const read = readText(fileOf(new Uint8Array(Buffer.from("😀a😀"))), "chars");
    expect(read).toMatchObject({ alphabet: ["a", "😀"], tokens: Int32Array.of(1, 0, 1) });
  });

  test("windows end where the next token does", () => {
    const tokens = readText(fileOf(new Uint8Array(Buffer.from("0123456789"))), "chars");
    expect(windowsOf(tokens, 3, 3)).toBe(3);
    expect(windowsOf(tokens, 9, 1)).toBe(1);
    expect(complaintOf(() => windowsOf(tokens, 10, 1))).toContain("one row takes 11");
  });
});
