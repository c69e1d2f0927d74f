// What a kernel's loops allow: which neighbours may be computed together, whatever the target. Chooses nothing.
import { type Axis, type AxisId, isAffine } from "../ir/stage.ts";
import { visitExpr } from "./expr.ts";
import type { Kernel, PlacedStage } from "./schedule.ts";

/** A sum of products whose factors are each read by several results: neighbours computed together share loads. */
export function isContraction(stage: PlacedStage): boolean {
  if (!stage.reduce || stage.reduce.index) return false;
  const parallel = stage.axes.filter((a) => a.kind === "parallel");
  const loads = loadsByAxes(
    stage,
    parallel.map((a) => a.id),
  );
  return loads.length >= 2 && loads.filter((load) => load.axes.length < parallel.length).length >= 2;
}

/** Parallel axes of a reduction that share loads when neighbours are computed together; none that bounds count. */
export function tileable(kernel: Kernel, lead: PlacedStage): AxisId[] {
  if (!(lead.reduce || lead.sparse) || lead.reduce?.index || lead.axes.some((a) => a.kind === "scan")) return [];
  const parallel = lead.axes.filter((a) => a.kind === "parallel" && a.id !== lead.sparse?.axis);
  if (kernel.lead !== undefined) return parallel.slice(kernel.shared).map((a) => a.id);
  if (kernel.shared !== parallel.length) return [];
  const isOwn = (stage: PlacedStage, { id, kind }: Axis): boolean => kind === "parallel" && id !== stage.sparse?.axis;
  if (kernel.stages.some((s) => s.axes.slice(kernel.shared).some((a) => isOwn(s, a)))) return [];
  const bounding = kernel.stages.map(axesOfBounds);
  const isOpen = ({ id, extent }: Axis): boolean =>
    extent !== 1 && !bounding.some((ids) => ids.has(id)) && !isAddedAlong(lead, id);
  return parallel.filter(isOpen).map((a) => a.id);
}

/**
 * Whether rounds of a shared axis add to the same places one after the other. A computed place may be another for each round:
 * neighbours may be computed together there, but each is added by itself.
 */
export const isAddedAlong = ({ out, axes }: PlacedStage, axis: AxisId): boolean =>
  out.mode === "add" &&
  axes.some(({ id, kind }) => id === axis && kind === "parallel") &&
  !out.at.some((place) => !isAffine(place) || place.terms.some((t) => t.axis === axis));

/**
 * Axes on which it depends where the stage's inner loops begin and end: those that a guard of a sum counts (it becomes a bound),
 * and those that have a list for each of their points. One bound is not right for several neighbours along them.
 */
export function axesOfBounds({ reduce, body, sparse }: PlacedStage): Set<AxisId> {
  const axes = new Set<AxisId>();
  if (reduce) {
    visitExpr(body, (e) => {
      if (e.kind === "load") for (const { at } of e.guard ?? []) for (const { axis } of at.terms) axes.add(axis);
    });
  }
  for (const { terms } of sparse?.at ?? []) for (const { axis } of terms) axes.add(axis);
  return axes;
}

/** A load of the body: the tileable axes it depends on, and the one along which its elements lie side by side. */
export interface Load {
  readonly axes: readonly AxisId[];
  readonly adjacent: AxisId | undefined;
}

export function loadsByAxes(lead: PlacedStage, axes: readonly AxisId[]): Load[] {
  const loads: Load[] = [];
  visitExpr(lead.body, (e) => {
    if (e.kind !== "load") return;
    const used = new Set(e.at.flatMap((p) => p.terms.map((t) => t.axis)));
    const adjacent = e.at.at(-1)?.terms.find((t) => t.mul === 1)?.axis;
    loads.push({ axes: axes.filter((a) => used.has(a)), adjacent });
  });
  return loads;
}
