// Options that several commands share, and how their values are read.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Format } from "./diagnostics.ts";

export interface ModelOptions {
  readonly dim: ReadonlyMap<string, number>;
  readonly batch?: number;
  readonly format: Format;
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 2 ** 31 - 1) {
    throw new InvalidArgumentError(`It takes a whole number from 1 to ${2 ** 31 - 1}.`);
  }
  return value;
}

/** `NAME=X`, collected into a map; a later one replaces an earlier one. */
export const assignment =
  (what: string, read: (text: string) => number) =>
  (text: string, before: ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
    const at = text.indexOf("=");
    const value = read(text.slice(at + 1));
    if (at < 1 || text.length === at + 1 || Number.isNaN(value)) throw new InvalidArgumentError(`It takes ${what}.`);
    return new Map([...before, [text.slice(0, at), value]]);
  };

const dims = assignment("NAME=K, K a number", (text) => (Number.isFinite(Number(text)) ? Number(text) : Number.NaN));

export const dimOption = (): Option =>
  new Option("--dim <NAME=K>", "value of a `dim` of the model; may be repeated")
    .argParser(dims)
    .default(new Map<string, number>(), "none");

export const batchOption = (text: string): Option => new Option("--batch <N>", text).argParser(wholeNumber);

export const formatOption = (): Option =>
  new Option("--format <FORMAT>", "how mistakes are told: code frames on stderr, or a JSON array on stdout")
    .choices(["text", "json"])
    .default("text");

/** `--dim` and `--format`: for every command that reads a model. */
export const withModelOptions = (command: Command): Command => command.addOption(dimOption()).addOption(formatOption());

export interface CodeOptions {
  readonly reuse: boolean;
  readonly dense?: boolean;
  readonly strictFloat?: boolean;
  readonly debug?: boolean;
}

/** `--no-reuse`, `--dense`, `--strict-float`, `--debug`: for every command that makes code. */
export const withCodeOptions = (command: Command): Command =>
  command
    .option("--no-reuse", "give every temporary bytes of its own")
    .option("--dense", "do not skip the zeros of data columns")
    .option("--strict-float", "round every fused intermediate to float32, as a store would")
    .option(
      "--debug",
      "to look into: breakpoints in the model, every value by its name, a stop at the first NaN; slow",
    );

/** The examples below a command's options. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}\n`).join("")}`;
