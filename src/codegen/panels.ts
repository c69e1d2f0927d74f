// Products over more rows of a matrix than the first cache holds lines, or than share its places: the columns that one tile reads are
// copied first, one row beside the other, and all rows of the result then read the copy. Before: a kernel that sums. After: the same sums in
// a loop over panels of columns, behind a stage that copies one. Contract: exact. Not for threads: they would share the one copy.
import { type Affine, type Axis, at, type Expr, isAffine, load } from "../ir/stage.ts";
import { dimAt, dimText, isStatic } from "../ir/types.ts";
import { cacheLevels, conflicts, line } from "./cache.ts";
import { axisOf, compose, composeExpr, mapExpr, visitExpr } from "./expr.ts";
import { stridesOfValue } from "./lower-context.ts";
import { asKernel } from "./passes/inline.ts";
import { nameValues } from "./passes/names.ts";
import { chooseRecipe } from "./recipes.ts";
import { hasLongEnd } from "./row-by-row.ts";
import type { Caps, Kernel, PlacedStage, Recipe, Schedule, Value } from "./schedule.ts";
import { isContraction } from "./tileable.ts";

/** A copy is worth it from so many tiles on that read it. */
const leastReaders = 8;

/**
 * Of programs that run on batches: a step and what evaluates it. What a model predicts is asked for single rows too, for which a copy
 * would take twice what the product does; unless it only predicts, and for batches of a given size.
 */
export function copyPanels(
  schedules: ReadonlyMap<string, Schedule>,
  caps: Caps,
  batch: number,
): ReadonlyMap<string, Schedule> {
  const programs = schedules.has("step") ? ["step", "evaluate"] : ["predict"];
  const copied = [...schedules].map(([name, schedule]): [string, Schedule] => [
    name,
    programs.includes(name) ? inProgram(schedule, caps, batch) : schedule,
  ]);
  return new Map(copied);
}

function inProgram(schedule: Schedule, caps: Caps, batch: number): Schedule {
  let values = schedule.values;
  const kernels = schedule.kernels.flatMap((kernel) => {
    const wanted = panelOf(schedule, kernel, caps, batch);
    const made = wanted && inPanels(kernel.stages[0]!, wanted, values);
    if (!made) return [kernel];
    values = [...values, made.panel];
    return made.kernels;
  });
  return values === schedule.values ? schedule : nameValues({ ...schedule, values, kernels });
}

type Load = Extract<Expr, { kind: "load" }>;

/** The matrix, its columns' axis, how many of them are a panel, and the axis that is summed. */
interface Panel {
  readonly matrix: Load;
  readonly columns: Axis;
  readonly width: number;
  readonly summed: Axis;
}

function panelOf(schedule: Schedule, kernel: Kernel, caps: Caps, batch: number): Panel | undefined {
  const [stage, ...others] = kernel.stages as [PlacedStage, ...PlacedStage[]];
  const folded = stage.axes.filter((a) => a.kind !== "parallel");
  const [summed] = folded;
  const isPlain =
    !(stage.sparse || stage.band || stage.filter) && stage.reduce?.op === "add" && stage.out.mode === "set";
  if (others.length > 0 || !isPlain || !summed || folded.length > 1) return undefined;
  if (!isContraction(stage) || hasLongEnd(stage)) return undefined;
  const recipe = chooseRecipe(schedule, kernel, caps, batch);
  for (const columns of stage.axes.filter((a) => a.kind === "parallel" && isStatic(a.extent))) {
    const width = recipe.tiles.get(columns.id) ?? 1;
    // With lanes a rest of columns may have other lanes than they had, and thereby other sums.
    const keepsSums = !recipe.lanes || (recipe.lanes[0] === columns.id && dimAt(columns.extent, batch) % width === 0);
    if (width === 1 || !keepsSums) continue;
    const matrix = matrixOf(schedule, stage, columns, summed, batch);
    if (matrix && readersOf(stage, columns, recipe, batch) >= leastReaders) return { matrix, columns, width, summed };
  }
  return undefined;
}

