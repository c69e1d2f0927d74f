// Sums whose operands, over all their terms, are more than the caches hold: the outermost of the summed axes becomes the outermost
// loop, and every round adds what its terms come to. A gradient of weights then goes through the batch once and not once per tile.
// Before: a kernel that sums. After: one that adds to memory, and one that does the rest on what it left. Stays true: the order of
// the terms. Contract: reorder (sums of blocks are rounded to float32, so only where arithmetic is float32).
import { dimAt } from "../ir/types.ts";
import { fetchedCost } from "./loop-order.ts";
import { asKernel } from "./passes/inline.ts";
import { nameValues } from "./passes/names.ts";
import { chooseRecipe } from "./recipes.ts";
import type { Caps, Kernel, PlacedStage, Schedule } from "./schedule.ts";
import { isPlainSum, splitSum } from "./split-sum.ts";
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
  if (!isPlainSum(schedule, lead) || lead.sparse || folded.length < 2 || !isContraction(lead)) return undefined;
  const [outer, ...inner] = folded;
  const terms = inner.reduce((k, a) => k * dimAt(a.extent, batch), 1);
  if (terms < leastTerms || kernel.shared !== parallel.length) return undefined;
  const split = splitSum(schedule, lead, followers.length > 0);
  const { epilogue: _, ...sum } = lead;
  const adding: PlacedStage = {
    ...sum,
    name: `sums_of_${lead.name}`,
    axes: [{ ...outer!, kind: "parallel" }, ...parallel, ...inner],
    out: split.out,
  };
  const rest = split.rest ? [{ stages: [split.rest, ...followers], shared: kernel.shared }] : [];
  return { schedule: split.schedule, kernels: [asKernel(adding), ...rest] };
}
