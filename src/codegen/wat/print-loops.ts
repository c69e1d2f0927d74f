// Loop language -> the body of a WebAssembly function. Knows no ops, no tiling, no policy.
import { substituteIndex } from "../indexes.ts";
import { constantIndex, type Index, type Loop, type Place, type Procedure, type Scalar } from "../loops.ts";
import { bytesPer } from "../plan.ts";
import { inlineCall } from "./inline.ts";
import {
  type Address,
  at,
  constant,
  isConstant,
  isZero,
  local,
  sum,
  type Type,
  times,
  wasmType,
} from "./instructions.ts";
import { type For, pointerKey, pointersOf } from "./pointers.ts";
import { ScalarPrinter, type Surroundings, type Typed } from "./print-scalars.ts";
import { block, comment, type Expression, type Text, wat } from "./text.ts";

/** A place in memory: bytes from its start, or an argument of the function by the same name. */
export type Binding = number | "argument";

const fourFloats: Type = { dtype: "f32", lanes: 4 };

/** What the text of a procedure is made of. */
type Printed = Pick<Procedure, "body" | "buffers" | "hosts" | "streams" | "part">;

export interface Body {
  readonly locals: readonly { readonly name: string; readonly type: "v128" | "f32" | "i32" }[];
  readonly texts: readonly Text[];
}

/**
 * `bindings`: where buffers lie, and host numbers (f64) and the two words of a stream (i32). `callee` is told of every function that is called,
 * and gives its name. `orders`: where the table of lanes' orders lies, where there is one.
 */
export function printLoops(
  procedure: Printed,
  bindings: ReadonlyMap<string, Binding>,
  callee: (name: string) => string,
  orders?: number,
): Body {
  return new FunctionPrinter(procedure, bindings, callee, orders).run();
}

class FunctionPrinter implements Surroundings {
  readonly buffers: Surroundings["buffers"];
  readonly callee: Surroundings["callee"];
  private readonly procedure: Printed;
  private readonly bindings: ReadonlyMap<string, Binding>;
  private readonly ordersAt: number | undefined;
  private readonly scalars: ScalarPrinter;
  private readonly locals = new Map<string, "v128" | "f32" | "i32">();
  /** What a variable's name stands for here. */
  private readonly variables = new Map<string, Type & { readonly local: string; readonly depth: number }>();
  private readonly naturals = new Set<string>();
  /** Numbers of the head that occur, by name. */
  private readonly heads = new Map<string, Expression>();
  /** Locals that hold addresses in the loop that is being printed. */
  private readonly pointers = new Map<string, string>();
  /** Locals of loop variables, and those of them that something reads. */
  private readonly counters = new Set<string>();
  private readonly read = new Set<string>();
  private readonly busy = new Set<string>();
  private depth = 0;

  constructor(
    procedure: Printed,
    bindings: ReadonlyMap<string, Binding>,
    callee: (name: string) => string,
    orders: number | undefined,
  ) {
    this.procedure = procedure;
    this.ordersAt = orders;
    this.bindings = bindings;
    this.callee = callee;
    this.buffers = new Map(procedure.buffers.map((b) => [b.name, b]));
    this.scalars = new ScalarPrinter(this);
    const { part } = procedure;
    for (const local of part ? [part.from, part.to] : []) {
      this.variables.set(local, { dtype: "i32", lanes: 1, local, depth: 0 });
      this.naturals.add(local);
    }
  }

  run(): Body {
    const body = this.block(this.procedure.body);
    const heads = [...this.heads].map(([name, value]) => wat(`local.set $${name}`, value));
    return {
      locals: [...this.locals]
        .filter(([name]) => !this.counters.has(name) || this.read.has(name))
        .map(([name, type]) => ({ name, type })),
      texts: [...heads, ...body],
    };
  }

  // ---- What scalars refer to ----

  offsetOf(buffer: string): number | undefined {
    const bound = this.bindings.get(buffer)!;
    return bound === "argument" ? undefined : bound;
  }

  variable(name: string, read: Type): Typed {
    const known = this.variables.get(name);
    if (known) {
      this.read.add(known.local);
      return { text: local(known.local), dtype: known.dtype, lanes: known.lanes };
    }
    return { text: local(this.head(name, read)), dtype: read.dtype, lanes: 1 };
  }

  orders(): number {
    if (this.ordersAt === undefined) throw new Error("this module has no table of orders");
    return this.ordersAt;
  }

