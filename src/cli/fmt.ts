// `nnc fmt`: model files as they should look.
import { Command } from "commander";
import { visible } from "../base/frame.ts";
import { type Cli, exit } from "./cli.ts";
import { type Format, show } from "./diagnostics.ts";
import { examples, formatOption } from "./options.ts";

interface FmtOptions {
  readonly check?: true;
  readonly format: Format;
}

export const fmtCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("fmt")
    .description("Formats model files in place.")
    .argument("<files...>", "model files")
    .option("--check", "write nothing; list the files that would change, and exit with 1 if there are any")
    .addOption(formatOption())
    .addHelpText("after", examples("nnc fmt models/*.nn", "nnc fmt --check model.nn"))
    .action(async (files: readonly string[], options: FmtOptions) => done(await fmt(files, options, cli)));

async function fmt(files: readonly string[], options: FmtOptions, cli: Cli): Promise<number> {
  const [{ parseLimitsOf, readSource }, { parse }, { format }] = await Promise.all([
    import("./model-file.ts"),
    import("../dsl/parse.ts"),
    import("../dsl/format.ts"),
  ]);
  const encoder = new TextEncoder();
  const limits = parseLimitsOf(cli.limits);
  let code: number = exit.done;
  for (const path of files) {
    const source = readSource(path, cli);
    if (!show(cli, parse(source, limits).diagnostics, options.format)) {
      code = exit.wrong;
      continue;
    }
    const text = format(source, limits);
    if (text === source.text) continue;
    cli.print(`${visible(path)}${options.check ? " is not formatted" : ""}\n`);
    if (options.check) code = exit.wrong;
    else cli.files.write(path, [encoder.encode(text)]);
  }
  return code;
}
