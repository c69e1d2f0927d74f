// `nnc params`: the tensors of a safetensors file.
import { Command } from "commander";
import { shorten, visible } from "../base/frame.ts";
import { count } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { examples } from "./options.ts";
import { numberText, tableText } from "./table.ts";

export const paramsCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("params")
    .description("Lists the tensors of a safetensors file: names, types, shapes, least, greatest and mean value.")
    .argument("<file>", "a safetensors file")
    .option("--json", "print a JSON array")
    .addHelpText("after", examples("nnc params trained.safetensors", "nnc params trained.safetensors --json"))
    .action(async (file: string, options: { readonly json?: true }) => done(await params(file, options, cli)));

async function params(path: string, options: { readonly json?: true }, cli: Cli): Promise<number> {
  const { paramsInfo } = await import("../runtime/info.ts");
  const tensors = paramsInfo(path, cli);
  if (options.json) {
    cli.print(`${JSON.stringify(tensors, null, 2)}\n`);
    return exit.done;
  }
  const rows = tensors.map(({ name, dtype, shape, min, max, mean }) => [
    visible(shorten(name, 80)),
    dtype,
    `[${shape.join(", ")}]`,
    ...[min, max, mean].map((value) => (value === undefined ? "" : numberText(value))),
  ]);
  cli.print(tableText([["name", "dtype", "shape", "min", "max", "mean"], ...rows], [3, 4, 5]));
  cli.print(`${count(tensors.length, "tensor")}\n`);
  return exit.done;
}
