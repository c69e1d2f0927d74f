// Syntax tree -> Module: names are resolved, the model is evaluated once as it trains and once as it is evaluated, the
// optimizer once per parameter. Everything wrong on the way is a diagnostic; then there is no module.
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { model as modelCodes } from "../base/diagnostics/model.ts";
import { names } from "../base/diagnostics/names.ts";
import type { Span } from "../base/span.ts";
import { suggest } from "../base/suggest.ts";
import { Builder, type Graph, type NodeId, type Update } from "../ir/graph.ts";
import type { ColumnInfo, EntryInfo, Module, SlotInfo } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import type { Decl, File } from "./ast.ts";
import { checkNames } from "./check-names.ts";
import { ColumnSource } from "./elaborate/columns.ts";
import { type ElaborateOptions, Pass, rootFrame, Session, type Sink, type Slot } from "./elaborate/context.ts";
import { evaluateLoss, evaluateMetrics, evaluateModel, type ModelRun } from "./elaborate/entries.ts";
import { expression, globalValue } from "./elaborate/expressions.ts";
import { applyOptimizers, checkPaths, isFrozen } from "./elaborate/optimizers.ts";
import { differentiableReach, reach } from "./elaborate/reach.ts";
import { body } from "./elaborate/statements.ts";
import { type TrainBlock, trainBlock } from "./elaborate/train.ts";
import { type FileScope, isNamed, resolve, userScopes } from "./resolve.ts";
import type { ModelDecl } from "./values.ts";

export type { ColumnFacts, ElaborateOptions, Limits, TensorFile } from "./elaborate/context.ts";

export interface Elaborated {
  /** Absent where a diagnostic is an error. */
  readonly module?: Module;
  readonly diagnostics: Diagnostic[];
}

/** The declarations of the main file that make a program. */
interface Program {
  readonly scope: FileScope;
  readonly models: readonly ModelDecl[];
  readonly loss?: Extract<Decl, { kind: "loss" }>;
  readonly metrics: readonly Extract<Decl, { kind: "metric" }>[];
  readonly train?: Extract<Decl, { kind: "train" }>;
}

export function elaborate(file: File, options: ElaborateOptions = {}): Elaborated {
  const session = new Session(options, options.ops ?? opTable, { expression, body });
  const { nesting, tokens } = session.limits;
  const limits = { nesting, tokens };
  const scope = resolve(file, options.importFile?.bind(options), session.reporter, limits, options.tokens);
  const scopes = userScopes(scope);
  for (const each of scopes)
    for (const decl of checkNames(each, { add: (diagnostic) => session.report(diagnostic) })) session.endless.add(decl);
  checkDims(session, scopes);
  const program = programOf(session, file, scope);
  const built = program && buildModule(session, program);
  const diagnostics = session.reporter.list;
  return built ? { module: built, diagnostics } : { diagnostics };
}

/** `--dim` names a dim of the program. */
function checkDims(session: Session, scopes: readonly FileScope[]): void {
  const known = scopes.flatMap((scope) => scope.decls.flatMap((decl) => (decl.kind === "dim" ? [decl.name.text] : [])));
  for (const [name, value] of session.options.dims ?? []) {
    if (!known.includes(name)) {
      session.report(diagnose(names, "name/no-dim", undefined, { name, suggestion: suggest(name, known) }));
    } else if (!Number.isSafeInteger(value)) {
      session.report(diagnose(modelCodes, "model/dim-value", undefined, { name, value }));
    }
  }
}

function programOf(session: Session, file: File, scope: FileScope): Program | undefined {
  const single = <D extends Decl & { readonly keyword: Span }>(kind: string, all: readonly D[]): D | undefined => {
    const [first, ...more] = all;
    for (const decl of more) {
      const notes = [{ message: "the first one", span: first!.keyword }];
      session.report(diagnose(modelCodes, "model/twice", decl.keyword, { what: `\`${kind}\`` }, notes));
    }
    return first;
  };
  const models = file.decls.filter((decl): decl is ModelDecl => decl.kind === "model");
  const metrics = file.decls.filter((decl) => decl.kind === "metric");
  const seen = new Map<string, (typeof metrics)[number]>();
  for (const metric of metrics) {
    const first = seen.get(metric.name.text);
    if (first) {
      const notes = [{ message: "the first one", span: first.name.span }];
      session.report(
        diagnose(modelCodes, "model/twice", metric.name.span, { what: `metric \`${metric.name.text}\`` }, notes),
      );
    } else seen.set(metric.name.text, metric);
  }
  const loss = single(
    "loss",
    file.decls.filter((decl) => decl.kind === "loss"),
  );
  const train = single(
    "train",
    file.decls.filter((decl) => decl.kind === "train"),
  );
  if (models.length === 0) {
    const start = { source: file.span.source, start: 0, end: 0 };
    session.report(diagnose(modelCodes, "model/none", file.decls[0]?.span ?? start, {}));
    return undefined;
  }
  if (!loss && (train || metrics.length > 0)) {
    session.report(diagnose(modelCodes, "model/no-loss", train?.keyword ?? metrics[0]!.name.span, {}));
  }
  return { scope, models, metrics: [...seen.values()], ...(loss ? { loss } : {}), ...(train ? { train } : {}) };
}

