// idx files (MNIST's format), plain or gzip, told apart by content: a big-endian header, then the elements.
// The header says how long the file must be; nothing longer is unpacked, nothing shorter accepted.
import type { Files, OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { bytesText, count, grouped, quoted, UserError } from "./user-error.ts";

export interface Idx {
  /** The plain content: the file itself, or what it unpacked to. */
  readonly file: OpenFile;
  readonly packed: boolean;
  /** Sizes, rows first. */
  readonly shape: readonly number[];
  /** Offset of the first element. */
  readonly offset: number;
  /** All bytes where they are in memory (a file that was packed). */
  readonly content?: Uint8Array;
}

const elementNames: ReadonlyMap<number, string> = new Map([
  [0x08, "u8"],
  [0x09, "i8"],
  [0x0b, "i16"],
  [0x0c, "i32"],
  [0x0d, "f32"],
  [0x0e, "f64"],
]);

const broken = (path: string, what: string, help?: string): UserError =>
  new UserError("data/idx", `${quoted(path)} is no sound idx file: ${what}`, help ?? "Fetch or write the file again.");

/** Whether a file begins as an idx file does; images of pixels begin with zeros, too. */
export const isIdxHead = (head: Uint8Array): boolean =>
  head[0] === 0 && head[1] === 0 && elementNames.has(head[2] ?? 0) && head[3]! >= 1 && head[3]! <= 8;

/** Longest header: the magic number and eight sizes. */
const longestHeader = 4 + 8 * 4;

interface Header {
  readonly shape: readonly number[];
  readonly offset: number;
  /** Length of the whole content. */
  readonly total: number;
}

function headerOf(path: string, head: Uint8Array): Header {
  if (head.length < 4) throw broken(path, `it has ${count(head.length, "byte")}, less than its first number`);
  const rank = head[3]!;
  if (head[0] !== 0 || head[1] !== 0) {
    const turned = head[2] === 0 && head[3] === 0 && elementNames.has(head[1]!);
    throw broken(
      path,
      turned ? "its header is little-endian, and idx files are big-endian" : "it does not begin with two zero bytes",
    );
  }
  const element = elementNames.get(head[2]!);
  if (element !== "u8") {
    throw broken(
      path,
      element ? `its elements are ${element}, and only bytes are read` : `its element type ${head[2]} is unknown`,
      element ? "Store other numbers as npy or safetensors files." : undefined,
    );
  }
  if (rank < 1 || rank > 8) throw broken(path, `it has ${rank} dimensions, and 1 to 8 are read`);
  const offset = 4 + rank * 4;
  if (head.length < offset) throw broken(path, "it ends inside its header");
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + i * 4));
  if (shape.includes(0)) throw broken(path, `its sizes are [${shape.join(", ")}], so it holds nothing`);
  if (shape[0]! > limits.rows)
    throw broken(path, `it has ${grouped(shape[0]!)} rows, more than the limit \`rows\` of ${grouped(limits.rows)}`);
  // In doubles: a product past 2^53 is not exact, but surely longer than the file.
  return { shape, offset, total: offset + shape.reduce((a, b) => a * b, 1) };
}

const lengthError = (path: string, header: Header, what: string): UserError =>
  broken(path, `its header announces [${header.shape.join(", ")}], ${grouped(header.total)} bytes in all, but ${what}`);

/** `seePacked` is shown the bytes of a packed file before they are unpacked. */
export function openIdx(files: Files, path: string, seePacked?: (packed: Uint8Array) => void): Idx | undefined {
  const file = files.open(path);
  if (!file) return undefined;
  const head = new Uint8Array(Math.min(file.size, longestHeader));
  file.read(0, head);
  if (head[0] === 0x1f && head[1] === 0x8b) return unpack(files, file, seePacked);
  const header = headerOf(path, head);
  if (file.size !== header.total) throw lengthError(path, header, `the file has ${grouped(file.size)}`);
  return { file, packed: false, shape: header.shape, offset: header.offset };
}

function unpack(files: Files, file: OpenFile, seePacked?: (packed: Uint8Array) => void): Idx {
  const { path } = file;
  if (file.size > limits.unpacked) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} has ${bytesText(file.size)}, more than the limit \`unpacked\` of ${bytesText(limits.unpacked)}`,
      "Unpack the file: plain idx files of any length are read by position.",
    );
  }
  const packed = new Uint8Array(file.size);
  file.read(0, packed);
  file.close();
  seePacked?.(packed);
  const header = headerOf(path, files.gunzipStart(packed, longestHeader) ?? fail(path));
  // Deflate packs at most 1032 to 1: a header that announces more lies, and is found out before memory is taken.
  if (header.total > packed.length * 1032)
    throw lengthError(path, header, `its ${grouped(packed.length)} packed bytes cannot hold that many`);
  if (header.total > limits.unpacked) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} unpacks to ${bytesText(header.total)}, more than the limit \`unpacked\` of ${bytesText(limits.unpacked)}`,
      "Unpack the file: plain idx files of any length are read by position.",
    );
  }
  const unpacked = files.gunzip(packed, header.total) ?? fail(path);
  if (unpacked.more) throw lengthError(path, header, "more follows");
  if (unpacked.bytes.length !== header.total) {
    throw lengthError(path, header, `it unpacks to ${grouped(unpacked.bytes.length)}`);
  }
  return {
    file: memoryFile(path, unpacked.bytes),
    packed: true,
    shape: header.shape,
    offset: header.offset,
    content: unpacked.bytes,
  };
}

function fail(path: string): never {
  throw new UserError(
    "data/gzip",
    `${quoted(path)} is no sound gzip file`,
    "Fetch the file again; this one was cut or changed.",
  );
}

/** The whole content, header and elements, in memory. */
export function contentOf(idx: Idx): Uint8Array {
  if (idx.content) return idx.content;
  const bytes = new Uint8Array(idx.file.size);
  idx.file.read(0, bytes);
  idx.file.close();
  return bytes;
}

/** Bytes in memory, read as a file. */
export function memoryFile(path: string, bytes: Uint8Array): OpenFile {
  return {
    path,
    size: bytes.length,
    read: (at, into) => into.set(bytes.subarray(at, at + into.length)),
    close: () => {},
  };
}
