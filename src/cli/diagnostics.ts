// Prints what is wrong: code frames on stderr for people, a JSON array on stdout for machines.
import type { Diagnostic } from "../base/diagnostic.ts";
import { renderJson, renderText, summary } from "../base/render.ts";
import type { UserError } from "../runtime/user-error.ts";
import type { Cli } from "./cli.ts";

export type Format = "text" | "json";

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some(({ severity }) => severity === "error");

/** Mistakes that are told to people; a file that has more is of another language, or broken. */
const shown = 50;

/** Prints diagnostics; true where none is an error. */
export function show(cli: Cli, diagnostics: readonly Diagnostic[], format: Format): boolean {
  if (format === "json") {
    if (diagnostics.length > 0) cli.print(renderJson(diagnostics));
  } else if (diagnostics.length > 0) {
    // Errors first where not all are shown.
    const told = diagnostics.length > shown ? inOrder(diagnostics).slice(0, shown) : diagnostics;
    cli.warn(`${renderText(told, { color: cli.color, width: cli.width() })}\n`);
    const more = diagnostics.length - told.length;
    const rest = more > 0 ? `, ${more} of them not shown; --format json tells all` : "";
    if (diagnostics.length > 1) cli.warn(`${summary(diagnostics)}${rest}\n`);
  }
  return !hasErrors(diagnostics);
}

const inOrder = (diagnostics: readonly Diagnostic[]): Diagnostic[] => [
  ...diagnostics.filter(({ severity }) => severity === "error"),
  ...diagnostics.filter(({ severity }) => severity !== "error"),
];

/** A mistake that the runtime found, told as the compiler tells its own. */
export const diagnosticOf = (error: UserError): Diagnostic => ({
  code: error.code,
  severity: "error",
  message: error.message,
  help: error.help,
  notes: [],
});
