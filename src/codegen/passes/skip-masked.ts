// Masks leave work out: what a causal mask makes 0 is neither summed nor, where nobody asks for it, computed. Contract: exact where
// numbers are finite (what is left out is 0 * x). Before: stages over all points of two axes. After: stages over the blocks along
// a diagonal. Stays true: the order of summation, and that what is read was written: a stage visits all that its readers ask for.
import type { AxisId, Band, Expr, ValueId } from "../../ir/stage.ts";
import { isStatic } from "../../ir/types.ts";
import { block, shareOfPlane } from "../bands.ts";
import { identityOf } from "../bounds.ts";
import { type Diagonals, type Masked, maskedBy, ofAxes, ofDimensions, union } from "../diagonals.ts";
import { exprsOf, visitExpr } from "../expr.ts";
import { type Kernel, type PlacedStage, type Schedule, storageOf } from "../schedule.ts";
import { countWriters } from "./inline.ts";

/** Blocks must leave out this share of the points. */
const leastGain = 0.15;

export function skipMasked(schedule: Schedule): Schedule {
  const terms = neededTerms(schedule);
  if (terms.size === 0) return schedule;
  const demands = new Demands(schedule);
  const kernels = schedule.kernels.toReversed().map((kernel) => withBands(kernel, terms, demands));
  return { ...schedule, kernels: kernels.toReversed() };
}

/** Sums, maxima and the like that need only the terms on some diagonals: those beyond add nothing. */
type NeededTerms = ReadonlyMap<PlacedStage, Diagonals>;

function neededTerms(schedule: Schedule): NeededTerms {
  const needed = new Map<PlacedStage, Diagonals>();
  const values = new Map<ValueId, Masked>();
  const writers = countWriters(schedule);
  for (const stage of schedule.kernels.flatMap(({ stages }) => stages)) {
    const { axes, reduce, body, epilogue, out } = stage;
    if (!isPlain(stage)) continue;
    const terms = maskedBy(body, { values });
    const addsNothing = terms !== undefined && reduce && terms.beyond === identityOf(reduce.op, reduce.dtype);
    const isFolded = (id: AxisId): boolean => axes.some((a) => a.id === id && a.kind === "reduce");
    const folds = terms !== undefined && [terms.within.rows, terms.within.columns].some(isFolded);
    if (addsNothing && folds) needed.set(stage, terms.within);
    const acc = addsNothing && !folds ? terms : undefined;
    const result = epilogue ? maskedBy(epilogue, { values, acc }) : reduce ? acc : terms;
    const within = result && ofDimensions(result.within, out.at);
    if (within && writers.get(out.value) === 1) values.set(out.value, { ...result, within });
  }
  return needed;
}

/** Whether each point makes one result, at a place that is known. */
const isPlain = ({ axes, sparse, filter, reduce, out }: PlacedStage): boolean =>
  !sparse && !filter && !reduce?.index && out.mode === "set" && axes.every((a) => a.kind !== "scan");

/** Diagonals that are counted in blocks. */
type Blocks = Diagonals;

const inBlocks = ({ from, to, ...plane }: Diagonals): Blocks => ({
  ...plane,
  from: Math.ceil((from - block + 1) / block),
  to: Math.floor((to + block - 1) / block),
});

const bandOf = ({ rows, columns, from, to }: Blocks): Band => ({
  rows,
  columns,
  ...(Number.isFinite(from) ? { from } : {}),
  ...(Number.isFinite(to) ? { to } : {}),
});

