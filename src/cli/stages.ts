// The stages of a compilation as text, for `nnc inspect`. Decides nothing: it prints what the phases give.
import { visible } from "../base/frame.ts";
import { textOf } from "../base/span.ts";
import { compile, programGraphs, type Unit } from "../codegen/compile.ts";
import { stageText } from "../codegen/stage-text.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { printLoops } from "../codegen/ts/print-loops.ts";
import { printAst } from "../dsl/print-ast.ts";
import type { Graph, Origin } from "../ir/graph.ts";
import type { Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { optimise } from "../ir/passes/pipeline.ts";
import { printGraph } from "../ir/print.ts";
import { typeText } from "../ir/types.ts";
import { bytesText, grouped } from "../runtime/user-error.ts";
import { compileOptions } from "./compile-options.ts";
import { tableText } from "./table.ts";

export type StageName = "ast" | "graph" | "grad" | "opt" | "stages" | "loops" | "memory" | "ts";

export const astText = printAst;

interface Options {
  /** One program instead of all. */
  readonly program?: string;
  readonly batch?: number;
  readonly reuse: boolean;
}

/** The text of a stage; undefined where the model has no such program. */
export function stageTexts(module: Module, stage: Exclude<StageName, "ast">, options: Options): string | undefined {
  const isChosen = (name: string): boolean => options.program === undefined || nameOf(name) === options.program;
  const graphs = programGraphs(module).filter(({ name }) => isChosen(name));
  if (graphs.length === 0) return undefined;
  const sections = (text: (graph: Graph) => string): string =>
    graphs.map(({ name, graph }) => `# ${nameOf(name)}\n${text(graph)}`).join("\n");
  if (stage === "graph") return sections(printGraph);
  if (stage === "grad") return sections((graph) => optimisedText(graph, "differentiate"));
  if (stage === "opt") return sections((graph) => optimisedText(graph));

  const unit = compile(module, compileOptions(options));
  if (stage === "ts") return printPlain(emitModule(unit, true), true);
  if (stage === "memory") return memoryText(unit, isChosen);
  const programs = unit.programs.filter(({ name }) => isChosen(name));
  const text = stage === "stages" ? kernelsText : loopsText;
  return programs.map((program) => `# ${nameOf(program.name)}\n${text(program)}`).join("\n");
}

/** Further models are programs by their own name. */
const nameOf = (program: string): string => program.replace(/^entry:/, "");

function optimisedText(graph: Graph, until?: string): string {
  const { graph: optimised, applied } = optimise(graph, opTable, undefined, until === undefined ? {} : { until });
  const rules = applied.map(({ name, origins }) => `# ${name}${placeText(origins)}\n`);
  return rules.join("") + printGraph(optimised);
}

function placeText(origins: readonly Origin[]): string {
  const span = origins.find((origin) => origin.span !== undefined)?.span;
  return span === undefined ? "" : `: ${visible(textOf(span).replace(/\s+/g, " "))}`;
}

type Compiled = Unit["programs"][number];

/** Each kernel as lines of mathematics, with the decisions about it. */
function kernelsText({ schedule, procedures, recipes }: Compiled): string {
  return schedule.kernels
    .map((kernel, k) => {
      const lines = kernel.stages.map((stage) => `  ${stageText(schedule, stage)}\n`);
      return `${procedures[k]!.name}  # ${recipes[k]!.why}\n${lines.join("")}`;
    })
    .join("");
}

const loopsText = ({ procedures }: Compiled): string =>
  procedures
    .map((procedure) => {
      const buffers = procedure.buffers.map(({ name, storage, comment }) => `  ${name}: ${storage} ${comment}\n`);
      return `${procedure.name}\n${buffers.join("")}${printLoops(procedure)
        .map((line) => `  ${line}\n`)
        .join("")}`;
    })
    .join("\n");

function memoryText({ plan, batch, programs }: Unit, isChosen: (program: string) => boolean): string {
  const lasting = [...plan.persistent].map(([key, { type, offset, bytes }]) => {
    const [kind] = key.split(":", 1);
    return [grouped(offset), grouped(bytes), key.slice(kind!.length + 1), typeText(type), kind!];
  });
  const passing = plan.temporaries
    .filter(({ program }) => isChosen(program))
    .map(({ name, type, offset, bytes, program, first, last }) => {
      const procedures = programs.find((each) => each.name === program)!.procedures;
      const span = first === last ? procedures[first]!.name : `${procedures[first]!.name} … ${procedures[last]!.name}`;
      return [grouped(offset), grouped(bytes), name, typeText(type), `${nameOf(program)}: ${span}`];
    });
  const head = ["offset", "bytes", "name", "type", "what"];
  const shared = plan.bytes - plan.persistentBytes;
  return (
    `# one arena of ${grouped(plan.bytes)} bytes (${bytesText(plan.bytes)}) for up to ${grouped(batch)} rows; ` +
    `the last ${grouped(shared)} are shared by temporaries\n${tableText([head, ...lasting, ...passing], [0, 1])}`
  );
}
