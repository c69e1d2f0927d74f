// The state of an elaboration: the session of a file, a pass for each graph, a frame for each call, and how mistakes
// are reported. Knows nothing of how expressions are evaluated.
import { type Diagnostic, diagnose, type Note, Reporter } from "../../base/diagnostic.ts";
import { limits as limitCodes } from "../../base/diagnostics/limits.ts";
import { type Source, type Span, textOf } from "../../base/span.ts";
import { Builder, type NodeId, type OpTable, type Origin, type Role } from "../../ir/graph.ts";
import type { DataConfig, ScalarInfo } from "../../ir/module.ts";
import type { DType, Shape, Storage, TensorType } from "../../ir/types.ts";
import type { Body, Expr, Stmt } from "../ast.ts";
import { defaultLimits as defaultParseLimits, type ParseLimits } from "../parse.ts";
import type { FileScope, NamedDecl } from "../resolve.ts";
import { poison, type Value } from "../values.ts";

/** What a data set's descriptor says of one column, in the order of the model's inputs and the loss's new columns. */
export interface ColumnFacts {
  /** Where the source names its columns; else they match in order. */
  readonly name?: string;
  readonly storage: Storage;
  /** Share of zeros, 0..1. */
  readonly zeros?: number;
  readonly classes?: number;
}

export interface TensorFile {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface Limits extends ParseLimits {
  /** Calls inside calls. */
  readonly calls: number;
  /** Rounds of all `for` loops together, and items of all ranges. */
  readonly rounds: number;
  /** Of the graph of a step and of start values together. */
  readonly nodes: number;
  /** Bytes of one parameter, state or column. */
  readonly bytes: number;
}

export const defaultLimits: Limits = {
  ...defaultParseLimits,
  calls: 100,
  rounds: 100_000,
  // A thousand dense layers with Adam are 46,000.
  nodes: 50_000,
  bytes: 2 ** 31,
};

/** Nested evaluations before the file is refused: half of what fills the stack of Node, measured. */
const nestingLimit = 600;

/** Where in a body a call stands: decides its segment of the path. */
export type Hint = { readonly kind: "bound"; readonly name: string } | { readonly kind: "rebinds" };

/** The mutually recursive heart, handed to the parts that need it. */
export interface Interpreter {
  expression(frame: Frame, expr: Expr, hint?: Hint): Value;
  body(frame: Frame, body: Body): Value;
}

/** What `<-` may change: a state, or the parameter of an optimizer. */
export interface UpdateTarget {
  readonly name: string;
  readonly type: TensorType;
  readonly old: NodeId;
}

export interface Pending {
  readonly next: NodeId;
  readonly span: Span;
}

export type Sink = Map<UpdateTarget, Pending>;

/**
 * The innermost shared function on the way here, and which use of it this is. Another use of the same function may meet
 * its parameters again; the same use may not, nor may another function.
 */
export interface Use {
  readonly of: string;
  readonly use: number;
}

export interface Slot {
  readonly name: string;
  readonly kind: "param" | "state";
  readonly type: TensorType;
  readonly optimizer: boolean;
  readonly declaration: Stmt;
  /** The shared function it belongs to. */
  readonly owner: string;
  readonly origin: Origin;
}

/** Sums over parameters that an optimizer asks for: collected in rounds, since each needs all parameters' values. */
export interface Totals {
  /** Finished sums, by place. */
  readonly known: ReadonlyMap<string, NodeId>;
  /** Of this round: unfinished places; clean where no other unfinished one came before, for any parameter. */
  readonly found: Map<string, { readonly values: NodeId[]; everywhere: boolean; clean: boolean; readonly span: Span }>;
}

/** The parameter that an optimizer is evaluated for. */
export interface OptimizerSite {
  readonly param: string;
  /** Length of the path that the parameter has: what follows is the same for all. */
  readonly base: number;
  /** Prefix of the group's run-time scalars: `critic.`. */
  readonly group: string;
  readonly totals: Totals;
  /** Totals met so far in this evaluation, by place: a second one at the same place is counted apart. */
  readonly seen: Map<string, number>;
  /** An unfinished total was met: what follows it may depend on it. */
  stopped: boolean;
}

export interface ElaborateOptions {
  /** `--dim NAME=K`. */
  readonly dims?: ReadonlyMap<string, number>;
  readonly batch?: number;
  /** Of the file itself: what it imports is counted with them. */
  readonly tokens?: number;
  /** Of the step; true unless `nnc eval` says otherwise. */
  readonly training?: boolean;
  /** Adds `grad.NAME` of the loss for each parameter and float input to the step. */
  readonly grads?: boolean;
  readonly limits?: Partial<Limits>;
  readonly ops?: OpTable;
  /** Reads an imported file; the path is as written, relative to `from`. */
  importFile?(path: string, from: Span): Source | Diagnostic;
  dataFacts?(config: DataConfig): readonly ColumnFacts[] | undefined;
  /** Type of a file that `load` names. */
  tensorFile?(file: string, tensor: string | undefined, from: Span): TensorFile | Diagnostic;
}

export class Session {
  readonly options: ElaborateOptions;
  readonly limits: Limits;
  readonly ops: OpTable;
  readonly interpreter: Interpreter;
  readonly reporter = new Reporter();
  readonly slots = new Map<string, Slot>();
  readonly scalars = new Map<string, ScalarInfo>();
  readonly bindings: { name: string; type: string; origin: Origin }[] = [];
  /** Start values, all in one graph; by slot. */
  readonly init: Pass;
  readonly initial = new Map<string, NodeId>();
  /** A part that the parser could not read was met: it is reported there, and there is no module. */
  unreadable = false;
  /** Functions that reach themselves: reported, and not expanded. */
  readonly endless = new Set<NamedDecl>();
  /** How deep evaluation is nested now. */
  nesting = 0;
  /** Rounds spent of `limits.rounds`. */
  rounds = 0;
  /** Nodes of the graph that is built now, beside that of start values. */
  built = 0;
  /** A limit of what is expanded was met, and is reported: nothing more is evaluated, for this graph or another. */
  exhausted = false;
  uses = 0;
  private readonly reported = new Set<string>();