/** The one matrix that a stage reads by these columns, if they lie side by side and its rows apart. */
function matrixOf(
  schedule: Schedule,
  stage: PlacedStage,
  columns: Axis,
  summed: Axis,
  batch: number,
): Load | undefined {
  const loads: Load[] = [];
  visitExpr(stage.body, (e) => {
    if (e.kind === "load" && e.at.some((place) => place.terms.some((t) => t.axis === columns.id))) loads.push(e);
  });
  const [matrix] = loads;
  if (loads.length !== 1 || !matrix || matrix.guard || schedule.values[matrix.of]!.type.dtype !== "f32")
    return undefined;
  const axes = matrix.at.map(axisOf);
  const strides = stridesOfValue(schedule, matrix.of, batch);
  const strideOf = (axis: Axis): number => strides[axes.indexOf(axis.id)] ?? 0;
  const [apart, rows] = [strideOf(summed), dimAt(summed.extent, batch)];
  const isLarge = apart >= line && (rows > cacheLevels[0].lines || conflicts(apart, rows));
  return axes.length === 2 && strideOf(columns) === 1 && isLarge ? matrix : undefined;
}

/** How many tiles read the same columns. */
function readersOf(stage: PlacedStage, columns: Axis, { tiles }: Recipe, batch: number): number {
  const rows = stage.axes.filter((a) => a.kind === "parallel" && a.id !== columns.id);
  return rows.reduce((k, { id, extent }) => (k * dimAt(extent, batch)) / (tiles.get(id) ?? 1), 1);
}

/** A kernel that fills panels, and one for the columns that are left; undefined where a place would not be affine. */
function inPanels(
  stage: PlacedStage,
  { matrix, columns, width, summed }: Panel,
  values: readonly Value[],
): { readonly kernels: readonly Kernel[]; readonly panel: Value } | undefined {
  const source = values[matrix.of]!;
  const panel: Value = {
    id: values.length,
    name: `${source.name}_panel`,
    type: { dtype: "f32", shape: [summed.extent, width] },
    home: { kind: "temp" },
    origins: source.origins,
  };
  const free = Math.max(...stage.axes.map((a) => a.id)) + 1;
  const size = Number(columns.extent);
  const panels: Axis = { id: free, name: "panel", extent: Math.floor(size / width), kind: "parallel" };
  const column: Axis = { ...columns, id: free + 1, extent: width };
  const copiedRow: Axis = { ...summed, id: free + 2, kind: "parallel" };
  const copiedColumn: Axis = { ...column, id: free + 3 };
  const inPanel = (axis: Axis): Affine => ({ const: 0, terms: [...at(panels.id, width).terms, ...at(axis.id).terms] });
  const copied = composeExpr(
    matrix,
    new Map([
      [columns.id, inPanel(copiedColumn)],
      [summed.id, at(copiedRow.id)],
    ]),
  );
  const read = load(panel.id, [at(summed.id), at(column.id)]);
  const ofPanel = { ...stage, body: mapExpr(stage.body, (e) => (e === matrix ? read : e)) };
  const sum = moved(ofPanel, columns, column, inPanel(column));
  const left: Axis = { ...columns, id: free + 1, extent: size % width };
  const rest = moved(stage, columns, left, at(left.id, 1, size - (size % width)));
  if (!copied || !sum || !rest) return undefined;
  const copy: PlacedStage = {
    name: `panel_${dimText(summed.extent)}x${width}`,
    axes: [panels, copiedRow, copiedColumn],
    body: copied,
    out: { value: panel.id, at: [at(copiedRow.id), at(copiedColumn.id)], mode: "set" },
    origins: source.origins,
  };
  const kernel = { stages: [copy, { ...sum, axes: [panels, ...sum.axes] }], shared: 1, lead: 1 };
  const ofRest = size % width === 0 ? [] : [asKernel({ ...rest, name: `rest_of_${stage.name}` })];
  return { kernels: [kernel, ...ofRest], panel };
}

/** The stage with another axis for one of its own, whose points are at a place. */
function moved(stage: PlacedStage, from: Axis, to: Axis, place: Affine): PlacedStage | undefined {
  const by = new Map([[from.id, place]]);
  const body = composeExpr(stage.body, by);
  const epilogue = stage.epilogue && composeExpr(stage.epilogue, by);
  const places = stage.out.at.map((p) => (isAffine(p) ? compose(p, by) : undefined));
  if (!body || (stage.epilogue && !epilogue) || places.includes(undefined)) return undefined;
  return {
    ...stage,
    axes: stage.axes.map((axis) => (axis.id === from.id ? to : axis)),
    body,
    ...(epilogue ? { epilogue } : {}),
    out: { ...stage.out, at: places.filter((p) => p !== undefined) },
  };
}
