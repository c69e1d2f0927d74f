// The `train` block: known values, checked and put in order. Optimizers are applied in optimizers.ts.
import { diagnose } from "../../base/diagnostic.ts";
import { model } from "../../base/diagnostics/model.ts";
import { types } from "../../base/diagnostics/types.ts";
import type { Span } from "../../base/span.ts";
import { suggest } from "../../base/suggest.ts";
import type { ConfigValue, DataConfig, TrainConfig } from "../../ir/module.ts";
import type { Decl, Entry, Expr } from "../ast.ts";
import type { FileScope } from "../resolve.ts";
import { describe, isPoisoned, type Value } from "../values.ts";
import { listMembers, wholeNumber } from "./builtin.ts";
import { type Frame, Pass, report, rootFrame, type Session } from "./context.ts";
import { expression, heldArgs } from "./expressions.ts";

export interface TrainBlock {
  readonly config: TrainConfig;
  /** `optimizer.critic = …`: path and function. */
  readonly optimizers: readonly { readonly path: string; readonly value: Expr; readonly span: Span }[];
  /** Paths kept constant, `*` at the end for all below. */
  readonly freeze: readonly { readonly pattern: string; readonly span: Span }[];
}

const entryNames = ["data", "batch", "epochs", "optimizer", "init", "freeze", "seed", "shuffle", "drop_last"];
const withPath: ReadonlySet<string> = new Set(["optimizer", "init"]);

export const dataSources = ["mnist", "fashion_mnist", "digits", "idx", "csv", "npy", "safetensors", "text"];

export function trainBlock(session: Session, scope: FileScope, decl: Extract<Decl, { kind: "train" }>): TrainBlock {
  const frame = rootFrame(new Pass(session, "forward", "train/", true), scope, "train");
  const entries = new Map<string, Entry>();
  for (const entry of decl.entries) {
    const [first] = entry.path;
    const name = entry.path.map(({ text }) => text).join(".");
    if (!first || !entryNames.includes(first.text)) {
      const suggestion = suggest(first?.text ?? "", entryNames);
      session.report(diagnose(model, "model/train-entry", entry.span, { name, suggestion }));
    } else if (entry.path.length > 1 && !withPath.has(first.text)) {
      session.report(diagnose(model, "model/train-path", entry.span, { name, first: first.text }));
    } else if (entries.has(name)) session.report(diagnose(model, "model/twice", entry.span, { what: `\`${name}\`` }));
    else entries.set(name, entry);
  }
  const whole = (name: string, least: number, preset: number): number => {
    const entry = entries.get(name);
    if (!entry) return preset;
    const operand = { value: expression(frame, entry.value), span: entry.value.span };
    return wholeNumber({ frame, span: entry.span }, operand, name, least) ?? preset;
  };
  const flag = (name: string): boolean => {
    const entry = entries.get(name);
    const value = entry && expression(frame, entry.value);
    if (!entry || !value || value.kind === "poison") return false;
    if (value.kind === "bool") return value.value;
    expected(frame, entry, name, "true or false", value);
    return false;
  };
  const data = entries.get("data");
  const source = data && dataConfig(frame, data);
  const config: TrainConfig = {
    ...(source ? { data: source } : {}),
    batch: session.options.batch ?? whole("batch", 1, 64),
    epochs: whole("epochs", 1, 1),
    seed: whole("seed", 0, 0),
    shuffle: flag("shuffle"),
    dropLast: flag("drop_last"),
    init: startFiles(frame, entries),
  };
  const optimizers = [...entries]
    .filter(([, entry]) => entry.path[0]!.text === "optimizer")
    .map(([name, { value, span }]) => ({ path: name.slice("optimizer.".length), value, span }));
  return { config, optimizers, freeze: frozenPaths(frame, entries.get("freeze")) };
}

const expected = (frame: Frame, entry: Entry, what: string, wanted: string, value: Value): void => {
  if (isPoisoned(value)) return;
  const facts = { what, expected: wanted, got: describe(value) };
  report(frame, diagnose(types, "type/expected", entry.value.span, facts));
};

function startFiles(frame: Frame, entries: ReadonlyMap<string, Entry>): TrainConfig["init"] {
  const files: { prefix: string; file: string; origin: DataConfig["origin"] }[] = [];
  for (const [name, entry] of entries) {
    if (entry.path[0]!.text !== "init") continue;
    const value = expression(frame, entry.value);
    if (value.kind === "string") {
      files.push({
        prefix: name.slice("init.".length),
        file: value.value,
        origin: { role: "forward", span: entry.span },
      });
    } else if (value.kind !== "poison") expected(frame, entry, name, "the name of a file in quotes", value);
  }
  return files;
}

function frozenPaths(frame: Frame, entry: Entry | undefined): TrainBlock["freeze"] {
  if (!entry) return [];
  const operand = { value: expression(frame, entry.value), span: entry.value.span };
  const members =
    operand.value.kind === "string" ? [operand] : listMembers({ frame, span: entry.span }, operand, "freeze");
  return (members ?? []).flatMap(({ value, span }) => {
    if (value.kind === "string") return [{ pattern: value.value, span }];
    if (value.kind !== "poison") expected(frame, entry, "an item of freeze", "a path in quotes", value);
    return [];
  });
}

function dataConfig(frame: Frame, entry: Entry): DataConfig | undefined {
  const { value } = entry;
  const callee = value.kind === "call" ? value.callee : value;
  if (callee.kind === "error") return undefined;
  if (callee.kind !== "name" || !dataSources.includes(callee.name)) {
    const name = callee.kind === "name" ? callee.name : "";
    const facts = { name, suggestion: suggest(name, dataSources), known: dataSources.join(", ") };
    report(frame, diagnose(model, "model/data-source", callee.span, facts));
    return undefined;
  }
  const positional: ConfigValue[] = [];
  const named = new Map<string, ConfigValue>();
  for (const arg of heldArgs(frame, value.kind === "call" ? value.args : [])) {
    if (arg.value === "hole") {
      report(frame, diagnose(types, "type/hole-in-data", arg.span, {}));
      continue;
    }
    const config = configValue(arg.value);
    if (config === undefined) {
      if (arg.value.kind !== "poison") expected(frame, entry, "an argument of data", "a known value", arg.value);
    } else if (arg.name === undefined) positional.push(config);
    else if (named.has(arg.name)) {
      report(frame, diagnose(types, "type/argument-twice", arg.span, { fn: callee.name, name: arg.name }));
    } else named.set(arg.name, config);
  }
  return { source: callee.name, positional, named, origin: { role: "forward", span: value.span } };
}

function configValue(value: Value): ConfigValue | undefined {
  switch (value.kind) {
    case "number":
    case "string":
    case "bool":
      return value.value;
    case "range":
      return { range: [value.from, value.to] };
    case "list": {
      const items = value.items.map(configValue);
      const known = items.filter((item) => item !== undefined);
      return known.length === items.length ? known : undefined;
    }
    default:
      return undefined;
  }
}
