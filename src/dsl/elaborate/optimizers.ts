// The update of a step: which optimizer a parameter has, its evaluation for each parameter, sums over parameters.
import { diagnose } from "../../base/diagnostic.ts";
import { model } from "../../base/diagnostics/model.ts";
import type { Span } from "../../base/span.ts";
import type { NodeId, Update } from "../../ir/graph.ts";
import { sameType, typeText } from "../../ir/types.ts";
import type { FileScope } from "../resolve.ts";
import { describe, isPoisoned, nameOf, tensorValue, type Value } from "../values.ts";
import { call } from "./calls.ts";
import { type Frame, type Hint, type Pass, report, rootFrame, type Slot, type Totals } from "./context.ts";
import { stageOf } from "./expressions.ts";
import { plain } from "./make.ts";
import type { TrainBlock } from "./train.ts";

type OptimizerEntry = TrainBlock["optimizers"][number];

/** Whether `prefix` is the path of a parameter, or of something it is in. */
const isBelow = (name: string, prefix: string): boolean =>
  prefix === "" || name === prefix || name.startsWith(`${prefix}.`);

export const isFrozen = (name: string, freeze: TrainBlock["freeze"]): boolean =>
  freeze.some(({ pattern }) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));

/** The entry of each parameter that is to be trained; entries and patterns that fit nothing are reported. */
function assign(pass: Pass, block: TrainBlock, trained: readonly Slot[]): Map<OptimizerEntry, Slot[]> {
  const { session } = pass;
  const groups = new Map<OptimizerEntry, Slot[]>(block.optimizers.map((entry) => [entry, []]));
  for (const slot of trained) {
    let best: OptimizerEntry | undefined;
    for (const entry of block.optimizers) {
      if (isBelow(slot.name, entry.path) && (!best || entry.path.length > best.path.length)) best = entry;
    }
    if (best) groups.get(best)!.push(slot);
    else if (block.optimizers.length > 0) {
      session.report(diagnose(model, "model/not-optimized", slot.origin.span, { name: slot.name }));
    }
  }
  const all = [...session.slots.values()].filter(({ kind }) => kind === "param").map(({ name }) => name);
  for (const entry of block.optimizers) {
    if (entry.path === "" || all.some((name) => isBelow(name, entry.path))) continue;
    session.report(
      diagnose(model, "model/no-such-path", entry.span, {
        what: `optimizer.${entry.path}`,
        path: entry.path,
        known: shown(all),
      }),
    );
  }
  return groups;
}

const shown = (names: readonly string[]): string =>
  names.slice(0, 8).join(", ") + (names.length > 8 ? `, and ${names.length - 8} more` : "");

export function checkPaths(pass: Pass, block: TrainBlock): void {
  const names = [...pass.session.slots.values()].filter(({ kind }) => kind === "param").map(({ name }) => name);
  for (const { pattern, span } of block.freeze) {
    if (names.some((name) => isFrozen(name, [{ pattern, span }]))) continue;
    pass.session.report(
      diagnose(model, "model/no-such-path", span, { what: "freeze", path: pattern, known: shown(names) }),
    );
  }
  for (const { prefix, origin } of block.config.init) {
    if (prefix === "" || names.some((name) => isBelow(name, prefix))) continue;
    const facts = { what: `init.${prefix}`, path: prefix, known: shown(names) };
    pass.session.report(diagnose(model, "model/no-such-path", origin.span, facts));
  }
}

/** Evaluates each entry for its parameters; the updates of states go to the pass's sink. */
export function applyOptimizers(
  pass: Pass,
  scope: FileScope,
  block: TrainBlock,
  loss: NodeId,
  trained: readonly Slot[],
): Update[] {
  pass.role = "update";
  const updates: Update[] = [];
  for (const [entry, slots] of assign(pass, block, trained)) {
    if (slots.length === 0) continue;
    updates.push(...new Group(pass, scope, entry, loss).updates(slots, trained));
  }
  return updates;
}

class Group {
  private readonly pass: Pass;
  private readonly scope: FileScope;
  private readonly entry: OptimizerEntry;
  private readonly loss: NodeId;
  private readonly frame: Frame;
  private readonly stage: ReturnType<typeof stageOf>;