  /** In a loop. */
  inlined(name: string, arg: Expression): Expression | undefined {
    const made = this.depth > 0 ? inlineCall(name, arg) : undefined;
    for (const need of made?.needs ?? []) this.callee(need);
    for (const local of made?.locals ?? []) this.locals.set(local, "v128");
    return made?.text;
  }

  isNatural(variable: string): boolean {
    return this.naturals.has(variable);
  }

  depthOf(variable: string): number {
    return this.variables.get(variable)?.depth ?? 0;
  }

  pointer(buffer: string, place: Place): string | undefined {
    if (this.pointers.size === 0) return undefined;
    const key = pointerKey(this.buffers.get(buffer)!, this.bindings.get(buffer) === "argument", place);
    return key === undefined ? undefined : this.pointers.get(key);
  }

  withTemporary<T>(type: "v128" | "f32" | "i32", work: (name: string) => T): T {
    let count = 0;
    while (this.busy.has(`${type}.${count}`)) count++;
    const name = `${type}.${count}`;
    this.locals.set(name, type);
    this.busy.add(name);
    const result = work(name);
    this.busy.delete(name);
    return result;
  }

  /** A host number or a stream's word, read from memory when the function begins. */
  private head(name: string, { dtype }: Type): string {
    const type = wasmType({ dtype, lanes: 1 });
    this.locals.set(name, type);
    this.heads.set(name, this.headValue(name, dtype));
    return name;
  }

  private headValue(name: string, dtype: Type["dtype"]): Expression {
    const stream = this.procedure.streams.find((s) => s.a === name || s.b === name);
    if (stream) {
      const { offset, base } = this.place(stream.a);
      // The second word lies behind the first.
      return at("i32.load", { offset: offset + (name === stream.b ? 4 : 0), base });
    }
    const value = at("f64.load", this.place(name));
    if (dtype === "f32") return wat("f32.demote_f64", value);
    return dtype === "i32" ? wat("i32.trunc_sat_f64_s", value) : wat("f64.ne", value, wat("f64.const 0"));
  }

  private place(name: string): Address {
    const bound = this.bindings.get(name);
    if (bound === undefined) throw new Error(`nothing is called ${name} here`);
    return bound === "argument" ? { offset: 0, base: local(argumentOf(name)) } : { offset: bound, base: constant(0) };
  }

  private declare(name: string, type: Type): string {
    const wasm = wasmType(type);
    const given = this.locals.get(name);
    // A name may come again in another scope with another type.
    const own = given === undefined || given === wasm ? name : `${name}.${wasm}`;
    this.locals.set(own, wasm);
    this.variables.set(name, { ...type, local: own, depth: this.depth });
    this.naturals.delete(name);
    return own;
  }

  // ---- Statements ----

  private block(body: readonly Loop[]): Text[] {
    return body.flatMap((loop) => this.statement(loop));
  }

  private statement(loop: Loop): Text[] {
    switch (loop.kind) {
      case "comment":
        return [comment(loop.text)];
      case "let": {
        const { text, dtype, lanes } = this.scalars.print(loop.value);
        const isNatural = loop.mutable ? isCounter(loop) : this.isNaturalNumber(loop.value);
        const name = this.declare(loop.name, { dtype, lanes });
        if (isNatural) this.naturals.add(loop.name);
        return [wat(`local.set $${name}`, text)];
      }
      case "assign": {
        const known = this.variables.get(loop.name)!;
        return [wat(`local.set $${known.local}`, this.scalars.as(loop.value, known.dtype).text)];
      }
      case "store":
        return this.store(loop);
      case "if": {
        const condition = this.scalars.condition(loop.condition);
        return [block("if", [condition, block("then", this.block(loop.body))])];
      }
      case "clear":
        return [this.clear(loop)];
      case "for":
        return this.loop(loop);
    }
  }

