// What a core primitive is: a signature, one sentence, and how it makes nodes; with the readers of its arguments.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { type Span, textOf } from "../../base/span.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Attrs } from "../../ir/op-def.ts";
import type { Dim, DType, Shape, TensorType } from "../../ir/types.ts";
import { describe, isPoisoned, type Value } from "../values.ts";
import { type Frame, report, shorten } from "./context.ts";
import { make, type Operand, type Site, toTensor } from "./make.ts";
import { asDType } from "./operators.ts";

export interface BuiltinParam {
  readonly name: string;
  readonly optional: boolean;
  /** After `*`: given by name only. */
  readonly named: boolean;
  /** `*xs`: takes all further positional arguments. */
  readonly rest: boolean;
}

export interface Builtin {
  readonly name: string;
  /** `sum(x, *, axis=, keepdims=false)`; its parameters are read from it. */
  readonly signature: string;
  readonly summary: string;
  readonly params: readonly BuiltinParam[];
  build(call: BuiltinCall): Value;
}

export function builtin(signature: string, summary: string, build: (call: BuiltinCall) => Value): Builtin {
  const open = signature.indexOf("(");
  const inside = signature.slice(open + 1, -1);
  const params: BuiltinParam[] = [];
  let named = false;
  for (const part of inside === "" ? [] : inside.split(/, */)) {
    if (part === "*") {
      named = true;
      continue;
    }
    const [text, preset] = part.split("=");
    const rest = text!.startsWith("*");
    params.push({ name: rest ? text!.slice(1) : text!, optional: preset !== undefined || rest, named, rest });
  }
  return { name: signature.slice(0, open), signature, summary, params, build };
}

/** One call of a primitive. Readers give undefined after a report. */
export class BuiltinCall implements Site {
  readonly frame: Frame;
  readonly span: Span;
  readonly name: string;
  private readonly args: ReadonlyMap<string, Operand>;
  /** Arguments of a `*rest` parameter. */
  readonly rest: readonly Operand[];

  constructor(frame: Frame, span: Span, name: string, args: ReadonlyMap<string, Operand>, rest: readonly Operand[]) {
    this.frame = frame;
    this.span = span;
    this.name = name;
    this.args = args;
    this.rest = rest;
  }

  has(name: string): boolean {
    return this.args.has(name);
  }

  /** A required argument. */
  operand(name: string): Operand {
    return this.args.get(name)!;
  }

  optional(name: string): Operand | undefined {
    return this.args.get(name);
  }

  type(node: NodeId): TensorType {
    return this.frame.pass.builder.type(node);
  }

  tensor(name: string): NodeId | undefined {
    return toTensor(this, this.operand(name), `\`${name}\` of ${this.name}`);
  }

  float(name: string): NodeId | undefined {
    return asDType(this, this.operand(name), `\`${name}\` of ${this.name}`, "f32");
  }

  /** An i32 tensor: of labels, rows or places. */
  ids(name: string): NodeId | undefined {
    const operand = this.operand(name);
    const node = toTensor(this, operand, `\`${name}\` of ${this.name}`, "i32");
    if (node === undefined) return undefined;
    const { dtype } = this.type(node);
    if (dtype === "i32") return node;
    const facts = {
      what: `\`${name}\` of ${this.name}`,
      expected: "i32",
      got: dtype,
      text: shorten(textOf(operand.span)),
    };
    report(this.frame, diagnose(types, "type/dtype", operand.span, facts));
    return undefined;
  }

  /** A number known when compiled. */
  number(name: string, preset: number): number | undefined {
    const operand = this.args.get(name);
    return operand ? knownNumber(this, operand, `\`${name}\` of ${this.name}`) : preset;
  }

  /** A whole number known when compiled, at least `least`. */
  whole(name: string, least: number, preset?: number): number | undefined {
    const operand = this.args.get(name);
    return operand ? wholeNumber(this, operand, `\`${name}\` of ${this.name}`, least) : preset;
  }

  flag(name: string, preset: boolean): boolean | undefined {
    const operand = this.args.get(name);
    if (!operand) return preset;
    if (operand.value.kind === "bool") return operand.value.value;
    const facts = { what: `\`${name}\` of ${this.name}`, expected: "true or false", got: describe(operand.value) };
    report(this.frame, diagnose(types, "type/expected", operand.span, facts));
    return undefined;
  }

  text(name: string): string | undefined {
    const operand = this.operand(name);
    if (operand.value.kind === "string") return operand.value.value;
    const facts = { what: `\`${name}\` of ${this.name}`, expected: "a text in quotes", got: describe(operand.value) };
    report(this.frame, diagnose(types, "type/expected", operand.span, facts));
    return undefined;
  }

  /** One axis of `rank`, counted from 0. */
  axis(name: string, rank: number, preset: number): number | undefined {
    const operand = this.args.get(name);
    const axis = operand ? wholeNumber(this, operand, `\`${name}\` of ${this.name}`) : preset;
    return axis === undefined ? undefined : checkAxis(this, axis, rank, operand?.span ?? this.span);
  }

  /** A number or list of axes, ascending; all of them where none is given. */
  axes(name: string, rank: number): number[] | undefined {
    const operand = this.args.get(name);
    if (!operand) return Array.from({ length: rank }, (_, i) => i);
    const members = this.numbers(name);
    if (!members) return undefined;
    const axes: number[] = [];
    for (const member of members) {
      const axis = checkAxis(this, member, rank, operand.span);
      if (axis === undefined) return undefined;
      if (axes.includes(axis)) {
        report(this.frame, diagnose(shapes, "shape/axis-twice", operand.span, { axis: member }));
        return undefined;
      }
      axes.push(axis);
    }
    return axes.sort((a, b) => a - b);
  }

