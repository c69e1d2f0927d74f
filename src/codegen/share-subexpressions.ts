// Loops -> loops: what does not change in a loop is computed before it, and what a block needs twice is computed once.
// Contract: exact. Before: every scalar spelled out. After: `const`s for shared loads and costly calls. Stays true: nothing moves
// across a store to its buffer or out of a condition.
import { numberText } from "../base/number-text.ts";
import { costOfFn } from "./expr.ts";
import { type Index, type Loop, mapParts, mapPlace, partsOf, type Scalar, variableOf } from "./loops.ts";
import { NameScope } from "./names.ts";

/** `taken`: names of the procedure's head; those declared in the body are found here. */
export function shareSubexpressions(body: readonly Loop[], taken: Iterable<string>): Loop[] {
  const names = new NameScope([...taken, ...changesIn(body).variables]);
  return shareBlock(hoistBlock(body, names), names);
}

// ---- Loop-invariant code ----

function hoistBlock(block: readonly Loop[], names: NameScope): Loop[] {
  /** What the block's constants stand for; loops that stand side by side may hoist the same. */
  const declared = new Map<string, string>();
  return block.flatMap((loop) => {
    if (loop.kind === "let") declared.set(loop.name, keyOf(loop.value));
    if (loop.kind === "if") return [{ ...loop, body: hoistBlock(loop.body, names) }];
    if (loop.kind !== "for") return [loop];
    const hoisted = hoistFrom({ ...loop, body: hoistBlock(loop.body, names) }, names);
    const renames = new Map<string, string>();
    const fresh = hoisted.flatMap((part): Loop[] => {
      if (part.kind !== "let") return [renames.size === 0 ? part : renameVariables(part, renames)];
      const value = renames.size === 0 ? part.value : renameIn(part.value, renames);
      const known = declared.get(part.name);
      if (known === keyOf(value)) return [];
      const name = known === undefined ? part.name : names.numbered(part.name);
      if (name !== part.name) renames.set(part.name, name);
      declared.set(name, keyOf(value));
      return [{ ...part, name, value }];
    });
    return fresh;
  });
}

/** A loop that uses constants under other names. */
function renameVariables(loop: Loop, renames: ReadonlyMap<string, string>): Loop {
  const inner = mapScalars(loop, (scalar) => renameIn(scalar, renames));
  if (inner.kind === "for") {
    const [from, to] = [renameIn(inner.from, renames), renameIn(inner.to, renames)];
    return { ...inner, from, to, body: inner.body.map((part) => renameVariables(part, renames)) };
  }
  return inner.kind === "if" ? { ...inner, body: inner.body.map((part) => renameVariables(part, renames)) } : inner;
}

function renameIn(scalar: Scalar, renames: ReadonlyMap<string, string>): Scalar {
  const index = (i: Index): Index => ({
    ...i,
    terms: i.terms.map((t) => ({ ...t, variable: renames.get(t.variable) ?? t.variable })),
  });
  const renamed = mapParts(scalar, (part) => renameIn(part, renames));
  switch (renamed.kind) {
    case "var":
      return { ...renamed, name: renames.get(renamed.name) ?? renamed.name };
    case "index":
      return { ...renamed, index: index(renamed.index) };
    case "whole":
      return { ...renamed, of: index(renamed.of) };
    case "load":
      return { ...renamed, at: { ...renamed.at, index: index(renamed.at.index) } };
    default:
      return renamed;
  }
}

/** The loop, preceded by what it need not repeat. Inner loops have already given theirs to its body. */
function hoistFrom(loop: Extract<Loop, { kind: "for" }>, names: NameScope): Loop[] {
  const changing = changesIn(loop.body);
  changing.variables.add(loop.variable);
  const before: Loop[] = [];
  const hoisted = new Map<string, Scalar>();
  const lift = (scalar: Scalar): Scalar => {
    if (!isShareable(scalar) || !isFixed(scalar, changing)) return mapUnconditional(scalar, lift);
    const key = keyOf(scalar);
    const known = hoisted.get(key);
    if (known) return known;
    const name = names.numbered(nameFor(scalar));
    before.push({ kind: "let", name, value: scalar, mutable: false });
    const variable: Scalar = variableOf(name, scalar);
    hoisted.set(key, variable);
    return variable;
  };
  const body: Loop[] = [];
  for (const inner of loop.body) {
    if (inner.kind === "let" && !inner.mutable && isFixed(inner.value, changing)) {
      before.push(inner);
      changing.variables.delete(inner.name);
    } else body.push(mapScalars(inner, lift));
  }
  return [...before, { ...loop, body }];
}

export interface Changes {
  readonly variables: Set<string>;
  readonly buffers: Set<string>;
}

function changesIn(body: readonly Loop[]): Changes {
  const changes: Changes = { variables: new Set(), buffers: new Set() };
  const stack = [...body];
  for (let loop = stack.pop(); loop; loop = stack.pop()) {
    if (loop.kind === "for") {
      changes.variables.add(loop.variable);
      stack.push(...loop.body);
    } else if (loop.kind === "if") stack.push(...loop.body);
    else if (loop.kind === "let" || loop.kind === "assign") changes.variables.add(loop.name);
    else if (loop.kind === "store" || loop.kind === "clear") changes.buffers.add(loop.buffer);
  }
  return changes;
}

/** Whether nothing that it reads changes. */
export function isFixed(scalar: Scalar, changes: Changes): boolean {
  const fixedIndex = (index: Index): boolean => index.terms.every((t) => !changes.variables.has(t.variable));
  if (!partsOf(scalar).every((part) => isFixed(part, changes))) return false;
  switch (scalar.kind) {
    case "var":
      return !changes.variables.has(scalar.name);
    case "index":
      return fixedIndex(scalar.index);
    case "whole":
      return fixedIndex(scalar.of);
    case "load":
      return !changes.buffers.has(scalar.buffer) && fixedIndex(scalar.at.index);
    default:
      return true;
  }
}

