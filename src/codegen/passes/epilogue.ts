// Epilogues: an elementwise stage that alone reads a reduction's result is done as the result is stored
// (bias, activation, loss scaling, a parameter's update). Contract: rounding. Before: reduce stages that make a value, one or
// several parts of it, and a map stage. After: the reduce stages with an epilogue. Stays true: their own order of summation.
import { type Affine, type AxisId, type Expr, isAffine, type ValueId } from "../../ir/stage.ts";
import { sameDim } from "../../ir/types.ts";
import { axisOf, composeExpr, mapExpr, readsOf, visitExpr } from "../expr.ts";
import type { PlacedStage, Schedule } from "../schedule.ts";
import { asKernel, mergeOrigins } from "./inline.ts";

export function fuseEpilogues(schedule: Schedule, strictFloat: boolean): Schedule {
  // A place holds several stages where the parts of one value have taken in their reader.
  const places: PlacedStage[][] = schedule.kernels.map((k) => [k.stages[0]!]);
  const readersOf = new Map<ValueId, Set<number>>();
  const writersOf = new Map<ValueId, number[]>();
  places.forEach(([stage], i) => {
    for (const value of readsOf(stage!)) readersOf.set(value, (readersOf.get(value) ?? new Set()).add(i));
    writersOf.set(stage!.out.value, [...(writersOf.get(stage!.out.value) ?? []), i]);
  });
  const pinned = new Set<ValueId>(schedule.outputs.values());
  for (const value of schedule.values) if (value.alias !== undefined) pinned.add(value.alias);

  for (let i = 0; i < places.length; i++) {
    const value = places[i]![0]?.out.value;
    if (value === undefined || schedule.values[value]!.home.kind !== "temp" || pinned.has(value)) continue;
    const [reader, ...others] = readersOf.get(value) ?? [];
    // All that write the value, once the last of them is met.
    const writers = writersOf.get(value)!;
    if (reader === undefined || others.length > 0 || writers.at(-1) !== i) continue;
    const parts = writers.flatMap((w) => places[w]!);
    const [read, ...more] = places[reader]!;
    const fused = more.length > 0 ? [] : parts.map((part) => absorb(schedule, part, read!, strictFloat));
    if (fused.length === 0 || !fused.every((stage) => stage !== undefined)) continue;
    // The fused stages stand where the reader stood, all they read being computed by then; there they may take in another.
    for (const w of writers) {
      for (const stage of places[w]!) for (const id of readsOf(stage)) readersOf.get(id)!.delete(w);
      places[w] = [];
    }
    places[reader] = fused;
    for (const stage of fused) for (const id of readsOf(stage)) readersOf.get(id)!.add(reader);
  }
  return { ...schedule, kernels: places.flat().map(asKernel) };
}

/** The reduction with the reader's work as its epilogue, if both have the same results, point by point. */
function absorb(
  schedule: Schedule,
  stage: PlacedStage,
  reader: PlacedStage,
  strictFloat: boolean,
): PlacedStage | undefined {
  if (!stage.reduce || stage.out.mode !== "set" || !writesDistinctly(stage)) return undefined;
  if (reader.reduce || reader.out.mode !== "set" || reader.axes.some((a) => a.kind !== "parallel")) return undefined;
  const places = placesOf(reader, stage.out.value);
  const { shape } = schedule.values[stage.out.value]!.type;
  if (places?.length !== shape.length) return undefined;
  // Reader axis -> where the reduction stores, from the one place at which the reader reads.
  const by = new Map<AxisId, Affine>();
  for (const [d, place] of places.entries()) {
    const from = axisOf(place);
    if (from === undefined) {
      if (place.terms.length > 0 || shape[d] !== 1) return undefined;
      continue;
    }
    if (!sameDim(reader.axes.find((a) => a.id === from)!.extent, shape[d]!) || by.has(from)) return undefined;
    by.set(from, stage.out.at[d] as Affine);
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

/** Whether each dimension of the result is a fixed place or moves along an axis of its own. */
function writesDistinctly({ out }: PlacedStage): boolean {
  const axes = out.at.flatMap((place) => (isAffine(place) ? place.terms.map((t) => t.axis) : []));
  return new Set(axes).size === axes.length && out.at.every((place) => isAffine(place) && place.terms.length <= 1);
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
