// The declarations that make a program run: a model on its columns, the loss on its results, metrics on the loss's names.
import { diagnose } from "../../base/diagnostic.ts";
import { model as modelCodes } from "../../base/diagnostics/model.ts";
import { types } from "../../base/diagnostics/types.ts";
import type { Span } from "../../base/span.ts";
import { suggest } from "../../base/suggest.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { ColumnInfo } from "../../ir/module.ts";
import { typeText } from "../../ir/types.ts";
import type { Decl } from "../ast.ts";
import { type FileScope, lookUp } from "../resolve.ts";
import { isPoisoned, type ModelDecl, poison, type Value } from "../values.ts";
import { gradTargetsOf } from "../walk.ts";
import { builtins } from "./builtins.ts";
import { call, checkResults } from "./calls.ts";
import { type ColumnSource, declareColumn } from "./columns.ts";
import { type Frame, type Pass, report, rootFrame } from "./context.ts";
import { globalValue } from "./expressions.ts";
import { cast, toTensor } from "./make.ts";
import { checkResult } from "./signature.ts";

export interface ModelRun {
  readonly pass: Pass;
  readonly columns: readonly ColumnInfo[];
  /** The values of the inputs, by name; mistakes among them. */
  readonly inputs: ReadonlyMap<string, Value>;
  readonly results: readonly Value[];
  /** Results by the names they have in files; only those that are sound. */
  readonly outputs: ReadonlyMap<string, NodeId>;
}

export function evaluateModel(pass: Pass, scope: FileScope, decl: ModelDecl, source: ColumnSource): ModelRun {
  pass.role = "forward";
  const name = decl.name.text;
  const frame = rootFrame(pass, scope, name, gradTargetsOf(decl.body), `model ${name}`);
  const columns: ColumnInfo[] = [];
  const inputs = new Map<string, Value>();
  for (const param of decl.params) {
    const column = declareColumn(frame, param, "input", source);
    if (column) columns.push(column.info);
    const value = column?.value ?? poison;
    inputs.set(param.name.text, value);
    frame.locals.names.set(param.name.text, { value, span: param.name.span });
  }
  const raw = pass.session.interpreter.body(frame, decl.body);
  const value = decl.results ? checkResults(frame, name, decl.results, raw, decl.body.span) : raw;
  const results = value.kind === "list" ? value.items : [value];
  return { pass, columns, inputs, results, outputs: outputsOf(frame, decl, results) };
}

/** Names the results: as written, else `out`, or `out_0`, `out_1`, … if several. */
function outputsOf(frame: Frame, decl: ModelDecl, results: readonly Value[]): Map<string, NodeId> {
  const outputs = new Map<string, NodeId>();
  const span = resultSpan(decl);
  for (const [i, value] of results.entries()) {
    const named = decl.results?.[i]?.name;
    const name = named?.text ?? (results.length === 1 ? "out" : `out_${i}`);
    const place = named?.span ?? span;
    if (value.kind === "nothing") {
      report(frame, diagnose(types, "type/no-value", span, {}));
      continue;
    }
    const node = toTensor({ frame, span }, { value, span }, `the result of ${decl.name.text}`);
    if (node === undefined) continue;
    if (name === "loss" || outputs.has(name)) report(frame, diagnose(modelCodes, "model/result-name", place, { name }));
    outputs.set(name, node);
  }
  return outputs;
}

/** The last line of a body: what its value is. */
function resultSpan({ body, name }: ModelDecl): Span {
  if (body.kind !== "block") return body.span;
  return body.statements.at(-1)?.span ?? name.span;
}

export interface LossRun {
  /** Absent after a mistake. */
  readonly node?: NodeId;
  readonly columns: readonly ColumnInfo[];
  /** What metrics may name. */
  readonly names: ReadonlyMap<string, Value>;
}

