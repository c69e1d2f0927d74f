// `nnc export`: the same model for another engine: a PyTorch program, or ONNX graphs.
import { Command, Option } from "commander";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { exporting } from "../base/diagnostics/export.ts";
import { visible } from "../base/frame.ts";
import type { Module } from "../ir/module.ts";
import { ownPlace } from "../runtime/locate.ts";
import { bytesText, quoted, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { batchOption, examples, type ModelOptions, withModelOptions } from "./options.ts";
import { withWatch } from "./watch.ts";

interface ExportOptions extends ModelOptions {
  readonly to: "pytorch" | "onnx";
  readonly graph?: "forward" | "step";
  readonly out: string;
  readonly dataDir?: string;
  readonly data?: string;
  readonly init?: string;
}

export const exportCommand = (cli: Cli, done: (code: number) => void): Command => {
  const command = withModelOptions(new Command("export"))
    .description("Writes the model for another engine: NAME.py for PyTorch, or NAME.onnx.")
    .argument("<file>", "a model file, NAME.nn")
    .addOption(new Option("--to <TARGET>", "what to write").choices(["pytorch", "onnx"]).makeOptionMandatory())
    .addOption(
      new Option("--graph <GRAPH>", "for ONNX: the model alone, or a whole training step").choices(["forward", "step"]),
    )
    .option("-o, --out <DIR>", "folder to write to", ".")
    .addOption(batchOption("rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .option("--init <FILE>", "for ONNX: parameters from a safetensors file, as constants of the forward graph")
    .option("--data <NAME>", "for PyTorch: the data set that takes the place of the model's")
    .addHelpText(
      "after",
      examples(
        "nnc export model.nn --to pytorch -o out && python3 out/model.py --nproc 2",
        "nnc export model.nn --to onnx --graph step",
      ),
    );
  return withWatch(command, cli, done, exportModel);
};

async function exportModel(path: string, options: ExportOptions, cli: Cli): Promise<number> {
  if (options.to === "pytorch" && options.graph !== undefined) {
    throw new UserError("usage/option", "--graph is for --to onnx", "A PyTorch program holds the whole training.");
  }
  if (options.init !== undefined && (options.to === "pytorch" || options.graph === "step")) {
    const help = "Elsewhere parameters are given when it runs.";
    throw new UserError("usage/option", "--init is for --to onnx --graph forward", help);
  }
  if (options.data !== undefined && options.to === "onnx") {
    throw new UserError("usage/option", "--data is for --to pytorch", "An ONNX graph takes its columns as inputs.");
  }
  const { dataSets } = await import("../runtime/sets.ts");
  if (options.data !== undefined && !dataSets.has(options.data)) {
    const what = `--data takes ${[...dataSets.keys()].join(", ")}, and not ${quoted(options.data)}`;
    throw new UserError("usage/value", what, "Name other data in the model file.");
  }
  const { readModel } = await import("./model-file.ts");
  const { name, module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    data: options.data,
    ...(options.batch === undefined ? {} : { batch: options.batch }),
    // ONNX graphs take columns as the model declares them.
    ...(options.to === "onnx" ? { fromDataSet: false } : {}),
  });
  if (!show(cli, diagnostics, options.format) || !module) return exit.wrong;
  const onSet = options.data === undefined ? module : onDataSet(module, options.data, dataSets);
  const made = options.to === "pytorch" ? await pyTorch(name, onSet, path) : await onnx(name, module, options, cli);
  if (!show(cli, made.diagnostics, options.format)) return exit.wrong;
  const file = ownPlace(options.out, made.file, cli.files);
  cli.files.write(file, [made.bytes]);
  if (options.format === "text") cli.print(`${visible(file)}  ${bytesText(made.bytes.length)}\n`);
  return exit.done;
}

const nothing = { file: "", bytes: new Uint8Array(0) };

interface Made {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a step lacks, as a mistake. */
function lacking(module: Module): Diagnostic | undefined {
  const hasLoss = module.step.outputs.has("loss");
  if (hasLoss && module.step.updates.length > 0) return undefined;
  const what = hasLoss ? "optimizer" : "loss";
  return diagnose(exporting, "export/no-training", undefined, { model: module.name, what });
}

/** The module on another data set: row ranges stay if the model's own source is such a set, too. */
function onDataSet(module: Module, source: string, dataSets: ReadonlyMap<string, unknown>): Module {
  const { train } = module;
  if (!train) return module;
  const named = train.data && dataSets.has(train.data.source) ? train.data.named : new Map();
  return { ...module, train: { ...train, data: { source, positional: [], named, origin: { role: "forward" } } } };
}

async function pyTorch(name: string, module: Module, path: string): Promise<Made> {
  const fault = lacking(module);
  if (fault) return { ...nothing, diagnostics: [fault] };
  const { printPyTorch } = await import("../export/pytorch/file.ts");
  const { isPythonModule } = await import("../export/pytorch/module-names.ts");
  const { dataSets } = await import("../runtime/sets.ts");
  const data = module.train?.data;
  const set = data && dataSets.get(data.source);
  const { text, exactInParts } = printPyTorch(module, path.split(/[/\\]/).at(-1)!, set);
  const file = isPythonModule(name) ? `${name}_model.py` : `${name}.py`;
  const diagnostics = [
    ...(exactInParts ? [] : [diagnose(exporting, "export/rows-meet", undefined, { model: module.name })]),
    ...(set?.kind === "made" ? [diagnose(exporting, "export/made-data", undefined, { source: set.name })] : []),
  ];
  return { file, bytes: new TextEncoder().encode(text), diagnostics };
}

async function onnx(name: string, module: Module, options: ExportOptions, cli: Cli): Promise<Made> {
  const graph = options.graph ?? "forward";
  const fault = graph === "step" ? lacking(module) : undefined;
  if (fault) return { ...nothing, diagnostics: [fault] };
  const { writeOnnx } = await import("../export/onnx/model.ts");
  const weights =
    options.init === undefined ? undefined : (await import("./weights.ts")).weightsOf(module, options.init, cli);
  const bytes = writeOnnx(module, graph, weights);
  return { file: graph === "step" ? `${name}.step.onnx` : `${name}.onnx`, bytes, diagnostics: [] };
}