/** One evaluation of the first model and what belongs to it. */
interface Run {
  readonly pass: Pass;
  readonly model: ModelRun;
  readonly loss?: NodeId;
  readonly columns: readonly ColumnInfo[];
  readonly metrics: ReadonlyMap<string, NodeId>;
}

function buildModule(session: Session, program: Program): Module | undefined {
  const { scope, models, loss, train } = program;
  const main = models[0]!;
  const block = train && trainBlock(session, scope, train);
  const facts = block?.config.data && session.options.dataFacts?.(block.config.data);
  const run = (pass: Pass, withMetrics: boolean): Run => {
    const source = new ColumnSource(facts);
    if (pass.records) evaluateTopLevel(pass, scope);
    const model = evaluateModel(pass, scope, main, source);
    const lossRun = loss && evaluateLoss(pass, scope, loss, model, source);
    const metrics =
      withMetrics && lossRun ? evaluateMetrics(pass, scope, program.metrics, lossRun) : new Map<string, NodeId>();
    const columns = [...model.columns, ...(lossRun?.columns ?? [])];
    return { pass, model, columns, metrics, ...(lossRun?.node === undefined ? {} : { loss: lossRun.node }) };
  };
  const stepPass = new Pass(session, "forward", "", session.options.training ?? true);
  stepPass.records = true;
  const step = run(stepPass, false);
  const evaluation = run(new Pass(session, "forward", "evaluate/", false), true);
  const entries = models.slice(1).map((decl) => {
    const pass = new Pass(session, "forward", `${decl.name.text}/`, false);
    return { decl, run: evaluateModel(pass, scope, decl, new ColumnSource(undefined)) };
  });
  const trained = step.loss === undefined ? [] : trainedSlots(step.pass, step.loss, block);
  const optimizing = block && block.optimizers.length > 0;
  if (block) checkPaths(step.pass, block);
  if (train && loss && !optimizing && block?.config.data) {
    session.report(diagnose(modelCodes, "model/no-optimizer", train.keyword, {}));
  }
  const updates =
    optimizing && step.loss !== undefined ? applyOptimizers(step.pass, scope, block, step.loss, trained) : [];
  for (const name of evaluation.model.outputs.keys()) {
    if (!session.slots.has(name)) continue;
    session.report(diagnose(modelCodes, "model/result-name", main.name.span, { name }));
  }
  if (session.failed) return undefined;

  const stepOutputs = new Map(loss ? [["loss", step.loss!] as const, ...step.model.outputs] : []);
  if (session.options.grads && step.loss !== undefined) addGradients(step, stepOutputs);
  const evaluateOutputs = new Map(
    loss
      ? [
          ["loss", evaluation.loss!] as const,
          ...[...evaluation.metrics].map(([name, node]) => [`metric.${name}`, node] as const),
          ...evaluation.model.outputs,
        ]
      : [],
  );
  const readers = [
    { pass: evaluation.pass, nodes: [...evaluateOutputs.values(), ...evaluation.model.outputs.values()] },
    ...entries.map((entry) => ({ pass: entry.run.pass, nodes: [...entry.run.outputs.values()] })),
  ];
  const stateUpdates = keptStates(
    step.pass,
    [...stepOutputs.values(), ...updates.map(({ next }) => next)],
    step.pass.sink,
    readers,
  );
  const changed = new Set(updates.map(({ slot }) => step.pass.builder.at(slot).attrs["name"]));
  const slots = [...session.slots.values()].filter((slot) => slot.kind === "param" || stateUpdates.kept.has(slot.name));
  const initial = new Map(slots.map((slot) => [slot.name, session.initial.get(slot.name)!]));
  return {
    name: main.name.text,
    slots: slots.map((slot): SlotInfo => {
      const { name, kind, type, optimizer, origin } = slot;
      return { name, kind, type, optimizer, origin, trained: changed.has(name) };
    }),
    columns: step.columns,
    scalars: [...session.scalars.values()],
    outputs: [...evaluation.model.outputs.keys()],
    metrics: [...evaluation.metrics.keys()],
    init: session.init.builder.graph(initial),
    step: loss ? step.pass.builder.graph(stepOutputs, [...updates, ...stateUpdates.updates]) : emptyGraph(session),
    evaluate: evaluation.pass.builder.graph(evaluateOutputs),
    predict: evaluation.pass.builder.graph(evaluation.model.outputs),
    entries: entries.map(({ decl, run }): EntryInfo => {
      const outputs = [...run.outputs.keys()];
      return { name: decl.name.text, inputs: run.columns, outputs, graph: run.pass.builder.graph(run.outputs) };
    }),
    ...(block ? { train: block.config } : {}),
    bindings: session.bindings,
  };
}

