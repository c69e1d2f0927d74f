// Sums whose operands, over all their terms, are more than the caches hold: the outermost of the summed axes becomes the outermost
// loop, and every round adds what its terms come to. A gradient of weights then goes through the batch once and not once per tile.
// Before: a kernel that sums. After: one that adds to memory, and one that does the rest on what it left. Stays true: the order of
// the terms. Contract: reorder (sums of blocks are rounded to float32, so only where arithmetic is float32).
import { type Expr, isAffine } from "../ir/stage.ts";
import { dimAt } from "../ir/types.ts";
import { mapExpr } from "./expr.ts";
import { fetchedCost } from "./loop-order.ts";
import { asKernel, writesIdentity } from "./passes/inline.ts";
import { nameValues } from "./passes/names.ts";
import { chooseRecipe } from "./recipes.ts";
import type { Caps, Kernel, PlacedStage, Schedule, Value } from "./schedule.ts";
import { isContraction } from "./tileable.ts";

/** Adding to memory is worth it from so many terms on. */
const leastTerms = 24;

/** A block must save this share of what the kernel takes. */
const leastGain = 0.1;

export function blockSums(schedule: Schedule, caps: Caps, batch: number): Schedule {
  if (!caps.sumsInF32) return schedule;
  let current = schedule;
  const kernels: Kernel[] = [];
  for (const kernel of schedule.kernels) {
    const blocked = inBlocks(current, kernel, batch);
    if (!blocked) {
      kernels.push(kernel);
      continue;
    }
    const before = costOf(schedule, kernel, caps, batch);
    const after = blocked.kernels.reduce((sum, k) => sum + costOf(blocked.schedule, k, caps, batch), 0);
    if (after > before * (1 - leastGain)) {
      kernels.push(kernel);
      continue;
    }
    current = blocked.schedule;
    kernels.push(...blocked.kernels);
  }
  return current === schedule ? schedule : nameValues({ ...current, kernels });
}

/** About how many instructions a kernel takes, and the waits for its operands in the same unit. */
function costOf(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number): number {
  const recipe = chooseRecipe(schedule, kernel, caps, batch);
  return recipe.cost! + fetchedCost(schedule, kernel, recipe, batch);
}

interface Blocked {
  readonly schedule: Schedule;
  readonly kernels: readonly Kernel[];
}

function inBlocks(schedule: Schedule, kernel: Kernel, batch: number): Blocked | undefined {
  const [lead, ...followers] = kernel.stages as [PlacedStage, ...PlacedStage[]];
  const folded = lead.axes.filter((a) => a.kind === "reduce");
  const parallel = lead.axes.filter((a) => a.kind === "parallel");
  const isSum = lead.reduce?.op === "add" && lead.reduce.dtype === "f32" && lead.out.mode === "set" && !lead.sparse;
  if (!isSum || folded.length < 2 || !isContraction(lead) || kernel.shared !== parallel.length) return undefined;
  const terms = folded.slice(1).reduce((k, a) => k * dimAt(a.extent, batch), 1);
  if (terms < leastTerms || !writesIdentity(lead)) return undefined;
  const out = schedule.values[lead.out.value]!;
  const { epilogue, reduce: _, ...rest } = lead;
  const [outer, ...inner] = folded;
  const adding: PlacedStage = {
    ...rest,
    name: `sums_of_${lead.name}`,
    reduce: lead.reduce!,
    axes: [{ ...outer!, kind: "parallel" }, ...parallel, ...inner],
    out: { ...lead.out, mode: "add" },
  };
  // Nothing is left to be done where the sums are the result.
  if (!epilogue && followers.length === 0 && out.home.kind === "temp") return { schedule, kernels: [asKernel(adding)] };
  const { alias: __, ...like } = out;
  const sums: Value = {
    ...like,
    id: schedule.values.length,
    name: `${out.name}_sums`,
    type: { ...out.type, dtype: "f32" },
    home: { kind: "temp" },
  };
  const sum: Expr = { kind: "load", of: sums.id, at: lead.out.at.filter(isAffine), dtype: "f32" };
  const finishing: PlacedStage = {
    ...rest,
    name: `end_of_${lead.name}`,
    axes: parallel,
    body: epilogue ? mapExpr(epilogue, (e) => (e.kind === "acc" ? sum : e)) : sum,
  };
  return {
    schedule: { ...schedule, values: [...schedule.values, sums] },
    kernels: [
      asKernel({ ...adding, out: { ...adding.out, value: sums.id } }),
      { stages: [finishing, ...followers], shared: kernel.shared },
    ],
  };
}
