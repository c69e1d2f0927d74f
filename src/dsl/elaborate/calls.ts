// Calls: arguments find their parameters, holes make partials, functions are expanded where they are called.
import { type Diagnostic, diagnose } from "../../base/diagnostic.ts";
import { limits as limitCodes } from "../../base/diagnostics/limits.ts";
import { types } from "../../base/diagnostics/types.ts";
import type { Span } from "../../base/span.ts";
import { suggest } from "../../base/suggest.ts";
import type { Param, Result } from "../ast.ts";
import {
  describe,
  type FnDecl,
  type FunctionValue,
  type HeldArg,
  isPoisoned,
  list,
  nameOf,
  poison,
  tensorValue,
  type Value,
} from "../values.ts";
import { gradTargetsOf } from "../walk.ts";
import { type Builtin, BuiltinCall } from "./builtin.ts";
import { type Frame, type Hint, type OptimizerSite, originOf, report, segment } from "./context.ts";
import { here, type Operand, plain } from "./make.ts";
import { type Bound, checkResult, forgetSizes, matchSignature } from "./signature.ts";

export interface CallSite {
  readonly frame: Frame;
  readonly span: Span;
  readonly hint?: Hint | undefined;
}

export function call(site: CallSite, callee: Value, calleeSpan: Span, args: readonly HeldArg[]): Value {
  if (isPoisoned(callee)) return poison;
  if (callee.kind !== "function") {
    return report(site.frame, diagnose(types, "type/not-callable", calleeSpan, { got: describe(callee) }));
  }
  const merged = fillHoles(site, callee, args);
  if (!merged) return poison;
  if (merged.some(({ value }) => value === "hole")) {
    const path = callee.path ?? [...site.frame.path, segment(site.frame, site.hint, nameOf(callee))];
    return { ...callee, held: merged, path };
  }
  const filled = merged as readonly FilledArg[];
  return callee.target.kind === "builtin"
    ? callBuiltin(site, callee.target.builtin, filled)
    : callDeclared(site, callee, callee.target, filled);
}

interface FilledArg extends HeldArg {
  readonly value: Value;
}

/** Arguments of a call of a partial take its holes in order; named ones may be added. */
function fillHoles(site: CallSite, callee: FunctionValue, args: readonly HeldArg[]): readonly HeldArg[] | undefined {
  if (callee.held.length === 0) return args;
  const positional = args.filter(({ name }) => name === undefined);
  const holes = callee.held.filter(({ value }) => value === "hole").length;
  if (positional.length > holes) {
    const facts = { fn: nameOf(callee), most: holes, given: positional.length, signature: `${holes} holes` };
    report(site.frame, diagnose(types, "type/too-many-arguments", positional[holes]!.span, facts));
    return undefined;
  }
  let next = 0;
  const held = callee.held.map((arg) => {
    const given = arg.value === "hole" ? positional[next] : undefined;
    if (given) next++;
    return given ? { ...arg, value: given.value, span: given.span } : arg;
  });
  return [...held, ...args.filter(({ name }) => name !== undefined)];
}

interface ParamShape {
  readonly name: string;
  readonly optional: boolean;
  readonly named?: boolean;
  readonly rest?: boolean;
}

interface Arranged {
  readonly given: Map<string, Operand>;
  readonly rest: readonly Operand[];
  /** `training = …`, which any call takes. */
  readonly training?: Operand;
  /** False after a report: whatever the call would give, its arguments were not meant so. */
  readonly isRight: boolean;
}

/** Brings arguments to parameters; wrong ones are reported and left out. */
function arrange(
  site: CallSite,
  fn: string,
  signatureOf: () => string,
  params: readonly ParamShape[],
  args: readonly FilledArg[],
): Arranged {
  const { frame } = site;
  const given = new Map<string, Operand>();
  const rest: Operand[] = [];
  const open = params.filter((param) => !param.named && !param.rest);
  const takesRest = params.some((param) => param.rest);
  let training: Operand | undefined;
  let isRight = true;
  const refuse = (diagnostic: Diagnostic): void => {
    isRight = false;
    report(frame, diagnostic);
  };
  let position = 0;
  for (const arg of args) {
    if (arg.name === undefined) {
      const param = open[position++];
      if (param) given.set(param.name, arg);
      else if (takesRest) rest.push(arg);
      else {
        const facts = {
          fn,
          most: open.length,
          given: args.filter(({ name }) => name === undefined).length,
          signature: signatureOf(),
        };
        refuse(diagnose(types, "type/too-many-arguments", arg.span, facts));
        break;
      }
    }
  }
  for (const arg of args) {
    if (arg.name === undefined) continue;
    if (given.has(arg.name)) {
      refuse(diagnose(types, "type/argument-twice", arg.nameSpan ?? arg.span, { fn, name: arg.name }));
    } else if (params.some((param) => param.name === arg.name && !param.rest)) given.set(arg.name, arg);
    else if (arg.name === "training") training = arg;
    else {
      const suggestion = suggest(
        arg.name,
        params.filter(({ rest }) => !rest).map(({ name }) => name),
      );
      const facts = { fn, name: arg.name, suggestion, signature: signatureOf() };
      refuse(diagnose(types, "type/unknown-argument", arg.nameSpan ?? arg.span, facts));
    }
  }
  const missing = params.filter(({ name, optional, rest }) => !optional && !rest && !given.has(name));
  if (missing.length > 0) {
    const facts = { fn, missing: missing.map(({ name }) => `\`${name}\``).join(", "), signature: signatureOf() };
    refuse(diagnose(types, "type/missing-argument", site.span, facts));
  }
  return { given, rest, ...(training ? { training } : {}), isRight };
}

