// What every command is given: files, a terminal, where to print; and the exit codes. Knows no command and no compiler.
import type { Io } from "../runtime/io.ts";
import { nodeIo } from "../runtime/node-io.ts";
import { defaultLimits, type Limits } from "./limits.ts";

export interface Cli extends Io {
  /** Whether diagnostics may be coloured. */
  readonly color: boolean;
  readonly limits: Limits;
}

/** 130 and 143 come from signals. */
export const exit = { done: 0, wrong: 1, usage: 2, diverged: 3, internal: 70 } as const;

/** This process as a command sees it. */
export function nodeCli(): Cli {
  const color = process.stderr.isTTY === true && process.env["TERM"] !== "dumb" && !process.env["NO_COLOR"];
  return { ...nodeIo({ folder: ".", program: "nnc" }), color, limits: defaultLimits };
}