  constructor(options: ElaborateOptions, ops: OpTable, interpreter: Interpreter) {
    this.options = options;
    this.limits = { ...defaultLimits, ...options.limits };
    this.ops = ops;
    this.interpreter = interpreter;
    this.init = new Pass(this, "init", "init/", false);
  }

  get failed(): boolean {
    return this.unreadable || this.reporter.hasErrors;
  }

  /** One mistake at one place is told once, however often the place is evaluated; a limit is met once. */
  report(diagnostic: Diagnostic): void {
    const { span } = diagnostic;
    const place = diagnostic.code.startsWith("limit/") ? "" : `${span?.source.path} ${span?.start} ${span?.end}`;
    const key = `${diagnostic.code} ${place}`;
    if (this.reported.has(key)) return;
    this.reported.add(key);
    this.reporter.add(diagnostic);
  }

  /** Counts rounds of loops and items of ranges; false, after a report, once there are too many. */
  spend(frame: Frame, rounds: number, span: Span): boolean {
    this.rounds += rounds;
    if (this.rounds <= this.limits.rounds) return true;
    this.exhausted = true;
    report(frame, diagnose(limitCodes, "limit/rounds", span, { limit: this.limits.rounds }));
    return false;
  }
}

/** The building of one graph. */
export class Pass {
  readonly session: Session;
  readonly builder: Builder;
  readonly training: boolean;
  /** Random keys begin with it, so that graphs draw their own numbers; start values are told apart by their slot. */
  place: string;
  /** Of the nodes made now: the step is forward, then loss, then update. */
  role: Role;
  sink: Sink = new Map();
  /** Values of top-level names, by file. */
  readonly globals = new Map<FileScope, Map<string, Value>>();
  /** Parameters and states met so far, and through which use. */
  readonly met = new Map<string, number>();
  readonly targets = new Map<string, UpdateTarget>();
  readonly counts = new Map<string, number>();
  /** Whether bindings are noted for tools: once, in the first graph. */
  records = false;

  constructor(session: Session, role: Role, place: string, training: boolean) {
    this.session = session;
    this.builder = new Builder(session.ops);
    this.role = role;
    this.place = place;
    this.training = training;
  }

