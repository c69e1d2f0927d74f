// Recipes for targets with lanes: which axis lies along them and how wide a tile is, by what one round of the innermost loop costs
// (`lane-costs.ts`). Data beside the kernel; nothing here changes what is computed, but for the order of a sum along the lanes.
import { type Axis, type AxisId, isAffine } from "../ir/stage.ts";
import { dimAt, isStatic } from "../ir/types.ts";
import { fitsBlocks } from "./bands.ts";
import { exprsOf, visitExpr } from "./expr.ts";
import { CostModel } from "./lane-costs.ts";
import { bytesInWords } from "./lower-scalars.ts";
import type { Caps, Kernel, Recipe, Schedule } from "./schedule.ts";
import { tileable } from "./tileable.ts";

export interface LaneRecipe extends Recipe {
  readonly cost: number;
}

export function chooseLanes(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number): LaneRecipe {
  let best: LaneRecipe | undefined;
  for (const recipe of laneRecipes(schedule, kernel, caps, batch))
    if (best === undefined || recipe.cost < best.cost * 0.98) best = recipe;
  return best!;
}

/** All that are looked at, one element at a time first. */
export function* laneRecipes(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number): Generator<LaneRecipe> {
  const model = new CostModel(schedule, kernel, caps, batch);
  const single = model.cost([], new Map());
  yield { tiles: new Map(), why: "one element at a time", cost: single };
  if (kernel.stages.some((s) => s.filter)) {
    const lanes = kernel.stages.map((s) => s.axes.find((a) => a.kind === "scan")!.id);
    if (kernel.stages.every((s) => bytesInWords(schedule, s) !== undefined))
      yield { tiles: new Map(), lanes, why: "four bytes at a time", cost: single / 2 };
    return;
  }
  const leading = kernel.lead ?? 0;
  const lead = kernel.stages[leading]!;
  const ids = tileable(kernel, lead);
  const tiled = lead.axes.filter((a) => ids.includes(a.id));
  for (const lanes of model.laneChoices()) {
    for (const tiles of tilesFor(kernel, tiled, lanes[leading], caps, batch)) {
      const cost = model.cost(lanes, tiles);
      yield { tiles, lanes, cost, why: model.why(lanes, tiles, cost) };
    }
  }
}

/** One or two tiled axes, of as many vectors as there may be, and at least half of what the extents allow. */
function tilesFor(
  kernel: Kernel,
  axes: readonly Axis[],
  lane: AxisId | undefined,
  { accumulators, tight = accumulators }: Caps,
  batch: number,
): ReadonlyMap<AxisId, number>[] {
  const overhang = mayOverhang(kernel);
  const vectors = (axis: Axis, width: number): number => (axis.id === lane ? width / 4 : width);
  const widths = (axis: Axis): number[] => {
    const size = dimAt(axis.extent, batch);
    const fitting = (axis.id === lane ? [4, 8, 16, 32] : [1, 2, 3, 4, 5, 6, 8]).filter((w) => w <= size);
    const hangsOver = overhang && axis.id === lane && isStatic(axis.extent) && size > 4 && size % 4 !== 0;
    const all = hangsOver ? [...fitting, 4 * Math.ceil(size / 4)] : fitting;
    return all.filter((w) => fitsBlocks(kernel.stages, axis.id, w));
  };
  const choices: { readonly tiles: Map<AxisId, number>; readonly size: number }[] = [{ tiles: new Map(), size: 1 }];
  for (const [i, a] of axes.entries()) {
    for (const x of widths(a)) {
      choices.push({ tiles: new Map([[a.id, x]]), size: vectors(a, x) });
      for (const b of axes.slice(i + 1)) {
        for (const y of widths(b)) {
          const tiles = new Map([
            [a.id, x],
            [b.id, y],
          ]);
          choices.push({ tiles, size: vectors(a, x) * vectors(b, y) });
        }
      }
    }
  }
  const sizes = choices.map(({ size }) => size);
  const least = Math.max(...sizes.filter((size) => size <= accumulators)) / 2;
  return choices.filter(({ size }) => size >= least && size <= tight).map(({ tiles }) => tiles);
}

/** Whether lanes may be computed that mean nothing: no place, no check and no division of integers is made of what they read. */
const mayOverhang = ({ stages }: Kernel): boolean =>
  stages.every((stage) =>
    exprsOf(stage).every((expr) => {
      let isPlain = stage.out.at.every(isAffine);
      visitExpr(expr, (e) => {
        if (e.kind === "gather" || (e.kind === "call" && (e.dtype === "i32" || e.key !== undefined))) isPlain = false;
      });
      return isPlain;
    }),
  );
