// Which of a tile's results are finished row by row, once its sums are stored: those of long functions. Of eight `tanh` in one block
// V8 keeps 600 numbers on the stack, and one after the other each waits for itself: four at a time take a third less than either.
import { type AxisId, type Expr, isAffine, type ValueId } from "../ir/stage.ts";
import { costOf, readsOf } from "./expr.ts";
import { type Loop, variableOf } from "./loops.ts";
import { stridesOfValue } from "./lower-context.ts";
import type { Kernel, PlacedStage, Recipe, Schedule } from "./schedule.ts";
import { endOf } from "./split-sum.ts";

/** From so many simple operations on a result takes longer than what waits for it. */
const longWork = 20;

export const isLong = (expr: Expr): boolean => costOf(expr) >= longWork;

/** Whether much is done with what a stage sums, or with what it reads where it sums nothing. */
export const hasLongEnd = ({ reduce, body, epilogue }: PlacedStage): boolean =>
  isLong((reduce ? epilogue : body) ?? body);

/** Vectors that are computed side by side. Measured with gelu: 2 take 1.77 ms, 4 take 1.70, 8 take 1.90. */
const mostVectors = 4;

export interface RowByRow {
  /** A row is one point of this axis. */
  readonly axis: AxisId;
  /** What is done on the whole tile before its rows, on each row, and on the whole tile after them. */
  readonly before: readonly PlacedStage[];
  readonly rows: readonly PlacedStage[];
  readonly after: readonly PlacedStage[];
}

/** `isStored`: whether a value reaches memory. Undefined where all is done at once. */
export function rowByRow(
  schedule: Schedule,
  { stages, shared }: Kernel,
  recipe: Recipe,
  batch: number,
  isStored: (value: ValueId) => boolean,
): RowByRow | undefined {
  const lanes = recipe.lanes?.[0];
  const tiled = [...recipe.tiles].filter(([axis]) => axis !== lanes).toSorted(([, a], [, b]) => b - a)[0];
  if (lanes === undefined || !tiled || recipe.lanes!.some((axis) => axis !== lanes)) return undefined;
  const long = stages.findIndex(hasLongEnd);
  if (long < 0) return undefined;
  const [before, later] = [stages.slice(0, long), stages.slice(long)];
  const lead = later[0]!;
  if (lead.reduce) {
    const { out, reduce } = lead;
    const { home, type, stored } = schedule.values[out.value]!;
    // The place of a result holds its sum first: it must be one of that type, and nobody's before.
    const holdsSum = home.kind === "temp" && type.dtype === reduce.dtype && stored === undefined;
    if (!lead.epilogue || !holdsSum) return undefined;
    before.push(sumOf(lead));
    later[0] = endOf(lead, { kind: "load", of: out.value, at: out.at.filter(isAffine), dtype: reduce.dtype });
  }
  const isReady = (stage: PlacedStage): boolean =>
    stage.axes.length === shared && isPlainStore(schedule, stage, lanes, batch);
  const end = later.findIndex((stage) => !isReady(stage));
  const [rows, after] = end < 0 ? [later, []] : [later.slice(0, end), later.slice(end)];
  // What one part makes the next ones read from memory.
  const flows = (from: readonly PlacedStage[], to: readonly PlacedStage[]): ValueId[] =>
    to.flatMap(readsOf).filter((id) => from.some(({ out }) => out.value === id));
  const isThere = [...flows(before, rows), ...flows([...before, ...rows], after)].every(isStored);
  return rows.length > 0 && isThere ? { axis: tiled[0], before, rows, after } : undefined;
}

/** How many rows of a tile are done in one round: of so many vectors at most, and as many in each round. */
export function rowsPerRound(height: number, vectors: number): number {
  let rows = Math.max(1, Math.min(height, Math.floor(mostVectors / vectors)));
  while (height % rows !== 0) rows--;
  return rows;
}

/** Results before stores: then V8 computes them side by side. No result reads what the same round stores. */
export function storesLast(body: readonly Loop[], nameFor: (base: string) => string): Loop[] {
  const results: Loop[] = [];
  const stores: Loop[] = [];
  for (const loop of body) {
    if (loop.kind !== "store") results.push(loop);
    else if (loop.value.kind === "var") stores.push(loop);
    else {
      const name = nameFor("result");
      results.push({ kind: "let", name, value: loop.value, mutable: false });
      stores.push({ ...loop, value: variableOf(name, loop.value) });
    }
  }
  return [...results, ...stores];
}

const sumOf = ({ epilogue: _, ...stage }: PlacedStage): PlacedStage => stage;

/** Whether four results go to four neighbours in memory. */
function isPlainStore(schedule: Schedule, { out, reduce }: PlacedStage, lanes: AxisId, batch: number): boolean {
  const strides = stridesOfValue(schedule, out.value, batch);
  const steps = out.at.flatMap((place, d) =>
    isAffine(place) ? place.terms.map(({ axis, mul }) => (axis === lanes ? Number(mul) * strides[d]! : 0)) : [NaN],
  );
  return !reduce && out.mode === "set" && steps.reduce((a, b) => a + b, 0) === 1;
}
