// Which kernels threads share, and along which axis: what each of them stores is its own, so that results are the same bits however
// many there are. No sum is split. Changes nothing itself. Knows no target.
import type { Affine, AxisId, Expr } from "../ir/stage.ts";
import { isAffine } from "../ir/stage.ts";
import { dimAt, sameShape } from "../ir/types.ts";
import { axisOf, exprsOf, sameAffine, visitExpr, writesOf } from "./expr.ts";
import type { Kernel, PlacedStage, Recipe, Schedule, Value } from "./schedule.ts";
import { storageOf } from "./schedule.ts";

/** Instructions of a kernel below which threads would wait for each other longer than they work: about 2 us. */
const leastWork = 6_000;

/** More parts than this make no difference. */
const enoughParts = 32;

/** The recipe with the axis that threads take parts of, where the kernel has one and is worth it: the outermost with many parts. */
export function withPart(schedule: Schedule, kernel: Kernel, recipe: Recipe, batch: number): Recipe {
  if ((recipe.cost ?? 0) < leastWork) return recipe;
  const partsOf = (axis: AxisId): number => {
    const { extent } = kernel.stages[0]!.axes.find(({ id }) => id === axis)!;
    const unit = Math.max(recipe.tiles.get(axis) ?? 1, recipe.lanes?.[0] === axis ? 4 : 1);
    return Math.min(enoughParts, Math.floor(dimAt(extent, batch) / unit));
  };
  const axes = recipe.order ?? kernel.stages[0]!.axes.slice(0, kernel.shared).map(({ id }) => id);
  let best: AxisId | undefined;
  for (const axis of axes.filter((id) => isApart(schedule, kernel, id)))
    if (partsOf(axis) > (best === undefined ? 1 : partsOf(best))) best = axis;
  return best === undefined ? recipe : { ...recipe, part: best };
}

/** Whether stretches of the axis neither store or add to the same places nor read what another one stores. */
function isApart(schedule: Schedule, kernel: Kernel, axis: AxisId): boolean {
  const owns = (stage: PlacedStage): boolean =>
    stage.axes.some(({ id, kind }) => id === axis && kind === "parallel") &&
    !(stage.filter && stage.sparse) &&
    (stage.out.mode === "add"
      ? stage.out.at.some((place) => axisOf(place) === axis)
      : dimensionOf(stage.out.at, axis) !== undefined);
  return kernel.stages.every(owns) && kernel.stages.every((stage) => readsItsOwn(schedule, kernel, stage, axis));
}

/** The dimension that the axis alone runs along. */
function dimensionOf(at: readonly (Affine | Expr)[], axis: AxisId): number | undefined {
  const d = at.findIndex((place) => {
    if (!isAffine(place) || place.terms.length !== 1) return false;
    const [{ axis: id, mul }] = place.terms as [Affine["terms"][number]];
    return id === axis && typeof mul === "number" && mul !== 0;
  });
  return d < 0 ? undefined : d;
}

/** Whether what a stage reads of what its kernel stores is stored by the same stretch. */
function readsItsOwn(schedule: Schedule, kernel: Kernel, stage: PlacedStage, axis: AxisId): boolean {
  let isOwn = true;
  const read = (id: number, at: readonly (Affine | Expr)[]): void => {
    for (const writer of kernel.stages) {
      for (const written of writesOf(writer)) {
        if (!isSameStorage(schedule, id, written)) continue;
        const d = dimensionOf(writer.out.at, axis)!;
        const [stored, loaded] = [writer.out.at[d]!, at[d]];
        const sameForm = sameShape(schedule.values[id]!.type.shape, schedule.values[written]!.type.shape);
        if (!(sameForm && loaded && isAffine(loaded) && isAffine(stored) && sameAffine(loaded, stored))) isOwn = false;
      }
    }
  };
  for (const expr of exprsOf(stage)) {
    visitExpr(expr, (e) => {
      if (e.kind === "load" || e.kind === "gather") read(e.of, e.at);
    });
  }
  if (stage.sparse) for (const list of [stage.sparse.list, stage.sparse.counts]) read(list, []);
  return isOwn;
}

function isSameStorage(schedule: Schedule, a: number, b: number): boolean {
  const [x, y]: Value[] = [storageOf(schedule, a), storageOf(schedule, b)];
  if (x!.id === y!.id) return true;
  return x!.home.kind === "slot" && y!.home.kind === "slot" && x!.home.slot === y!.home.slot;
}