function callBuiltin(site: CallSite, builtin: Builtin, args: readonly FilledArg[]): Value {
  const { given, rest, isRight } = arrange(site, builtin.name, () => builtin.signature, builtin.params, args);
  const poisoned = [...given.values(), ...rest].some(({ value }) => isPoisoned(value));
  if (!isRight || poisoned) return poison;
  return builtin.build(new BuiltinCall(site.frame, site.span, builtin.name, given, rest));
}

/** `linear(x, m, use_bias = …)`, for messages. */
const signatureText = (decl: FnDecl): string =>
  `${decl.name.text}(${decl.params.map(({ name, default: preset }) => (preset ? `${name.text} = …` : name.text)).join(", ")})`;

const isDeclared = (param: Param): ParamShape => ({ name: param.name.text, optional: param.default !== undefined });

/** Expands a declared function: a frame of its own, its signature matched, its body evaluated. */
function callDeclared(
  site: CallSite,
  callee: FunctionValue,
  target: Extract<FunctionValue["target"], { kind: "declared" }>,
  args: readonly FilledArg[],
): Value {
  const { frame: caller } = site;
  const { decl, scope } = target;
  const { session } = caller.pass;
  if (session.endless.has(decl)) return poison;
  if (caller.depth >= session.limits.calls) {
    const facts = { fn: decl.name.text, limit: session.limits.calls };
    return report(caller, diagnose(limitCodes, "limit/calls", site.span, facts));
  }
  const arranged = arrange(site, decl.name.text, () => signatureText(decl), decl.params.map(isDeclared), args);
  const isModel = decl.kind === "model";
  const path = isModel ? [] : (callee.path ?? [...caller.path, segment(caller, site.hint, decl.name.text)]);
  const shared = isModel ? `model ${decl.name.text}` : callee.path ? `${callee.path.join(".")}` : undefined;
  const frame: Frame = {
    pass: caller.pass,
    scope,
    name: decl.name.text,
    caller: { frame: caller, span: site.span },
    depth: caller.depth + 1,
    path,
    training: trainingOf(site, arranged.training) ?? caller.training,
    frozen: caller.frozen || callee.frozen,
    use: shared === undefined ? caller.use : { of: shared, use: ++session.uses },
    initShape: caller.initShape,
    optimizer: caller.optimizer,
    runs: new Map(),
    gradTargets: gradTargetsOf(decl.body),
    counts: new Map(),
    rounds: "",
    locals: { names: new Map() },
  };
  bindParams(frame, decl, arranged);
  return decl.kind === "optimizer"
    ? runOptimizer(frame, decl)
    : result(frame, decl, session.interpreter.body(frame, decl.body), arranged.isRight);
}

function trainingOf(site: CallSite, operand: Operand | undefined): boolean | undefined {
  if (!operand || isPoisoned(operand.value)) return undefined;
  if (operand.value.kind === "bool") return operand.value.value;
  const facts = { what: "training", expected: "true or false, known when compiled", got: describe(operand.value) };
  report(site.frame, diagnose(types, "type/expected", operand.span, facts));
  return undefined;
}

