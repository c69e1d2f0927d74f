// Products that go through more columns of a matrix than the first cache holds lines for: the columns that one tile reads are copied
// first, one row beside the other, and all rows of the result then read the copy. Before: a kernel that sums. After: the same sums in
// a loop over panels of columns, behind a stage that copies one. Contract: exact. Not for threads: they would share the one copy.
import { type Affine, type Axis, at, type Expr, isAffine, load } from "../ir/stage.ts";
import { dimAt, dimText, isStatic } from "../ir/types.ts";
import { cacheLevels, line } from "./cache.ts";
import { axisOf, compose, composeExpr, mapExpr, visitExpr } from "./expr.ts";
import { stridesOfValue } from "./lower-context.ts";
import { nameValues } from "./passes/names.ts";
import { chooseRecipe } from "./recipes.ts";
import { hasLongEnd } from "./row-by-row.ts";
import type { Caps, Kernel, PlacedStage, Recipe, Schedule, Value } from "./schedule.ts";
import { isContraction } from "./tileable.ts";

/** A copy is worth it from so many tiles on that read it. */
const leastReaders = 8;

export function copyPanels(schedule: Schedule, caps: Caps, batch: number): Schedule {
  let values = schedule.values;
  const kernels = schedule.kernels.map((kernel) => {
    const wanted = panelOf(schedule, kernel, caps, batch);
    const made = wanted && inPanels(kernel.stages[0]!, wanted, values);
    if (!made) return kernel;
    values = [...values, made.panel];
    return made.kernel;
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
  if (dimAt(summed.extent, batch) <= cacheLevels[0].lines || !isContraction(stage) || hasLongEnd(stage))
    return undefined;
  const recipe = chooseRecipe(schedule, kernel, caps, batch);
  const columns = stage.axes.find((a) => a.id === recipe.lanes?.[0] && a.kind === "parallel");
  const width = columns && recipe.tiles.get(columns.id);
  if (!width || !isStatic(columns.extent) || columns.extent % width !== 0) return undefined;
  if (readersOf(stage, columns, recipe, batch) < leastReaders) return undefined;
  const matrices: Load[] = [];
  visitExpr(stage.body, (e) => {
    if (e.kind === "load" && e.at.some((place) => place.terms.some((t) => t.axis === columns.id))) matrices.push(e);
  });
  const [matrix] = matrices;
  if (matrices.length !== 1 || !matrix || matrix.guard || schedule.values[matrix.of]!.type.dtype !== "f32")
    return undefined;
  const axes = matrix.at.map(axisOf);
  const strides = stridesOfValue(schedule, matrix.of, batch);
  const strideOf = (axis: Axis): number => strides[axes.indexOf(axis.id)] ?? 0;
  const isMatrix = axes.length === 2 && strideOf(columns) === 1 && strideOf(summed) >= line;
  return isMatrix ? { matrix, columns, width, summed } : undefined;
}

/** How many tiles read the same columns. */
function readersOf(stage: PlacedStage, columns: Axis, { tiles }: Recipe, batch: number): number {
  const rows = stage.axes.filter((a) => a.kind === "parallel" && a.id !== columns.id);
  return rows.reduce((k, { id, extent }) => (k * dimAt(extent, batch)) / (tiles.get(id) ?? 1), 1);
}

/** The kernel with the panel that it fills; undefined where a place would not be affine. */
function inPanels(
  stage: PlacedStage,
  { matrix, columns, width, summed }: Panel,
  values: readonly Value[],
): { readonly kernel: Kernel; readonly panel: Value } | undefined {
  const source = values[matrix.of]!;
  const panel: Value = {
    id: values.length,
    name: `${source.name}_panel`,
    type: { dtype: "f32", shape: [summed.extent, width] },
    home: { kind: "temp" },
    origins: source.origins,
  };
  const free = Math.max(...stage.axes.map((a) => a.id)) + 1;
  const panels: Axis = { id: free, name: "panel", extent: Number(columns.extent) / width, kind: "parallel" };
  const column: Axis = { ...columns, id: free + 1, extent: width };
  const copiedRow: Axis = { ...summed, id: free + 2, kind: "parallel" };
  const copiedColumn: Axis = { ...column, id: free + 3 };
  const inPanel = (axis: Axis): Affine => ({ const: 0, terms: [...at(panels.id, width).terms, ...at(axis.id).terms] });
  const moved = new Map([[columns.id, inPanel(column)]]);
  const copied = composeExpr(
    matrix,
    new Map([
      [columns.id, inPanel(copiedColumn)],
      [summed.id, at(copiedRow.id)],
    ]),
  );
  const read = load(panel.id, [at(summed.id), at(column.id)]);
  const body = composeExpr(
    mapExpr(stage.body, (e) => (e === matrix ? read : e)),
    moved,
  );
  const epilogue = stage.epilogue && composeExpr(stage.epilogue, moved);
  const places = stage.out.at.map((place) => (isAffine(place) ? compose(place, moved) : undefined));
  if (!copied || !body || (stage.epilogue && !epilogue) || places.includes(undefined)) return undefined;
  const copy: PlacedStage = {
    name: `panel_${dimText(summed.extent)}x${width}`,
    axes: [panels, copiedRow, copiedColumn],
    body: copied,
    out: { value: panel.id, at: [at(copiedRow.id), at(copiedColumn.id)], mode: "set" },
    origins: source.origins,
  };
  const sum: PlacedStage = {
    ...stage,
    axes: [panels, ...stage.axes.map((a) => (a.id === columns.id ? column : a))],
    body,
    ...(epilogue ? { epilogue } : {}),
    out: { ...stage.out, at: places.filter((place) => place !== undefined) },
  };
  return { kernel: { stages: [copy, sum], shared: 1, lead: 1 }, panel };
}
