// The order of nested sums: axes that guards clip go outside, the longest axis that none clips inside, if its steps stay near in
// memory. A convolution then runs over channels innermost, not over the three taps of a kernel's row. Contract: reorder.
import type { AxisId, Stage } from "../../ir/stage.ts";
import { dimAt } from "../../ir/types.ts";
import { exprsOf, visitExpr } from "../expr.ts";
import { stridesOf } from "../lower-context.ts";
import type { PlacedStage, Schedule } from "../schedule.ts";

/** Steps wider than this many elements leave the cache line and soon the cache. */
const nearby = 1024;

export function orderReductions(schedule: Schedule, batch: number): Schedule {
  const kernels = schedule.kernels.map((kernel) => ({
    ...kernel,
    stages: kernel.stages.map((stage) => reorder(schedule, stage, batch)),
  }));
  return { ...schedule, kernels };
}

function reorder(schedule: Schedule, stage: PlacedStage, batch: number): PlacedStage {
  const folded = stage.axes.filter((a) => a.kind === "reduce");
  // The first of equal maxima wins: there the order means something. A list has an order of its own.
  if (folded.length < 2 || stage.reduce?.index || stage.sparse || stage.axes.some((a) => a.kind === "scan"))
    return stage;
  const clipped = guardedAxes(stage);
  const innermost = folded.at(-1)!;
  const free = folded.filter((a) => !clipped.has(a.id) && widestStep(schedule, stage, a.id, batch) <= nearby);
  const longest = free.toSorted((a, b) => dimAt(b.extent, batch) - dimAt(a.extent, batch))[0];
  if (!longest || dimAt(longest.extent, batch) <= dimAt(innermost.extent, batch)) return stage;
  const parallel = stage.axes.filter((a) => a.kind === "parallel");
  return { ...stage, axes: [...parallel, ...folded.filter((a) => a !== longest), longest] };
}

function guardedAxes(stage: Stage): Set<AxisId> {
  const axes = new Set<AxisId>();
  visitExpr(stage.body, (e) => {
    if (e.kind !== "load") return;
    for (const { at } of e.guard ?? []) for (const { axis } of at.terms) axes.add(axis);
  });
  return axes;
}

/** The largest distance in elements that one step of an axis makes in any operand. */
function widestStep(schedule: Schedule, stage: PlacedStage, axis: AxisId, batch: number): number {
  let widest = 0;
  for (const expr of exprsOf(stage)) {
    visitExpr(expr, (e) => {
      if (e.kind !== "load") return;
      const strides = stridesOf(schedule.values[e.of]!.type.shape, batch);
      e.at.forEach((place, d) => {
        const term = place.terms.find((t) => t.axis === axis);
        if (term) widest = Math.max(widest, Math.abs(dimAt(term.mul, batch) * strides[d]!));
      });
    });
  }
  return widest;
}
