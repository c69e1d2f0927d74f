// Scalars of the loop language -> WebAssembly expressions. Knows where buffers lie; knows no loops, no ops, no policy.
// A bool is 0 or 1 as an i32 and as a byte in memory, 0 or -1 as one of four lanes.
import type { Dim, DType } from "../../ir/types.ts";
import type { Buffer, Index, Place, Scalar, Stored } from "../loops.ts";
import { bytesPer } from "../plan.ts";
import {
  type Address,
  at,
  constant,
  isZero,
  local,
  number,
  shuffle,
  sum,
  type Type,
  times,
  vector,
  wasmType,
  widened,
} from "./instructions.ts";
import { type Expression, wat } from "./text.ts";

/** A value with its type. */
export interface Typed extends Type {
  readonly text: Expression;
}

/** What an expression may refer to: the function around it. */
export interface Surroundings {
  readonly buffers: ReadonlyMap<string, Buffer>;
  /** Where a buffer begins, in bytes; undefined where an argument says. */
  offsetOf(buffer: string): number | undefined;
  /** The local of a variable. */
  variable(name: string, read: Type): Typed;
  /** Whether a variable is known not to be negative. */
  isNatural(variable: string): boolean;
  /** How many loops a variable's value changes in: what changes least comes first in a sum. */
  depthOf(variable: string): number;
  /** Where the orders lie that lanes can have, by which of them hold. */
  orders(): number;
  /** A function of the module, or one that it imports. */
  callee(name: string): string;
  /** What a function of vectors does, where that is better than to call it. */
  inlined(name: string, arg: Expression): Expression | undefined;
  /** The local that holds an address without its constant part, where one does. */
  pointer(buffer: string, place: Place): string | undefined;
  /** A local for the time of `work`. */
  withTemporary<T>(type: "v128" | "f32" | "i32", work: (name: string) => T): T;
}

export class ScalarPrinter {
  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  print(scalar: Scalar): Typed {
    switch (scalar.kind) {
      case "num":
        return { text: number(scalar.value, scalar.dtype), dtype: scalar.dtype, lanes: 1 };
      case "var":
        return this.around.variable(scalar.name, { dtype: scalar.dtype, lanes: scalar.lanes ?? 1 });
      case "index":
        return { text: this.index(scalar.index, 1).text, dtype: "i32", lanes: 1 };
      case "size":
        return { text: wat("f32.convert_i32_s", this.dim(scalar.dim)), dtype: "f32", lanes: 1 };
      case "whole": {
        const size = this.indexText(scalar.of);
        const rest = wat("i32.rem_u", size, constant(scalar.tile));
        return { text: wat("i32.sub", size, rest), dtype: "i32", lanes: 1 };
      }
      case "load":
        return this.load(scalar);
      case "splat":
        return this.splat(scalar.value);
      case "pack":
        return this.pack(scalar.parts);
      case "zip":
        return this.zip(scalar);
      case "lane":
        return this.lane(this.print(scalar.of), scalar.lane);
      case "across":
        return this.across(scalar.fn, this.print(scalar.of));
      case "order": {
        const place = wat("i32.shl", wat("i32x4.bitmask", this.as(scalar.of, "bool").text), constant(4));
        return { text: at("v128.load", { offset: this.around.orders(), base: place }), dtype: "i32", lanes: 4 };
      }
      case "ordered": {
        const { text, dtype } = this.print(scalar.of);
        return { text: wat("i8x16.swizzle", text, this.print(scalar.order).text), dtype, lanes: 4 };
      }
      case "count": {
        const held = wat("i32x4.bitmask", this.as(scalar.of, "bool").text);
        return { text: wat("i32.popcnt", held), dtype: "i32", lanes: 1 };
      }
      case "call":
        return this.call(scalar);
    }
  }

  /** As a number of this type. */
  as(scalar: Scalar, dtype: DType): Typed {
    return this.converted(this.print(scalar), dtype);
  }

