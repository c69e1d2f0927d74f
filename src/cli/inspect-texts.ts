// What `nnc inspect` prints: any stage of a compilation as text, a picture or data. Decides nothing: it prints what the phases give.
import { visible } from "../base/frame.ts";
import { textOf } from "../base/span.ts";
import { type CompileOptions, compile, type Unit } from "../codegen/compile.ts";
import type { Schedule } from "../codegen/schedule.ts";
import { stageText } from "../codegen/stage-text.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { printLoops } from "../codegen/ts/print-loops.ts";
import { watText } from "../codegen/wat/module.ts";
import type { File } from "../dsl/ast.ts";
import { printAst } from "../dsl/print-ast.ts";
import { kernelCosts } from "../inspect/costs.ts";
import { type DiffLine, diffGraphs, diffTexts } from "../inspect/diff.ts";
import { foldToFit } from "../inspect/fold-lines.ts";
import { dotText, graphJson, mermaidText } from "../inspect/formats.ts";
import { type GraphView, viewOf } from "../inspect/graph-view.ts";
import { layOut } from "../inspect/layout.ts";
import { memoryView } from "../inspect/memory-view.ts";
import { svgText } from "../inspect/svg.ts";
import type { Graph, Origin } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import { printGraph } from "../ir/print.ts";
import { typeText } from "../ir/types.ts";
import { bytesText, grouped, quoted, UserError } from "../runtime/user-error.ts";
import { compileOptions } from "./compile-options.ts";
import {
  afterPass,
  chosenGraphs,
  type GraphName,
  isGraphPass,
  type NamedGraph,
  programName,
  scheduleAfter,
} from "./inspect-graphs.ts";
import { scheduleText } from "./schedule-text.ts";
import { tableText } from "./table.ts";

export type StageName = "ast" | "graph" | "grad" | "opt" | "stages" | "loops" | "schedule" | "memory" | "ts" | "wat";
export type InspectFormat = "text" | "json" | "dot" | "svg" | "mermaid";

export interface Inspection {
  /** The tree is printed before there is a module. */
  readonly stage?: Exclude<StageName, "ast">;
  readonly graph?: GraphName;
  readonly program?: string;
  readonly after?: string;
  readonly diff?: string;
  readonly format: InspectFormat;
  readonly fold: boolean;
  readonly batch?: number;
  /** For what the kernels are; `wat` is of `wasm`. */
  readonly target?: CompileOptions["target"];
  readonly threads?: true;
  readonly reuse: boolean;
  readonly maxArena?: number;
  readonly paint: (mark: DiffLine["mark"], text: string) => string;
}

export function inspectionText(module: Module, wanted: Inspection): string {
  const graphs = chosenGraphs(module, wanted);
  if (graphs.length === 0) throw noSuchGraph(module, wanted);
  if (wanted.diff !== undefined) return diffText(module, graphs, wanted, wanted.diff);
  if (wanted.after !== undefined && !isGraphPass(wanted.after))
    return kernelsAfter(module, graphs, wanted, wanted.after);
  const { stage } = wanted;
  if (stage === undefined || stage === "graph" || stage === "grad" || stage === "opt")
    return graphTexts(graphs, wanted);
  return unitText(module, graphs, stage, wanted);
}

function noSuchGraph(module: Module, { graph, program }: Inspection): UserError {
  const names = chosenGraphs(module, {}).map(({ name }) => name);
  const asked = graph ?? program ?? "";
  return new UserError(
    "usage/value",
    `${quoted(module.name)} has no program ${quoted(asked)}`,
    `It has ${names.join(", ")}.`,
  );
}

const noPicture = (stage: string, format: InspectFormat): UserError =>
  new UserError(
    "usage/option",
    `${stage} cannot be shown as ${format}`,
    format === "json"
      ? "Data are made of graphs, kernels, memory and the tree: --graph forward, or --stage stages, memory or ast."
      : "Pictures are made of graphs: --graph forward, or --stage graph, grad or opt.",
  );

// ---- Graphs ----

/** The last pass, by what was asked for. */
function untilOf({ stage, graph, after }: Inspection): string | undefined {
  if (after !== undefined) return after;
  if (stage === "grad") return "differentiate";
  // A graph asked for by name is shown as a reader wants it: in its plainest form.
  return stage === undefined && graph !== undefined ? "simplify" : undefined;
}