  /** Whole numbers: one, or the members of a list. */
  numbers(name: string): number[] | undefined {
    const operand = this.operand(name);
    const items = operand.value.kind === "list" ? this.members(name) : [operand];
    if (!items) return undefined;
    const result: number[] = [];
    for (const item of items) {
      const value = wholeNumber(this, item, `\`${name}\` of ${this.name}`);
      if (value === undefined) return undefined;
      result.push(value);
    }
    return result;
  }

  /** Items of a list, ranges in it as their members. */
  members(name: string): Operand[] | undefined {
    const operand = this.operand(name);
    return listMembers(this, operand, `\`${name}\` of ${this.name}`);
  }

  /** A number or `[height, width]`. */
  pair(name: string, least: number, preset: number): readonly [number, number] | undefined {
    if (!this.args.has(name)) return [preset, preset];
    const values = this.numbers(name);
    if (!values) return undefined;
    const [height, width = height] = values;
    const { span, value } = this.operand(name);
    if (height === undefined || values.length > 2 || values.some((v) => v < least)) {
      const expected = `a number or [height, width], each at least ${least}`;
      const facts = { what: `\`${name}\` of ${this.name}`, expected, got: describe(value) };
      report(this.frame, diagnose(types, "type/expected", span, facts));
      return undefined;
    }
    return [height, width!];
  }

  /** A list of sizes; `preset` where it is not given, which only a start value has. */
  shape(name: string, preset?: Shape): Dim[] | undefined {
    const operand = this.args.get(name);
    if (!operand) {
      if (preset) return [...preset];
      report(this.frame, diagnose(types, "type/no-shape", this.span, { name: this.name }));
      return undefined;
    }
    return sizesOf(this, operand, `\`${name}\` of ${this.name}`);
  }

  make(op: string, inputs: readonly NodeId[], attrs: Attrs = {}, spans: readonly Span[] = []): Value {
    return make(this, op, inputs, attrs, spans);
  }

  /** The texts of arguments, for messages. */
  spans(...names: readonly string[]): Span[] {
    return names.map((name) => this.args.get(name)?.span ?? this.span);
  }
}

function knownNumber(site: Site, operand: Operand, what: string): number | undefined {
  const { value, span } = operand;
  if (value.kind === "number") return value.value;
  if (isPoisoned(value)) return undefined;
  const facts = { what, got: describe(value), text: shorten(textOf(span)) };
  report(site.frame, diagnose(types, "type/known", span, facts));
  return undefined;
}

export function wholeNumber(site: Site, operand: Operand, what: string, least?: number): number | undefined {
  const value = knownNumber(site, operand, what);
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (least === undefined || value >= least)) return value;
  const facts = {
    what,
    got: describe(operand.value),
    text: shorten(textOf(operand.span)),
    ...(least === undefined ? {} : { least }),
  };
  report(site.frame, diagnose(types, "type/whole", operand.span, facts));
  return undefined;
}

function checkAxis(site: Site, axis: number, rank: number, span: Span): number | undefined {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  report(site.frame, diagnose(shapes, "shape/axis", span, { axis, rank, op: "" }));
  return undefined;
}

/** Items of a list; ranges in it stand for their members. A lone range is a list too. */
export function listMembers(site: Site, operand: Operand, what: string): Operand[] | undefined {
  const { value, span } = operand;
  if (value.kind === "poison") return undefined;
  const items: readonly Value[] | undefined =
    value.kind === "list" ? value.items : value.kind === "range" ? [value] : undefined;
  if (!items) {
    report(site.frame, diagnose(types, "type/expected", span, { what, expected: "a list", got: describe(value) }));
    return undefined;
  }
  const result: Operand[] = [];
  for (const item of items) {
    if (item.kind !== "range") {
      result.push({ value: item, span });
      continue;
    }
    if (item.to === null) {
      const facts = { what, expected: "a range with an end", got: describe(item) };
      report(site.frame, diagnose(types, "type/expected", span, facts));
      return undefined;
    }
    const from = item.from ?? 0;
    if (!site.frame.pass.session.spend(site.frame, Math.max(item.to - from, 0), span)) return undefined;
    for (let i = from; i < item.to; i++) result.push({ value: { kind: "number", value: i }, span });
  }
  return result;
}

/** A value as one size. */
export function asSize(site: Site, operand: Operand, what: string): Dim | undefined {
  const { value, span } = operand;
  if (isPoisoned(value)) return undefined;
  if (value.kind === "rows") return { perRow: value.multiple };
  if (value.kind === "number" && Number.isSafeInteger(value.value) && value.value > 0) return value.value;
  const got = value.kind === "tensor" ? "only known at run time" : describe(value);
  const facts = { what, got, text: shorten(textOf(span)) };
  report(site.frame, diagnose(shapes, "shape/size", span, facts));
  return undefined;
}

/** A list of sizes as a shape. */
export function sizesOf(site: Site, operand: Operand, what: string): Dim[] | undefined {
  const single = operand.value.kind === "number" || operand.value.kind === "rows";
  const members = single ? [operand] : listMembers(site, operand, what);
  if (!members) return undefined;
  const shape: Dim[] = [];
  for (const member of members) {
    const size = asSize(site, member, what);
    if (size === undefined) return undefined;
    shape.push(size);
  }
  return shape;
}

export const dtypes: readonly DType[] = ["f32", "i32", "bool"];
