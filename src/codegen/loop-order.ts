// In which order the shared axes of a tiled kernel are nested: the one that fetches the fewest lines of its operands into the caches.
// Changes no bits: every result is made by itself.
import type { Affine, Axis, AxisId, Expr, ValueId } from "../ir/stage.ts";
import { isAffine } from "../ir/stage.ts";
import { dimAt } from "../ir/types.ts";
import { cacheLevels, linesOf } from "./cache.ts";
import { exprsOf, visitExpr } from "./expr.ts";
import { stridesOfValue } from "./lower-context.ts";
import { type Kernel, type Recipe, type Schedule, storageOf } from "./schedule.ts";
import { isAddedAlong } from "./tileable.ts";

/** More axes than this have more orders than it is worth to look at. */
const mostAxes = 5;

/** Another order must save this share of what is fetched. */
const leastGain = 0.1;

/** The shared axes from the outermost to the innermost; undefined: as the stages have them. */
export function loopOrder(
  schedule: Schedule,
  kernel: Kernel,
  tiles: ReadonlyMap<AxisId, number>,
  batch: number,
): readonly AxisId[] | undefined {
  const { stages, shared } = kernel;
  const given = stages[0]!.axes.slice(0, shared);
  const isFree = stages.every((s) => !s.sparse && !s.filter && s.out.at.every(isAffine));
  if (tiles.size === 0 || shared < 2 || shared > mostAxes || !isFree) return undefined;
  // What adds to memory does so in the order that is given.
  const adding = given.filter(({ id }) => stages.some((s) => isAddedAlong(s, id)));
  const free = given.filter((axis) => !adding.includes(axis));
  const operands = operandsOf(schedule, kernel, batch);
  let best = { axes: given, cost: fetched(operands, kernel, given, tiles, batch) * (1 - leastGain) };
  for (const order of permutations(free)) {
    const axes = [...adding, ...order];
    const cost = fetched(operands, kernel, axes, tiles, batch);
    if (cost < best.cost) best = { axes, cost };
  }
  return best.axes === given ? undefined : best.axes.map(({ id }) => id);
}

/** About how many instructions a kernel waits for its operands. */
export function fetchedCost(schedule: Schedule, kernel: Kernel, recipe: Recipe, batch: number): number {
  const axes = kernel.stages[0]!.axes.slice(0, kernel.shared);
  const order = recipe.order?.map((id) => axes.find((a) => a.id === id)!) ?? axes;
  return fetched(operandsOf(schedule, kernel, batch), kernel, order, recipe.tiles, batch);
}

/** How far apart neighbours along each axis lie, for one way of reading or writing a value. */
type Operand = ReadonlyMap<AxisId, number>;

function operandsOf(schedule: Schedule, kernel: Kernel, batch: number): Operand[] {
  const found = new Map<string, Operand>();
  const add = (id: ValueId, at: readonly (Affine | Expr)[]): void => {
    const byDimension = stridesOfValue(schedule, id, batch);
    const strides = new Map<AxisId, number>();
    at.forEach((place, d) => {
      if (!isAffine(place)) return;
      for (const { axis, mul } of place.terms)
        if (typeof mul === "number") strides.set(axis, (strides.get(axis) ?? 0) + Math.abs(mul) * byDimension[d]!);
    });
    // Places that differ in constants alone are the same lines, or nearly.
    found.set(`${storageOf(schedule, id).id}:${[...strides].join()}`, strides);
  };
  for (const stage of kernel.stages) {
    add(stage.out.value, stage.out.at);
    for (const expr of exprsOf(stage)) {
      visitExpr(expr, (e) => {
        if ((e.kind === "load" || e.kind === "gather") && schedule.values[e.of]!.home.kind !== "host") add(e.of, e.at);
      });
    }
  }
  return [...found.values()];
}

/** Lines that come into the caches in all rounds, weighed by where they come from. */
function fetched(
  operands: readonly Operand[],
  kernel: Kernel,
  axes: readonly Axis[],
  tiles: ReadonlyMap<AxisId, number>,
  batch: number,
): number {
  const extents = new Map<AxisId, number>();
  for (const axis of kernel.stages.flatMap((s) => s.axes)) extents.set(axis.id, dimAt(axis.extent, batch));
  const rounds = axes.map(({ id }) => Math.ceil(extents.get(id)! / (tiles.get(id) ?? 1)));
  for (const { id } of axes) extents.set(id, Math.min(extents.get(id)!, tiles.get(id) ?? 1));
  const lines = (): number[] => operands.map((operand) => linesOf(byStride(operand, extents)));
  // From the innermost loop outwards: what one round of it touches, and how often that is fetched anew.
  let touched = lines();
  let misses = cacheLevels.map(() => touched);
  for (let d = axes.length - 1; d >= 0; d--) {
    const { id } = axes[d]!;
    const inner = touched;
    extents.set(id, extents.get(id)! * rounds[d]!);
    touched = lines();
    misses = cacheLevels.map((level, l) =>
      operands.map((operand, i) => {
        if (total(touched) <= level.lines) return touched[i]!;
        const stays = !operand.has(id) && total(inner) <= level.lines;
        return misses[l]![i]! * (stays ? 1 : rounds[d]!);
      }),
    );
  }
  return cacheLevels.reduce((sum, { missed }, l) => sum + missed * total(misses[l]!), 0);
}

/** Windows move along two axes by one stride: together they reach as far as both. */
function byStride(operand: Operand, extents: ReadonlyMap<AxisId, number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [axis, stride] of operand) counts.set(stride, (counts.get(stride) ?? 0) + extents.get(axis)! - 1);
  return new Map([...counts].map(([stride, beyond]) => [stride, beyond + 1]));
}

const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.filter((_, k) => k !== i)).map((rest) => [item, ...rest]));
}