function graphTexts(graphs: readonly NamedGraph[], wanted: Inspection): string {
  const isRaw =
    wanted.after === undefined &&
    (wanted.stage === "graph" || (wanted.stage === undefined && wanted.graph === undefined));
  const passed = (each: NamedGraph) =>
    isRaw || each.isFinal ? { graph: each.graph, applied: [] } : afterPass(each.graph, untilOf(wanted));
  if (wanted.format === "text") {
    return graphs
      .map((each) => {
        const { graph, applied } = passed(each);
        const rules = applied.map(({ name, origins }) => `# ${name}${placeText(origins)}\n`).join("");
        return `# ${each.name}\n${rules}${printGraph(graph)}`;
      })
      .join("\n");
  }
  // One picture is one graph: of several, that of the training step.
  const one = graphs.find(({ name }) => name === "step") ?? graphs.find(({ name }) => name === "predict") ?? graphs[0]!;
  const view = viewOf(passed(one).graph, { compact: wanted.fold });
  return pictureText(wanted.fold ? foldToFit(view) : view, wanted.format);
}

function pictureText(view: GraphView, format: Exclude<InspectFormat, "text">): string {
  switch (format) {
    case "json":
      return graphJson(view);
    case "dot":
      return dotText(view);
    case "mermaid":
      return mermaidText(view);
    case "svg":
      return svgText(layOut(view), { style: true });
  }
}

function placeText(origins: readonly Origin[]): string {
  const span = origins.find((origin) => origin.span !== undefined)?.span;
  return span === undefined ? "" : `: ${visible(textOf(span).replace(/\s+/g, " "))}`;
}

// ---- Passes ----

/** What a pass over kernels left, as lines of mathematics. */
function kernelsAfter(module: Module, graphs: readonly NamedGraph[], wanted: Inspection, pass: string): string {
  if (wanted.format !== "text") throw noPicture(`what ${pass} leaves`, wanted.format);
  return graphs
    .map(
      ({ name, graph }) =>
        `# ${name}\n${scheduleLines(scheduleAfter(module, graph, pass, batchOf(module, wanted)).after).join("\n")}\n`,
    )
    .join("\n");
}

const batchOf = (module: Module, { batch }: Inspection): number => batch ?? module.train?.batch ?? 1;

const scheduleLines = (schedule: Schedule): string[] =>
  schedule.kernels.flatMap(({ stages }, k) =>
    stages.map((stage, s) => `${s === 0 ? `${k + 1}.`.padEnd(4) : "    "}${stageText(schedule, stage)}`),
  );

function diffText(module: Module, graphs: readonly NamedGraph[], wanted: Inspection, pass: string): string {
  if (wanted.format !== "text") throw noPicture("a difference", wanted.format);
  const linesOf = (graph: Graph): DiffLine[] => {
    if (isGraphPass(pass)) {
      const passed = afterPass(graph, pass);
      return diffGraphs(passed.before, passed.graph);
    }
    const { before, after } = scheduleAfter(module, graph, pass, batchOf(module, wanted));
    // Without numbers: they move with every kernel that goes.
    const texts = (schedule: Schedule): string[] => scheduleLines(schedule).map((line) => line.slice(4));
    return diffTexts(texts(before), texts(after));
  };
  const shown = graphs.filter(({ isFinal }) => !isFinal);
  if (shown.length === 0)
    throw new UserError("usage/option", "--graph backward has been through its passes", "Take --graph step.");
  return shown
    .map(({ name, graph }) => {
      const lines = linesOf(graph);
      const changes = lines.filter(({ mark }) => mark !== " ").length;
      if (changes === 0) return `# ${name}: ${pass} changes nothing\n`;
      return `# ${name}: what ${pass} changes\n${shortened(lines)
        .map(({ mark, text }) => `${wanted.paint(mark, `${mark} ${text}`.trimEnd())}\n`)
        .join("")}`;
    })
    .join("\n");
}

/** Kept lines around a change that are shown; more are counted. */
const context = 3;

function shortened(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map(() => false);
  for (const [k, { mark }] of lines.entries()) {
    if (mark !== " ")
      for (let near = Math.max(0, k - context); near <= Math.min(lines.length - 1, k + context); near++)
        isNear[near] = true;
  }
  const shown: DiffLine[] = [];
  let skipped = 0;
  for (let k = 0; k <= lines.length; k++) {
    if (k < lines.length && !isNear[k]) skipped++;
    else {
      if (skipped > 0) shown.push({ mark: " ", text: `… ${skipped} more the same` });
      skipped = 0;
      if (k < lines.length) shown.push(lines[k]!);
    }
  }
  return shown;
}

// ---- Behind the graphs ----

type Compiled = Unit["programs"][number];