const emptyGraph = (session: Session): Graph => new Builder(session.ops).graph(new Map());

/** Every top-level value, used or not: its mistakes are told, its run-time scalars exist. */
function evaluateTopLevel(pass: Pass, scope: FileScope): void {
  for (const each of userScopes(scope)) {
    const frame = rootFrame(pass, each, "top level");
    for (const decl of each.decls) {
      if (!isNamed(decl) || decl.kind === "fn" || decl.kind === "model" || decl.kind === "optimizer") continue;
      globalValue(frame, decl.name.text, { kind: "decl", decl, scope: each }, decl.name.span);
    }
  }
}

/** Parameters that the optimizer changes: the loss reaches them and they are not frozen. Others are told once. */
function trainedSlots(pass: Pass, loss: NodeId, block: TrainBlock | undefined): Slot[] {
  const { session, builder } = pass;
  const namesIn = (nodes: Set<NodeId>): Set<unknown> =>
    new Set([...nodes].filter((id) => builder.at(id).op === "param").map((id) => builder.at(id).attrs["name"]));
  const reached = namesIn(differentiableReach(builder, loss, false));
  const cut = namesIn(differentiableReach(builder, loss, true));
  const trained: Slot[] = [];
  for (const slot of session.slots.values()) {
    if (slot.kind !== "param" || isFrozen(slot.name, block?.freeze ?? [])) continue;
    if (reached.has(slot.name)) trained.push(slot);
    else if (!cut.has(slot.name) && block && !session.failed) {
      session.report(diagnose(modelCodes, "model/unreached", slot.origin.span, { name: slot.name }));
    }
  }
  return trained;
}

/** `grad.NAME` of the loss for each parameter and each float input of the model. */
function addGradients(step: Run, outputs: Map<string, NodeId>): void {
  const { builder, session } = step.pass;
  const add = (name: string, of: NodeId): void => {
    outputs.set(`grad.${name}`, builder.node("grad", [step.loss!, of]));
  };
  for (const { name, kind, type } of session.slots.values()) {
    if (kind === "param") add(name, builder.node("param", [], { name, dtype: type.dtype, shape: type.shape }));
  }
  for (const [name, value] of step.model.inputs) {
    if (value.kind === "tensor" && builder.type(value.node).dtype === "f32") add(name, value.node);
  }
}

/**
 * The states that are read: by an output, by a parameter's update, or by the update of a state that is kept (its own
 * too: an average that only feeds itself is there to be looked at). The others leave no trace.
 */
function keptStates(
  pass: Pass,
  outputs: readonly NodeId[],
  sink: Sink,
  readers: readonly { readonly pass: Pass; readonly nodes: readonly NodeId[] }[],
): { readonly updates: Update[]; readonly kept: ReadonlySet<string> } {
  const statesIn = (of: Pass, nodes: Iterable<NodeId>): string[] =>
    [...reach(of.builder, nodes)].flatMap((id) => {
      const node = of.builder.at(id);
      return node.op === "state" ? [String(node.attrs["name"])] : [];
    });
  const always = readers.flatMap((reader) => statesIn(reader.pass, reader.nodes));
  let kept = [...sink];
  let read: Set<string>;
  for (;;) {
    read = new Set([...always, ...statesIn(pass, [...outputs, ...kept.map(([, { next }]) => next)])]);
    const left = kept.filter(([target]) => read.has(target.name));
    if (left.length === kept.length) break;
    kept = left;
  }
  return { updates: kept.map(([{ old }, { next }]) => ({ slot: old, next })), kept: read };
}
