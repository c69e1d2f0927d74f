// Loop fusion: stages that meet at the same points of their outer axes run in one loop nest. Softmax and its loss become one pass
// over a row; all new values of an Adam update one sweep over the parameter. Contract: rounding (a value kept in a variable is not
// rounded by a store). Before: one stage per kernel, in order. After: kernels of several stages. Stays true: the order of stages.
import { type Affine, type Axis, type AxisId, type Expr, isAffine, type ValueId } from "../../ir/stage.ts";
import { sameDim } from "../../ir/types.ts";
import { axisOf, exprsOf, renameAxes, visitExpr } from "../expr.ts";
import { dependencies } from "../order.ts";
import { type Kernel, type PlacedStage, type Schedule, storageOf } from "../schedule.ts";
import { isContraction } from "../tileable.ts";
import { countWriters, writesIdentity } from "./inline.ts";

export function groupLoops(schedule: Schedule): Schedule {
  const before = dependencies(schedule);
  const writers = countWriters(schedule);
  const groups: Kernel[] = [];
  const groupOf: number[] = [];
  schedule.kernels.forEach((kernel, k) => {
    const stage = kernel.stages[0]!;
    // Only the group of the last stage that must come first can take this one in; in an earlier one it would run too soon.
    const home = Math.max(-1, ...[...before[k]!].map((b) => groupOf[b]!));
    const joined = home >= 0 ? join(schedule, groups[home]!, stage, writers) : undefined;
    if (joined) groups[home] = joined;
    else groups.push(kernel);
    groupOf.push(joined ? home : groups.length - 1);
  });
  return { ...schedule, kernels: groups };
}

/** The group with the stage added, if what flows between them stays at one point of the shared axes. */
function join(
  schedule: Schedule,
  group: Kernel,
  stage: PlacedStage,
  writers: ReadonlyMap<ValueId, number>,
): Kernel | undefined {
  const lead = group.stages[0]!;
  if (isContraction(stage) || stage.out.mode !== "set" || stage.axes.some((a) => a.kind === "scan")) return undefined;
  if (group.stages.some((s) => s.out.mode !== "set" || s.axes.some((a) => a.kind === "scan"))) return undefined;
  const shared = lead.axes.slice(0, group.shared);
  const aligned = alignment(schedule, group, shared, stage, writers);
  if (!aligned) return undefined;
  const { by, apart } = aligned;

  // The longest run of outer axes that the stage has too.
  const own = new Map([...by].map(([from, to]) => [to, from]));
  let depth = 0;
  while (depth < shared.length && own.has(shared[depth]!.id) && !apart.has(shared[depth]!.id)) depth++;
  if (depth === 0 && (shared.length > 0 || stage.axes.some((a) => a.kind === "parallel"))) return undefined;
  const parallel = stage.axes.filter((a) => a.kind === "parallel");
  if (group.stages.some(isContraction) && (depth < shared.length || stage.reduce || parallel.length > depth))
    return undefined;
  // Reading at an axis that is no longer shared would need the whole row; that is fine from memory, not from a variable.
  const outer = shared.slice(0, depth).map((a) => own.get(a.id)!);
  const used = Math.max(-1, ...group.stages.flatMap((s) => s.axes.map((a) => a.id)));
  const rename = new Map<AxisId, AxisId>();
  for (const [d, from] of outer.entries()) rename.set(from, shared[d]!.id);
  let next = used + 1;
  for (const axis of stage.axes) if (!rename.has(axis.id)) rename.set(axis.id, next++);
  const renamed = renameAxes(stage, rename);
  const ids = shared.slice(0, depth).map((a) => a.id);
  const axes: Axis[] = [...shared.slice(0, depth), ...renamed.axes.filter((a) => !ids.includes(a.id))];
  return { stages: [...group.stages, { ...renamed, axes }], shared: depth };
}

/**
 * Stage axis -> shared axis, from all places at which the stage reads what the group makes, or overwrites what the group reads.
 * undefined where some flow does not stay at one point.
 */
function alignment(
  schedule: Schedule,
  group: Kernel,
  shared: readonly Axis[],
  stage: PlacedStage,
  writers: ReadonlyMap<ValueId, number>,
): { by: Map<AxisId, AxisId>; apart: Set<AxisId> } | undefined {
  const by = new Map<AxisId, AxisId>();
  /** Shared axes along which the stage reads other points than its own. */
  const apart = new Set<AxisId>();
  let fits = true;
  const match = (own: Affine | Expr, theirs: Affine): void => {
    const target = shared.find((a) => a.id === axisOf(theirs));
    if (!target) return;
    const from = axisOf(own);
    const axis = stage.axes.find((a) => a.id === from);
    const taken = from !== undefined && (by.get(from) ?? [...by].find(([, to]) => to === target.id)?.[1]);
    const fresh = taken === undefined || (from !== undefined && by.get(from) === target.id);
    if (from === undefined || axis?.kind !== "parallel" || !sameDim(axis.extent, target.extent) || !fresh)
      apart.add(target.id);
    else by.set(from, target.id);
  };
  const makers = new Map(group.stages.map((s) => [s.out.value, s]));
  for (const expr of exprsOf(stage)) {
    visitExpr(expr, (e) => {
      if (e.kind !== "load" && e.kind !== "gather") return;
      const owner = storageOf(schedule, e.of).id;
      const maker = makers.get(owner);
      if (!maker) return;
      if ((e.kind === "load" && e.guard) || owner !== e.of || writers.get(owner) !== 1 || !writesIdentity(maker)) {
        fits = false;
        return;
      }
      for (const [d, place] of e.at.entries()) match(place, maker.out.at[d] as Affine);
    });
  }
  if (!fits) return undefined;

  const target = schedule.values[stage.out.value]!.home;
  const places = stage.out.at.filter(isAffine);
  const isOverwritten = (value: ValueId): boolean => {
    const { home } = storageOf(schedule, value);
    return target.kind === "slot" && home.kind === "slot" && home.slot === target.slot && home.version === 0;
  };
  for (const other of group.stages) {
    for (const expr of exprsOf(other)) {
      visitExpr(expr, (e) => {
        if ((e.kind !== "load" && e.kind !== "gather") || !isOverwritten(e.of)) return;
        // The old element must be read at the very point that overwrites it: every dimension a shared axis, the same on both sides.
        const aligned =
          e.kind === "load" &&
          !e.guard &&
          places.length === e.at.length &&
          e.at.every((place, d) => {
            if (isAffine(place)) match(places[d]!, place);
            const own = axisOf(places[d]!);
            return own !== undefined ? by.get(own) === axisOf(place) : places[d]!.terms.length === 0;
          });
        if (!aligned) fits = false;
      });
    }
  }
  return fits ? { by, apart } : undefined;
}
