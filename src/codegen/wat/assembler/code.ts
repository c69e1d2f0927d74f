// Folded instructions -> bytes, operands before what takes them. Knows what they may name, not where they stand.
import { Bytes } from "./bytes.ts";
import type { Names } from "./names.ts";
import { type Instruction, instructions } from "./opcodes.ts";
import type { TextReader } from "./read-text.ts";

const types = new Map([
  ["i32", 0x7f],
  ["i64", 0x7e],
  ["f32", 0x7d],
  ["f64", 0x7c],
  ["v128", 0x7b],
]);
const noType = 0x40;

export function typeCode(name: string): number {
  const code = types.get(name);
  if (code === undefined) throw new Error(`WebAssembly text: no type is called ${name}`);
  return code;
}

export const end = 0x0b;

/** How many numbers a vector has, and how each is written. */
const shapes = new Map<string, readonly [count: number, write: (to: Bytes, text: TextReader) => void]>([
  ["i8x16", [16, (to, text) => to.push(text.byte())]],
  ["i32x4", [4, (to, text) => to.i32(text.integer())]],
  ["i64x2", [2, (to, text) => to.i64(text.longInteger())]],
  ["f32x4", [4, (to, text) => to.f32(text.float())]],
  ["f64x2", [2, (to, text) => to.f64(text.float())]],
]);

/** What instructions may name, but for locals and labels. */
export interface Scope {
  readonly functions: Names;
  readonly types: Names;
  readonly tables: Names;
  readonly globals: Names;
}

export class CodeAssembler {
  private readonly text: TextReader;
  private readonly scope: Scope;
  /** Labels of the blocks around an instruction, the outermost first. */
  private readonly labels: (string | undefined)[] = [];
  /** What open instructions write when they close: themselves, behind their operands, or the end of a block. */
  private readonly pending = new Bytes();
  /** Where in that it begins, for each of them. */
  private readonly starts: number[] = [];

  constructor(text: TextReader, scope: Scope) {
    this.text = text;
    this.scope = scope;
  }

  /** Instructions up to the parenthesis that closes what they stand in, and past it. */
  assemble(locals: Names, to: Bytes): void {
    const { text, pending, starts } = this;
    for (;;) {
      const head = text.openOrClose();
      if (head !== undefined) {
        this.open(head, locals, to);
        continue;
      }
      const start = starts.pop();
      if (start === undefined) break;
      if (pending.at(start) === end) this.labels.pop();
      pending.move(start, to);
    }
    to.push(end);
  }

  private open(head: string, locals: Names, to: Bytes): void {
    const known = instructions.get(head);
    if (!known) throw new Error(`WebAssembly text: no instruction is called ${head}`);
    const { text, pending, starts } = this;
    const start = pending.length;
    pending.append(known.code);
    switch (known.immediate) {
      case "local":
        pending.unsigned(locals.numberOf(text.word()));
        break;
      case "nothing":
        break;
      case "block": {
        const label = text.name();
        this.result();
        pending.move(start, to);
        this.enter(label);
        break;
      }
      case "if":
        this.result();
        break;
      case "then":
        // Its condition is there: now comes what waited for that.
        pending.move(starts.at(-1)!, to);
        this.enter(undefined);
        starts.push(pending.length);
        return;
      case "else":
        pending.move(start, to);
        break;
      default:
        this.immediate(known);
    }
    starts.push(start);
  }

  /** What stands in the bytes behind the code. */
  private immediate({ immediate, align }: Instruction): void {
    const { text, pending, scope } = this;
    switch (immediate) {
      case "global":
        pending.unsigned(scope.globals.numberOf(text.word()));
        break;
      case "function":
        pending.unsigned(scope.functions.numberOf(text.word()));
        break;
      case "type and table": {
        const table = scope.tables.numberOf(text.word());
        if (!text.opens("type")) throw new Error("WebAssembly text: call_indirect has no type");
        pending.unsigned(scope.types.numberOf(text.word()));
        text.close();
        pending.unsigned(table);
        break;
      }
      case "label":
        pending.unsigned(this.depthOf(text.word()));
        break;
      case "memory":
        this.memory(align);
        break;
      case "memory and lane":
        this.memory(align);
        pending.push(text.byte());
        break;
      case "lane":
        pending.push(text.byte());
        break;
      case "16 lanes":
        for (let k = 0; k < 16; k++) pending.push(text.byte());
        break;
      case "zero byte":
        pending.push(0);
        break;
      case "i32":
        pending.signed(text.integer() | 0);
        break;
      case "i64":
        pending.signedLong(text.longInteger());
        break;
      case "f32":
        pending.f32(text.float());
        break;
      case "f64":
        pending.f64(text.float());
        break;
      case "v128":
        this.vector(text.word());
    }
  }

  private enter(label: string | undefined): void {
    this.labels.push(label);
    this.pending.push(end);
  }

  /** The type of what a block gives. */
  private result(): void {
    const gives = this.text.opens("result");
    this.pending.push(gives ? typeCode(this.text.word()) : noType);
    if (gives) this.text.close();
  }

  /** How many blocks a branch leaves before the one that it names. */
  private depthOf(label: string): number {
    const place = this.labels.lastIndexOf(label);
    if (place < 0) throw new Error(`WebAssembly text: no block around is called ${label}`);
    return this.labels.length - 1 - place;
  }

  private memory(natural: number): void {
    const offset = this.text.integerAfter("offset=") ?? 0;
    const align = this.text.integerAfter("align=");
    this.pending.unsigned(align === undefined ? natural : Math.log2(align));
    this.pending.unsigned(offset);
  }

  private vector(shape: string): void {
    const known = shapes.get(shape);
    if (!known) throw new Error(`WebAssembly text: no vector is called ${shape}`);
    const [count, write] = known;
    for (let k = 0; k < count; k++) write(this.pending, this.text);
  }
}