  constructor(pass: Pass, scope: FileScope, entry: OptimizerEntry, loss: NodeId) {
    this.pass = pass;
    this.scope = scope;
    this.entry = entry;
    this.loss = loss;
    this.frame = rootFrame(pass, scope, "optimizer");
    this.stage = stageOf(this.frame, entry.value);
  }

  updates(slots: readonly Slot[], all: readonly Slot[]): Update[] {
    if (isPoisoned(this.stage.callee)) return [];
    const known = new Map<string, NodeId>();
    for (;;) {
      const totals: Totals = { known, found: new Map() };
      const outer = this.pass.sink;
      this.pass.sink = new Map();
      const updates = slots.flatMap((slot) => this.update(slot, totals));
      const sink = this.pass.sink;
      this.pass.sink = outer;
      if (totals.found.size === 0) {
        for (const [target, pending] of sink) outer.set(target, pending);
        return updates;
      }
      if ([...totals.found.values()].some(({ everywhere }) => everywhere)) this.collectOthers(slots, all, totals);
      if (!this.finish(totals, known)) return [];
    }
  }

  /** Adds up the places that depend on no unfinished one. */
  private finish(totals: Totals, known: Map<string, NodeId>): boolean {
    const site = { frame: this.frame, span: this.entry.span };
    const clean = [...totals.found].filter(([, { clean }]) => clean);
    for (const [place, { values }] of clean) {
      known.set(
        place,
        values.reduce((sum, value) => plain(site, "add", [sum, value])),
      );
    }
    const stuck = [...totals.found.values()][0]!;
    if (clean.length === 0) report(this.frame, diagnose(model, "model/total-order", stuck.span, {}));
    return clean.length > 0;
  }

  /** `total(…, groups = all)`: evaluated for the parameters of other entries too, for its sums alone. */
  private collectOthers(own: readonly Slot[], all: readonly Slot[], totals: Totals): void {
    const { session } = this.pass;
    const before = new Set(session.slots.keys());
    const outer = this.pass.sink;
    this.pass.sink = new Map();
    const narrow = new Map([...totals.found].map(([place, { values }]) => [place, values.length]));
    for (const slot of all) if (!own.includes(slot)) this.update(slot, totals);
    for (const [place, found] of totals.found) if (!found.everywhere) found.values.length = narrow.get(place) ?? 0;
    this.pass.sink = outer;
    for (const name of session.slots.keys()) {
      if (before.has(name)) continue;
      session.slots.delete(name);
      session.initial.delete(name);
    }
  }

  private update(slot: Slot, totals: Totals): Update[] {
    const { pass, entry } = this;
    const b = pass.builder;
    const attrs = { name: slot.name, dtype: slot.type.dtype, shape: slot.type.shape };
    const site = { frame: this.frame, span: entry.span };
    const p = b.withOrigins([slot.origin], () => b.node("param", [], attrs));
    const g = plain(site, "grad", [this.loss, p]);
    const group = entry.path === "" ? "" : `${entry.path}.`;
    const path = slot.name.split(".");
    const base = path.length;
    const optimizer = { param: slot.name, base, group, totals, seen: new Map<string, number>(), stopped: false };
    const frame: Frame = { ...rootFrame(pass, this.scope, "optimizer"), path, optimizer };
    const held = (value: Value): { value: Value; span: Span } => ({ value, span: entry.value.span });
    const args = [held(tensorValue(b, p)), held(tensorValue(b, g)), ...this.stage.args];
    const { callee } = this.stage;
    const hint: Hint | undefined = callee.kind === "function" ? { kind: "bound", name: nameOf(callee) } : undefined;
    const value = call({ frame, span: entry.value.span, hint }, callee, entry.value.span, args);
    if (isPoisoned(value)) return [];
    if (value.kind !== "tensor" || !sameType(b.type(value.node), slot.type)) {
      const got = value.kind === "tensor" ? typeText(b.type(value.node)) : describe(value);
      report(
        frame,
        diagnose(model, "model/optimizer-value", entry.value.span, { name: slot.name, type: typeText(slot.type), got }),
      );
      return [];
    }
    return [{ slot: p, next: value.node }];
  }
}
