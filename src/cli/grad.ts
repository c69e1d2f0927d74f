// `nnc grad`: the loss of a model and its gradients as equations.
import { Command, Option } from "commander";
import type { Diagnostic } from "../base/diagnostic.ts";
import { type Cli, exit } from "./cli.ts";
import { hasErrors, show } from "./diagnostics.ts";
import type { EquationFormat } from "./gradient-texts.ts";
import { dimOption, examples } from "./options.ts";

interface GradOptions {
  readonly dim: ReadonlyMap<string, number>;
  readonly wrt?: readonly string[];
  readonly format: EquationFormat;
  readonly dataDir?: string;
}

const formats: readonly EquationFormat[] = ["text", "latex", "nn", "json"];

export const gradCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("grad")
    .description("Prints the loss of a model and its gradients as equations.")
    .argument("<file>", "a model file, NAME.nn")
    .option("--wrt <NAME...>", "parameters or f32 inputs; else all parameters")
    .addOption(
      new Option("--format <FORMAT>", "equations with shapes, LaTeX, a model file that computes them, JSON")
        .choices(formats)
        .default("text"),
    )
    .addOption(dimOption())
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .addHelpText("after", examples("nnc grad model.nn --wrt fc1.weight", "nnc grad model.nn --format latex"))
    .action(async (file: string, options: GradOptions) => done(await grad(file, options, cli)));

async function grad(path: string, options: GradOptions, cli: Cli): Promise<number> {
  const [{ readModel }, { gradientTargets, gradientText }] = await Promise.all([
    import("./model-file.ts"),
    import("./gradient-texts.ts"),
  ]);
  /** A machine gets one JSON value on stdout: the equations, or what is wrong. */
  const tell = (found: readonly Diagnostic[]): boolean =>
    show(cli, found, options.format === "json" && hasErrors(found) ? "json" : "text");
  const { module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    grads: true,
    // Equations read columns as the model declares them, not as its data set stores them.
    fromDataSet: false,
  });
  if (!tell(diagnostics) || !module) return exit.wrong;
  const { names, faults } = gradientTargets(module, options.wrt);
  if (!tell(faults)) return exit.wrong;
  cli.print(gradientText(module, names, options.format));
  return exit.done;
}
