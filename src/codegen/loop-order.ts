// Which of two tiled axes is the outer loop: the one whose tiles read the other's operand from far the fewest times. Changes no bits:
// every result is made by itself.
import type { AxisId, ValueId } from "../ir/stage.ts";
import { countAt, dimAt } from "../ir/types.ts";
import { visitExpr } from "./expr.ts";
import type { Kernel, Schedule } from "./schedule.ts";

/** What a first-level cache holds, in numbers. */
const nearby = 8192;

/** The shared axes from the outermost to the innermost; undefined: as the stage has them. */
export function loopOrder(
  schedule: Schedule,
  kernel: Kernel,
  tiles: ReadonlyMap<AxisId, number>,
  batch: number,
): readonly AxisId[] | undefined {
  const lead = kernel.stages[0]!;
  const shared = lead.axes.slice(0, kernel.shared);
  const [first, second] = shared.filter((a) => (tiles.get(a.id) ?? 1) > 1);
  if (!first || !second) return undefined;
  /** Numbers read again for each tile of `outer`: operands that only the other axis counts. */
  const readAgain = (outer: typeof first, inner: typeof first): number => {
    const operands = new Map<ValueId, number>();
    visitExpr(lead.body, (e) => {
      if (e.kind !== "load") return;
      const counts = (axis: AxisId): boolean => e.at.some((place) => place.terms.some((t) => t.axis === axis));
      if (counts(inner.id) && !counts(outer.id)) operands.set(e.of, countAt(schedule.values[e.of]!.type.shape, batch));
    });
    const size = [...operands.values()].reduce((a, b) => a + b, 0);
    return size <= nearby ? 0 : (size * dimAt(outer.extent, batch)) / tiles.get(outer.id)!;
  };
  if (readAgain(second, first) >= readAgain(first, second)) return undefined;
  const swapped = new Map([
    [first.id, second.id],
    [second.id, first.id],
  ]);
  return shared.map((a) => swapped.get(a.id) ?? a.id);
}
