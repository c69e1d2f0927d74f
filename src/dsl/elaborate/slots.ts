// `param` and `state`: the tensors that live between steps. Their names, who shares them, and their start values.
import { diagnose } from "../../base/diagnostic.ts";
import { limits as limitCodes } from "../../base/diagnostics/limits.ts";
import { model } from "../../base/diagnostics/model.ts";
import { names } from "../../base/diagnostics/names.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { textOf } from "../../base/span.ts";
import type { NodeId } from "../../ir/graph.ts";
import { broadcastShapes } from "../../ir/ops/build.ts";
import {
  countAt,
  type DType,
  isStatic,
  type Shape,
  sameShape,
  sameType,
  type TensorType,
  typeText,
} from "../../ir/types.ts";
import type { Stmt } from "../ast.ts";
import { poison, tensorValue, type Value } from "../values.ts";
import { type Frame, type Local, originOf, report, shorten, type UpdateTarget } from "./context.ts";
import { cast, type Operand, plain, standIn, toTensor } from "./make.ts";
import { writtenType } from "./signature.ts";

type SlotStmt = Extract<Stmt, { kind: "param" | "state" }>;

/** Declares a slot, or meets it again through another use of the function that shares it. */
export function declareSlot(frame: Frame, statement: SlotStmt): Local {
  const span = statement.name.span;
  const failed: Local = { value: poison, span };
  if (statement.kind === "param" && frame.optimizer) {
    report(frame, diagnose(model, "model/param-in-optimizer", span, { name: statement.name.text }));
    return failed;
  }
  if (frame.pass === frame.pass.session.init) {
    report(
      frame,
      diagnose(model, "model/slot-in-start-value", span, { name: statement.name.text, kind: statement.kind }),
    );
    return failed;
  }
  const name = slotName(frame, statement);
  if (!meets(frame, name, statement)) return failed;
  const declared = statement.type && writtenType(frame, statement.type);
  if (statement.type && !declared) return failed;
  if (declared && !mayBeStored(frame, statement, declared)) return failed;
  const { session, builder } = frame.pass;
  let slot = session.slots.get(name);
  if (!slot) {
    const initial = startValue(frame, statement, name, declared);
    if (!initial) return declared ? { value: standIn({ frame, span }, declared), span } : failed;
    const origin = { ...originOf(frame, statement.span), label: name };
    slot = {
      name,
      kind: statement.kind,
      type: initial.type,
      optimizer: frame.optimizer !== undefined,
      declaration: statement,
      owner: frame.use.of,
      origin,
    };
    session.slots.set(name, slot);
    session.initial.set(name, initial.node);
  } else if (declared && !sameType(slot.type, declared)) {
    const facts = { name, first: typeText(slot.type), now: typeText(declared) };
    const notes = slot.origin.span ? [{ message: `first used as ${typeText(slot.type)}`, span: slot.origin.span }] : [];
    report(frame, diagnose(shapes, "shape/shared", span, facts, notes));
    return { value: standIn({ frame, span }, declared), span };
  }
  const attrs = { name, dtype: slot.type.dtype, shape: slot.type.shape };
  const node = builder.withOrigins([slot.origin], () => builder.node(statement.kind, [], attrs));
  if (statement.kind === "state")
    return { value: tensorValue(builder, node), span, target: targetOf(frame, name, node) };
  const value = frame.frozen ? plain({ frame, span }, "stop_gradient", [node]) : node;
  return { value: tensorValue(builder, value), span };
}

/** `fc1.weight`; a state of an optimizer is `optimizer.STATE.PARAMETER`, with the inner optimizer's name where two share one. */
function slotName(frame: Frame, statement: SlotStmt): string {
  const own = statement.name.text;
  if (!frame.optimizer) return [...frame.path, own].join(".");
  const simple = `optimizer.${own}.${frame.optimizer.param}`;
  const known = frame.pass.session.slots.get(simple);
  return known && known.declaration !== statement ? `optimizer.${frame.name}.${own}.${frame.optimizer.param}` : simple;
}

/** Whether the name may be met here: new in this graph, or through another use of the same shared function. */
function meets(frame: Frame, name: string, statement: SlotStmt): boolean {
  const { session, met } = frame.pass;
  const before = met.get(name);
  const slot = session.slots.get(name);
  const another = slot !== undefined && (slot.declaration !== statement || slot.owner !== frame.use.of);
  if (another || before === frame.use.use) {
    const span = statement.name.span;
    const notes = slot?.origin.span ? [{ message: `\`${name}\` is declared here first`, span: slot.origin.span }] : [];
    report(
      frame,
      diagnose(names, "name/slot-twice", frame.caller?.span ?? span, { name, kind: statement.kind }, notes),
    );
    return false;
  }
  met.set(name, frame.use.use);
  return true;
}

