// safetensors files: read strictly (nothing is allocated before the header is proven), written as PyTorch's readers
// take them.
import { type ElementType, eachPiece, elementBytes, type Values, valuesFor } from "./elements.ts";
import { HeaderError, type HeaderObject, type HeaderValue, parseHeader } from "./header-json.ts";
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { bytesText, quoted, UserError } from "./user-error.ts";

export type SafetensorsType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

const elementTypes: ReadonlyMap<string, ElementType> = new Map([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["I32", "i32"],
  ["I16", "i16"],
  ["I8", "i8"],
  ["U64", "u64"],
  ["U32", "u32"],
  ["U16", "u16"],
  ["U8", "u8"],
  ["BOOL", "bool"],
]);

export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsType;
  readonly element: ElementType;
  readonly shape: readonly number[];
  readonly count: number;
  /** Offset of the first byte in the file. */
  readonly offset: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

const broken = (file: OpenFile, what: string): UserError =>
  new UserError(
    "params/format",
    `${quoted(file.path)} is no sound safetensors file: ${what}`,
    "Write the file again; this one was cut or changed.",
  );

export function readHeader(file: OpenFile): SafetensorsHeader {
  if (file.size < 8) throw broken(file, `it has ${file.size} bytes, and the length of the header alone takes 8`);
  const start = new Uint8Array(8);
  file.read(0, start);
  const length = new DataView(start.buffer).getBigUint64(0, true);
  if (length > BigInt(file.size - 8))
    throw broken(file, `its header is said to be ${length} bytes long, the file has ${file.size}`);
  if (length > BigInt(limits.safetensorsHeader)) {
    throw new UserError(
      "file/too-large",
      `the header of ${quoted(file.path)} takes ${bytesText(Number(length))}, more than the limit \`safetensorsHeader\` of ${bytesText(limits.safetensorsHeader)}`,
      "Split the file: each takes about 150,000 tensors.",
    );
  }
  const bytes = new Uint8Array(Number(length));
  file.read(8, bytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken(file, "its header is not UTF-8");
  }
  return checkedHeader(file, text, 8 + bytes.length);
}

function checkedHeader(file: OpenFile, text: string, dataStart: number): SafetensorsHeader {
  const tensors = new Map<string, TensorEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  try {
    parseHeader(text, (name, value) => {
      if (!(value instanceof Map)) throw broken(file, `${quoted(name)} is described by no object`);
      if (name === "__metadata__") metadata = metadataOf(file, value);
      else tensors.set(name, entryOf(file, name, value, dataStart));
    });
  } catch (error) {
    if (error instanceof HeaderError) throw broken(file, `in its header, ${error.message}`);
    throw error;
  }
  // Tensors tile the data: each begins where the one before it ends, and the last ends with the file.
  const ordered = [...tensors.values()].sort((a, b) => a.offset - b.offset || a.count - b.count);
  let end = dataStart;
  for (const { name, element, count, offset } of ordered) {
    if (offset !== end)
      throw broken(
        file,
        `${quoted(name)} begins at byte ${offset - dataStart}, ${offset < end ? "inside" : "and not at the end of"} the tensor before it, which ends at ${end - dataStart}`,
      );
    end = offset + count * elementBytes[element];
  }
  if (end !== file.size)
    throw broken(file, `its tensors take ${end - dataStart} bytes, but ${file.size - dataStart} follow the header`);
  return { tensors, metadata };
}

function metadataOf(file: OpenFile, value: HeaderObject): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [key, text] of value) {
    if (typeof text !== "string") throw broken(file, `its metadata ${quoted(key)} is no string`);
    metadata.set(key, text);
  }
  return metadata;
}

const isSizes = (value: HeaderValue | undefined): value is readonly number[] => Array.isArray(value);

function entryOf(file: OpenFile, name: string, value: HeaderObject, dataStart: number): TensorEntry {
  const dtype = value.get("dtype");
  const shape = value.get("shape");
  const offsets = value.get("data_offsets");
  const element = typeof dtype === "string" ? elementTypes.get(dtype) : undefined;
  if (!element)
    throw broken(
      file,
      `${quoted(name)} has the unknown dtype ${typeof dtype === "string" ? quoted(dtype) : "of no string"}`,
    );
  if (!isSizes(shape)) throw broken(file, `the shape of ${quoted(name)} is no list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2)
    throw broken(file, `the data_offsets of ${quoted(name)} are not two numbers`);
  const [begin, end] = offsets as [number, number];
  // In doubles: past 2^53 the product is no longer exact, but surely longer than the file.
  const count = shape.reduce((product, size) => product * size, 1);
  if (begin > end || end > file.size - dataStart)
    throw broken(file, `the data of ${quoted(name)} lies outside the file`);
  if (count * elementBytes[element] !== end - begin) {
    throw broken(
      file,
      `${quoted(name)} has ${end - begin} bytes, and its shape [${shape.slice(0, 8).join(", ")}] of ${String(dtype)} takes ${count * elementBytes[element]}`,
    );
  }
  return { name, dtype: dtype as SafetensorsType, element, shape, count, offset: dataStart + begin };
}

/**
 * The numbers of one tensor: bytes and bools as Uint8Array, whole numbers as Int32Array, doubles as Float64Array, all
 * else as Float32Array.
 */
export function readTensor(file: OpenFile, entry: TensorEntry): Values {
  const values = valuesFor(entry.element, entry.count);
  const where = `${quoted(entry.name)} in ${quoted(file.path)}`;
  eachPiece(file, entry, where, (piece, from) => values.set(piece, from));
  return values;
}

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: "F32" | "F64" | "I32" | "U8" | "BOOL";
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** The file as parts. Wider elements come first, else in the given order: so every tensor is aligned. */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  const widthOf = (tensor: TensorToWrite) => elementBytes[elementTypes.get(tensor.dtype)!];
  const ordered = tensors
    .map((tensor, i) => ({ tensor, i }))
    .sort((a, b) => widthOf(b.tensor) - widthOf(a.tensor) || a.i - b.i);
  const members: string[] = [];
  const seen = new Set(["__metadata__"]);
  if (metadata.size > 0) {
    members.push(
      `"__metadata__":{${[...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join(",")}}`,
    );
  }
  let offset = 0;
  for (const { tensor } of ordered) {
    if (seen.has(tensor.name))
      throw new UserError(
        "params/names",
        `a safetensors file cannot hold a tensor called ${quoted(tensor.name)}${tensor.name === "__metadata__" ? "" : " twice"}`,
        "Give the tensor another name.",
      );
    seen.add(tensor.name);
    const end = offset + tensor.values.length * widthOf(tensor);
    members.push(
      `${JSON.stringify(tensor.name)}:${JSON.stringify({ dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] })}`,
    );
    offset = end;
  }
  const header = new TextEncoder().encode(`{${members.join(",")}}`);
  const padded = Math.ceil(header.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(header, 8);
  return [head, ...ordered.map(({ tensor }) => encode(tensor))];
}

function encode(tensor: TensorToWrite): Uint8Array {
  const { values } = tensor;
  const width = elementBytes[elementTypes.get(tensor.dtype)!];
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (tensor.dtype === "F32") view.setFloat32(i * 4, value, true);
    else if (tensor.dtype === "F64") view.setFloat64(i * 8, value, true);
    else if (tensor.dtype === "I32") view.setInt32(i * 4, value, true);
    else bytes[i] = value;
  }
  return bytes;
}
