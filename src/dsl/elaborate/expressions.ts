// Expressions -> values. Depth is bounded by the parser and by `deeper`; long chains are flat lists.
import { diagnose } from "../../base/diagnostic.ts";
import { limits as limitCodes } from "../../base/diagnostics/limits.ts";
import { model as modelCodes } from "../../base/diagnostics/model.ts";
import { names } from "../../base/diagnostics/names.ts";
import { types } from "../../base/diagnostics/types.ts";
import { type Span, textOf } from "../../base/span.ts";
import { suggest } from "../../base/suggest.ts";
import type { NodeId } from "../../ir/graph.ts";
import { dimText } from "../../ir/types.ts";
import type { Arg, Branch, Expr, Item } from "../ast.ts";
import { type Global, lookUp } from "../resolve.ts";
import {
  describe,
  type HeldArg,
  isPoisoned,
  list,
  number,
  poison,
  sizeValue,
  tensorValue,
  truth,
  type Value,
} from "../values.ts";
import { wholeNumber } from "./builtin.ts";
import { builtins } from "./builtins.ts";
import { type CallSite, call } from "./calls.ts";
import {
  enter,
  type Frame,
  findLocal,
  type Hint,
  leave,
  originOf,
  type Pass,
  report,
  rootFrame,
  type Sink,
  shorten,
} from "./context.ts";
import { type IndexItem, indexValue } from "./indexing.ts";
import { here, make, type Operand, plain, type Site } from "./make.ts";
import { arithmetic, asTruth, choose, compare, logic, negate, negateTruth } from "./operators.ts";
import { specialNames, stepScalars } from "./special-names.ts";

/** Lists inside lists inside lists. */
const listDepthLimit = 64;

/** The value of an expression. Kept slim, as all below: these frames are what deep nesting fills the stack with. */
export function expression(frame: Frame, expr: Expr, hint?: Hint): Value {
  if (frame.pass.session.exhausted || !enter(frame, expr.span)) return poison;
  const value = evaluate(frame, expr, hint);
  leave(frame);
  return value;
}

function evaluate(frame: Frame, expr: Expr, hint: Hint | undefined): Value {
  switch (expr.kind) {
    case "number":
      return number(expr.value);
    case "string":
      return { kind: "string", value: expr.value };
    case "bool":
      return truth(expr.value);
    case "name":
      return nameValue(frame, expr.name, expr.span);
    case "list":
      return listValue(frame, expr);
    case "if":
      return choice(frame, expr, hint);
    case "pipe":
      return pipe(frame, expr, hint);
    case "chain":
      return chain(frame, expr);
    case "compare":
      return compare(siteOf(frame, expr), expr.op, operand(frame, expr.left), operand(frame, expr.right));
    case "unary":
      if (expr.op === "-") return negate(siteOf(frame, expr), operand(frame, expr.value));
      return negateTruth(siteOf(frame, expr), operand(frame, expr.value));
    case "power":
      return arithmetic(siteOf(frame, expr), "**", operand(frame, expr.base), operand(frame, expr.exponent));
    case "call":
      return callExpression(frame, expr, hint);
    case "index":
      return indexExpression(frame, expr);
    case "member":
      return member(frame, expr);
    case "error":
      frame.pass.session.unreadable = true;
      return poison;
  }
}

const siteOf = (frame: Frame, { span }: Expr): Site => ({ frame, span });
const operand = (frame: Frame, expr: Expr): Operand => ({ value: expression(frame, expr), span: expr.span });

function callExpression(frame: Frame, expr: Extract<Expr, { kind: "call" }>, hint: Hint | undefined): Value {
  const callee = expression(frame, expr.callee);
  return call({ frame, span: expr.span, hint }, callee, expr.callee.span, heldArgs(frame, expr.args));
}

function indexExpression(frame: Frame, expr: Extract<Expr, { kind: "index" }>): Value {
  const value = operand(frame, expr.value);
  const items = expr.items.map((item) => indexItem(frame, item));
  return indexValue(siteOf(frame, expr), value, items);
}

