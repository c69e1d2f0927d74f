// The schedule passes, in order. A plain list: each can be left out by name, looked at before and after, and tested alone.
import { blockSums } from "../block-sums.ts";
import { assignLayouts } from "../layouts.ts";
import { orderHazards } from "../order.ts";
import { copyPanels } from "../panels.ts";
import type { Caps, Schedule } from "../schedule.ts";
import { fuseEpilogues } from "./epilogue.ts";
import { groupLoops } from "./group.ts";
import { inlineMaps, inlineViews } from "./inline.ts";
import { nameValues } from "./names.ts";
import { orderReductions } from "./order-reductions.ts";
import { skipMasked } from "./skip-masked.ts";
import { sparsify } from "./sparsify.ts";

interface PassRecord {
  readonly name: string;
  /** exact: bit-equal on and off. rounding: bit-equal under `--strict-float`. reorder: within 1e-5. */
  readonly contract: "exact" | "rounding" | "reorder";
  readonly summary: string;
}

export interface SchedulePass extends PassRecord {
  /** Cannot be left out: without it the program would be wrong. */
  readonly required?: boolean;
  run(schedule: Schedule, options: ScheduleOptions): Schedule;
}

export interface ScheduleOptions {
  readonly batch: number;
  readonly strictFloat: boolean;
  /** Share of zeros that the data set promises, by column. */
  readonly zeros: ReadonlyMap<string, number>;
}

export const schedulePasses: readonly SchedulePass[] = [
  {
    name: "inline-views",
    contract: "exact",
    summary: "reads through transposes, slices, broadcasts and pads instead of copying them",
    run: (schedule, { batch, strictFloat }) => inlineViews(schedule, batch, strictFloat),
  },
  {
    name: "fuse-epilogues",
    contract: "rounding",
    summary: "does elementwise work on a reduction's result as it is stored",
    run: (schedule, { strictFloat }) => fuseEpilogues(schedule, strictFloat),
  },
  {
    name: "sparsify",
    contract: "rounding",
    summary: "skips the zeros of data columns that are mostly zeros",
    run: (schedule, { batch, zeros }) => sparsify(schedule, zeros, batch),
  },
  {
    name: "inline-maps",
    contract: "rounding",
    summary: "moves elementwise work into its readers where that saves more than it repeats",
    run: (schedule, { batch, strictFloat }) => inlineMaps(schedule, batch, strictFloat),
  },
  {
    name: "fuse-late-epilogues",
    contract: "rounding",
    summary: "the same for what inlining left behind a reduction",
    run: (schedule, { strictFloat }) => fuseEpilogues(schedule, strictFloat),
  },
  {
    name: "order-reductions",
    contract: "reorder",
    summary: "nests sums so that the innermost loop is long and its steps are small",
    run: (schedule, { batch }) => orderReductions(schedule, batch),
  },
  {
    name: "order-hazards",
    contract: "exact",
    required: true,
    summary: "orders kernels so that updates in place overwrite nothing that is still read",
    run: (schedule) => orderHazards(schedule),
  },
  {
    name: "group-loops",
    contract: "rounding",
    summary: "runs stages that meet at the same rows or elements in one loop nest",
    run: (schedule) => groupLoops(schedule),
  },
  {
    name: "skip-masked",
    contract: "rounding",
    summary: "leaves out what masks make 0: sums run, and values are made, on one side of a diagonal",
    run: (schedule) => skipMasked(schedule),
  },
  {
    name: "name-values",
    contract: "exact",
    required: true,
    summary: "gives every value that is left a name of its own",
    run: (schedule) => nameValues(schedule),
  },
];

/** How values lie and are copied, over all programs of a module: they share their parameters. For targets with lanes, most of them. */
export interface PlacingPass extends PassRecord {
  /** Also for targets without lanes. */
  readonly everywhere?: true;
  /** Not where threads share the work. */
  readonly alone?: true;
  run(schedules: ReadonlyMap<string, Schedule>, target: Caps, batch: number): ReadonlyMap<string, Schedule>;
}

export const placingPasses: readonly PlacingPass[] = [
  {
    name: "layouts",
    contract: "reorder",
    summary: "lets neighbours that are computed together lie side by side",
    run: (schedules, target, batch) => assignLayouts(schedules, target, batch),
  },
  {
    name: "block-sums",
    contract: "reorder",
    summary: "adds up long sums block by block, where their operands are more than the caches hold",
    run: (schedules, target, batch) =>
      new Map([...schedules].map(([name, schedule]) => [name, blockSums(schedule, target, batch)])),
  },
  {
    name: "panels",
    contract: "exact",
    summary: "copies the columns of a large matrix that a tile reads again and again",
    everywhere: true,
    alone: true,
    run: (schedules, target, batch) => copyPanels(schedules, target, batch),
  },
];