/** Which blocks of the temporaries somebody reads. Kernels ask from the last to the first. */
class Demands {
  private readonly schedule: Schedule;
  private readonly writers: ReadonlyMap<ValueId, number>;
  /** Of a value's dimensions. */
  private readonly asked = new Map<ValueId, Blocks | "all">();

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.writers = countWriters(schedule);
    for (const id of schedule.outputs.values()) this.ask(id);
  }

  /** The blocks of the value's axes at which a stage writes it; undefined: nobody asked. */
  ofResult({ out }: PlacedStage): Blocks | "all" | undefined {
    const { home } = this.schedule.values[out.value]!;
    if (home.kind !== "temp" || this.writers.get(out.value) !== 1) return "all";
    const asked = this.asked.get(out.value);
    return asked === undefined || asked === "all" ? asked : (ofAxes(asked, out.at) ?? "all");
  }

  /** All that a stage reads at the points that it visits. */
  askFor(stage: PlacedStage, blocks: Blocks | undefined): void {
    const isResult = ({ rows, columns }: Blocks): boolean =>
      [rows, columns].every((id) => stage.axes.some((a) => a.id === id && a.kind === "parallel"));
    for (const expr of exprsOf(stage))
      this.askIn(expr, blocks && (expr !== stage.epilogue || isResult(blocks)) ? blocks : undefined);
    if (stage.sparse) for (const id of [stage.sparse.list, stage.sparse.counts]) this.ask(id);
  }

  private askIn(expr: Expr, blocks: Blocks | undefined): void {
    visitExpr(expr, (e) => {
      if (e.kind === "load") this.ask(e.of, blocks && ofDimensions(blocks, e.at));
      if (e.kind === "gather") this.ask(e.of);
    });
  }

  private ask(id: ValueId, blocks?: Blocks): void {
    const owner = storageOf(this.schedule, id).id;
    const wanted = owner === id && blocks ? blocks : "all";
    const known = this.asked.get(owner);
    this.asked.set(owner, known === undefined ? wanted : together(known, wanted));
  }
}

const together = (a: Blocks | "all", b: Blocks | "all"): Blocks | "all" =>
  a !== "all" && b !== "all" && a.rows === b.rows && a.columns === b.columns ? union(a, b) : "all";

function withBands(kernel: Kernel, terms: NeededTerms, demands: Demands): Kernel {
  const common = commonBlocks(kernel, demands);
  const banded = common && visiting(kernel, terms, demands, common);
  // What stages of one loop nest read of each other may be more than others ask for.
  const isEnough = banded?.stages.every((stage) => covers(common!, demands.ofResult(stage)));
  return banded && isEnough ? banded : visiting(kernel, terms, demands, undefined);
}

function visiting(kernel: Kernel, terms: NeededTerms, demands: Demands, common: Blocks | undefined): Kernel {
  const stages = kernel.stages.toReversed().map((stage): PlacedStage => {
    const blocks = common ?? ownBlocks(kernel, stage, terms, demands);
    demands.askFor(stage, blocks);
    return blocks ? { ...stage, band: bandOf(blocks) } : stage;
  });
  return { ...kernel, stages: stages.toReversed() };
}

const covers = (blocks: Blocks, asked: Blocks | "all" | undefined): boolean => {
  if (asked === undefined) return true;
  const all = asked === "all" ? asked : together(blocks, asked);
  return all !== "all" && all.from === blocks.from && all.to === blocks.to;
};

/** Blocks of the shared axes that are all that readers ask for of any of the results. */
function commonBlocks({ stages, shared }: Kernel, demands: Demands): Blocks | undefined {
  if (!stages.every(isPlain)) return undefined;
  const asked = stages.map((stage) => demands.ofResult(stage)).filter((blocks) => blocks !== undefined);
  const [first, ...others] = asked;
  const all = first && others.reduce(together, first);
  if (all === undefined || all === "all") return undefined;
  const axes = stages[0]!.axes.slice(0, shared);
  const isShared = [all.rows, all.columns].every((id) => axes.some((a) => a.id === id));
  return isShared && savesEnough(stages[0]!, all) ? all : undefined;
}

/** Blocks of an axis that is the stage's own: those with terms to fold, or those that readers ask for. */
function ownBlocks({ shared }: Kernel, stage: PlacedStage, terms: NeededTerms, demands: Demands): Blocks | undefined {
  if (!isPlain(stage)) return undefined;
  const needed = terms.get(stage);
  const asked = needed ? inBlocks(needed) : demands.ofResult(stage);
  if (asked === undefined || asked === "all") return undefined;
  const own = stage.axes.slice(shared);
  const isOwn = [asked.rows, asked.columns].some((id) => own.some((a) => a.id === id));
  return isOwn && savesEnough(stage, asked) ? asked : undefined;
}

function savesEnough({ axes }: PlacedStage, blocks: Blocks): boolean {
  const [rows, columns] = [blocks.rows, blocks.columns].map((id) => axes.find((a) => a.id === id)!.extent);
  if (!isStatic(rows!) || !isStatic(columns!)) return false;
  return shareOfPlane(bandOf(blocks), rows, columns) <= 1 - leastGain;
}
