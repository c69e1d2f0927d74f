// `nnc train`: compiles in memory and hands the library to the runtime's own main, with the options of a generated trainer.
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Command, Option } from "commander";
import { parseOptions, rules } from "../runtime/options.ts";
import { type Cli, exit } from "./cli.ts";
import { type Format, show } from "./diagnostics.ts";
import { type CodeOptions, dimOption, examples, formatOption, wholeNumber, withCodeOptions } from "./options.ts";
import { runningTarget, type Target, targetOption } from "./target.ts";
import { withWatch } from "./watch.ts";

/** The runtime's options by attribute name, and the CLI's own. */
interface TrainOptions extends CodeOptions {
  readonly dim: ReadonlyMap<string, number>;
  readonly format: Format;
  readonly target?: Target;
  readonly fallback?: string;
  readonly report?: string;
  readonly [runtimeOption: string]: unknown;
}

const ownRules: ReadonlySet<string> = new Set(["help"]);
const runtimeRules = rules.filter(({ flag }) => !ownRules.has(flag));

export const trainCommand = (cli: Cli, done: (code: number) => void): Command => {
  const command = withCodeOptions(new Command("train"))
    .description("Compiles a model in memory and trains it.")
    .argument("<file>", "a model file, NAME.nn")
    .addOption(dimOption())
    .addOption(targetOption("kernels as TypeScript or WebAssembly; else WebAssembly where it runs"));
  for (const { flag, value, text } of runtimeRules) {
    const option = new Option(value === undefined ? `--${flag}` : `--${flag} <${value}>`, text);
    if (flag === "set") option.argParser((word: string, before: string[] = []) => [...before, word]);
    if (flag === "batch") option.argParser(wholeNumber);
    command.addOption(option);
  }
  command
    .option("--report <PAGE.html>", "write curves, confusion, mistakes and first weights as a page at the end")
    .addOption(
      new Option(
        "--fallback <NAME>",
        "train on made data where the model's data set can be neither found nor fetched",
      ).choices(["digits"]),
    )
    .addOption(formatOption())
    .addHelpText(
      "after",
      examples(
        "nnc train models/mnist_logistic.nn --epochs 1 --lr 0.1",
        "nnc train models/mnist_logistic.nn --data digits --save digits.safetensors",
        "nnc train model.nn --dim hidden=256 --log losses.jsonl",
      ),
    );
  return withWatch(command, cli, done, train);
};

/** `--GROUP.lr X` is `--set GROUP.lr=X`: which groups there are, only the compiled model tells. */
export const groupRates = (argv: readonly string[]): string[] => {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const [, name, value] = /^--([^=\s]+\.lr)(?:=(.*))?$/s.exec(argv[i]!) ?? [];
    if (name === undefined) words.push(argv[i]!);
    else words.push("--set", `${name}=${value ?? argv[++i] ?? ""}`);
  }
  return words;
};

/**
 * The compiler's short-lived objects would have V8 keep some 16 MB for more of them, through all of the training. Collected a little
 * more often, they stay in what it begins with.
 */
const keepYoungGenerationSmall = (): void => setFlagsFromString("--semi-space-growth-factor=1");

async function train(path: string, options: TrainOptions, cli: Cli): Promise<number> {
  keepYoungGenerationSmall();
  const target = runningTarget(options);
  const { readModel } = await import("./model-file.ts");
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const batch = options["batch"] as number | undefined;
  const read = (data: string | undefined) =>
    readModel(path, cli, {
      dims: options.dim,
      dataDir: text("dataDir"),
      data,
      ...(batch === undefined ? {} : { batch }),
    });
  let data = text("data");
  let model = read(data);
  const source = model.module?.train?.data?.source;
  if (options.fallback !== undefined && data === undefined && source !== undefined) {
    const { replacementFor } = await import("./fallback.ts");
    data = await replacementFor(source, options.fallback, text("dataDir"), cli);
    // Another data set may store its columns in another way.
    if (data !== undefined) model = read(data);
  }
  if (!show(cli, model.diagnostics, options.format) || !model.module) return exit.wrong;
  const [{ compile }, { compileOptions }, { loadLibrary }, { main }] = await Promise.all([
    import("../codegen/compile.ts"),
    import("./compile-options.ts"),
    import("./in-memory.ts"),
    import("../runtime/main.ts"),
  ]);
  const argv = [...runtimeWords(options), ...(data === undefined ? [] : ["--data", data])];
  const { threads } = parseOptions(argv, `nnc train ${path}`);
  const unit = compile(
    model.module,
    compileOptions({
      ...cli.limits,
      target,
      threads: threads > 1,
      reuse: options.reuse,
      ...(options.dense ? { dense: true } : {}),
      ...(options.strictFloat ? { strictFloat: true } : {}),
      ...(options.debug ? { debug: true } : {}),
      ...(batch === undefined ? {} : { batch }),
    }),
  );
  const library = await loadLibrary(unit);
  const io = { ...cli, folder: dirname(path), program: `nnc train ${path}` };
  if (options.report === undefined) return main(library, argv, io);
  const { trainReported } = await import("./train-reported.ts");
  return trainReported(library, argv, io, options.report);
}

/** The options that were given, as the runtime reads them. */
function runtimeWords(options: TrainOptions): string[] {
  return runtimeRules.flatMap(({ flag, value }) => {
    const given = options[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (given === undefined || flag === "data") return [];
    if (value === undefined) return [`--${flag}`];
    return [given].flat().flatMap((word) => [`--${flag}=${String(word)}`]);
  });
}
