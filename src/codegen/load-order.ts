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
    const rows = inRows(loop.body);
    if (!rows) return { ...loop, body: orderLoads(loadsFirst(loop.body), behind) };
    const sums = rows.flatMap((part) => (part.kind === "assign" ? [part.name] : []));
    return { ...loop, body: rows, tight: areStored(new Set(sums), behind) ? [] : sums };
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

/** The sums of a tile that is too large for all its loads at once: each load before the first sum that needs it. */
function inRows(block: readonly Loop[]): Loop[] | undefined {
  const loads = block.filter((loop): loop is Let => loop.kind === "let");
  const sums = block.filter((loop): loop is Assign => loop.kind === "assign");
  const isAll = sums.length > 0 && loads.length + sums.length === block.length;
  if (!isAll || fits(block.length) || !block.every((loop) => isLetOrAssign(loop) && lanesOf(loop.value) === 4))
    return undefined;
  const changing = { variables: new Set([...loads, ...sums].map(({ name }) => name)), buffers: new Set<string>() };
  if (!loads.every(({ mutable, value }) => !mutable && isPlainLoad(value) && isFixed(value, changing)))
    return undefined;
  const uses = loads.map(({ name }) => sums.flatMap(({ value }, i) => (namesIn(value).has(name) ? [i] : [])));
  if (uses.some((at) => at.length === 0)) return undefined;
  const held = sums.map((_, i) => uses.filter((at) => at[0]! <= i && i <= at.at(-1)!).length);
  if (!fits(sums.length + Math.max(...held))) return undefined;
  return sums.flatMap((sum, i) => [...loads.filter((_, k) => uses[k]![0] === i), sum]);
}

/** Whether the first store that follows is of one of these, perhaps by another name: then they are asked for in order. */
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
const fits = (vectors: number): boolean => vectors < registers;

function namesIn(scalar: Scalar, names = new Set<string>()): Names {
  if (scalar.kind === "var") names.add(scalar.name);
  for (const part of partsOf(scalar)) namesIn(part, names);
  return names;
}

const isLetOrAssign = (loop: Loop): loop is Let | Assign => loop.kind === "let" || loop.kind === "assign";

const isPlainLoad = (scalar: Scalar): boolean =>
  scalar.kind === "load" || (scalar.kind === "splat" && isPlainLoad(scalar.value));
