// `nnc check`: what is wrong with a model, and where nothing is, its parameters and shapes.
import { Command } from "commander";
import type { Module } from "../ir/module.ts";
import { countAt, typeText } from "../ir/types.ts";
import { count, grouped } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { batchOption, examples, type ModelOptions, withModelOptions } from "./options.ts";
import { tableText } from "./table.ts";
import { withWatch } from "./watch.ts";

interface CheckOptions extends ModelOptions {
  readonly shapes?: true;
  readonly grad?: true;
  readonly dataDir?: string;
}

export const checkCommand = (cli: Cli, done: (code: number) => void): Command => {
  const command = withModelOptions(new Command("check"))
    .description("Tells what is wrong with a model, or lists its parameters and shapes.")
    .argument("<file>", "a model file, NAME.nn")
    .option("--shapes", "list the type of every binding too")
    .option("--grad", "compare the gradients of the loss with central differences, in float64")
    .addOption(batchOption("largest number of rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .addHelpText(
      "after",
      examples(
        "nnc check model.nn --shapes",
        "nnc check model.nn --grad --dim hidden=8   gradients, of a small copy where the model is large",
        "nnc check model.nn --format json",
      ),
    );
  return withWatch(command, cli, done, check);
};

async function check(path: string, options: CheckOptions, cli: Cli): Promise<number> {
  if (options.grad) return (await import("./check-grad.ts")).checkGrad(path, options, cli);
  const { readModel } = await import("./model-file.ts");
  const { module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  });
  const isSound = show(cli, diagnostics, options.format) && module !== undefined;
  // A machine that asked for JSON gets an array, also when there is nothing to tell.
  if (options.format === "json") {
    if (diagnostics.length === 0) cli.print("[]\n");
  } else if (isSound) cli.print(tables(module, options.shapes === true));
  return isSound ? exit.done : exit.wrong;
}

function tables(module: Module, withBindings: boolean): string {
  const columns = module.columns.map(({ name, type, role, classes }) => [
    name,
    classes === undefined ? typeText(type) : `${typeText(type).replace("i32", "class")} < ${classes}`,
    role,
  ]);
  const outputs = module.outputs.map((name) => [name, typeText(nodeType(module, name)), "output"]);
  const parts = [`model ${module.name}\n`, tableText([...columns, ...outputs])];

  const params = module.slots.filter(({ kind }) => kind === "param");
  const numbers = params.reduce((sum, { type }) => sum + countAt(type.shape, 1), 0);
  parts.push(`${count(params.length, "parameter")}\n`);
  const rows = params.map(({ name, type, trained }) => [
    name,
    typeText(type),
    grouped(countAt(type.shape, 1)),
    trained || !module.train ? "" : "constant",
  ]);
  parts.push(tableText([...rows, ["total", "", grouped(numbers), ""]], [2]));

  const states = module.slots.filter(({ kind }) => kind === "state");
  if (states.length > 0) {
    parts.push(`${count(states.length, "state")}\n`);
    parts.push(
      tableText(
        states.map(({ name, type }) => [name, typeText(type), grouped(countAt(type.shape, 1))]),
        [2],
      ),
    );
  }
  const results = [...(module.step.outputs.has("loss") ? ["loss"] : []), ...module.metrics];
  if (results.length > 0) parts.push(`reports ${results.join(", ")}\n`);
  if (module.scalars.length > 0) {
    parts.push(`settable ${module.scalars.map(({ name, value }) => `${name} = ${value}`).join(", ")}\n`);
  }
  for (const { name, inputs, outputs } of module.entries) {
    parts.push(`model ${name}: ${inputs.map((column) => column.name).join(", ")} -> ${outputs.join(", ")}\n`);
  }
  if (withBindings) {
    parts.push("shapes\n");
    parts.push(tableText(module.bindings.map(({ name, type }) => [name, type])));
  }
  return parts
    .map((part, k) => (k > 0 && /^(\d|states|reports|settable|shapes|model)/.test(part) ? `\n${part}` : part))
    .join("");
}

function nodeType(module: Module, output: string) {
  return module.predict.nodes[module.predict.outputs.get(output)!]!.type;
}