// ---- Common subexpressions of one block ----

function shareBlock(block: readonly Loop[], names: NameScope): Loop[] {
  const counts = new Map<string, number>();
  const epochs = new Epochs();
  for (const loop of block) {
    const count = (scalar: Scalar): Scalar => {
      if (isShareable(scalar)) {
        const key = epochs.key(scalar);
        const known = counts.get(key) ?? 0;
        counts.set(key, known + 1);
        if (known > 0) return scalar;
      }
      return mapUnconditional(scalar, count);
    };
    mapScalars(loop, count);
    epochs.pass(loop);
  }

  const again = new Epochs();
  const result: Loop[] = [];
  const known = new Map<string, Scalar>();
  for (const loop of block) {
    const replace = (scalar: Scalar): Scalar => {
      const key = isShareable(scalar) ? again.key(scalar) : "";
      if (key === "" || (counts.get(key) ?? 0) < 2) return mapUnconditional(scalar, replace);
      const seen = known.get(key);
      if (seen) return seen;
      const name = names.numbered(nameFor(scalar));
      result.push({ kind: "let", name, value: mapUnconditional(scalar, replace), mutable: false });
      const variable: Scalar = variableOf(name, scalar);
      known.set(key, variable);
      return variable;
    };
    const shared = mapScalars(loop, replace);
    if (shared.kind === "for") result.push({ ...shared, body: names.scoped(() => shareBlock(shared.body, names)) });
    else if (shared.kind === "if") result.push({ ...shared, body: shareBlock(shared.body, names) });
    else result.push(shared);
    again.pass(loop);
  }
  return result;
}

/** Tells loads before a store from those after it, and readings of a variable before an assignment from those after. */
class Epochs {
  private readonly stores = new Map<string, number>();

  key(scalar: Scalar): string {
    const marks: string[] = [];
    const visit = (s: Scalar): void => {
      if (s.kind === "load" || s.kind === "var") {
        const changed = s.kind === "load" ? s.buffer : s.name;
        const mark = this.stores.get(changed);
        if (mark) marks.push(`${changed}:${mark}`);
      }
      partsOf(s).forEach(visit);
    };
    visit(scalar);
    return keyOf(scalar) + marks.join(",");
  }

  pass(loop: Loop): void {
    const changes = changesIn([loop]);
    for (const name of [...changes.variables, ...changes.buffers])
      this.stores.set(name, (this.stores.get(name) ?? 0) + 1);
  }
}

// ---- Scalars ----

const isShareable = (s: Scalar): boolean =>
  s.kind === "load" ||
  (s.kind === "splat" && isShareable(s.value)) ||
  (s.kind === "pack" && s.parts.some(isShareable)) ||
  (s.kind === "call" && (costOfFn(s.fn) >= 4 || (s.fn === "where" && s.args.some((a) => a.kind === "load"))));

const keys = new WeakMap<Scalar, string>();

/** A text that is equal for equal scalars; made once per object, from those of its parts. */
function keyOf(s: Scalar): string {
  let key = keys.get(s);
  if (key === undefined) {
    key = makeKey(s);
    keys.set(s, key);
  }
  return key;
}

function makeKey(s: Scalar): string {
  switch (s.kind) {
    case "call":
      return `${s.fn}:${s.dtype}(${s.args.map(keyOf).join(",")})`;
    case "load":
      return `${s.lanes ? "4 of " : ""}${s.buffer}[${indexKey(s.at.index)}${s.at.computed.map((c) => `+${keyOf(c.value)}*${c.stride}`).join("")}]`;
    case "index":
      return `@${indexKey(s.index)}`;
    case "var":
      return s.name;
    case "num":
      return `#${numberText(s.value)}:${s.dtype}`;
    case "splat":
    case "pack":
    case "lane":
    case "across":
    case "order":
    case "ordered":
    case "count":
      return `${s.kind}${"lane" in s ? s.lane : "fn" in s ? s.fn : ""}(${partsOf(s).map(keyOf).join(",")})`;
    default:
      return JSON.stringify(s);
  }
}

const indexKey = (index: Index): string =>
  `${index.const},${index.rows}${index.terms.map((t) => `,${t.variable}*${typeof t.mul === "number" ? t.mul : `${t.mul.perRow}N`}`).join("")}`;

const nameFor = (s: Scalar): string => {
  if (s.kind === "load") return s.buffer;
  if (s.kind === "splat") return nameFor(s.value);
  if (s.kind === "pack") return nameFor(s.parts[0]!);
  if (s.kind !== "call") return "value";
  const load = s.args.find((a) => a.kind === "load");
  return s.fn === "where" && load?.kind === "load" ? load.buffer : s.fn;
};

/** Replaces the parts that are computed whenever the whole is: not the sides of a `where`. */
function mapUnconditional(s: Scalar, visit: (s: Scalar) => Scalar): Scalar {
  if (s.kind === "call" && s.fn === "where") return { ...s, args: [visit(s.args[0]!), s.args[1]!, s.args[2]!] };
  return mapParts(s, visit);
}

/** Replaces the scalars a statement itself evaluates; the body of a loop is its own block. */
function mapScalars(loop: Loop, visit: (s: Scalar) => Scalar): Loop {
  switch (loop.kind) {
    case "let":
    case "assign":
      return { ...loop, value: visit(loop.value) };
    case "store":
      return { ...loop, value: visit(loop.value), at: mapPlace(loop.at, visit) };
    case "if":
      return { ...loop, condition: visit(loop.condition) };
    default:
      return loop;
  }
}
