// Types of signatures and declarations: written sizes become sizes, arguments are matched against parameters, and the
// names that a signature infers become known. Evaluates sizes through the interpreter it is handed by the frame.
import { diagnose, type Note } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { textOf } from "../../base/span.ts";
import {
  type Dim,
  type DType,
  dimText,
  type Shape,
  sameDim,
  sameShape,
  type TensorType,
  typeText,
} from "../../ir/types.ts";
import type { Expr, Param, Size, Type } from "../ast.ts";
import { lookUp } from "../resolve.ts";
import { describe, isPoisoned, poison, sizeValue, tensorValue, type Value } from "../values.ts";
import { asSize, dtypes, wholeNumber } from "./builtin.ts";
import { type Frame, findLocal, type Run, report, shorten } from "./context.ts";
import { cast, dtypeOf, factsOf, type Operand, shapeOf, standIn, toTensor } from "./make.ts";

export interface WrittenType extends TensorType {
  readonly dtype: DType;
  /** `class[N] < 10`. */
  readonly classes?: number;
}

type TensorSyntax = Extract<Type, { kind: "tensor" }>;

const writtenDType = (type: TensorSyntax): DType =>
  type.dtype?.text === "class" ? "i32" : (dtypes.find((dtype) => dtype === type.dtype?.text) ?? "f32");

const evaluate = (frame: Frame, expr: Expr): Value => frame.pass.session.interpreter.expression(frame, expr);

function sizeOf(frame: Frame, size: Expr): Dim | undefined {
  return asSize({ frame, span: size.span }, { value: evaluate(frame, size), span: size.span }, "a size");
}

/** A type whose names are all known; undefined after a report. */
export function writtenType(frame: Frame, type: Type): WrittenType | undefined {
  if (type.kind === "shapeof") {
    const local = type.fn.text === "shape" ? findLocal(frame, type.of.text) : undefined;
    return local?.value.kind === "tensor" ? { dtype: "f32", shape: shapeOf(local.value) } : undefined;
  }
  const shape: Dim[] = [];
  let complete = true;
  for (const size of type.sizes) {
    if (size.kind === "run") {
      const run = frame.runs.get(size.name?.text ?? "");
      if (isShape(run)) shape.push(...run);
      else {
        complete = false;
        if (run) continue;
        report(frame, diagnose(shapes, "shape/run-unknown", size.span, { text: textOf(size.span) }));
      }
      continue;
    }
    const dim = sizeOf(frame, size);
    if (dim === undefined) complete = false;
    else shape.push(dim);
  }
  const bound = type.bound ? classesOf(frame, type, type.bound) : undefined;
  if (!complete) return undefined;
  return { dtype: writtenDType(type), shape, ...(bound === undefined ? {} : { classes: bound }) };
}

function classesOf(frame: Frame, type: TensorSyntax, bound: Expr): number | undefined {
  if (type.dtype?.text !== "class") {
    report(frame, diagnose(types, "type/bound", bound.span, { text: shorten(textOf(type.span)) }));
    return undefined;
  }
  const operand = { value: evaluate(frame, bound), span: bound.span };
  return wholeNumber({ frame, span: bound.span }, operand, "the number of classes", 1);
}

/** One argument and the parameter it is for. */
export interface Bound {
  readonly param: Param;
  readonly operand: Operand;
}

/** The part of the signature that a lone name or a run stands for, or a conflict with what it stood for before. */
interface Mismatch {
  readonly size: string;
  readonly expected: string;
  readonly got: string;
}

/**
 * Matches arguments against a signature: lone names and runs are solved first, in order, then sizes such as `2 * n`
 * are checked. Binds the inferred names in the frame and gives each argument as it is in the body.
 */
