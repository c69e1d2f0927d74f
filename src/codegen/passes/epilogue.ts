// Epilogues: an elementwise stage that alone reads a reduction's result is done as the result is stored
// (bias, activation, loss scaling, a parameter's update). Contract: rounding. Before: reduce stage, map stage.
// After: one reduce stage with an epilogue. Stays true: the reduction's own order of summation.
import { type Affine, type AxisId, at, type Expr, type ValueId } from "../../ir/stage.ts";
import { sameDim } from "../../ir/types.ts";
import { axisOf, composeExpr, mapExpr, readsOf, visitExpr } from "../expr.ts";
import type { PlacedStage, Schedule } from "../schedule.ts";
import { asKernel, mergeOrigins, writesIdentity } from "./inline.ts";

export function fuseEpilogues(schedule: Schedule, strictFloat: boolean): Schedule {
  const stages: (PlacedStage | undefined)[] = schedule.kernels.map((k) => k.stages[0]!);
  const readersOf = new Map<ValueId, number[]>();
  const writersOf = new Map<ValueId, number>();
  stages.forEach((stage, i) => {
    for (const value of readsOf(stage!)) {
      const readers = readersOf.get(value);
      if (readers) readers.push(i);
      else readersOf.set(value, [i]);
    }
    writersOf.set(stage!.out.value, (writersOf.get(stage!.out.value) ?? 0) + 1);
  });
  const pinned = new Set<ValueId>(schedule.outputs.values());
  for (const value of schedule.values) if (value.alias !== undefined) pinned.add(value.alias);

  for (let i = 0; i < stages.length; i++) {
    const stage = stages[i];
    if (!stage?.reduce || stage.out.mode !== "set" || !writesIdentity(stage)) continue;
    // A scan has a result per round, not one at its end.
    if (stage.axes.some((axis) => axis.kind === "scan")) continue;
    const value = stage.out.value;
    const readers = readersOf.get(value) ?? [];
    if (schedule.values[value]!.home.kind !== "temp" || pinned.has(value)) continue;
    if (readers.length !== 1 || writersOf.get(value) !== 1) continue;
    const reader = readers[0]!;
    const fused = absorb(stage, stages[reader]!, strictFloat);
    if (!fused) continue;
    // The fused stage stands where the reader stood, all it reads being computed by then; there it may take in another.
    stages[i] = undefined;
    stages[reader] = fused;
    for (const read of readsOf(fused)) {
      const others = (readersOf.get(read) ?? []).filter((r) => r !== i && r !== reader);
      readersOf.set(read, [...others, reader]);
    }
  }
  return { ...schedule, kernels: stages.filter((s) => s !== undefined).map(asKernel) };
}

/** The reduction with the reader's work as its epilogue, if both have the same results, point by point. */
function absorb(stage: PlacedStage, reader: PlacedStage, strictFloat: boolean): PlacedStage | undefined {
  if (reader.reduce || reader.out.mode !== "set" || reader.axes.some((a) => a.kind !== "parallel")) return undefined;
  const axes = stage.axes.filter((a) => a.kind === "parallel");
  const places = placesOf(reader, stage.out.value);
  if (!places || places.length !== stage.out.at.length) return undefined;
  // Reader axis -> reduction axis, from the one place at which the reader reads.
  const by = new Map<AxisId, Affine>();
  for (const [d, place] of places.entries()) {
    const from = axisOf(place);
    const to = axisOf(stage.out.at[d]!);
    if (to === undefined) {
      if (from !== undefined || place.terms.length > 0) return undefined;
      continue;
    }
    const extent = axes.find((a) => a.id === to)!.extent;
    if (from === undefined) {
      if (extent !== 1) return undefined;
      continue;
    }
    if (!sameDim(reader.axes.find((a) => a.id === from)!.extent, extent) || by.has(from)) return undefined;
    by.set(from, at(to));
  }
  for (const axis of reader.axes) {
    if (by.has(axis.id)) continue;
    if (axis.extent !== 1) return undefined;
    by.set(axis.id, { const: 0, terms: [] });
  }
  const kept: Expr = stage.epilogue ?? { kind: "acc", dtype: stage.reduce!.index ? "i32" : stage.reduce!.dtype };
  const result: Expr =
    strictFloat && "dtype" in kept && kept.dtype === "f32"
      ? { kind: "call", fn: "cast", dtype: "f32", args: [kept] }
      : kept;
  const composed = composeExpr(reader.body, by);
  if (!composed) return undefined;
  const epilogue = mapExpr(composed, (e) => (e.kind === "load" && e.of === stage.out.value ? result : e));
  const out: PlacedStage["out"] = {
    value: reader.out.value,
    mode: "set",
    at: reader.out.at
      .map((place) => composeExpr({ kind: "index", at: place as Affine }, by))
      .map((e) => (e as { at: Affine }).at),
  };
  return mergeOrigins({ ...stage, epilogue, out, name: epilogueName(stage.name, reader.name) }, reader);
}

/** The single place at which a stage reads a value, if all its reads agree and are unguarded. */
function placesOf(stage: PlacedStage, value: ValueId): readonly Affine[] | undefined {
  let places: readonly Affine[] | undefined;
  let agree = true;
  visitExpr(stage.body, (e) => {
    if (e.kind === "gather" && e.of === value) agree = false;
    if (e.kind !== "load" || e.of !== value) return;
    if (e.guard) agree = false;
    const key = JSON.stringify(e.at);
    if (places && JSON.stringify(places) !== key) agree = false;
    places = e.at;
  });
  return agree ? places : undefined;
}

/** `matmul_64x784x10` with an `add_64x10`: `matmul_add_64x784x10`. */
function epilogueName(name: string, reader: string): string {
  const [, work, size] = /^(.*?)(_[0-9Nx]+)?$/.exec(name)!;
  const added = reader.replace(/_[0-9Nx]+$/, "");
  const words = `${work}_${added}`;
  return `${words.length > 50 ? work : words}${size ?? ""}`;
}