function unitText(
  module: Module,
  graphs: readonly NamedGraph[],
  stage: Exclude<StageName, "graph" | "grad" | "opt" | "ast">,
  wanted: Inspection,
): string {
  const unit = compile(module, compileOptions(stage === "wat" ? { ...wanted, target: "wasm" } : wanted));
  const chosen = new Set(graphs.map(({ name }) => (name === "forward" || name === "backward" ? "step" : name)));
  const programs = unit.programs.filter(({ name }) => chosen.has(programName(name)));
  if (wanted.format === "json" && (stage === "memory" || stage === "stages")) {
    const data =
      stage === "memory"
        ? programs.map((program) => memoryData(unit, program))
        : programs.map((program) => kernelData(unit, program));
    return `${JSON.stringify(data, null, 2)}\n`;
  }
  if (wanted.format !== "text")
    throw noPicture(stage === "schedule" ? "--explain-schedule" : `--stage ${stage}`, wanted.format);
  if (stage === "wat") return watText(unit);
  if (stage === "loops" && unit.target === "wasm") {
    throw new UserError("usage/option", "loops are shown as TypeScript, which has no vectors", "Take --stage wat.");
  }
  if (stage === "ts") return printPlain(emitModule(unit, true), true);
  if (stage === "memory") return memoryText(unit, chosen);
  const text = { stages: kernelsText, schedule: scheduleText, loops: loopsText }[stage];
  return programs.map((program) => `# ${programName(program.name)}\n${text(program)}`).join("\n");
}

function memoryData(unit: Unit, program: Compiled) {
  const { bars, ...view } = memoryView(unit, program);
  return { ...view, program: programName(view.program), bars: bars.map(({ origins: _, ...bar }) => bar) };
}

function kernelData(unit: Unit, program: Compiled) {
  const { schedule } = program;
  const kernels = kernelCosts(unit, program).map(({ origins: _, ...cost }, k) => ({
    ...cost,
    lines: schedule.kernels[k]!.stages.map((stage) => stageText(schedule, stage)),
  }));
  return { program: programName(program.name), kernels };
}

/** Each kernel as lines of mathematics, with the decisions about it. */
const kernelsText = ({ schedule, procedures, recipes }: Compiled): string =>
  schedule.kernels
    .map((kernel, k) => {
      const lines = kernel.stages.map((stage) => `  ${stageText(schedule, stage)}\n`);
      return `${procedures[k]!.name}  # ${recipes[k]!.why}\n${lines.join("")}`;
    })
    .join("");

const loopsText = ({ procedures }: Compiled): string =>
  procedures
    .map((procedure) => {
      const buffers = procedure.buffers.map(({ name, storage, comment }) => `  ${name}: ${storage} ${comment}\n`);
      const loops = printLoops(procedure).map((line) => `  ${line}\n`);
      return `${procedure.name}\n${buffers.join("")}${loops.join("")}`;
    })
    .join("\n");

function memoryText({ plan, batch, programs }: Unit, chosen: ReadonlySet<string>): string {
  const lasting = [...plan.persistent].map(([key, { type, offset, bytes }]) => {
    const [kind] = key.split(":", 1);
    return [grouped(offset), grouped(bytes), key.slice(kind!.length + 1), typeText(type), kind!];
  });
  const passing = plan.temporaries
    .filter(({ program }) => chosen.has(programName(program)))
    .map(({ name, type, offset, bytes, program, first, last }) => {
      const procedures = programs.find((each) => each.name === program)!.procedures;
      const span = first === last ? procedures[first]!.name : `${procedures[first]!.name} … ${procedures[last]!.name}`;
      return [grouped(offset), grouped(bytes), name, typeText(type), `${programName(program)}: ${span}`];
    });
  const head = ["offset", "bytes", "name", "type", "what"];
  const shared = plan.bytes - plan.persistentBytes;
  return (
    `# one arena of ${grouped(plan.bytes)} bytes (${bytesText(plan.bytes)}) for up to ${grouped(batch)} rows; ` +
    `the last ${grouped(shared)} are shared by temporaries\n${tableText([head, ...lasting, ...passing], [0, 1])}`
  );
}

// ---- The tree ----

export function treeText(file: File, format: InspectFormat): string {
  if (format === "text") return printAst(file);
  if (format !== "json") throw noPicture("--stage ast", format);
  // A span is its two offsets; the text itself is not repeated at every node.
  const replacer = (key: string, value: unknown): unknown => {
    if (!/^(?:span|opSpan|pathSpan|keyword)$/.test(key) || typeof value !== "object" || value === null) return value;
    const { start, end } = value as { readonly start: number; readonly end: number };
    return [start, end];
  };
  return `${JSON.stringify(file, replacer, 2)}\n`;
}