// ---- Names ----

function nameValue(frame: Frame, name: string, span: Span): Value {
  const local = findLocal(frame, name);
  if (local) return localValue(frame, local.value, span);
  const global = lookUp(frame.scope, name);
  if (global) return globalValue(frame, name, global, span);
  const special = specialNames.get(name);
  if (special) {
    if (frame.pass === frame.pass.session.init && stepScalars.includes(name)) {
      return report(frame, diagnose(types, "type/start-value", span, { source: name, text: name }));
    }
    return special({ frame, span });
  }
  const builtin = builtins.get(name);
  if (builtin) return { kind: "function", target: { kind: "builtin", builtin }, held: [], frozen: false };
  return poison; // Unknown: reported by check-names.
}

/** A tensor of another graph is copied into this one: start values may use constants and other parameters. */
function localValue(frame: Frame, value: Value, span: Span): Value {
  if (value.kind !== "tensor" || value.builder === frame.pass.builder) return value;
  const node = here({ frame, span }, { value, span });
  return node === undefined ? poison : tensorValue(frame.pass.builder, node);
}

export function globalValue(frame: Frame, name: string, global: Global, span: Span): Value {
  if (global.kind === "namespace") return { kind: "namespace", name: global.name, scope: global.scope };
  const { decl, scope } = global;
  if (scope.ambiguous.has(decl.name.text)) return poison;
  if (decl.kind === "fn" || decl.kind === "model" || decl.kind === "optimizer") {
    return { kind: "function", target: { kind: "declared", decl, scope }, held: [], frozen: false };
  }
  const { pass } = frame;
  if (decl.kind === "hyper" && pass === pass.session.init) {
    return report(frame, diagnose(types, "type/start-value", span, { source: name, text: name }));
  }
  const values = pass.globals.get(scope) ?? new Map<string, Value>();
  pass.globals.set(scope, values);
  const known = values.get(decl.name.text);
  if (known) return known;
  values.set(decl.name.text, poison); // A cycle is reported by check-names.
  if (!enter(frame, span)) return poison;
  const value = topLevel(pass, global);
  leave(frame);
  values.set(decl.name.text, value);
  return value;
}

/** The value of a `dim`, a `hyper` or a binding. */
function topLevel(pass: Pass, { decl, scope }: Extract<Global, { kind: "decl" }>): Value {
  const name = decl.name.text;
  const frame = rootFrame(pass, scope, name);
  const written = "value" in decl ? decl.value : undefined;
  if (!written) return poison;
  const { session } = pass;
  if (decl.kind === "binding") return expression(frame, written, { kind: "bound", name });
  const given = operand(frame, written);
  const site = { frame, span: written.span };
  if (decl.kind === "dim") {
    const override = session.options.dims?.get(name);
    const value = wholeNumber(site, given, `dim ${name}`);
    return override !== undefined ? number(override) : value === undefined ? poison : number(value);
  }
  if (given.value.kind !== "number") {
    if (isPoisoned(given.value)) return poison;
    const facts = { what: `hyper ${name}`, expected: "a number known when compiled", got: describe(given.value) };
    return report(frame, diagnose(types, "type/expected", written.span, facts));
  }
  if (stepScalars.includes(name) || name === "loss") {
    return report(frame, diagnose(modelCodes, "model/reserved-scalar", decl.name.span, { name }));
  }
  if (!session.scalars.has(name)) {
    session.scalars.set(name, { name, value: given.value.value, origin: originOf(frame, decl.name.span) });
  }
  return tensorValue(pass.builder, plain(site, "scalar", [], { name }));
}