  /** An i32: a bound, a condition. */
  integer(scalar: Scalar): Expression {
    return this.converted(this.print(scalar), "i32").text;
  }

  condition(scalar: Scalar): Expression {
    return this.converted(this.print(scalar), "bool").text;
  }

  /** Where an element lies. The constant part goes into the instruction where the rest is known not to be negative. */
  address(name: string, place: Place): Address {
    const { index, computed } = place;
    const bytes = bytesPer(this.around.buffers.get(name)!.storage);
    const start = this.around.offsetOf(name);
    const fixed = index.const * bytes + (start ?? 0);
    const pointer = fixed >= 0 ? this.around.pointer(name, place) : undefined;
    if (pointer !== undefined) return { offset: fixed, base: local(pointer) };
    const parts = computed.map(({ value, stride }) => times(this.integer(value), stride * bytes));
    const inner = this.index({ ...index, const: 0 }, bytes);
    const terms = [...parts, ...(isZero(inner.text) ? [] : [inner.text])];
    const isNatural = inner.isNatural && computed.length === 0;
    if (start === undefined) terms.unshift(local(name));
    if (isNatural && fixed >= 0) return { offset: fixed, base: sum(terms) };
    return { offset: 0, base: sum(fixed === 0 ? terms : [...terms, constant(fixed)]) };
  }

  /** An index, each step of which counts `scale`. */
  private index(index: Index, scale: number): { readonly text: Expression; readonly isNatural: boolean } {
    const terms = index.terms
      .map(({ variable, mul }) => ({ variable, mul, depth: this.around.depthOf(variable) }))
      .sort((a, b) => a.depth - b.depth);
    const parts = terms.map(({ variable, mul }) => {
      const value = this.around.variable(variable, { dtype: "i32", lanes: 1 }).text;
      if (typeof mul === "number") return times(value, mul * scale);
      return times(wat("i32.mul", value, local("N")), mul.perRow * scale);
    });
    if (index.rows !== 0) parts.unshift(times(local("N"), index.rows * scale));
    if (index.const !== 0) parts.push(constant(index.const * scale));
    const isNatural =
      index.const >= 0 &&
      index.rows >= 0 &&
      terms.every(
        ({ variable, mul }) => (typeof mul === "number" ? mul : mul.perRow) >= 0 && this.around.isNatural(variable),
      );
    return { text: sum(parts), isNatural };
  }

  isNatural(index: Index): boolean {
    return this.index(index, 1).isNatural;
  }

  /** An index as an i32. */
  indexText(index: Index): Expression {
    return this.index(index, 1).text;
  }

  private dim(dim: Dim): Expression {
    return typeof dim === "number" ? constant(dim) : times(local("N"), dim.perRow);
  }

  // ---- Memory ----

  private load(scalar: Extract<Scalar, { kind: "load" }>): Typed {
    const { storage } = this.around.buffers.get(scalar.buffer)!;
    const address = this.address(scalar.buffer, scalar.at);
    const lanes = scalar.lanes ?? 1;
    if (storage === "f32" || storage === "i32")
      return { text: at(lanes === 4 ? "v128.load" : `${storage}.load`, address), dtype: storage, lanes };
    if (storage === "u16") {
      const text = at(lanes === 4 ? "i32x4.load16x4_u" : "i32.load16_u", address);
      return { text, dtype: "i32", lanes };
    }
    const bytes: Typed = { text: lanes === 4 ? widened(address) : at("i32.load8_u", address), dtype: "i32", lanes };
    return this.converted(bytes, storage === "bool" ? "bool" : scalar.dtype);
  }