function bindParams(frame: Frame, decl: FnDecl, { given }: Arranged): void {
  const inferring = decl.kind !== "model";
  const set = (param: Param, value: Value): void => {
    const name = param.name.text;
    const held = asVariable(frame, name, value);
    // An argument without a name of its own goes by the parameter's: the `z` of log_softmax(x @ W + b).
    if (held.kind === "tensor" && !frame.optimizer && held.builder.at(held.node).inputs.length > 0) {
      held.builder.label(held.node, name, frame.path);
    }
    frame.locals.names.set(name, { value: held, span: param.name.span });
  };
  const bounds: Bound[] = [];
  for (const param of decl.params) {
    const operand = given.get(param.name.text);
    if (operand) {
      bounds.push({ param, operand });
      frame.locals.names.set(param.name.text, { value: operand.value, span: param.name.span });
    }
  }
  const values = matchSignature(frame, bounds, inferring);
  for (const { param } of bounds) set(param, values.get(param.name.text)!);
  for (const param of decl.params) {
    if (given.has(param.name.text)) continue;
    if (!param.default) {
      forgetSizes(frame, param, inferring);
      set(param, poison);
      continue;
    }
    const value = frame.pass.session.interpreter.expression(frame, param.default);
    const bound: Bound = { param, operand: { value, span: param.default.span } };
    set(param, matchSignature(frame, [bound], inferring).get(param.name.text)!);
  }
}

/** What `grad` differentiates by is a variable of its own, even where an equal expression stands elsewhere. */
export function asVariable(frame: Frame, name: string, value: Value): Value {
  if (!frame.gradTargets.has(name)) return value;
  if (value.kind === "list") return list(value.items.map((item) => asVariable(frame, name, item)));
  if (value.kind !== "tensor" || value.builder !== frame.pass.builder) return value;
  const key = `${frame.pass.place}${[...frame.path, name].join(".")}`;
  const count = frame.pass.counts.get(`variable ${key}`) ?? 0;
  frame.pass.counts.set(`variable ${key}`, count + 1);
  const site = { frame, span: frame.caller?.span ?? { source: frame.scope.source, start: 0, end: 0 } };
  return tensorValue(value.builder, plain(site, "variable", [value.node], { key: `${key}#${count}` }));
}

/** Checks the value of a body against the result type that is written; after wrong arguments it is nobody's wish. */
function result(frame: Frame, decl: FnDecl, value: Value, isRight: boolean): Value {
  const { results } = decl;
  if (!isRight) return poison;
  if (!results || value.kind === "poison") return value;
  return checkResults(frame, decl.name.text, results, value, decl.body.span);
}

export function checkResults(
  frame: Frame,
  name: string,
  results: readonly Result[],
  value: Value,
  bodySpan: Span,
): Value {
  const [single] = results;
  if (results.length === 1) return checkResult(frame, `the result of ${name}`, single!.type, { value, span: bodySpan });
  if (value.kind !== "list" || value.items.length !== results.length) {
    if (isPoisoned(value)) return poison;
    const facts = { fn: name, count: results.length, got: describe(value) };
    return report(frame, diagnose(types, "type/result-count", bodySpan, facts));
  }
  const items = results.map(({ name: own, type }, i) => {
    const what = `the result ${own ? `\`${own.text}\`` : i + 1} of ${name}`;
    return checkResult(frame, what, type, { value: value.items[i]!, span: bodySpan });
  });
  return list(items);
}

/** An optimizer's value is the new parameter; what it stores goes where the caller's updates go. */
function runOptimizer(frame: Frame, decl: FnDecl): Value {
  const first = decl.params[0];
  const parameter = first && frame.locals.names.get(first.name.text);
  if (!first || !parameter || parameter.value.kind !== "tensor") return poison;
  const { pass } = frame;
  const old = here({ frame, span: first.span }, { value: parameter.value, span: first.span });
  if (old === undefined) return poison;
  const target = { name: first.name.text, type: pass.builder.type(old), old };
  frame.locals.names.set(first.name.text, { ...parameter, target });
  learningRate(frame);
  pass.session.interpreter.body(frame, decl.body);
  const pending = pass.sink.get(target);
  pass.sink.delete(target);
  return tensorValue(pass.builder, pending?.next ?? old);
}

/** A number for `lr` is a run-time scalar, so that `--lr` sets it; one name holds one number. */
function learningRate(frame: Frame): void {
  const local = frame.locals.names.get("lr");
  const site: OptimizerSite | undefined = frame.optimizer;
  if (!site || local?.value.kind !== "number") return;
  const { scalars } = frame.pass.session;
  const value = local.value.value;
  let name = `${site.group}lr`;
  const known = scalars.get(name);
  if (known && known.value !== value) name = `${site.group}${frame.name}.lr`;
  const other = scalars.get(name);
  if (other && other.value !== value) return;
  const place = { frame, span: local.span };
  if (!other) scalars.set(name, { name, value, origin: originOf(frame, local.span) });
  frame.locals.names.set("lr", {
    ...local,
    value: tensorValue(frame.pass.builder, plain(place, "scalar", [], { name })),
  });
}
