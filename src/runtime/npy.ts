// npy files, versions 1 to 3: a small Python dictionary as header, then the numbers in C order.
import type { ElementType } from "./elements.ts";
import { elementBytes } from "./elements.ts";
import type { OpenFile } from "./io.ts";
import { grouped, quoted, UserError } from "./user-error.ts";

export interface Npy {
  readonly element: ElementType;
  readonly shape: readonly number[];
  /** Offset of the first number. */
  readonly offset: number;
}

const elementTypes: ReadonlyMap<string, ElementType> = new Map([
  ["|u1", "u8"],
  ["|i1", "i8"],
  ["|b1", "bool"],
  ["<u2", "u16"],
  ["<i2", "i16"],
  ["<u4", "u32"],
  ["<i4", "i32"],
  ["<u8", "u64"],
  ["<i8", "i64"],
  ["<f2", "f16"],
  ["<f4", "f32"],
  ["<f8", "f64"],
]);

const broken = (file: OpenFile, what: string, help = "Write the file again with numpy.save."): UserError =>
  new UserError("data/npy", `${quoted(file.path)} is no npy file that can be read: ${what}`, help);

/** Longest header: a dictionary of three entries. */
const longestHeader = 64 * 1024;

const mostSizes = 64;

export function readNpyHeader(file: OpenFile): Npy {
  const start = new Uint8Array(Math.min(12, file.size));
  file.read(0, start);
  if (start.length < 10 || String.fromCharCode(...start.subarray(1, 6)) !== "NUMPY" || start[0] !== 0x93) {
    throw broken(file, "it does not begin with \\x93NUMPY");
  }
  const version = start[6]!;
  if (version < 1 || version > 3) throw broken(file, `its version is ${version}, and 1 to 3 are read`);
  const view = new DataView(start.buffer);
  const lengthBytes = version === 1 ? 2 : 4;
  if (file.size < 8 + lengthBytes) throw broken(file, "it ends inside its header");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const offset = 8 + lengthBytes + length;
  if (offset > file.size) throw broken(file, "it ends inside its header");
  if (length > longestHeader) throw broken(file, `its header takes ${grouped(length)} bytes`);
  const bytes = new Uint8Array(length);
  file.read(8 + lengthBytes, bytes);
  return checked(file, new TextDecoder("latin1").decode(bytes), offset);
}

function checked(file: OpenFile, header: string, offset: number): Npy {
  // As numpy writes it. Each entry once, in any order.
  const entry =
    /\s*(?:'descr'\s*:\s*'([^']*)'|'fortran_order'\s*:\s*(True|False)|'shape'\s*:\s*\(((?:\s*\d+\s*,)*(?:(?<=,)\s*\d+)?)\s*\))\s*(,|(?=\}))/y;
  const body = header.trim();
  let descr: string | undefined;
  let fortran: string | undefined;
  let sizes: string | undefined;
  entry.lastIndex = 1;
  let end = 1;
  for (let found = entry.exec(body); found; found = entry.exec(body)) {
    descr = found[1] ?? descr;
    fortran = found[2] ?? fortran;
    sizes = found[3] ?? sizes;
    end = entry.lastIndex;
  }
  if (/'descr'\s*:\s*\[/.test(body)) {
    throw broken(file, "it holds records, not numbers", "Save one field at a time: numpy.save(file, array['field']).");
  }
  if (
    body[0] !== "{" ||
    body.slice(end).trim() !== "}" ||
    descr === undefined ||
    fortran === undefined ||
    sizes === undefined
  ) {
    throw broken(file, `its header is not numpy's dictionary but ${quoted(body)}`);
  }
  const element = elementTypes.get(descr.replace("=", "<"));
  if (!element)
    throw broken(file, `its numbers are of the type ${quoted(descr)}`, "Convert it with numpy: array.astype('<f4').");
  const shape = sizes
    .split(",")
    .map((size) => size.trim())
    .filter((size) => size !== "")
    .map(Number);
  if (shape.length > mostSizes)
    throw broken(file, `it has ${shape.length} dimensions, and numpy writes ${mostSizes} at most`);
  if (fortran === "True" && shape.filter((size) => size !== 1).length > 1) {
    throw broken(file, "it is in Fortran order", "Convert it with numpy.ascontiguousarray.");
  }
  const wanted = shape.reduce((a, b) => a * b, 1) * elementBytes[element];
  if (wanted !== file.size - offset) {
    throw broken(
      file,
      `[${shape.join(", ")}] of ${element} takes ${grouped(wanted)} bytes, but ${grouped(file.size - offset)} follow the header`,
    );
  }
  return { element, shape, offset };
}
