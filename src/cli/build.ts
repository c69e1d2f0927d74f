// `nnc build`: the model as TypeScript, as a bundled library with its types, and as a program that trains.
import { join, relative } from "node:path";
import { Command, Option } from "commander";
import { visible } from "../base/frame.ts";
import { ownPlace } from "../runtime/locate.ts";
import { bytesText, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import {
  batchOption,
  type CodeOptions,
  examples,
  type ModelOptions,
  withCodeOptions,
  withModelOptions,
} from "./options.ts";
import { refuseDebug, type Target, targetOption } from "./target.ts";
import { withWatch } from "./watch.ts";

interface BuildOptions extends ModelOptions, CodeOptions {
  readonly out: string;
  readonly target: Target;
  readonly wasm: "inline" | "file";
  readonly threads?: true;
  readonly dataDir?: string;
  readonly sourceMaps?: true;
  readonly embedWeights?: string;
}

export const buildCommand = (cli: Cli, done: (code: number) => void): Command => {
  const command = withCodeOptions(withModelOptions(new Command("build")))
    .description("Writes NAME.ts, NAME.js with NAME.d.ts (a library) and NAME.train.js (a program).")
    .argument("<file>", "a model file, NAME.nn")
    .option("-o, --out <DIR>", "folder to write to", ".")
    .addOption(targetOption("kernels as TypeScript, or as WebAssembly with vectors").default("ts"))
    .addOption(
      new Option("--wasm <WHERE>", "WebAssembly inside NAME.js, or in a file beside it, NAME.wasm")
        .choices(["inline", "file"])
        .default("inline")
        .implies({ target: "wasm" }),
    )
    .addOption(
      new Option(
        "--threads",
        "worker threads may take part: `--threads K` of the program, `work` of the library",
      ).implies({
        target: "wasm",
      }),
    )
    .option("--source-maps", "write maps too: `node --enable-source-maps` names lines of the model in stack traces")
    .addOption(batchOption("largest number of rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .option("--embed-weights <FILE>", "the trained model alone, its parameters from a safetensors file in NAME.js")
    .addHelpText(
      "after",
      examples(
        "nnc build model.nn -o out && node out/model.train.js --epochs 3",
        "nnc build model.nn --batch 256 --dim hidden=64",
        "nnc build model.nn --target wasm --wasm file",
        "nnc build model.nn --threads && node model.train.js --threads 2",
        "nnc build model.nn --batch 1 --embed-weights trained.safetensors",
      ),
    );
  return withWatch(command, cli, done, build);
};

async function build(path: string, options: BuildOptions, cli: Cli): Promise<number> {
  refuseDebug(options.target, options.debug);
  if (options.target !== "wasm" && options.wasm === "file")
    throw new UserError("usage/option", "--wasm file is for WebAssembly", "Take --target wasm.");
  if (options.target !== "wasm" && options.threads)
    throw new UserError("usage/option", "--threads is for WebAssembly", "Take --target wasm.");
  if (options.target === "wasm" && options.sourceMaps)
    throw new UserError("usage/option", "--source-maps is for TypeScript, not for WebAssembly", "Take --target ts.");
  const { readModel } = await import("./model-file.ts");
  const { name, module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  });
  if (!show(cli, diagnostics, options.format) || !module) return exit.wrong;
  const { outputsOf } = await import("./outputs.ts");
  const { embedWeights } = options;
  const weights =
    embedWeights === undefined ? undefined : (await import("./weights.ts")).weightsOf(module, embedWeights, cli);
  const files = await outputsOf(name, module, {
    ...options,
    ...cli.limits,
    ...(weights ? { weights } : {}),
    nameOf: (source) => urlPath(relative(options.out, source.path)),
  });
  cli.files.writeTogether(
    new Map([...files].map(([file, bytes]) => [ownPlace(options.out, file, cli.files), [bytes]])),
  );
  if (options.format === "text") {
    for (const [file, bytes] of files) cli.print(`${visible(join(options.out, file))}  ${bytesText(bytes.length)}\n`);
  }
  return exit.done;
}

/** A path as a part of a URL: sources in maps are such. */
const urlPath = (path: string): string => path.split(/[\\/]/).map(encodeURIComponent).join("/");
