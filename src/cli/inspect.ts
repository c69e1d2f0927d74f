// `nnc inspect`: any stage between a model file and its program, as text.
import { Command, Option } from "commander";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { batchOption, examples, type ModelOptions, withModelOptions } from "./options.ts";
import type { StageName } from "./stages.ts";

interface InspectOptions extends ModelOptions {
  readonly stage: StageName;
  readonly program?: string;
  readonly reuse: boolean;
  readonly dataDir?: string;
}

const stages: readonly StageName[] = ["ast", "graph", "grad", "opt", "stages", "loops", "memory", "ts"];

export const inspectCommand = (cli: Cli, done: (code: number) => void): Command =>
  withModelOptions(new Command("inspect"))
    .description("Prints what the compiler makes of a model, at any stage.")
    .argument("<file>", "a model file, NAME.nn")
    .addOption(
      new Option("--stage <STAGE>", "tree, graph, with gradients, optimised, kernels, loops, memory, TypeScript")
        .choices(stages)
        .default("graph"),
    )
    .option("--program <NAME>", "init, step, evaluate, predict or a further model; else all")
    .addOption(batchOption("largest number of rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .option("--no-reuse", "give every temporary bytes of its own")
    .addHelpText(
      "after",
      examples(
        "nnc inspect model.nn --stage grad --program step   gradients, as a textbook prints them",
        "nnc inspect model.nn --stage memory                where every tensor lies",
      ),
    )
    .action(async (file: string, options: InspectOptions) => done(await inspect(file, options, cli)));

async function inspect(path: string, options: InspectOptions, cli: Cli): Promise<number> {
  const { readModel } = await import("./model-file.ts");
  const model = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  });
  const isSound = show(cli, model.diagnostics, options.format);
  const { astText, stageTexts } = await import("./stages.ts");
  // The tree can be looked at even where its meaning is wrong.
  if (options.stage === "ast") cli.print(astText(model.file));
  if (!isSound || !model.module) return exit.wrong;
  if (options.stage === "ast") return exit.done;
  const text = stageTexts(model.module, options.stage, options);
  if (text === undefined) {
    cli.warn(`error: the model has no program ${JSON.stringify(options.program)}\n`);
    return exit.usage;
  }
  cli.print(text);
  return exit.done;
}
