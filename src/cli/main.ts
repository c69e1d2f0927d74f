// `nnc`: reads the command line and hands it to one command. Each command's file says its options; what it runs is loaded then.
import { Command, CommanderError } from "commander";
import { version } from "../../package.json";
import { Refusal } from "../base/diagnostic.ts";
import { visible } from "../base/frame.ts";
import type { Files } from "../runtime/io.ts";
import { quoted, UserError } from "../runtime/user-error.ts";
import { buildCommand } from "./build.ts";
import { checkCommand } from "./check.ts";
import { type Cli, exit } from "./cli.ts";
import { dataCommand } from "./data.ts";
import { diagnosticOf, type Format, show } from "./diagnostics.ts";
import { evalCommand } from "./eval.ts";
import { explainCommand } from "./explain.ts";
import { exploreCommand } from "./explore.ts";
import { exportCommand } from "./export.ts";
import { fmtCommand } from "./fmt.ts";
import { gradCommand } from "./grad.ts";
import { inspectCommand } from "./inspect.ts";
import { limitsOf, withLimits } from "./limits.ts";
import { examples } from "./options.ts";
import { paramsCommand } from "./params.ts";
import { predictCommand } from "./predict.ts";
import { statsCommand } from "./stats.ts";
import { groupRates, trainCommand } from "./train.ts";

/** Makes a command; `done` takes its exit code. */
export type MakeCommand = (cli: Cli, done: (code: number) => void) => Command;

const commands: readonly MakeCommand[] = [
  trainCommand,
  buildCommand,
  checkCommand,
  inspectCommand,
  statsCommand,
  exploreCommand,
  gradCommand,
  exportCommand,
  evalCommand,
  predictCommand,
  fmtCommand,
  explainCommand,
  paramsCommand,
  dataCommand,
];

/** Runs one command line; prints, and gives the exit code. */
export async function run(argv: readonly string[], cli: Cli): Promise<number> {
  let code: number = exit.done;
  const program = withLimits(new Command("nnc"))
    .description("Compiles small neural-network model files into specialised training programs.")
    .version(version)
    .exitOverride()
    // Mistakes are told by ourselves, in the form of all others.
    .configureOutput({ writeOut: cli.print, writeErr: cli.warn, outputError: () => {} })
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      examples(
        "nnc train models/mnist_logistic.nn        compile and train",
        "nnc build models/mnist_logistic.nn -o out  write the trainer as TypeScript and JavaScript",
        "nnc check models/mnist_logistic.nn        mistakes, parameters, shapes",
      ),
    );
  const done = (result: number): void => {
    code = result;
  };
  for (const make of commands) {
    const files = make === fmtCommand ? cli.files : sparingModels(cli.files);
    // Read with the rest of the command line, so known when a command begins.
    const limited: Cli = Object.defineProperty({ ...cli, files }, "limits", {
      enumerable: true,
      get: () => limitsOf(program),
    });
    adopt(program, make(limited, done));
  }
  try {
    await program.parseAsync(groupRates(argv), { from: "user" });
    return code;
  } catch (error) {
    return failed(error, formatOf(argv), cli);
  }
}

/** Files as every command but `fmt` may write them: a model is nobody's result. */
function sparingModels(files: Files): Files {
  const spare = (path: string): void => {
    if (/\.nn$/i.test(path))
      throw new UserError(
        "file/unwritable",
        `${quoted(path)} is a model file, which is not written over`,
        "Name another file.",
      );
  };
  return {
    ...files,
    write(path, parts) {
      spare(path);
      files.write(path, parts);
    },
    writeTogether(all) {
      for (const path of all.keys()) spare(path);
      files.writeTogether(all);
    },
    probe(path) {
      spare(path);
      files.probe(path);
    },
    log(path, keep) {
      spare(path);
      return files.log(path, keep);
    },
  };
}

/** Adds a command that prints and ends as the program does, its own commands too. */
function adopt(program: Command, command: Command): void {
  program.addCommand(command.copyInheritedSettings(program));
  for (const inner of command.commands) inner.copyInheritedSettings(program);
}

/** How this command line wants mistakes told; read here, since they may be found before or outside of its command. */
const formatOf = (argv: readonly string[]): Format =>
  argv.some((word, k) => word === "--format=json" || (word === "json" && argv[k - 1] === "--format")) ? "json" : "text";

/** What commander says of a command line, which may quote any text. */
function usageError({ message }: CommanderError): UserError {
  const [, what = message, meant] = /^(?:error: )?(.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(message) ?? [];
  const short = what.length <= 300 ? what : `${what.slice(0, 200)} … ${what.slice(-60)}`;
  const code = /is invalid/.test(what) ? "usage/value" : "usage/option";
  const help = "`nnc --help` lists commands, `nnc COMMAND --help` their options.";
  return new UserError(code, short.replace(/\.$/, ""), meant === undefined ? help : `Did you mean ${meant}?`);
}

function failed(error: unknown, format: Format, cli: Cli): number {
  if (error instanceof CommanderError) {
    // Help and version end here too.
    if (error.exitCode === 0) return exit.done;
    if (error.code === "commander.help") return exit.usage;
    return failed(usageError(error), format, cli);
  }
  if (error instanceof UserError) {
    show(cli, [diagnosticOf(error)], format);
    return error.code.startsWith("usage/") ? exit.usage : exit.wrong;
  }
  if (error instanceof Refusal) {
    show(cli, [error.diagnostic], format);
    return exit.wrong;
  }
  // What an emitted program throws where an index is out of range.
  if (error instanceof RangeError && error.name === "IndexError") {
    const help = "Keep the index of `gather` or `pick` in range: clip(i, 0, n - 1).";
    return failed(new UserError("data/value", error.message, help), format, cli);
  }
  // What engines say where there is no room left.
  if (error instanceof Error && /out of memory|allocation failed/i.test(error.message)) {
    const help = "Close other programs, or take a smaller model or a smaller --batch.";
    return failed(new UserError("train/memory", "this machine has no memory left for that", help), format, cli);
  }
  const trace = error instanceof Error ? error.stack : undefined;
  cli.warn(`internal error: ${visible(error instanceof Error ? error.message : String(error))}\n`);
  cli.warn("  This is a mistake in nnc, not in your files. Please report it with the command and the model file");
  cli.warn(cli.env("NNC_DEBUG") ? `:\n${trace}\n` : "; NNC_DEBUG=1 shows where it happened.\n");
  return exit.internal;
}