  private splat(value: Scalar): Typed {
    if (value.kind === "num") return { text: vector(Array(4).fill(value)), dtype: value.dtype, lanes: 4 };
    if (value.kind === "load" && isWord(this.around.buffers.get(value.buffer)!.storage))
      return { text: at("v128.load32_splat", this.address(value.buffer, value.at)), dtype: value.dtype, lanes: 4 };
    const { text, dtype } = this.print(value);
    if (dtype === "bool") return { text: wat("i32x4.splat", wat("i32.sub", constant(0), text)), dtype, lanes: 4 };
    return { text: wat(`${dtype}x4.splat`, text), dtype, lanes: 4 };
  }

  private zip({ of: [a, b], width, half }: Extract<Scalar, { kind: "zip" }>): Typed {
    const lanes = (width === 1 ? [0, 4, 1, 5] : [0, 1, 4, 5]).map((lane) => lane + 2 * half);
    const { text, dtype } = this.print(a);
    return { text: wat(shuffle(lanes), text, this.print(b).text), dtype, lanes: 4 };
  }

  private pack(parts: readonly Scalar[]): Typed {
    if (parts.every((p) => p.kind === "num")) return { text: vector(parts), dtype: parts[0]!.dtype, lanes: 4 };
    const { dtype } = this.print(parts[0]!);
    const [first, ...rest] = parts as [Scalar, ...Scalar[]];
    if (parts.every((p) => p.kind === "load" && isWord(this.around.buffers.get(p.buffer)!.storage))) {
      const addresses = parts.map((p) => {
        const { buffer, at } = p as Extract<Scalar, { kind: "load" }>;
        return this.address(buffer, at);
      });
      const text = addresses
        .slice(1)
        .reduce(
          (into, { offset, base }, i) =>
            wat(`v128.load32_lane${offset === 0 ? "" : ` offset=${offset}`} ${i + 1}`, base, into),
          at("v128.load32_zero", addresses[0]!),
        );
      return { text, dtype, lanes: 4 };
    }
    const shape = dtype === "f32" ? "f32x4" : "i32x4";
    const text = rest.reduce(
      (into, part, i) =>
        wat(`${shape}.replace_lane ${i + 1}`, into, this.as(part, dtype === "bool" ? "i32" : dtype).text),
      wat(`${shape}.splat`, this.as(first, dtype === "bool" ? "i32" : dtype).text),
    );
    return { text: dtype === "bool" ? wat("i32x4.neg", text) : text, dtype, lanes: 4 };
  }

  private lane({ text, dtype }: Typed, lane: number): Typed {
    if (dtype !== "bool") return { text: wat(`${dtype}x4.extract_lane ${lane}`, text), dtype, lanes: 1 };
    return { text: wat("i32.and", wat(`i32x4.extract_lane ${lane}`, text), constant(1)), dtype, lanes: 1 };
  }

  /** (0 + 1) + (2 + 3), two lanes at a time. */
  private across(fn: "add" | "mul" | "min" | "max", { text, dtype }: Typed): Typed {
    const shape = dtype === "f32" ? "f32x4" : "i32x4";
    const combine = `${shape}.${fn}${dtype === "i32" && (fn === "min" || fn === "max") ? "_s" : ""}`;
    const folded = this.around.withTemporary("v128", (t) => {
      const swapped = (value: Expression, order: readonly number[]): Expression =>
        wat(combine, wat(`local.tee $${t}`, value), wat(shuffle(order), local(t), local(t)));
      return swapped(swapped(text, [1, 0, 3, 2]), [2, 3, 0, 1]);
    });
    return { text: wat(`${shape}.extract_lane 0`, folded), dtype, lanes: 1 };
  }

  // ---- Functions ----

