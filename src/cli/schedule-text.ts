// `nnc inspect --explain-schedule`: how each kernel's loops run and where each value lies, with the reasons. Text only.
import { bandText } from "../codegen/bands.ts";
import type { Unit } from "../codegen/compile.ts";
import type { Kernel, PlacedStage, Recipe, Schedule, Value } from "../codegen/schedule.ts";
import type { AxisId } from "../ir/stage.ts";
import { type Dim, dimText, typeText } from "../ir/types.ts";

type Compiled = Unit["programs"][number];

export const scheduleText = (program: Compiled): string => {
  const { schedule, procedures, recipes } = program;
  const kernels = schedule.kernels.map((kernel, k) => {
    const skips = kernel.stages.flatMap((s) => [...listLines(schedule, s), ...bandLines(s)]);
    const lines = [...loopLines(kernel, recipes[k]!), ...panelLines(schedule, kernel), ...new Set(skips)];
    return [procedures[k]!.name, ...lines, `why: ${recipes[k]!.why}`].join("\n  ");
  });
  const layouts = layoutLines(schedule);
  return `${[...kernels, ...(layouts.length > 0 ? [["layouts", ...layouts].join("\n  ")] : [])].join("\n")}\n`;
};

/** Outermost first: `n: N by 2`. */
function loopLines({ stages, shared, lead: leading = 0 }: Kernel, recipe: Recipe): string[] {
  const lead = stages[leading]!;
  const byId = new Map(lead.axes.map((axis) => [axis.id, axis]));
  const order = recipe.order ?? lead.axes.slice(0, shared).map((axis) => axis.id);
  const inner = lead.axes.slice(shared).map((axis) => axis.id);
  const lane = recipe.lanes?.[leading];
  const texts = [...order, ...inner].map((id) => {
    const { name, extent, kind } = byId.get(id)!;
    const tile = recipe.tiles.get(id) ?? 1;
    const width = id === lane ? `${Math.max(tile, 4)} in lanes` : tile > 1 ? String(tile) : "";
    const work = kind === "reduce" ? "summed " : kind === "scan" ? "in order " : "";
    const sized = `${work}${name} of ${dimText(extent)}`;
    return width === "" ? sized : `${sized} by ${width}`;
  });
  return texts.length > 0 ? [`loops: ${texts.join(", ")}`] : [];
}

/** What is copied before the stage that leads. */
const panelLines = ({ values }: Schedule, { stages, lead = 0 }: Kernel): string[] =>
  stages.slice(0, lead).map(({ out }) => `${values[out.value]!.name} is a copy that all its rows read`);

function listLines(schedule: Schedule, stage: PlacedStage): string[] {
  const nameOf = (id: AxisId): string => stage.axes.find((axis) => axis.id === id)!.name;
  if (stage.filter) return [`makes the list ${schedule.values[stage.out.value]!.name}`];
  if (!stage.sparse) return [];
  return [
    `${nameOf(stage.sparse.axis)} runs over the list ${schedule.values[stage.sparse.list]!.name}: zeros are skipped`,
  ];
}

function bandLines(stage: PlacedStage): string[] {
  const band = bandText(stage);
  return band === undefined ? [] : [`visits ${band}: a mask rules out the others`];
}

/** Values that do not lie row-major as in their types. */
function layoutLines({ values }: Schedule): string[] {
  const seen = new Set<string>();
  return values.flatMap((value) => {
    const name = value.home.kind === "slot" ? value.home.slot : value.name;
    if (!value.layout || seen.has(name)) return [];
    seen.add(name);
    return [`${name}: ${typeText(value.type)} lies ${layoutText(value)}`];
  });
}

function layoutText({ type, layout }: Value): string {
  const sizes = layout!.order.map((d) => dimText(type.shape[d] as Dim));
  const apart = layout!.pad > 0 ? `, ${layout!.pad} free after each row` : "";
  return `as [${sizes.join(", ")}]${apart}`;
}