function member(frame: Frame, expr: Extract<Expr, { kind: "member" }>): Value {
  const value = expression(frame, expr.value);
  const name = expr.name.text;
  if (isPoisoned(value)) return poison;
  if (value.kind === "namespace") {
    const global = value.scope.names.get(name) ?? value.scope.imported.get(name);
    if (global) return globalValue(frame, name, global, expr.span);
    const suggestion = suggest(name, value.scope.names.keys());
    const facts = { name, namespace: value.name, suggestion };
    return report(frame, diagnose(names, "name/no-member", expr.name.span, facts));
  }
  if (value.kind === "tensor" && name === "T") {
    const rank = value.builder.type(value.node).shape.length;
    if (rank < 2) {
      const facts = { text: shorten(textOf(expr.value.span)), got: describe(value) };
      return report(frame, diagnose(types, "type/transpose-rank", expr.span, facts));
    }
    const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2));
    return make({ frame, span: expr.span }, "transpose", [value.node], { perm }, [expr.value.span]);
  }
  return report(frame, diagnose(types, "type/no-member", expr.name.span, { name, got: describe(value) }));
}

// ---- Lists, ranges, items ----

function listValue(frame: Frame, expr: Extract<Expr, { kind: "list" }>): Value {
  const items: Value[] = [];
  for (const item of expr.items) {
    if (item.kind !== "rest") items.push(itemValue(frame, item));
    else items.push(...(runItems(frame, item.span) ?? [poison]));
  }
  const value = list(items);
  if (value.depth <= listDepthLimit) return value;
  return report(frame, diagnose(limitCodes, "limit/nesting", expr.span, { limit: listDepthLimit }));
}

/** `..` in a list: the dimensions that `..` stands for in the signature. */
function runItems(frame: Frame, span: Span): Value[] | undefined {
  const run = frame.runs.get("");
  if (run && run !== "unknown") return run.map(sizeValue);
  if (!run) report(frame, diagnose(types, "type/no-run", span, {}));
  return undefined;
}

/** An expression, or a range with known ends. */
export function itemValue(frame: Frame, item: Exclude<Item, { kind: "rest" }>): Value {
  if (item.kind !== "range") return expression(frame, item);
  const end = (expr: Expr | undefined): number | null | undefined => {
    if (!expr) return null;
    const value = expression(frame, expr);
    if (value.kind === "rows") {
      report(frame, diagnose(types, "type/range-rows", expr.span, { size: dimText({ perRow: value.multiple }) }));
      return undefined;
    }
    return wholeNumber({ frame, span: expr.span }, { value, span: expr.span }, "an end of a range");
  };
  const from = end(item.from);
  const to = end(item.to);
  return from === undefined || to === undefined ? poison : { kind: "range", from, to };
}

const indexItem = (frame: Frame, item: Item): IndexItem =>
  item.kind === "rest"
    ? { kind: "rest", span: item.span }
    : { kind: "value", value: itemValue(frame, item), span: item.span };

export function heldArgs(frame: Frame, args: readonly Arg[]): HeldArg[] {
  return args.map(({ name, value, span }) => {
    const held = (given: Value | "hole", place: Span): HeldArg =>
      name ? { name: name.text, nameSpan: name.span, value: given, span: place } : { value: given, span: place };
    if (value.kind === "hole") return held("hole", span);
    if (value.kind === "rest") {
      const run = runItems(frame, value.span);
      return held(run ? list(run) : poison, span);
    }
    return held(itemValue(frame, value), value.span);
  });
}

// ---- Operators ----

function chain(frame: Frame, expr: Extract<Expr, { kind: "chain" }>): Value {
  let left: Operand = { value: expression(frame, expr.first), span: expr.first.span };
  for (const { op, value: right } of expr.rest) {
    const span = { source: left.span.source, start: left.span.start, end: right.span.end };
    const site = { frame, span };
    if (op === "and" || op === "or") {
      // Known truths decide early, as in Python.
      if (left.value.kind === "bool" && left.value.value === (op === "or")) continue;
      left = { value: logic(site, op, left, { value: expression(frame, right), span: right.span }), span };
    } else left = { value: arithmetic(site, op, left, { value: expression(frame, right), span: right.span }), span };
  }
  return left.value;
}

