// `nnc stats`: what a model costs: parameters, arithmetic, bytes, memory over time, emitted size; with --profile, measured time.
import { Command, Option } from "commander";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { batchOption, type CodeOptions, dimOption, examples, wholeNumber, withCodeOptions } from "./options.ts";
import { type Target, targetOption } from "./target.ts";

interface StatsOptions extends CodeOptions {
  readonly dim: ReadonlyMap<string, number>;
  readonly format: "text" | "json";
  readonly batch?: number;
  readonly dataDir?: string;
  readonly profile: boolean;
  readonly data?: string;
  readonly target: Target;
  readonly steps: number;
}

export const statsCommand = (cli: Cli, done: (code: number) => void): Command =>
  withCodeOptions(new Command("stats"))
    .description("Counts what a training step costs: parameters, arithmetic, bytes, memory, emitted code.")
    .argument("<file>", "a model file, NAME.nn")
    .option("--profile", "measure each kernel on real steps, and hold it against what this machine can do", false)
    .option("--data <NAME>", "for --profile: another data set with the same columns, `digits` needs no files")
    .addOption(new Option("--steps <K>", "for --profile: steps to measure").argParser(wholeNumber).default(200))
    .addOption(new Option("--format <FORMAT>", "tables or data").choices(["text", "json"]).default("text"))
    .addOption(targetOption("whose kernels are counted and measured").default("ts"))
    .addOption(dimOption())
    .addOption(batchOption("rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model names are looked up first")
    .addHelpText(
      "after",
      examples("nnc stats model.nn --batch 256", "nnc stats model.nn --profile --data digits --target wasm"),
    )
    .action(async (file: string, options: StatsOptions) => done(await stats(file, options, cli)));

async function stats(path: string, options: StatsOptions, cli: Cli): Promise<number> {
  const { readModel } = await import("./model-file.ts");
  const { name, module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    data: options.data,
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  });
  if (!show(cli, diagnostics, options.format) || !module) return exit.wrong;
  const [{ compile }, { compileOptions }, { measureUnit, statsText, profileUnit }] = await Promise.all([
    import("../codegen/compile.ts"),
    import("./compile-options.ts"),
    import("./stats-of.ts"),
  ]);
  const unit = compile(module, compileOptions({ ...options, ...cli.limits }));
  const measured = options.profile ? await profileUnit(unit, path, options, cli) : undefined;
  const facts = await measureUnit(name, unit, measured);
  cli.print(options.format === "json" ? `${JSON.stringify(facts, null, 2)}\n` : statsText(facts, unit, cli.width()));
  return exit.done;
}