  /** Whether the graph may still grow. */
  hasRoom(frame: Frame, span: Span): boolean {
    const { session } = this;
    if (session.exhausted) return false;
    if (this !== session.init) session.built = this.builder.nodes.length;
    if (session.built + session.init.builder.nodes.length < session.limits.nodes) return true;
    session.exhausted = true;
    report(frame, diagnose(limitCodes, "limit/nodes", span, { limit: session.limits.nodes }));
    return false;
  }
}

export interface Local {
  value: Value;
  readonly span: Span;
  /** A state, or the parameter of an optimizer: `<-` may change it. */
  readonly target?: UpdateTarget;
}

/** Names of a body, a round of a `for` or a side of an `if`. */
export interface Locals {
  readonly names: Map<string, Local>;
  readonly outer?: Locals;
}

/** The dimensions that a run stands for; unknown where a mistaken argument would have told: what needs them is not reported again. */
export type Run = Shape | "unknown";

/** One call. Each has all members, in this order: a file may make a hundred thousand, and engines are fast with objects of one form. */
export interface Frame {
  readonly pass: Pass;
  readonly scope: FileScope;
  /** `linear`; for messages and for the path. */
  readonly name: string;
  readonly caller: { readonly frame: Frame; readonly span: Span } | undefined;
  readonly depth: number;
  readonly path: readonly string[];
  readonly training: boolean;
  /** Parameters are constants here: `stop_gradient(f)`. */
  readonly frozen: boolean;
  readonly use: Use;
  /** In a start value: the declared shape, which `shape()` gives. */
  readonly initShape: Shape | undefined;
  readonly optimizer: OptimizerSite | undefined;
  /** What `..` and `..rest` stand for in this signature. */
  readonly runs: Map<string, Run>;
  /** Names that `grad` differentiates by: each is a variable of its own. */
  readonly gradTargets: ReadonlySet<string>;
  /** Calls so far of each function in this body, for `linear_0`. */
  counts: Map<string, number>;
  /** `_0_2` in round 2 of a `for` in round 0 of another. */
  rounds: string;
  locals: Locals;
}

/** A frame without caller: of a model, of a binding, of the loss. */
export const rootFrame = (
  pass: Pass,
  scope: FileScope,
  name: string,
  gradTargets: ReadonlySet<string> = new Set(),
  owner = name,
): Frame => ({
  pass,
  scope,
  name,
  caller: undefined,
  depth: 0,
  path: [],
  training: pass.training,
  frozen: false,
  use: { of: owner, use: ++pass.session.uses },
  initShape: undefined,
  optimizer: undefined,
  runs: new Map(),
  gradTargets,
  counts: new Map(),
  rounds: "",
  locals: { names: new Map() },
});

export function findLocal(frame: Frame, name: string): Local | undefined {
  for (let at: Locals | undefined = frame.locals; at; at = at.outer) {
    const found = at.names.get(name);
    if (found) return found;
  }
  return undefined;
}

/** The segment that a call adds to the path. */
export function segment(frame: Frame, hint: Hint | undefined, name: string): string {
  if (hint) return (hint.kind === "bound" ? hint.name : name) + frame.rounds;
  const count = frame.counts.get(name) ?? 0;
  frame.counts.set(name, count + 1);
  return `${name}_${count}${frame.rounds}`;
}

/** The key of a random node: its path, the function, and a count among equal ones. */
export function randomKey(frame: Frame, name: string): string {
  const place = `${frame.pass.place}${[...frame.path, name].join(".")}`;
  const count = frame.pass.counts.get(place) ?? 0;
  frame.pass.counts.set(place, count + 1);
  return `${place}_${count}`;
}

const isLibrary = (span: Span): boolean => span.source.path.startsWith("std/");

/** The innermost place of the user's own text on the way to `span`. */
export function userSpan(frame: Frame, span: Span): Span {
  let place = span;
  for (let at: Frame | undefined = frame; isLibrary(place) && at?.caller; at = at.caller.frame) place = at.caller.span;
  return place;
}

/** How many calls of a chain are shown. */
const shownCalls = 8;

/** Reports a mistake with the calls that led to it; one inside the library is shown where the user called it. */
export function report(frame: Frame, diagnostic: Diagnostic): Value {
  const { session } = frame.pass;
  const { span } = diagnostic;
  if (!span) {
    session.report(diagnostic);
    return poison;
  }
  const place = userSpan(frame, span);
  const notes: Note[] = [...diagnostic.notes];
  if (place !== span) notes.push({ message: `inside the library: ${shorten(textOf(span))}`, span });
  let calls = 0;
  for (let at: Frame | undefined = frame; at?.caller; at = at.caller.frame) {
    if (at.caller.span === place || isLibrary(at.caller.span)) continue;
    if (++calls > shownCalls) continue;
    notes.push({ message: `in ${at.name}, called here`, span: at.caller.span });
  }
  if (calls > shownCalls) notes.push({ message: `and ${calls - shownCalls} calls around it` });
  session.report({ ...diagnostic, span: place, notes });
  return poison;
}

/** A line of an expression, for a message. */
export function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= 60 ? line : `${line.slice(0, 57)}…`;
}

/** Goes one level deeper, or reports that the file nests too deeply. Each `enter` that succeeds has its `leave`. */
export function enter(frame: Frame, span: Span): boolean {
  const { session } = frame.pass;
  if (session.nesting < nestingLimit) {
    session.nesting++;
    return true;
  }
  report(frame, diagnose(limitCodes, "limit/nesting", span, { limit: nestingLimit }));
  return false;
}

export function leave(frame: Frame): void {
  frame.pass.session.nesting--;
}

export const originOf = (frame: Frame, span: Span): Origin => ({
  role: frame.pass.role,
  span: userSpan(frame, span),
  ...(frame.path.length > 0 ? { path: frame.path } : {}),
});
