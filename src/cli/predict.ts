// `nnc predict`: what a trained model says of the rows of a file.
import { Command } from "commander";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { examples, type ModelOptions, withModelOptions } from "./options.ts";

interface PredictOptions extends ModelOptions {
  readonly params: string;
  readonly input: string;
  readonly out?: string;
  readonly json?: true;
  readonly dataDir?: string;
}

export const predictCommand = (cli: Cli, done: (code: number) => void): Command =>
  withModelOptions(new Command("predict"))
    .description("Runs a trained model on the rows of a file: classes with probabilities, or its results as numbers.")
    .argument("<file>", "a model file, NAME.nn")
    .requiredOption("--params <FILE>", "safetensors file of its parameters, as `--save` writes it")
    .requiredOption(
      "--input <FILE>",
      "rows as idx, csv, npy or safetensors; any other file is read as raw bytes, scaled to 0..1",
    )
    .option("--out <FILE>", "write there; results as numbers where the name ends in .safetensors")
    .option("--json", "a JSON array, one object per row")
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .addHelpText(
      "after",
      examples(
        "nnc predict model.nn --params trained.safetensors --input t10k-images-idx3-ubyte",
        "nnc predict model.nn --params trained.safetensors --input rows.csv --json --out answers.json",
      ),
    )
    .action(async (file: string, options: PredictOptions) => done(await predict(file, options, cli)));

async function predict(path: string, options: PredictOptions, cli: Cli): Promise<number> {
  const [{ readModel }, { joined, predictRows, resultsText, resultsJson }, { writeTensors }] = await Promise.all([
    import("./model-file.ts"),
    import("./prediction.ts"),
    import("./tensor-files.ts"),
  ]);
  // Rows may be bytes or floats, whatever the model was trained on: bytes of images are scaled as they are read.
  const model = readModel(path, cli, { dims: options.dim, dataDir: options.dataDir, fromDataSet: false });
  if (!show(cli, model.diagnostics, options.format) || !model.module) return exit.wrong;
  const prediction = await predictRows(model.module, path, options, cli);
  if (options.out?.endsWith(".safetensors")) {
    writeTensors(options.out, prediction.tensors, cli);
    return exit.done;
  }
  const pieces = joined(options.json ? resultsJson(prediction) : resultsText(prediction));
  if (options.out === undefined) for (const piece of pieces) cli.print(piece);
  else {
    const encoder = new TextEncoder();
    cli.files.write(
      options.out,
      Array.from(pieces, (piece) => encoder.encode(piece)),
    );
  }
  return exit.done;
}
