// `nnc eval`: a model, and its loss and gradients, once on given numbers. The contract is docs/eval.md.
import { dirname } from "node:path";
import { Command, Option } from "commander";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { assignment, examples, type ModelOptions, withModelOptions } from "./options.ts";
import { runningTarget, type Target, targets } from "./target.ts";

interface EvalOptions extends ModelOptions {
  readonly inputs: string;
  readonly out: string;
  readonly grads?: true;
  readonly target: "interpret" | Target;
  readonly training?: true;
  readonly seed: number;
  readonly set: ReadonlyMap<string, number>;
  readonly dataDir?: string;
}

const finite = (text: string): number => (Number.isFinite(Number(text)) ? Number(text) : Number.NaN);

export const evalCommand = (cli: Cli, done: (code: number) => void): Command =>
  withModelOptions(new Command("eval"))
    .description("Runs a model once on given tensors; writes its results, its loss and gradients.")
    .argument("<file>", "a model file, NAME.nn")
    .requiredOption("--inputs <FILE>", "safetensors: inputs, targets, parameters and states, by name")
    .requiredOption("--out <FILE>", "safetensors file to write")
    .option("--grads", "write grad.NAME of the loss for each parameter and float input")
    .addOption(
      new Option("--target <TARGET>", "the reference interpreter in float64, or the generated code")
        .choices(["interpret", ...targets])
        .default("ts"),
    )
    .option("--training", "evaluate as a training step does: dropout drops, batch statistics are of the batch")
    .option("--seed <S>", "of random numbers", finite, 0)
    .addOption(
      new Option("--set <NAME=X>", "value of a hyper; may be repeated")
        .argParser(assignment("NAME=X, X a number", finite))
        .default(new Map<string, number>(), "none"),
    )
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .addHelpText(
      "after",
      examples(
        "nnc eval model.nn --inputs in.safetensors --out out.safetensors",
        "nnc eval model.nn --inputs in.safetensors --out out.safetensors --grads --target interpret",
      ),
    )
    .action(async (file: string, options: EvalOptions) => done(await evaluateFile(file, options, cli)));

async function evaluateFile(path: string, options: EvalOptions, cli: Cli): Promise<number> {
  const target = options.target === "interpret" ? options.target : runningTarget({ target: options.target });
  const [{ readModel }, evaluation, { readTensors, writeTensors }] = await Promise.all([
    import("./model-file.ts"),
    import("./evaluation.ts"),
    import("./tensor-files.ts"),
  ]);
  const grads = options.grads === true;
  const { module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    training: options.training === true,
    grads,
    // Inputs are given as the model declares them, not as its data set stores them.
    fromDataSet: false,
  });
  if (!show(cli, diagnostics, options.format) || !module) return exit.wrong;
  const task = evaluation.evaluationOf(module, grads);
  const bound = evaluation.bindTensors(task, readTensors(options.inputs, cli), cli.limits.maxArena);
  const faults = [...evaluation.taskFaults(module, grads), ...bound.faults];
  if (faults.length > 0) {
    show(cli, faults.slice(0, evaluation.shownFaults), options.format);
    const more = faults.length - evaluation.shownFaults;
    if (more > 0 && options.format === "text") cli.warn(`and ${more} more\n`);
    return exit.wrong;
  }
  const settings = {
    seed: options.seed,
    scalars: options.set,
    maxArena: cli.limits.maxArena,
    places: { io: { ...cli, folder: dirname(path) }, dataDir: options.dataDir },
  };
  const results =
    target === "interpret"
      ? await evaluation.evaluateByInterpreter(task, bound, settings)
      : await (await import("./evaluate-compiled.ts")).evaluateCompiled(task, bound, settings, target);
  writeTensors(options.out, results, cli);
  return exit.done;
}
