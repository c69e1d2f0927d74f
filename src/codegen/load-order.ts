// Loops -> loops: where in an innermost loop the loads stand, so that V8 finds registers for all numbers. It keeps loads in their
// order, and puts each as late as its uses allow. Contract: exact. Before: each load where it is first needed. After: all first,
// where there are registers for all of them; else row by row, in a loop that is marked `tight`. Stays true: what each sum adds.
import { type Loop, lanesOf, partsOf, type Scalar } from "./loops.ts";
import { isFixed } from "./share-subexpressions.ts";

/** Vectors that registers hold, but for one that V8 takes for itself. */
export const registers = 15;

type Let = Extract<Loop, { kind: "let" }>;
type Assign = Extract<Loop, { kind: "assign" }>;

/** `after`: what comes behind the block. */
export function orderLoads(block: readonly Loop[], after: readonly Loop[] = []): Loop[] {
  return block.map((loop, i) => {
    const behind = [...block.slice(i + 1), ...after];
    if (loop.kind === "if") return { ...loop, body: orderLoads(loop.body, behind) };
    if (loop.kind !== "for") return loop;
    const rows = inRows(loop.body, behind);
    return rows ? { ...loop, body: rows, tight: true } : { ...loop, body: orderLoads(loadsFirst(loop.body), behind) };
  });
}

/**
 * Where a block only loads and sums, all loads come before the first sum, and those of one number before those of four: V8 finds
 * a better order for them (4 by 8 tiles of a product, row by row: 40 of 50 GFLOP/s in place of 36).
 */
function loadsFirst(block: readonly Loop[]): Loop[] {
  if (!block.every(isLetOrAssign)) return [...block];
  // A load whose place another one tells stays behind it.
  const known = new Set<string>();
  const [loads, rest]: [Loop[], Loop[]] = [[], []];
  for (const loop of block) {
    const isLoad = loop.kind === "let" && !loop.mutable && isPlainLoad(loop.value);
    const isFree = isLoad && isFixed(loop.value, { variables: known, buffers: new Set() });
    (isFree ? loads : rest).push(loop);
    known.add(loop.name);
  }
  const isWide = (loop: Loop): boolean => loop.kind === "let" && loop.value.kind === "load" && loop.value.lanes === 4;
  return [...loads.filter((loop) => !isWide(loop)), ...loads.filter(isWide), ...rest];
}

/**
 * The sums of a tile that is too large for all its loads at once: each load before the first sum that needs it. Undefined where that
 * does not help. V8 goes through the sums in the order in which what follows asks for them, from its end: backwards, unless they
 * are stored as they are.
 */
function inRows(block: readonly Loop[], behind: readonly Loop[]): Loop[] | undefined {
  const loads = block.filter((loop): loop is Let => loop.kind === "let");
  const sums = block.filter((loop): loop is Assign => loop.kind === "assign");
  const isLoaded = new Set(loads.map(({ name }) => name));
  const isSummed = new Set(sums.map(({ name }) => name));
  const arePlain =
    loads.every(({ mutable, value }) => !mutable && isPlainLoad(value) && lanesOf(value) === 4) &&
    loads.every(({ value }) =>
      isFixed(value, { variables: new Set([...isLoaded, ...isSummed]), buffers: new Set() }),
    ) &&
    sums.every(({ value }) => lanesOf(value) === 4);
  if (sums.length === 0 || loads.length + sums.length < block.length || !arePlain) return undefined;
  if (fits(loads.length + sums.length)) return undefined;
  const rows: Loop[] = [];
  const lastUse = new Map<string, number>();
  const ordered = areStored(isSummed, behind) ? sums : sums.toReversed();
  const needs = ordered.map(({ value }) => [...namesIn(value)].filter((name) => isLoaded.has(name)));
  needs.forEach((names, i) => {
    for (const name of names) lastUse.set(name, i);
  });
  const held = new Set<string>();
  const seen = new Set<string>();
  let most = 0;
  for (const [i, sum] of ordered.entries()) {
    for (const name of needs[i]!) held.add(name);
    most = Math.max(most, held.size);
    rows.push(...loads.filter(({ name }) => held.has(name) && !seen.has(name)), sum);
    for (const name of held) {
      seen.add(name);
      if (lastUse.get(name) === i) held.delete(name);
    }
  }
  return fits(sums.length + most) ? rows : undefined;
}

/** Whether the first store that follows is of one of these, perhaps by another name. */
function areStored(sums: Names, behind: readonly Loop[]): boolean {
  const known = new Set(sums);
  const isKnown = (scalar: Scalar): boolean => scalar.kind === "var" && known.has(scalar.name);
  for (const loop of behind) {
    if (loop.kind === "store") return isKnown(loop.value) && !loop.add;
    if (loop.kind === "let" && isKnown(loop.value)) known.add(loop.name);
  }
  return false;
}

type Names = ReadonlySet<string>;

/** Whether there are registers for so many vectors and a product. */
export const fits = (vectors: number): boolean => vectors < registers;

function namesIn(scalar: Scalar, names = new Set<string>()): Names {
  if (scalar.kind === "var") names.add(scalar.name);
  for (const part of partsOf(scalar)) namesIn(part, names);
  return names;
}

const isLetOrAssign = (loop: Loop): loop is Let | Assign => loop.kind === "let" || loop.kind === "assign";

const isPlainLoad = (scalar: Scalar): boolean =>
  scalar.kind === "load" || (scalar.kind === "splat" && isPlainLoad(scalar.value));
