// Bodies: bindings, `param`, `state`, `<-` and `for`. A body's value is its last expression.
import { diagnose } from "../../base/diagnostic.ts";
import { types } from "../../base/diagnostics/types.ts";
import type { Body, Expr, Stmt } from "../ast.ts";
import { bindingText, describe, isPoisoned, nothing, poison, type Value } from "../values.ts";
import { listMembers } from "./builtin.ts";
import { asVariable } from "./calls.ts";
import { type Frame, findLocal, type Hint, type Locals, originOf, report } from "./context.ts";
import { expression, itemValue } from "./expressions.ts";
import type { Operand } from "./make.ts";
import { declareSlot, update } from "./slots.ts";

export function body(frame: Frame, of: Body): Value {
  if (of.kind !== "block") return expression(frame, of);
  let value: Value = nothing;
  for (const statement of of.statements) value = execute(frame, statement);
  return value;
}

/** Runs a statement; only an expression has a value. */
function execute(frame: Frame, statement: Stmt): Value {
  switch (statement.kind) {
    case "param":
    case "state": {
      const local = declareSlot(frame, statement);
      frame.locals.names.set(statement.name.text, local);
      note(frame, statement.name.text, local.value, statement.name.span);
      return nothing;
    }
    case "bind":
      bind(frame, statement);
      return nothing;
    case "update": {
      const local = findLocal(frame, statement.name.text);
      const value = expression(frame, statement.value, { kind: "bound", name: statement.name.text });
      if (local) update(frame, statement, local, value);
      return nothing;
    }
    case "for":
      loop(frame, statement);
      return nothing;
    case "expr":
      return expression(frame, statement.value);
  }
}

/** The names' own scope: this one, or inside a `for` the outer one where the name is bound already. */
function scopeOf(frame: Frame, name: string): Locals {
  for (let at: Locals | undefined = frame.locals; at; at = at.outer) if (at.names.has(name)) return at;
  return frame.locals;
}

function bind(frame: Frame, statement: Extract<Stmt, { kind: "bind" }>): void {
  const [first] = statement.names;
  const single = statement.names.length === 1 ? first : undefined;
  const rebinds = single !== undefined && scopeOf(frame, single.text) !== frame.locals;
  const hint: Hint | undefined = single && (rebinds ? { kind: "rebinds" } : { kind: "bound", name: single.text });
  const value = expression(frame, statement.value, hint);
  for (const [i, name] of statement.names.entries()) {
    const own = single ? value : partOf(frame, statement, value, i);
    const kept = asVariable(frame, name.text, usable(frame, own, statement.value));
    if (kept.kind === "tensor" && kept.builder.at(kept.node).inputs.length > 0) {
      kept.builder.label(kept.node, name.text, frame.path);
    }
    scopeOf(frame, name.text).names.set(name.text, { value: kept, span: name.span });
    note(frame, name.text, kept, name.span);
  }
}

function usable(frame: Frame, value: Value, expr: Expr): Value {
  if (value.kind !== "nothing") return value;
  return report(frame, diagnose(types, "type/no-value", expr.span, {}));
}

/** `a, b = f(x)`: as many names as items. */
function partOf(frame: Frame, statement: Extract<Stmt, { kind: "bind" }>, value: Value, index: number): Value {
  if (value.kind === "poison") return poison;
  if (value.kind === "list" && value.items.length === statement.names.length) return value.items[index]!;
  if (isPoisoned(value)) return poison;
  const facts = {
    count: statement.names.length,
    got: describe(value),
    items: value.kind === "list" ? value.items.length : 0,
  };
  return report(frame, diagnose(types, "type/unpack", statement.value.span, facts));
}

/** For tools that show the type of every binding. */
function note(frame: Frame, name: string, value: Value, span: Stmt["span"]): void {
  const { pass } = frame;
  if (value.kind === "poison" || frame.scope.library || pass.role === "init" || !pass.records) return;
  const path = [...frame.path, name].join(".") + frame.rounds;
  pass.session.bindings.push({
    name: path,
    type: bindingText(value),
    origin: { ...originOf(frame, span), label: name },
  });
}

/** Unrolls: names bound outside may be rebound; new names live for one round. */
function loop(frame: Frame, statement: Extract<Stmt, { kind: "for" }>): void {
  const over = statement.over;
  if (over.kind === "rest") {
    report(frame, diagnose(types, "type/no-run", over.span, {}));
    return;
  }
  const operand: Operand = { value: itemValue(frame, over), span: over.span };
  const members = listMembers({ frame, span: over.span }, operand, "what `for` goes over");
  const { session } = frame.pass;
  if (!members || !session.spend(frame, members.length, over.span)) return;
  const { locals, rounds } = frame;
  const counts = new Map(frame.counts);
  const most = new Map(counts);
  for (const [i, member] of members.entries()) {
    frame.locals = {
      names: new Map([[statement.name.text, { value: member.value, span: statement.name.span }]]),
      outer: locals,
    };
    if (session.exhausted) break;
    frame.rounds = `${rounds}_${i}`;
    // A call keeps its count through the rounds, which tell it apart: `linear_0_0`, `linear_0_1`.
    frame.counts = new Map(counts);
    body(frame, statement.body);
    for (const [name, count] of frame.counts) most.set(name, Math.max(count, most.get(name) ?? 0));
  }
  frame.counts = most;
  frame.locals = locals;
  frame.rounds = rounds;
}
