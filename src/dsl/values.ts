// What an expression of the language can be while a file is compiled. Knows types of the graph, nothing of evaluation.
import type { Span } from "../base/span.ts";
import type { Builder, NodeId } from "../ir/graph.ts";
import { type Dim, dimText, typeText } from "../ir/types.ts";
import type { Decl } from "./ast.ts";
import type { Builtin } from "./elaborate/builtin.ts";
import type { FileScope } from "./resolve.ts";

export interface TensorValue {
  readonly kind: "tensor";
  readonly node: NodeId;
  /** Whose node it is: a start value is built apart from the step. */
  readonly builder: Builder;
}

export type FnDecl = Extract<Decl, { kind: "fn" | "model" | "optimizer" }>;

export type ModelDecl = FnDecl & { readonly kind: "model" };

export type Target =
  | { readonly kind: "declared"; readonly decl: FnDecl; readonly scope: FileScope }
  | { readonly kind: "builtin"; readonly builtin: Builtin };

export interface HeldArg {
  readonly name?: string;
  readonly nameSpan?: Span;
  readonly value: Value | "hole";
  readonly span: Span;
}

export interface FunctionValue {
  readonly kind: "function";
  readonly target: Target;
  /** Arguments of a partial, holes among them. */
  readonly held: readonly HeldArg[];
  /** Where a partial was written: all its uses share the parameters below this path. */
  readonly path?: readonly string[];
  /** `stop_gradient(f)`: its parameters are constants. */
  readonly frozen: boolean;
}

export type Value =
  /** `quotient`: the division that did not come out whole, for messages. */
  | { readonly kind: "number"; readonly value: number; readonly quotient?: string }
  /** `multiple * N`: stands in shapes, and is a run-time scalar in expressions. */
  | { readonly kind: "rows"; readonly multiple: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  /** `depth` lists inside each other; a list that holds a mistake knows it. */
  | { readonly kind: "list"; readonly items: readonly Value[]; readonly depth: number; readonly poisoned: boolean }
  /** `a:b` in a list or an argument; an open end is null. */
  | { readonly kind: "range"; readonly from: number | null; readonly to: number | null }
  | TensorValue
  | FunctionValue
  | { readonly kind: "namespace"; readonly name: string; readonly scope: FileScope }
  /** The value of a block without a last expression. */
  | { readonly kind: "nothing" }
  /** What a mistake leaves behind: it is reported, and what uses it is not. */
  | { readonly kind: "poison" };

export const poison: Value = { kind: "poison" };
export const nothing: Value = { kind: "nothing" };
export const number = (value: number, quotient?: string): Value =>
  quotient === undefined || Number.isInteger(value) ? { kind: "number", value } : { kind: "number", value, quotient };
export const truth = (value: boolean): Value => ({ kind: "bool", value });
export function list(items: readonly Value[]): Value & { readonly kind: "list" } {
  let depth = 0;
  let poisoned = false;
  for (const item of items) {
    if (item.kind === "list") depth = Math.max(depth, item.depth);
    poisoned ||= isPoisoned(item);
  }
  return { kind: "list", items, depth: depth + 1, poisoned };
}
export const tensorValue = (builder: Builder, node: NodeId): TensorValue => ({ kind: "tensor", node, builder });
export const sizeValue = (dim: Dim): Value =>
  typeof dim === "number" ? number(dim) : { kind: "rows", multiple: dim.perRow };

/** Whether the value is a mistake, or a list that holds one. */
export const isPoisoned = (value: Value): boolean =>
  value.kind === "poison" || (value.kind === "list" && value.poisoned);

/** Enough digits to recognise a number. */
export const numberText = (value: number): string =>
  Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));

/** How many items the text of a list shows. */
const shownItems = 6;

const functionName = (target: Target): string =>
  target.kind === "declared" ? target.decl.name.text : target.builtin.name;

export const nameOf = (value: FunctionValue): string => functionName(value.target);

/** The value or its type, in the words of the language: `3`, `[1, 2]`, `i32[N]`, `the function relu`. */
export function describe(value: Value): string {
  switch (value.kind) {
    case "number":
      return `the number ${numberText(value.value)}${value.quotient === undefined ? "" : `, from ${value.quotient}`}`;
    case "rows":
      return dimText({ perRow: value.multiple });
    case "bool":
      return String(value.value);
    case "string":
      return JSON.stringify(value.value);
    case "list":
      return `the list ${listText(value.items)}`;
    case "range":
      return `the range ${value.from ?? ""}:${value.to ?? ""}`;
    case "tensor":
      return typeText(value.builder.type(value.node));
    case "function":
      return `the function ${nameOf(value)}`;
    case "namespace":
      return `the import ${value.name}`;
    case "nothing":
      return "no value";
    case "poison":
      return "a mistake";
  }
}

function listText(items: readonly Value[]): string {
  const shown = items.slice(0, shownItems).map((item) => {
    if (item.kind === "list") return item.items.length === 0 ? "[]" : "[…]";
    return item.kind === "number" ? String(item.value) : describe(item);
  });
  return `[${shown.join(", ")}${items.length > shownItems ? ", …" : ""}]`;
}

/** For `nnc check --shapes` and editors. */
export const bindingText = (value: Value): string => {
  if (value.kind === "number") return String(value.value);
  if (value.kind === "list")
    return `[${value.items
      .slice(0, shownItems)
      .map((item) => bindingItem(item))
      .join(", ")}]`;
  return describe(value);
};

const bindingItem = (item: Value): string => (item.kind === "number" ? String(item.value) : describe(item));
