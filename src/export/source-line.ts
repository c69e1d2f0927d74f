// The line of a model file that a node comes from.
import { positionAt } from "../base/span.ts";
import type { Node } from "../ir/graph.ts";

/** `file:line` tells lines apart; `text` is the line without its comment. */
export function sourceLine({
  origins,
}: Pick<Node, "origins">): { readonly key: string; readonly text: string } | undefined {
  const span = origins.find((origin) => origin.span)?.span;
  if (!span) return undefined;
  const { line } = positionAt(span.source, span.start);
  return { key: `${span.source.path}:${line}`, text: lineText(span.source.text, span.start) };
}

function lineText(text: string, at: number): string {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  const end = text.indexOf("\n", at);
  return text.slice(start, end < 0 ? text.length : end).replace(/\s#.*$/, "");
}
