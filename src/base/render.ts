// Diagnostics as text for people and as JSON for machines. Prints nothing itself.
import type { Diagnostic, Severity } from "./diagnostic.ts";
import { codeFrame, shorten, visible } from "./frame.ts";
import { positionAt, type Span } from "./span.ts";

export interface RenderOptions {
  readonly color: boolean;
  /** Columns of the terminal; longer source lines are cut. */
  readonly width: number;
}

const colors: Readonly<Record<Severity | "place" | "note", string>> = {
  error: "31;1",
  warning: "33;1",
  hint: "36;1",
  place: "2",
  note: "36",
};

/** Quoted names and expressions longer than this are cut. */
const longestQuote = 80;

const tidy = (text: string): string =>
  visible(text).replace(/`[^`]{80,}`/g, (quote) => `\`${shorten(quote.slice(1, -1), longestQuote)}\``);

export function renderText(diagnostics: readonly Diagnostic[], { color, width }: RenderOptions): string {
  const paint = (kind: keyof typeof colors, text: string): string =>
    color ? `\u001b[${colors[kind]}m${text}\u001b[0m` : text;

  const placeOf = (span: Span): string => {
    const { line, column } = positionAt(span.source, span.start);
    return paint("place", `${shorten(visible(span.source.path), 200)}:${line}:${column}`);
  };

  const one = (diagnostic: Diagnostic): string => {
    const { severity, code, message, span, help, notes } = diagnostic;
    const lines = [`${paint(severity, severity)}: ${tidy(message)} ${paint("place", `[${code}]`)}`];
    const frameOf = (place: Span, kind: Severity | "note"): void => {
      lines.push(`  ${placeOf(place)}`, ...codeFrame(place, { width, paint: (text) => paint(kind, text) }));
    };
    if (span) frameOf(span, severity);
    for (const note of notes) {
      lines.push(`${paint("note", "note")}: ${tidy(note.message)}`);
      if (note.span) frameOf(note.span, "note");
    }
    if (help) lines.push(`${paint("note", "help")}: ${tidy(help)}`);
    return lines.join("\n");
  };
  return diagnostics.map((diagnostic) => `${one(diagnostic)}\n`).join("\n");
}

/** `2 errors, 1 warning`, or an empty text. */
export function summary(diagnostics: readonly Diagnostic[]): string {
  const parts: string[] = [];
  for (const severity of ["error", "warning", "hint"] as const) {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    if (count > 0) parts.push(`${count} ${severity}${count === 1 ? "" : "s"}`);
  }
  return parts.join(", ");
}

interface JsonPlace {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

const jsonPlace = (span: Span): JsonPlace => {
  const start = positionAt(span.source, span.start);
  const end = positionAt(span.source, span.end);
  return { path: span.source.path, ...start, endLine: end.line, endColumn: end.column };
};

/** A JSON array with one object per diagnostic; lines and columns count from 1. */
export function renderJson(diagnostics: readonly Diagnostic[]): string {
  const plain = diagnostics.map(({ code, severity, message, help, span, notes }) => ({
    code,
    severity,
    message,
    ...(help !== undefined && { help }),
    ...(span && jsonPlace(span)),
    notes: notes.map((note) => ({ message: note.message, ...(note.span && jsonPlace(note.span)) })),
  }));
  return `${JSON.stringify(plain, null, 2)}\n`;
}
