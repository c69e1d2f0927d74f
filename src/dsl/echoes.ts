// What the parser could not read, it guesses: what names and types say against such a line is most often the same mistake.
import type { Diagnostic } from "../base/diagnostic.ts";
import { positionAt, type Span } from "../base/span.ts";

/** All diagnostics of a file, without errors on lines whose syntax is an error already. */
export function withoutEchoes(syntax: readonly Diagnostic[], found: readonly Diagnostic[]): Diagnostic[] {
  const lineOf = ({ source, start }: Span): string => `${positionAt(source, start).line} ${source.path}`;
  const unread = new Set(syntax.flatMap(({ severity, span }) => (severity === "error" && span ? [lineOf(span)] : [])));
  const isEcho = ({ severity, span }: Diagnostic): boolean =>
    severity === "error" && span !== undefined && unread.has(lineOf(span));
  return [...syntax, ...found.filter((diagnostic) => !isEcho(diagnostic))];
}