  /**
   * Tested at its end: nothing jumps but from round to round. Where it may have no round, a test stands before it. Where the body
   * needs the variable for its pointers only, the first of them counts the rounds.
   */
  private loop(loop: For): Text[] {
    const from = this.scalars.integer(loop.from);
    const startsNatural = this.isNaturalNumber(loop.from);
    this.depth++;
    const name = this.declare(loop.variable, { dtype: "i32", lanes: 1 });
    if (startsNatural) this.naturals.add(loop.variable);
    const label = `$each_${loop.variable}`;
    const pointers = this.placePointers(loop);
    for (const { key, name } of pointers) this.pointers.set(key, name);
    const wasRead = this.read.delete(name);
    const body = this.block(loop.body);
    this.pointers.clear();
    const counting = this.read.has(name) ? [] : pointers.filter(({ step }) => step > 0);
    // Where it starts is to be unknown to V8, which else sees that a tight loop is always entered.
    const first = (loop.tight && counting.find(({ start }) => !isConstant(start))) || counting[0];
    if (wasRead) this.read.add(name);
    const to = this.scalars.integer(loop.to);
    this.depth--;
    const sums = first && loop.tight?.map((sum) => this.variable(sum, fourFloats).text);
    const advance = pointers.map(({ name, step }) =>
      wat(`local.set $${name}`, wat("i32.add", local(name), constant(step))),
    );
    const begin = pointers.map(({ name, start, step }) =>
      wat(`local.set $${name}`, sums ? wat("i32.sub", start, constant(step)) : start),
    );
    const start: Expression[] = [];
    this.counters.add(name);
    if (first && literalOf(loop.from) !== undefined) start.push(...begin);
    else {
      this.read.add(name);
      start.push(wat(`local.set $${name}`, from), ...begin);
    }
    let rounds: Text[];
    if (first) {
      const end = `${loop.variable}.end`;
      this.locals.set(end, "i32");
      start.push(wat(`local.set $${end}`, wat("i32.add", local(first.name), distance(loop, from, to, first.step))));
      const ends = [local(first.name), local(end)] as const;
      const again = wat(`br_if ${label}`, wat("i32.lt_u", ...ends));
      rounds = sums
        ? tight(loop.variable, start, [...advance, ...body, again], ends, sums)
        : [...start, block(`loop ${label}`, [...body, ...advance, again])];
    } else {
      const next = wat(`local.tee $${name}`, wat("i32.add", local(name), constant(loop.step)));
      const again = wat(`br_if ${label}`, wat("i32.lt_s", next, to));
      rounds = [...start, block(`loop ${label}`, [...body, ...advance, again])];
    }
    if (hasRounds(loop)) return rounds;
    return [block("if", [wat("i32.lt_s", from, to), block("then", rounds)])];
  }

  /** The pointers of a loop, each in a local that starts where its first round is. */
  private placePointers(loop: For) {
    const isArgument = (buffer: string): boolean => this.bindings.get(buffer) === "argument";
    const from = literalOf(loop.from);
    const isNatural = (index: Index): boolean => this.scalars.isNatural(index);
    return pointersOf(loop, this.buffers, isArgument, isNatural).map(({ key, argument, index, step }, i) => {
      const name = `${loop.variable}.at${i}`;
      this.locals.set(name, "i32");
      const first = from === undefined ? index : substituteIndex(index, loop.variable, constantIndex(from));
      const distance = this.scalars.indexText(first);
      return {
        key,
        name,
        step,
        start: argument === undefined ? distance : sum([local(argument), ...(isZero(distance) ? [] : [distance])]),
      };
    });
  }

  /** Whether an integer is known not to be negative. */
  private isNaturalNumber(scalar: Scalar): boolean {
    switch (scalar.kind) {
      case "num":
        return scalar.value >= 0;
      case "index":
        return this.scalars.isNatural(scalar.index);
      case "var":
        return this.naturals.has(scalar.name);
      // What a list says is an index.
      case "load":
      case "whole":
        return true;
      case "call": {
        const isNatural = (part: Scalar): boolean => this.isNaturalNumber(part);
        if (scalar.fn === "max") return scalar.args.some(isNatural);
        return ["min", "add", "mul", "div"].includes(scalar.fn) && scalar.args.every(isNatural);
      }
      default:
        return false;
    }
  }

  private store(loop: Extract<Loop, { kind: "store" }>): Text[] {
    const { storage } = this.buffers.get(loop.buffer)!;
    const dtype = storage === "f32" || storage === "bool" ? storage : "i32";
    const address = this.scalars.address(loop.buffer, loop.at);
    const value = this.scalars.as(loop.value, dtype);
    if (!loop.add) return this.stored(loop, address, value);
    return this.withTemporary("i32", (place) => {
      const there: Address = { offset: address.offset, base: local(place) };
      const [load, add] = loop.lanes ? ["v128.load", `${dtype}x4.add`] : [`${dtype}.load`, `${dtype}.add`];
      const added = wat(add, at(load, there), value.text);
      return [wat(`local.set $${place}`, address.base), ...this.stored(loop, there, { ...value, text: added })];
    });
  }

  private clear({ buffer, at: place, count }: Extract<Loop, { kind: "clear" }>): Text {
    const { offset, base } = this.scalars.address(buffer, place);
    const start = isZero(base) ? constant(offset) : sum(offset === 0 ? [base] : [base, constant(offset)]);
    const width = bytesPer(this.buffers.get(buffer)!.storage);
    return wat("memory.fill", start, constant(0), times(this.scalars.indexText(count), width));
  }