/** A stage `f(a)` means `f(x, a)`; any other stage is a function of x. The last stage may be named by the binding. */
function pipe(frame: Frame, expr: Extract<Expr, { kind: "pipe" }>, hint: Hint | undefined): Value {
  let value: HeldArg = { value: expression(frame, expr.first), span: expr.first.span };
  for (const [i, stage] of expr.stages.entries()) {
    const span = { ...expr.first.span, end: stage.span.end };
    const site: CallSite = { frame, span: stage.span, hint: i === expr.stages.length - 1 ? hint : undefined };
    value = { value: throughStage(site, stage, [value]), span };
  }
  return value.value as Value;
}

/** Calls a stage with `first` in front of its own arguments. */
function throughStage(site: CallSite, stage: Expr, first: readonly HeldArg[]): Value {
  const { frame } = site;
  const { callee, args } = stageOf(frame, stage);
  return call(site, callee, stage.span, [...first, ...args]);
}

/** The function of a stage and the arguments it has beside what flows in. */
export function stageOf(frame: Frame, stage: Expr): { callee: Value; args: HeldArg[] } {
  if (stage.kind !== "call" || stage.args.some(({ value }) => value.kind === "hole")) {
    return { callee: expression(frame, stage), args: [] };
  }
  return { callee: expression(frame, stage.callee), args: heldArgs(frame, stage.args) };
}

// ---- Choices ----

function choice(frame: Frame, expr: Extract<Expr, { kind: "if" }>, hint: Hint | undefined): Value {
  const site = { frame, span: expr.condition.span };
  const condition = asTruth(site, operand(frame, expr.condition), "the condition of `if`");
  if (condition === undefined) return poison;
  if (typeof condition === "boolean") return branch(frame, condition ? expr.then : expr.else, hint);
  const { pass } = frame;
  const outer = pass.sink;
  const side = (of: Branch): { value: Value; sink: Sink } => {
    pass.sink = new Map();
    const value = branch(frame, of, undefined);
    return { value, sink: pass.sink };
  };
  const yes = side(expr.then);
  const no = side(expr.else);
  pass.sink = outer;
  joinUpdates(frame, expr, condition, yes.sink, no.sink);
  return choose(
    { frame, span: expr.span },
    condition,
    { value: yes.value, span: expr.then.span },
    { value: no.value, span: expr.else.span },
  );
}

function branch(frame: Frame, side: Branch, hint: Hint | undefined): Value {
  if (side.kind !== "block") return expression(frame, side, hint);
  const outer = frame.locals;
  frame.locals = { names: new Map(), outer };
  const value = frame.pass.session.interpreter.body(frame, side);
  frame.locals = outer;
  return value;
}

/** Updates in a side take effect only where that side is chosen; else the old value stays. */
function joinUpdates(frame: Frame, expr: Extract<Expr, { kind: "if" }>, condition: NodeId, yes: Sink, no: Sink): void {
  const { pass } = frame;
  if (yes.size + no.size === 0) return;
  if (pass.builder.type(condition).shape.length > 0) {
    const text = shorten(textOf(expr.condition.span));
    report(frame, diagnose(types, "type/update-condition", expr.condition.span, { text }));
    return;
  }
  for (const target of new Set([...yes.keys(), ...no.keys()])) {
    const span = (yes.get(target) ?? no.get(target))!.span;
    const sides = [yes.get(target)?.next ?? target.old, no.get(target)?.next ?? target.old];
    const next = plain({ frame, span }, "where", [condition, ...sides]);
    const earlier = pass.sink.get(target);
    if (earlier) {
      const notes = [{ message: "it is updated here first", span: earlier.span }];
      report(frame, diagnose(names, "name/updated-twice", span, { name: target.name }, notes));
    } else pass.sink.set(target, { next, span });
  }
}
