// A stage that sums, as one that adds to memory and one that does the rest on what it left. Decides nothing.
import { type Expr, isAffine } from "../ir/stage.ts";
import { axisOf, mapExpr } from "./expr.ts";
import { writesIdentity } from "./passes/inline.ts";
import type { PlacedStage, Schedule, Value } from "./schedule.ts";

export interface SplitSum {
  readonly schedule: Schedule;
  /** Where the terms are added up. */
  readonly out: PlacedStage["out"];
  /** Absent where the sums are the result. */
  readonly rest?: PlacedStage;
}

/** Whether the stage is a sum of float32 that has a place of its own for each result, and writes all of its value. */
export const isPlainSum = ({ values }: Schedule, stage: PlacedStage): boolean =>
  stage.reduce?.op === "add" &&
  stage.reduce.dtype === "f32" &&
  stage.out.mode === "set" &&
  writesIdentity(stage) &&
  stage.out.at.every((place, d) => axisOf(place) !== undefined || values[stage.out.value]!.type.shape[d] === 1);

/** `isRead`: others want the stage's own result, so that the sums must be another value. */
export function splitSum(schedule: Schedule, stage: PlacedStage, isRead: boolean): SplitSum {
  const result = schedule.values[stage.out.value]!;
  if (!stage.epilogue && !isRead && result.home.kind === "temp")
    return { schedule, out: { ...stage.out, mode: "add" } };
  const { alias: __, ...value } = result;
  const sums: Value = {
    ...value,
    id: schedule.values.length,
    name: `${result.name}_sums`,
    type: { ...result.type, dtype: "f32" },
    home: { kind: "temp" },
  };
  const sum: Expr = { kind: "load", of: sums.id, at: stage.out.at.filter(isAffine), dtype: "f32" };
  return {
    schedule: { ...schedule, values: [...schedule.values, sums] },
    out: { ...stage.out, value: sums.id, mode: "add" },
    rest: { ...endOf(stage, sum), name: `end_of_${stage.name}` },
  };
}

/** What a stage does when its sum is at hand. */
export function endOf({ reduce: _, epilogue, ...stage }: PlacedStage, sum: Expr): PlacedStage {
  return {
    ...stage,
    axes: stage.axes.filter((a) => a.kind === "parallel"),
    body: epilogue ? mapExpr(epilogue, (e) => (e.kind === "acc" ? sum : e)) : sum,
  };
}
