// A model's text through the compiler, as the views need it. Checked at every keystroke; compiled when the text rests. Knows no DOM.
import type { Diagnostic } from "../base/diagnostic.ts";
import type { Source } from "../base/span.ts";
import { compile, type Unit } from "../codegen/compile.ts";
import type { ModuleDoc } from "../codegen/module-doc.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";
import { withoutEchoes } from "../dsl/echoes.ts";
import { elaborate } from "../dsl/elaborate.ts";
import { parse } from "../dsl/parse.ts";
import { profiledModule } from "../inspect/profile.ts";
import { type Equation, equationsOf } from "../ir/equations.ts";
import { gradientGraph } from "../ir/gradient-graph.ts";
import type { Graph } from "../ir/graph.ts";
import { latex } from "../ir/latex-notation.ts";
import type { DataConfig, Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { optimise } from "../ir/passes/pipeline.ts";
import type { Applied } from "../ir/passes/rewrite.ts";
import { constantFacts } from "../runtime/constants.ts";
import type { OpenFile } from "../runtime/io.ts";
import { columnsOf } from "../runtime/sources.ts";
import { UserError } from "../runtime/user-error.ts";
import { openBytes } from "./page-io.ts";

/** What the page carries besides the compiler. */
export interface PageModel {
  /** `mnist_logistic`. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** Imported files by the path that elaboration asks for. */
  readonly files: readonly (readonly [path: string, text: string])[];
  /** Small data files that it names, in base64. */
  readonly data: readonly (readonly [name: string, base64: string])[];
}

export interface Checked {
  readonly source: Source;
  readonly diagnostics: readonly Diagnostic[];
  /** Absent where a diagnostic is an error. */
  readonly module?: Module;
}

export interface Compiled {
  readonly source: Source;
  readonly module: Module;
  readonly unit: Unit;
  /** Loss and gradients in their plainest form; the predictions of a model without a loss. */
  readonly textbook: Graph;
  /** The training step before it is cut into kernels. */
  readonly step: Graph;
  readonly equations: readonly Equation[];
  /** Rewrites that made the model's formulas safe. */
  readonly rewrites: readonly Applied[];
  /** As `nnc build` writes it. */
  readonly typescript: string;
  /** The library as an expression of JavaScript. */
  readonly library: string;
  /** The same with gradients that can be read, for the walk through a step. A step of thousands of tensors has none. */
  readonly walk: string | undefined;
  /** The same with a clock around each kernel; made when it is asked for. */
  profiled(): string;
}

/** A small data file that came with the page. */
function dataFile(model: PageModel, name: string): OpenFile | undefined {
  const text = model.data.find(([known]) => known === name)?.[1];
  if (text === undefined) return undefined;
  return openBytes(
    name,
    Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)),
  );
}

const manifestOf = ({ source, positional, named }: DataConfig) => ({ source, positional, named: [...named] });

interface Reading {
  readonly grads?: boolean;
  readonly fromDataSet?: boolean;
}

function read(model: PageModel, text: string, { grads = false, fromDataSet = true }: Reading): Checked {
  const source: Source = { path: model.path, text };
  const files = new Map(model.files);
  const folder = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1);
  const missing = (what: string, span: Diagnostic["span"]): Diagnostic => ({
    code: "file/not-found",
    severity: "error",
    message: `${what} is not part of this page`,
    help: "Open the model with nnc explore where the file lies.",
    span,
    notes: [],
  });
  const parsed = parse(source);
  const { module, diagnostics } = elaborate(parsed.file, {
    grads,
    importFile: (name, from) => {
      const path = folder(from.source.path) + name;
      const found = files.get(path);
      return found === undefined ? missing(`the file ${JSON.stringify(name)}`, from) : { path, text: found };
    },
    dataFacts: (config) => (fromDataSet ? columnsOf(manifestOf(config)) : undefined),
    tensorFile: (name, tensor, from) => {
      const file = dataFile(model, name);
      if (!file) return missing(`the file ${JSON.stringify(name)}`, from);
      try {
        return constantFacts(file, tensor);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const { code, message, help } = error;
        return { code, severity: "error", message, help: help ?? "", span: from, notes: [] };
      }
    },
  });
  const all = withoutEchoes(parsed.diagnostics, diagnostics);
  return module && !all.some(({ severity }) => severity === "error")
    ? { source, diagnostics: all, module }
    : { source, diagnostics: all };
}

export const check = (model: PageModel, text: string): Checked => read(model, text, {});

/** Nodes of a step that somebody may want to walk through, tensor after tensor. */
const mostWalked = 4000;

export function compileChecked(model: PageModel, { source, module }: Checked & { readonly module: Module }): Compiled {
  const unit = compile(module, { target: "ts" });
  const hasLoss = module.step.outputs.has("loss");
  const { graph: step, applied } = optimise(hasLoss ? module.step : module.predict, opTable, undefined, {
    until: "simplify",
  });
  const isWalked = hasLoss && step.nodes.length <= mostWalked;
  const withGradients = isWalked ? read(model, source.text, { grads: true }).module : undefined;
  const textbook = hasLoss ? textbookOf(read(model, source.text, { grads: true, fromDataSet: false }).module!) : step;
  return {
    source,
    module,
    unit,
    textbook,
    step,
    equations: hasLoss ? equationsOf(textbook, latex).lines : [],
    rewrites: applied,
    typescript: printPlain(emitModule(unit, true), true),
    library: libraryText(emitModule(unit, false)),
    walk: withGradients && libraryText(emitModule(compile(withGradients, { target: "ts" }), false)),
    profiled: () => libraryText(profiledModule(unit), ["profile"]),
  };
}

function textbookOf(module: Module): Graph {
  const params = module.slots.filter(({ kind, name }) => kind === "param" && module.step.outputs.has(`grad.${name}`));
  return gradientGraph(
    module,
    params.map(({ name }) => name),
  );
}

/** An expression whose value is the library: the page's worker has more than one, and no files. */
function libraryText({ statements }: ModuleDoc, more: readonly string[] = []): string {
  const inner: ModuleDoc = {
    statements: statements.map((statement) =>
      "exported" in statement ? { ...statement, exported: false } : statement,
    ),
  };
  return `(() => {\n${printPlain(inner, false)}\nreturn { ${["create", "manifest", ...more].join(", ")} };\n})()`;
}