/** First the model's results in order; then, by name, inputs of the model or new columns. */
export function evaluateLoss(
  pass: Pass,
  scope: FileScope,
  decl: Extract<Decl, { kind: "loss" }>,
  model: ModelRun,
  source: ColumnSource,
): LossRun {
  pass.role = "loss";
  const frame = rootFrame(pass, scope, "loss", gradTargetsOf(decl.body));
  const columns: ColumnInfo[] = [];
  const named = new Map<string, Value>();
  for (const [i, param] of decl.params.entries()) {
    const name = param.name.text;
    let value: Value;
    const given = i < model.results.length ? model.results[i] : model.inputs.get(name);
    if (given) {
      const operand = { value: given, span: param.span };
      value = param.type ? checkResult(frame, `\`${name}\` of the loss`, param.type, operand) : given;
    } else if (!param.type) {
      const suggestion = suggest(name, model.inputs.keys());
      const facts = { name, results: model.results.length, suggestion };
      value = report(frame, diagnose(modelCodes, "model/loss-argument", param.name.span, facts));
    } else {
      const column = declareColumn(frame, param, "target", source);
      if (column) columns.push(column.info);
      value = column?.value ?? poison;
    }
    named.set(name, value);
    frame.locals.names.set(name, { value, span: param.name.span });
  }
  const value = pass.session.interpreter.body(frame, decl.body);
  pass.role = "forward";
  const span = decl.body.kind === "block" ? (decl.body.statements.at(-1)?.span ?? decl.keyword) : decl.body.span;
  const node = scalarOf(frame, "loss", value, span);
  return { columns, names: named, ...(node === undefined ? {} : { node }) };
}

/** A float of shape []; metrics of other element types are cast. */
function scalarOf(frame: Frame, what: string, value: Value, span: Span, casts = false): NodeId | undefined {
  if (isPoisoned(value)) return undefined;
  if (value.kind === "nothing") {
    report(frame, diagnose(types, "type/no-value", span, {}));
    return undefined;
  }
  const site = { frame, span };
  const node = toTensor(site, { value, span }, what);
  if (node === undefined) return undefined;
  const type = frame.pass.builder.type(node);
  if (type.shape.length === 0 && (casts || type.dtype === "f32")) return cast(site, node, "f32");
  report(frame, diagnose(modelCodes, "model/not-scalar", span, { what, got: typeText(type) }));
  return undefined;
}

export function evaluateMetrics(
  pass: Pass,
  scope: FileScope,
  decls: readonly Extract<Decl, { kind: "metric" }>[],
  loss: LossRun,
): Map<string, NodeId> {
  pass.role = "metric";
  const outputs = new Map<string, NodeId>();
  for (const decl of decls) {
    const name = decl.name.text;
    const frame = rootFrame(pass, scope, name, decl.body ? gradTargetsOf(decl.body) : undefined);
    const args = decl.params.map((param) => {
      const value = argumentOf(frame, param, loss);
      frame.locals.names.set(param.name.text, { value, span: param.name.span });
      return { value, span: param.span };
    });
    const span = decl.body?.span ?? decl.name.span;
    let value: Value;
    if (decl.body) value = pass.session.interpreter.body(frame, decl.body);
    else {
      const global = lookUp(scope, name);
      const builtin = builtins.get(name);
      const callee: Value | undefined = global
        ? globalValue(frame, name, global, decl.name.span)
        : builtin && { kind: "function", target: { kind: "builtin", builtin }, held: [], frozen: false };
      value = callee
        ? call({ frame, span: decl.span }, callee, decl.name.span, args)
        : report(frame, diagnose(modelCodes, "model/metric-function", decl.name.span, { name }));
    }
    const node = scalarOf(frame, `metric ${name}`, value, span, true);
    if (node !== undefined) outputs.set(name, node);
  }
  pass.role = "forward";
  return outputs;
}

function argumentOf(frame: Frame, param: Extract<Decl, { kind: "metric" }>["params"][number], loss: LossRun): Value {
  const name = param.name.text;
  const value = loss.names.get(name);
  if (!value) {
    const known = [...loss.names.keys()];
    const facts = { name, known: known.join(", "), suggestion: suggest(name, known) };
    return report(frame, diagnose(modelCodes, "model/metric-argument", param.name.span, facts));
  }
  if (!param.type) return value;
  return checkResult(frame, `\`${name}\` of the metric`, param.type, { value, span: param.span });
}
