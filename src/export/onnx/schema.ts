// The part of ONNX's schema (onnx.proto, IR version 8) that is written here, as bytes of protocol buffers. Knows no op.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** TensorProto.DataType. */
export const elementType = { f32: 1, u8: 2, i32: 6, i64: 7, bool: 9, f64: 11 } as const;
export type ElementName = keyof typeof elementType;

export interface TensorText {
  readonly name: string;
  readonly type: ElementName;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** A size, or a name of one that is known when the graph runs: `N`. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementName;
  readonly shape: readonly (number | string)[];
  readonly doc?: string;
}

export type Attribute = number | string | readonly number[];

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly doc: string;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly TensorText[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

const irVersion = 8;
/** The first whose ScatterElements adds, with what IR version 8 belongs to. */
export const opset = 17;

type Write = (writer: BinaryWriter) => void;

const text = (w: BinaryWriter, field: number, value: string): BinaryWriter =>
  w.tag(field, WireType.LengthDelimited).string(value);
const whole = (w: BinaryWriter, field: number, value: number): BinaryWriter =>
  w.tag(field, WireType.Varint).int64(value);
const bytes = (w: BinaryWriter, field: number, value: Uint8Array): BinaryWriter =>
  w.tag(field, WireType.LengthDelimited).bytes(value);
const message = (w: BinaryWriter, field: number, write: Write): BinaryWriter => {
  w.tag(field, WireType.LengthDelimited).fork();
  write(w);
  return w.join();
};

/** ModelProto. */
export function modelBytes(graph: OnnxGraph, producer: string): Uint8Array {
  const w = new BinaryWriter();
  whole(w, 1, irVersion);
  text(w, 2, producer);
  message(w, 7, () => writeGraph(w, graph));
  message(w, 8, () => {
    text(w, 1, "");
    whole(w, 2, opset);
  });
  return w.finish();
}

function writeGraph(w: BinaryWriter, { name, nodes, initializers, inputs, outputs }: OnnxGraph): void {
  for (const node of nodes) message(w, 1, () => writeNode(w, node));
  text(w, 2, name);
  for (const tensor of initializers) message(w, 5, () => writeTensor(w, tensor));
  for (const value of inputs) message(w, 11, () => writeValue(w, value));
  for (const value of outputs) message(w, 12, () => writeValue(w, value));
}

function writeNode(w: BinaryWriter, { op, inputs, outputs, attributes, doc }: OnnxNode): void {
  for (const input of inputs) text(w, 1, input);
  for (const output of outputs) text(w, 2, output);
  text(w, 3, outputs[0]!);
  text(w, 4, op);
  for (const [name, value] of Object.entries(attributes)) message(w, 5, () => writeAttribute(w, name, value));
  if (doc !== "") text(w, 6, doc);
}

/** AttributeProto: whole numbers, texts and lists of whole numbers are all that the used operators take. */
function writeAttribute(w: BinaryWriter, name: string, value: Attribute): void {
  const kinds = { int: 2, string: 3, ints: 7 } as const;
  text(w, 1, name);
  if (typeof value === "number") whole(w, 3, value);
  else if (typeof value === "string") bytes(w, 4, new TextEncoder().encode(value));
  else for (const each of value) whole(w, 8, each);
  const kind = typeof value === "number" ? kinds.int : typeof value === "string" ? kinds.string : kinds.ints;
  whole(w, 20, kind);
}

function writeTensor(w: BinaryWriter, tensor: TensorText): void {
  for (const size of tensor.shape) whole(w, 1, size);
  whole(w, 2, elementType[tensor.type]);
  text(w, 8, tensor.name);
  bytes(w, 9, tensor.bytes);
}

function writeValue(w: BinaryWriter, { name, type, shape, doc }: ValueInfo): void {
  text(w, 1, name);
  message(w, 2, () =>
    message(w, 1, () => {
      whole(w, 1, elementType[type]);
      message(w, 2, () => {
        for (const size of shape) {
          message(w, 1, () => (typeof size === "number" ? whole(w, 1, size) : text(w, 2, size)));
        }
      });
    }),
  );
  if (doc !== undefined) text(w, 3, doc);
}

/** Numbers as a tensor's bytes. */
export function tensorBytes(type: ElementName, values: readonly number[]): Uint8Array {
  const width = { f32: 4, u8: 1, i32: 4, i64: 8, bool: 1, f64: 8 }[type];
  const view = new DataView(new ArrayBuffer(values.length * width));
  for (const [k, value] of values.entries()) {
    const at = k * width;
    if (type === "f32") view.setFloat32(at, value, true);
    else if (type === "f64") view.setFloat64(at, value, true);
    else if (type === "i32") view.setInt32(at, value, true);
    else if (type === "i64") view.setBigInt64(at, BigInt(value), true);
    else view.setUint8(at, value);
  }
  return new Uint8Array(view.buffer);
}