  private stored({ buffer, lanes }: Extract<Loop, { kind: "store" }>, address: Address, value: Typed): Text[] {
    const { storage } = this.buffers.get(buffer)!;
    const width = bytesPer(storage);
    if (lanes === undefined)
      return [at(width === 4 ? `${storage}.store` : `i32.store${8 * width}`, address, value.text)];
    if (width === 4 && lanes === 4) return [at("v128.store", address, value.text)];
    return this.withTemporary("v128", (t) => {
      const narrow = (instruction: string, wide: Expression): Expression =>
        wat(instruction, wat(`local.tee $${t}`, wide), local(t));
      const ones = storage === "bool" ? wat("v128.and", value.text, wat("v128.const i32x4 1 1 1 1")) : value.text;
      const halves = (signed: string): Expression => narrow(`i16x8.narrow_i32x4_${signed}`, ones);
      const packed = width === 4 ? ones : width === 2 ? halves("u") : narrow("i8x16.narrow_i16x8_u", halves("s"));
      const whole = [8, 4, 2, 1].find((size) => size === lanes * width);
      if (whole !== undefined) return [storeLane(whole, 0, address, packed)];
      // Three numbers: two, then one.
      const rest: Address = { offset: address.offset + 2 * width, base: address.base };
      return [
        wat(`local.set $${t}`, packed),
        storeLane(2 * width, 0, address, local(t)),
        storeLane(width, 2, rest, local(t)),
      ];
    });
  }
}

/** Stores so many bytes of a vector, which they lie in as lane number `lane` of their size. */
const storeLane = (size: number, lane: number, { offset, base }: Address, vector: Expression): Expression =>
  wat(`v128.store${8 * size}_lane${offset === 0 ? "" : ` offset=${offset}`} ${lane}`, base, vector);

/**
 * A loop that V8 compiles as it stands, one round at a time (a 5 by 8 tile of a product: 44 of 51 GFLOP/s in place of 34). A loop in
 * it keeps V8 from making two rounds of one, so that all their loads come first. Around it go ways that are never taken: what is
 * computed in it meets other values behind, and therefore stays in it. There the `sums` are stored, so that V8 comes to them in
 * their order, whatever is made of them. `body`: the pointers move first, so that no register holds where they were.
 */
function tight(
  variable: string,
  start: readonly Text[],
  body: readonly Text[],
  ends: readonly [Expression, Expression],
  sums: readonly Expression[],
): Text[] {
  const [done, never] = [`$done_${variable}`, `$never_${variable}`];
  const leave = wat(`br_if ${done}`, wat("i32.eq", ...ends));
  const stores = sums.map((sum) => wat("v128.store", constant(0), sum));
  const why = comment("Never run: it keeps V8 from unrolling.");
  const inner = block(`loop ${never}`, [why, ...stores, wat(`br_if ${never}`, wat("i32.lt_s", ...ends))]);
  return [block(`block ${done}`, [...start, leave, block(`loop $each_${variable}`, [...body, leave, inner])])];
}

/** The argument that says where a host number or a stream's words lie; a buffer's has the buffer's name. */
export const argumentOf = (name: string): string => `${name}_at`;

/** How far a pointer moves in all rounds of a loop. */
function distance(loop: For, from: Expression, to: Expression, step: number): Expression {
  const [first, last] = [literalOf(loop.from), literalOf(loop.to)];
  const perIndex = step / loop.step;
  if (first !== undefined && last !== undefined) return constant((last - first) * perIndex);
  return times(first === 0 ? to : wat("i32.sub", to, from), perIndex);
}

const literalOf = (scalar: Scalar): number | undefined => {
  if (scalar.kind === "num") return scalar.value;
  if (scalar.kind !== "index") return undefined;
  const { const: value, rows, terms } = scalar.index;
  return rows === 0 && terms.length === 0 ? value : undefined;
};

/** Whether the first test holds for every N >= 1. */
function hasRounds({ from, to }: For): boolean {
  const start = literalOf(from);
  if (start === undefined || to.kind !== "index" || to.index.terms.length > 0 || to.index.rows < 0) return false;
  return start < to.index.const + to.index.rows;
}

/** A variable that starts at a literal and only counts up is no index below zero. */
const isCounter = (loop: Extract<Loop, { kind: "let" }>): boolean =>
  loop.mutable && loop.value.kind === "index" && (literalOf(loop.value) ?? -1) >= 0;