export function matchSignature(frame: Frame, bounds: readonly Bound[], inferring: boolean): Map<string, Value> {
  const values = new Map<string, Value>();
  const sources = new Map<string, Note>();
  const later: { readonly bound: Bound; readonly type: TensorSyntax; readonly shape: Shape }[] = [];
  for (const bound of bounds) {
    const { param, operand } = bound;
    const type = param.type;
    if (operand.value.kind === "poison" || !type) {
      values.set(param.name.text, operand.value);
      continue;
    }
    const value = asTyped(frame, bound, type);
    values.set(param.name.text, value);
    if (value.kind !== "tensor") continue;
    const shape = shapeOf(value);
    if (type.kind === "shapeof") {
      const other = values.get(type.of.text);
      if (other?.kind === "tensor" && !sameShape(shapeOf(other), shape)) {
        values.set(
          param.name.text,
          mismatch(frame, bound, value, typeText({ dtype: "f32", shape: shapeOf(other) }), []),
        );
      }
      continue;
    }
    const problem = solve(frame, type, shape, inferring, (name, dim) => {
      sources.set(name, { message: `${name} = ${dimText(dim)} by \`${param.name.text}\``, span: operand.span });
    });
    if (problem) {
      const source = sources.get(problem.size);
      values.set(param.name.text, mismatch(frame, bound, value, textOf(type.span), source ? [source] : [], problem));
    } else later.push({ bound, type, shape });
  }
  for (const { param } of bounds)
    if (values.get(param.name.text)!.kind === "poison") forgetSizes(frame, param, inferring);
  for (const { bound, type, shape } of later) {
    const value = values.get(bound.param.name.text)!;
    const wrong = checkRest(frame, type, shape, inferring);
    if (!wrong || value.kind !== "tensor") continue;
    const notes = [...sources.values()].filter((note) =>
      wrong.names.some((name) => note.message.startsWith(`${name} = `)),
    );
    values.set(bound.param.name.text, mismatch(frame, bound, value, textOf(type.span), notes, wrong));
  }
  return values;
}

/** What a mistaken argument would have told is unknown, and no further mistake. */
export function forgetSizes(frame: Frame, { type }: Param, inferring: boolean): void {
  if (type?.kind !== "tensor") return;
  for (const size of type.sizes) {
    if (size.kind === "run") {
      const name = size.name?.text ?? "";
      if (!frame.runs.has(name)) frame.runs.set(name, "unknown");
    } else if (size.kind === "name" && inferring && isInferred(frame, size.name)) {
      frame.locals.names.set(size.name, { value: poison, span: size.span });
    }
  }
}

/** The argument as a tensor of the element type that the parameter has. */
function asTyped(frame: Frame, { param, operand }: Bound, type: Type): Value {
  const site = { frame: callerOf(frame), span: operand.span };
  const wanted: DType = type.kind === "tensor" ? writtenDType(type) : "f32";
  if (operand.value.kind === "number" || operand.value.kind === "bool" || operand.value.kind === "rows") {
    const node = toTensor(site, operand, param.name.text, wanted);
    if (node !== undefined && site.frame.pass.builder.type(node).dtype !== wanted && operand.value.kind === "bool") {
      return tensorValue(site.frame.pass.builder, cast(site, node, wanted));
    }
    return node === undefined ? poison : tensorValue(site.frame.pass.builder, node);
  }
  if (isPoisoned(operand.value)) return poison;
  if (operand.value.kind !== "tensor") {
    const facts = { what: `\`${param.name.text}\` of ${frame.name}`, expected: `a tensor ${textOf(type.span)}` };
    return report(frame, diagnose(types, "type/expected", operand.span, { ...facts, got: describe(operand.value) }));
  }
  const dtype = dtypeOf(operand.value);
  if (dtype === wanted) return operand.value;
  const facts = { what: `\`${param.name.text}\` of ${frame.name}`, expected: wanted, got: dtype };
  report(site.frame, diagnose(types, "type/dtype", operand.span, { ...facts, text: shorten(textOf(operand.span)) }));
  return standIn(site, { dtype: wanted, shape: shapeOf(operand.value) });
}

const callerOf = (frame: Frame): Frame => frame.caller?.frame ?? frame;

/** Splits sizes at their run. */
function split(sizes: readonly Size[]): {
  head: readonly Size[];
  run?: Extract<Size, { kind: "run" }>;
  tail: readonly Size[];
} {
  const at = sizes.findIndex((size) => size.kind === "run");
  if (at < 0) return { head: sizes, tail: [] };
  return { head: sizes.slice(0, at), run: sizes[at] as Extract<Size, { kind: "run" }>, tail: sizes.slice(at + 1) };
}

/** Pairs each written size with the actual one; undefined where the number of axes is wrong. */
function pairs(
  type: TensorSyntax,
  shape: Shape,
): { sizes: { size: Size; dim: Dim }[]; run?: { name: string; dims: Shape } } | undefined {
  const { head, run, tail } = split(type.sizes);
  const fixed = head.length + tail.length;
  if (run ? shape.length < fixed : shape.length !== fixed) return undefined;
  const sizes = [
    ...head.map((size, i) => ({ size, dim: shape[i]! })),
    ...tail.map((size, i) => ({ size, dim: shape[shape.length - tail.length + i]! })),
  ];
  return run
    ? { sizes, run: { name: run.name?.text ?? "", dims: shape.slice(head.length, shape.length - tail.length) } }
    : { sizes };
}