function targetOf(frame: Frame, name: string, node: NodeId): UpdateTarget {
  const { targets, builder } = frame.pass;
  const known = targets.get(name);
  if (known) return known;
  const target: UpdateTarget = { name, type: builder.type(node), old: node };
  targets.set(name, target);
  return target;
}

/** Slots have one size for every batch, fit the memory, and parameters are f32. */
function mayBeStored(frame: Frame, statement: SlotStmt, type: TensorType): boolean {
  const name = statement.name.text;
  const span = statement.type?.span ?? statement.name.span;
  if (!type.shape.every(isStatic)) {
    report(frame, diagnose(shapes, "shape/rows-in-slot", span, { kind: statement.kind, name, type: typeText(type) }));
    return false;
  }
  if (statement.kind === "param" && type.dtype !== "f32") {
    report(frame, diagnose(model, "model/param-dtype", span, { name, type: typeText(type) }));
    return false;
  }
  const limit = frame.pass.session.limits.bytes;
  const bytes = countAt(type.shape, 1) * 4;
  if (bytes <= limit) return true;
  report(frame, diagnose(limitCodes, "limit/size", span, { name, type: typeText(type), bytes, limit }));
  return false;
}

/** The start value, in the graph of start values, brought to the declared type or giving the type. */
function startValue(
  frame: Frame,
  statement: SlotStmt,
  name: string,
  declared: TensorType | undefined,
): { readonly node: NodeId; readonly type: TensorType } | undefined {
  const { session } = frame.pass;
  const pass = session.init;
  pass.place = `init/${name}/`;
  const initFrame: Frame = {
    ...frame,
    pass,
    path: [],
    training: false,
    rounds: "",
    counts: new Map(),
    initShape: declared?.shape ?? frame.initShape,
  };
  const operand: Operand = {
    value: session.interpreter.expression(initFrame, statement.init),
    span: statement.init.span,
  };
  const site = { frame: initFrame, span: statement.init.span };
  const dtype = (declared?.dtype ?? (statement.kind === "param" ? "f32" : undefined)) as DType | undefined;
  const found = toTensor(site, operand, "a start value", dtype);
  if (found === undefined) return undefined;
  const type = pass.builder.type(found);
  if (!declared) {
    const kept = statement.kind === "param" ? cast(site, found, "f32") : found;
    const own = pass.builder.type(kept);
    return mayBeStored(frame, statement, own) ? { node: kept, type: own } : undefined;
  }
  const fits = broadcastShapes(type.shape, declared.shape);
  const narrows = declared.dtype !== "f32" && type.dtype === "f32";
  if (!fits || !sameShape(fits, declared.shape) || narrows) {
    const facts = {
      name,
      declared: typeText(declared),
      got: typeText(type),
      text: shorten(textOf(statement.init.span)),
    };
    report(frame, diagnose(shapes, "shape/start-value", statement.init.span, facts));
    return undefined;
  }
  const typed = cast(site, found, declared.dtype as DType);
  return { node: stretched(site, typed, declared.shape), type: declared };
}

function stretched(site: Parameters<typeof plain>[0], node: NodeId, shape: Shape): NodeId {
  const now = site.frame.pass.builder.type(node).shape;
  return sameShape(now, shape) ? node : plain(site, "broadcast", [node], { shape });
}

/** `v <- e`: what the state will be after this step; in an optimizer, what the parameter will be. */
export function update(frame: Frame, statement: Extract<Stmt, { kind: "update" }>, local: Local, value: Value): void {
  const { target } = local;
  const { span } = statement;
  if (!target || value.kind === "poison") return;
  const { sink, builder } = frame.pass;
  const earlier = sink.get(target);
  if (earlier) {
    const notes = [{ message: "it is updated here first", span: earlier.span }];
    report(frame, diagnose(names, "name/updated-twice", span, { name: target.name }, notes));
    return;
  }
  const site = { frame, span: statement.value.span };
  const node = toTensor(site, { value, span: statement.value.span }, "an update", target.type.dtype as DType);
  if (node === undefined) return;
  const type = builder.type(node);
  const fits = broadcastShapes(type.shape, target.type.shape);
  const narrows = type.dtype !== target.type.dtype && (target.type.dtype === "bool" || type.dtype === "f32");
  if (!fits || !sameShape(fits, target.type.shape) || narrows) {
    const facts = { name: target.name, declared: typeText(target.type), got: typeText(type) };
    report(frame, diagnose(shapes, "shape/update", statement.value.span, facts));
    return;
  }
  const next = stretched(site, cast(site, node, target.type.dtype as DType), target.type.shape);
  sink.set(target, { next, span });
}
