// Recipes: how each kernel's loops are tiled, by a small cost model. Data beside the kernel; nothing here changes what is computed.
import type { AxisId } from "../ir/stage.ts";
import { dimAt } from "../ir/types.ts";
import { fitsBlocks } from "./bands.ts";
import { chooseLanes } from "./lane-recipes.ts";
import { loopOrder } from "./loop-order.ts";
import type { Caps, Kernel, PlacedStage, Recipe, Schedule } from "./schedule.ts";
import { type Load, loadsByAxes, tileable } from "./tileable.ts";

export const naive: Recipe = { tiles: new Map(), why: "one element at a time" };

export function chooseRecipe(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number): Recipe {
  const recipe = caps.lanes > 1 ? chooseLanes(schedule, kernel, caps, batch) : chooseTiles(kernel, caps, batch);
  const order = loopOrder(schedule, kernel, recipe.tiles, batch);
  if (!order) return inPairs(kernel, recipe, batch);
  const names = order.map((id) => kernel.stages[0]!.axes.find((a) => a.id === id)!.name);
  return { ...recipe, order, why: `${recipe.why}; loops over ${names.join(", ")}, so that less is fetched again` };
}

/**
 * Where each stage has vectors along an axis of its own, two of them in a round: sums and long functions wait half as often for what
 * they have just made.
 */
function inPairs({ stages, shared }: Kernel, recipe: Recipe, batch: number): Recipe {
  if (recipe.tiles.size > 0 || !recipe.lanes || stages.some((s) => s.filter || s.sparse)) return recipe;
  const own = stages.flatMap(({ axes }, i) => axes.slice(shared).filter(({ id }) => id === recipe.lanes![i]));
  const long = own.filter(({ extent }) => dimAt(extent, batch) >= pair);
  return { ...recipe, tiles: new Map(long.map(({ id }) => [id, pair])) };
}

/** Numbers of two vectors. */
const pair = 8;

function chooseTiles(kernel: Kernel, caps: Caps, batch: number): Recipe {
  const lead = kernel.stages[kernel.lead ?? 0]!;
  const axes = tileable(kernel, lead);
  if (axes.length === 0) return naive;
  const loads = loadsByAxes(lead, axes);
  if (loads.length < 2) return naive;

  let best = { tiles: new Map<AxisId, number>(), cost: Number.POSITIVE_INFINITY };
  const extents = new Map(axes.map((id) => [id, dimAt(lead.axes.find((a) => a.id === id)!.extent, batch)]));
  for (const tiles of candidates(kernel, extents, caps.accumulators)) {
    const cost = costOfTiles(lead, axes, loads, tiles, batch);
    if (cost < best.cost) best = { tiles, cost };
  }
  if (best.tiles.size === 0) return naive;
  const text = [...best.tiles].map(([id, k]) => `${lead.axes.find((a) => a.id === id)!.name} by ${k}`).join(", ");
  return { tiles: best.tiles, why: `${text}: ${best.cost.toFixed(2)} loads per multiply-add, naive ${loads.length}` };
}

/** One or two tiled axes, at most `accumulators` results at a time. */
function* candidates(
  { stages }: Kernel,
  extents: ReadonlyMap<AxisId, number>,
  accumulators: number,
): Generator<Map<AxisId, number>> {
  yield new Map();
  const widths = (axis: AxisId): number[] =>
    [2, 3, 4, 5, 6, 7, 8, 9, 10].filter(
      (w) => w <= Math.min(extents.get(axis)!, accumulators) && fitsBlocks(stages, axis, w),
    );
  for (const a of extents.keys()) {
    for (const x of widths(a)) {
      yield new Map([[a, x]]);
      for (const b of extents.keys()) {
        if (b <= a) continue;
        for (const y of widths(b))
          if (x * y <= accumulators)
            yield new Map([
              [a, x],
              [b, y],
            ]);
      }
    }
  }
}

/** What a load costs whose neighbour is loaded too. Measured: 2 x 5 with 5 side by side beats 3 x 3 slightly, and 4 x 3 clearly. */
const besideEachOther = 0.75;

/** Loads per multiply-add, averaged over main tiles and tails. */
function costOfTiles(
  lead: PlacedStage,
  axes: readonly AxisId[],
  loads: readonly Load[],
  tiles: ReadonlyMap<AxisId, number>,
  batch: number,
): number {
  // Each tiled axis splits in a whole part with its width and a narrower tail; shares multiply.
  let parts: { share: number; width: Map<AxisId, number> }[] = [{ share: 1, width: new Map() }];
  for (const axis of axes) {
    const tile = tiles.get(axis) ?? 1;
    if (tile === 1) continue;
    const size = lead.axes.find((a) => a.id === axis)!.extent;
    const extent = dimAt(size, batch);
    const rest = extent % tile;
    const tail = rest / extent;
    parts = parts.flatMap(({ share, width }) => {
      const whole = { share: share * (1 - tail), width: new Map([...width, [axis, tile]]) };
      if (rest === 0) return [whole];
      return [whole, { share: share * tail, width: new Map([...width, [axis, rest]]) }];
    });
  }
  return parts.reduce((sum, { share, width }) => {
    const results = [...width.values()].reduce((a, b) => a * b, 1);
    const widthOf = (load: Load, axis: AxisId): number =>
      (width.get(axis) ?? 1) * (axis === load.adjacent && width.has(axis) ? besideEachOther : 1);
    const reads = loads.reduce((n, load) => n + load.axes.reduce((k, a) => k * widthOf(load, a), 1), 0);
    return sum + (share * reads) / results;
  }, 0);
}