  private call(scalar: Extract<Scalar, { kind: "call" }>): Typed {
    const { fn, dtype } = scalar;
    switch (fn) {
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "min":
      case "max":
        return dtype === "i32" ? this.integerCall(scalar) : this.plain(fn, scalar.args, "f32");
      case "neg":
      case "abs":
        return dtype === "i32" ? this.integerCall(scalar) : this.plain(fn, scalar.args, "f32");
      case "sqrt":
      case "floor":
        return this.plain(fn, scalar.args, "f32");
      case "rsqrt": {
        const root = this.plain("sqrt", scalar.args, "f32");
        const one = root.lanes === 4 ? wat("v128.const f32x4 1 1 1 1") : wat("f32.const 1");
        return { ...root, text: wat(root.lanes === 4 ? "f32x4.div" : "f32.div", one, root.text) };
      }
      case "eq":
      case "ne":
      case "lt":
      case "le":
      case "gt":
      case "ge":
        return this.compare(fn, scalar.args);
      case "and":
      case "or": {
        const [a, b] = scalar.args.map((arg) => this.as(arg, "bool")) as [Typed, Typed];
        return { text: wat(`${a.lanes === 4 ? "v128" : "i32"}.${fn}`, a.text, b.text), dtype: "bool", lanes: a.lanes };
      }
      case "not": {
        const { text, lanes } = this.as(scalar.args[0]!, "bool");
        return { text: wat(lanes === 4 ? "v128.not" : "i32.eqz", text), dtype: "bool", lanes };
      }
      case "where":
        return this.where(scalar);
      case "cast":
        return this.as(scalar.args[0]!, dtype);
      case "mod":
      case "pow":
      case "sign":
        if (dtype === "i32") return this.integerCall(scalar);
        return fn === "sign" ? this.mathCall(fn, scalar.args[0]!) : this.helperCall(fn, scalar.args, "f32");
      case "within":
        return this.helperCall("within_i32", scalar.args, "i32");
      case "uniform":
      case "normal":
        return this.randomCall(fn, scalar.args);
      default:
        return this.mathCall(fn, scalar.args[0]!);
    }
  }

  /** An instruction of one name for f32 and f32x4. */
  private plain(fn: string, args: readonly Scalar[], dtype: "f32"): Typed {
    const values = args.map((arg) => this.as(arg, dtype));
    const { lanes } = values[0]!;
    return { text: wat(`${lanes === 4 ? "f32x4" : "f32"}.${fn}`, ...values.map((v) => v.text)), dtype, lanes };
  }

  private integerCall({ fn, args }: Extract<Scalar, { kind: "call" }>): Typed {
    const values = args.map((arg) => this.as(arg, "i32"));
    const { lanes } = values[0]!;
    const texts = values.map((v) => v.text);
    const typed = (text: Expression): Typed => ({ text, dtype: "i32", lanes });
    const shape = lanes === 4 ? "i32x4" : "i32";
    if (fn === "add" || fn === "sub" || fn === "mul") return typed(wat(`${shape}.${fn}`, ...texts));
    if (fn === "neg" && lanes === 1) return typed(wat("i32.sub", constant(0), ...texts));
    if (lanes === 4 && (fn === "neg" || fn === "abs")) return typed(wat(`${shape}.${fn}`, ...texts));
    if (fn === "min" || fn === "max") {
      if (lanes === 4) return typed(wat(`i32x4.${fn}_s`, ...texts));
      return typed(this.chosen(fn === "min" ? "i32.lt_s" : "i32.gt_s", args));
    }
    // A divisor that is a positive number traps at no dividend.
    const divisor = args[1];
    if (fn === "div" && lanes === 1 && divisor?.kind === "num" && divisor.value > 0)
      return typed(wat("i32.div_s", ...texts));
    return this.helperCall(`${fn}_i32`, args, "i32");
  }

  /** The one of two integers that compares so to the other. */
  private chosen(compare: string, args: readonly Scalar[]): Expression {
    return this.around.withTemporary("i32", (a) =>
      this.around.withTemporary("i32", (b) =>
        wat(
          "select",
          wat(`local.tee $${a}`, this.integer(args[0]!)),
          wat(`local.tee $${b}`, this.integer(args[1]!)),
          wat(compare, local(a), local(b)),
        ),
      ),
    );
  }

