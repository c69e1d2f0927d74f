// What a model may cost before it is refused: options of every command, with their defaults. Knows no command.
import { type Command, InvalidArgumentError, Option } from "commander";

export interface Limits {
  /** Bytes of a model file, with what it imports. */
  readonly maxSource: number;
  /** Words, numbers and signs in them. Each takes about 1 KB of memory. */
  readonly maxTokens: number;
  /** Brackets within brackets. The reader takes about 5 KB of a stack of 984 for each. */
  readonly maxNesting: number;
  /** Rounds of all loops together, and items of all ranges. */
  readonly maxRounds: number;
  /** Operations of a step and of start values. A thousand dense layers with Adam are 46,000. */
  readonly maxNodes: number;
  /** Bytes of the one buffer that a program works in, and so of any tensor that is kept. */
  readonly maxArena: number;
  /** Bytes of one emitted file. */
  readonly maxOutput: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const defaultLimits: Limits = {
  maxSource: MiB,
  maxTokens: 100_000,
  maxNesting: 100,
  maxRounds: 100_000,
  maxNodes: 50_000,
  maxArena: 2 * GiB,
  maxOutput: 64 * MiB,
};

/** Deeper than this the stack would not hold. */
const deepest = 150;

const units = new Map([
  ["", 1],
  ["KiB", KiB],
  ["MiB", MiB],
  ["GiB", GiB],
]);

function bytes(text: string): number {
  const [, digits, unit] = /^(\d+)(|KiB|MiB|GiB)$/.exec(text) ?? [];
  const value = Number(digits) * (units.get(unit ?? "") ?? 1);
  if (digits !== undefined && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError("It takes bytes, as in 500000000, 512MiB or 4GiB.");
}

const wholeUpTo =
  (highest: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= highest) return value;
    throw new InvalidArgumentError(`It takes a whole number from 1 to ${highest}.`);
  };

/** Adds the options; what was given is in `limitsOf` once the command line is read. */
export function withLimits(program: Command): Command {
  const add = (flags: string, text: string, read: (word: string) => number, value: number, shown: string): void => {
    program.addOption(
      new Option(flags, text).argParser(read).default(value, shown).helpGroup("Limits, with any command:"),
    );
  };
  const { maxSource, maxTokens, maxNesting, maxRounds, maxNodes, maxArena, maxOutput } = defaultLimits;
  const count = wholeUpTo(2 ** 31 - 1);
  add("--max-source <BYTES>", "length of a model file, with its imports", bytes, maxSource, "1MiB");
  add("--max-tokens <K>", "words, numbers and signs in them", count, maxTokens, "100000");
  add("--max-nesting <K>", `brackets within brackets, up to ${deepest}`, wholeUpTo(deepest), maxNesting, "100");
  add("--max-rounds <K>", "rounds of all loops together", count, maxRounds, "100000");
  add("--max-nodes <K>", "operations of an unrolled program and its start values", count, maxNodes, "50000");
  add("--max-arena <BYTES>", "memory that a compiled program works in", bytes, maxArena, "2GiB");
  add("--max-output <BYTES>", "length of an emitted file", bytes, maxOutput, "64MiB");
  return program;
}

export const limitsOf = (program: Command): Limits => program.opts<Limits>();