/** Whether a signature infers this name: it is no earlier parameter and no `dim`. */
function isInferred(frame: Frame, name: string): boolean {
  if (findLocal(frame, name)) return false;
  const global = lookUp(frame.scope, name);
  return !(global?.kind === "decl" && global.decl.kind === "dim") && name !== "N";
}

function solve(
  frame: Frame,
  type: TensorSyntax,
  shape: Shape,
  inferring: boolean,
  solved: (name: string, dim: Dim) => void,
): Mismatch | undefined {
  const paired = pairs(type, shape);
  if (!paired) return { size: "", expected: "", got: "" };
  for (const { size, dim } of paired.sizes) {
    if (size.kind !== "name" || !inferring || !isInferred(frame, size.name)) continue;
    frame.locals.names.set(size.name, { value: sizeValue(dim), span: size.span });
    solved(size.name, dim);
  }
  if (!paired.run) return undefined;
  const { name, dims } = paired.run;
  const known = frame.runs.get(name);
  if (!isShape(known)) frame.runs.set(name, dims);
  else if (!sameShape(known, dims)) {
    const text = (run: Shape): string => `[${run.map(dimText).join(", ")}]`;
    return { size: `..${name}`, expected: text(known), got: text(dims) };
  }
  return undefined;
}

/** Checks the sizes that are known by now. */
function checkRest(
  frame: Frame,
  type: TensorSyntax,
  shape: Shape,
  inferring: boolean,
): (Mismatch & { readonly names: readonly string[] }) | undefined {
  for (const { size, dim } of pairs(type, shape)?.sizes ?? []) {
    if (size.kind === "run" || (inferring && size.kind === "name" && isInferred(frame, size.name))) continue;
    const expected = sizeOf(frame, size);
    if (expected === undefined || sameDim(expected, dim)) continue;
    const text = textOf(size.span);
    return { size: text, expected: dimText(expected), got: dimText(dim), names: text.match(/[A-Za-z_]\w*/g) ?? [] };
  }
  return undefined;
}

function mismatch(
  frame: Frame,
  { param, operand }: Bound,
  value: Value,
  expected: string,
  notes: readonly Note[],
  problem?: Mismatch,
): Value {
  if (value.kind !== "tensor") return poison;
  const caller = callerOf(frame);
  const facts = {
    fn: frame.name,
    param: param.name.text,
    expected,
    got: typeText(value.builder.type(value.node)),
    text: shorten(textOf(operand.span)),
    size: problem?.size ?? "",
    sizeExpected: problem?.expected ?? "",
    sizeGot: problem?.got ?? "",
  };
  const declared: Note[] = [{ message: `\`${param.name.text}\` of ${frame.name} is declared here`, span: param.span }];
  const places = [...notes, ...factsOf(value.builder, value.node, operand.span), ...declared];
  return report(caller, diagnose(shapes, "shape/argument", operand.span, facts, places));
}

const isShape = (run: Run | undefined): run is Shape => run !== undefined && run !== "unknown";

/** Checks a value against a written result type; a known number becomes a tensor. */
export function checkResult(frame: Frame, what: string, type: Type, operand: Operand): Value {
  if (operand.value.kind === "poison") return poison;
  const free =
    type.kind === "tensor" &&
    type.sizes.some((size) => size.kind === "run" && !isShape(frame.runs.get(size.name?.text ?? "")));
  const site = { frame, span: operand.span };
  if (free) return operand.value;
  const wanted = writtenType(frame, type);
  if (!wanted) return operand.value;
  const node = toTensor(site, operand, what, wanted.dtype);
  if (node === undefined) return poison;
  const got = frame.pass.builder.type(node);
  if (got.dtype === wanted.dtype && sameShape(got.shape, wanted.shape)) return tensorValue(frame.pass.builder, node);
  const facts = { what, expected: typeText(wanted), got: typeText(got), written: shorten(textOf(type.span)) };
  const notes = [
    ...factsOf(frame.pass.builder, node, operand.span),
    { message: "the type it should have", span: type.span },
  ];
  report(frame, diagnose(shapes, "shape/result", operand.span, facts, notes));
  return standIn(site, wanted);
}