  private compare(fn: string, args: readonly Scalar[]): Typed {
    const values = args.map((arg) => this.print(arg));
    const dtype = values.some((v) => v.dtype === "f32") ? "f32" : "i32";
    const [a, b] = values.map((v) => this.converted(v, dtype)) as [Typed, Typed];
    const shape = a.lanes === 4 ? `${dtype}x4` : dtype;
    const sign = dtype === "i32" && fn !== "eq" && fn !== "ne" ? "_s" : "";
    return { text: wat(`${shape}.${fn}${sign}`, a.text, b.text), dtype: "bool", lanes: a.lanes };
  }

  /** A side that reads memory may lie outside of it where it is not chosen, so that only the chosen one is evaluated. */
  private where({ args, dtype }: Extract<Scalar, { kind: "call" }>): Typed {
    const test = this.as(args[0]!, "bool");
    const [a, b] = args.slice(1).map((arg) => this.as(arg, dtype)) as [Typed, Typed];
    if (test.lanes === 4) return { text: wat("v128.bitselect", a.text, b.text, test.text), dtype, lanes: 4 };
    const { lanes } = a;
    const isPlain = args.slice(1).every((arg) => arg.kind === "num" || arg.kind === "var" || arg.kind === "index");
    if (isPlain) return { text: wat("select", a.text, b.text, test.text), dtype, lanes };
    const text = wat(`if (result ${wasmType({ dtype, lanes })})`, test.text, wat("then", a.text), wat("else", b.text));
    return { text, dtype, lanes };
  }

  /** A function over four lanes: one number goes in all four of them, so that it gets the bits that it would get among others. */
  private mathCall(fn: string, arg: Scalar): Typed {
    const value = this.as(arg, "f32");
    const called = (vector: Expression): Expression => wat(`call $${this.around.callee(fn)}`, vector);
    if (value.lanes === 4) {
      const text = this.around.inlined(fn, value.text) ?? called(value.text);
      return { text, dtype: "f32", lanes: 4 };
    }
    return { text: wat("f32x4.extract_lane 0", called(wat("f32x4.splat", value.text))), dtype: "f32", lanes: 1 };
  }

  /** A function over single numbers, with a sister over four lanes. */
  private helperCall(fn: string, args: readonly Scalar[], dtype: "f32" | "i32"): Typed {
    return this.helper(
      fn,
      args.map((arg) => this.as(arg, dtype)),
      dtype,
    );
  }

  private helper(fn: string, args: readonly Typed[], dtype: DType): Typed {
    const { lanes } = args.at(-1)!;
    const callee = this.around.callee(lanes === 4 ? `${fn}_x4` : fn);
    return { text: wat(`call $${callee}`, ...args.map((v) => v.text)), dtype, lanes };
  }

  private randomCall(fn: string, args: readonly Scalar[]): Typed {
    return this.helper(
      fn,
      args.map((arg) => this.as(arg, "i32")),
      "f32",
    );
  }

  // ---- Types ----

  private converted(value: Typed, dtype: DType): Typed {
    const { text, dtype: from, lanes } = value;
    const to = (changed: Expression): Typed => ({ text: changed, dtype, lanes });
    if (from === dtype) return value;
    if (dtype === "bool") {
      if (lanes === 4) return to(wat(`${from}x4.ne`, text, vector(Array(4).fill({ value: 0, dtype: from }))));
      return to(wat(`${from}.ne`, text, number(0, from)));
    }
    if (from === "bool") {
      if (lanes === 4) return to(wat("v128.and", text, vector(Array(4).fill({ value: 1, dtype }))));
      return to(dtype === "i32" ? text : wat("f32.convert_i32_s", text));
    }
    if (dtype === "f32") return to(wat(lanes === 4 ? "f32x4.convert_i32x4_s" : "f32.convert_i32_s", text));
    return this.helper("integer", [value], "i32");
  }
}

const isWord = (storage: Stored): boolean => storage === "f32" || storage === "i32";
