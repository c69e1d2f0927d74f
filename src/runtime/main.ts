// The program that a generated trainer is: options, a training run, an exit code. The entry of the embedded runtime.
import { exitCodes, train } from "./driver.ts";
import type { Io } from "./io.ts";
import type { Library } from "./library.ts";
import { nodeIo } from "./node-io.ts";
import { optionsText, parseOptions } from "./options.ts";
import { errorText, printable, UserError } from "./user-error.ts";

export { withKernels } from "./kernels-file.ts";
export { isMainThread, nodeIo } from "./node-io.ts";

/**
 * Trains a library by a command line; prints, and gives the exit code: 0 done, 1 bad file, 2 usage, 3 diverged, 70
 * internal, 130 and 143 signals.
 */
export async function main(library: Library, argv: readonly string[], io: Io = nodeIo()): Promise<number> {
  try {
    const options = parseOptions(argv, io.program);
    if (options.help) {
      io.print(helpText(library, io.program));
      return exitCodes.done;
    }
    return await train(library, options, io);
  } catch (error) {
    if (!(error instanceof UserError)) {
      const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
      io.warn(`internal error: ${trace.split("\n").map(printable).join("\n")}\n`);
      io.warn("  This is a mistake in nnc, not in your model or data. Please report it with the lines above.\n");
      return exitCodes.internal;
    }
    io.warn(errorText(error));
    return error.code.startsWith("usage/") ? exitCodes.usage : exitCodes.wrong;
  }
}

function helpText({ manifest }: Library, program: string): string {
  return `Trains ${manifest.model}.

Usage: ${program} [options]

${optionsText()}
Examples:
  ${program} --epochs 1 --seed 3
  ${program} --max-steps 200 --log losses.jsonl --save params.safetensors
`;
}
