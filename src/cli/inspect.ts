// `nnc inspect`: any stage between a model file and its program, as text, a picture or data.
import { Command, Option } from "commander";
import { quoted, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import type { GraphName } from "./inspect-graphs.ts";
import type { InspectFormat, Inspection, StageName } from "./inspect-texts.ts";
import { batchOption, type CodeOptions, dimOption, examples, withCodeOptions } from "./options.ts";
import { refuseDebug, type Target, targetOption } from "./target.ts";

interface InspectOptions extends CodeOptions {
  readonly dim: ReadonlyMap<string, number>;
  readonly format: InspectFormat;
  readonly stage?: StageName;
  readonly graph?: GraphName;
  readonly program?: string;
  readonly after?: string;
  readonly diff?: string;
  readonly fold: boolean;
  readonly batch?: number;
  readonly target?: Target;
  readonly threads?: true;
  readonly dataDir?: string;
  readonly explainSchedule?: true;
}

const stages: readonly StageName[] = ["ast", "graph", "grad", "opt", "stages", "loops", "memory", "ts", "wat"];
const graphs: readonly GraphName[] = ["forward", "backward", "step", "eval"];
const formats: readonly InspectFormat[] = ["text", "json", "dot", "svg", "mermaid"];

export const inspectCommand = (cli: Cli, done: (code: number) => void): Command =>
  withCodeOptions(new Command("inspect"))
    .description("Shows what the compiler makes of a model, at any stage.")
    .argument("<file>", "a model file, NAME.nn")
    .addOption(
      new Option(
        "--stage <STAGE>",
        "tree, graph, with gradients, optimised, kernels, loops, memory, TypeScript, WebAssembly text",
      ).choices(stages),
    )
    .addOption(
      new Option("--explain-schedule", "how each kernel's loops run, where values lie, and why").conflicts([
        "stage",
        "graph",
        "after",
        "diff",
      ]),
    )
    .addOption(new Option("--graph <GRAPH>", "one graph in its plainest form").choices(graphs).conflicts("program"))
    .option("--program <NAME>", "init, step, evaluate, predict or a further model; else all")
    .addOption(new Option("--after <PASS>", "what this pass left").conflicts(["stage", "diff"]))
    .addOption(new Option("--diff <PASS>", "what this pass changed").conflicts("stage"))
    .addOption(
      new Option("--format <FORMAT>", "text; a picture for a browser, Graphviz or Mermaid; data")
        .choices(formats)
        .default("text"),
    )
    .option("--no-fold", "draw every operation, also inside of expressions and functions")
    .addOption(targetOption("for kernels, memory and TypeScript: whose").default("ts"))
    .option("--threads", "for WebAssembly text: with what threads share")
    .addOption(dimOption())
    .addOption(batchOption("largest number of rows per step; else the model's `batch`"))
    .option("--data-dir <DIR>", "where files that the model loads are looked up first")
    .addHelpText(
      "after",
      examples(
        "nnc inspect model.nn --graph backward                 loss and gradients, as a textbook prints them",
        "nnc inspect model.nn --graph backward --format svg > model.svg",
        "nnc inspect model.nn --diff simplify --program step   what a pass changed",
        "nnc inspect model.nn --stage memory                   where every tensor lies",
        "nnc inspect model.nn --explain-schedule --target wasm why each kernel is tiled as it is",
      ),
    )
    .action(async (file: string, options: InspectOptions) => done(await inspect(file, options, cli)));

async function inspect(path: string, options: InspectOptions, cli: Cli): Promise<number> {
  const [{ readModel }, { inspectionText, treeText }, { passNames }] = await Promise.all([
    import("./model-file.ts"),
    import("./inspect-texts.ts"),
    import("./inspect-graphs.ts"),
  ]);
  for (const pass of [options.after, options.diff]) {
    if (pass === undefined || passNames.includes(pass)) continue;
    throw new UserError("usage/value", `there is no pass ${quoted(pass)}`, `There are ${passNames.join(", ")}.`);
  }
  refuseDebug(options.stage === "wat" ? "wasm" : (options.target ?? "ts"), options.debug);
  if (options.threads && options.stage !== "wat")
    throw new UserError("usage/option", "--threads is for WebAssembly text", "Take --stage wat.");
  const model = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    // The graph of gradients reads columns as the model declares them.
    ...(options.graph === "backward" ? { grads: true, fromDataSet: false } : {}),
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  });
  const isSound = show(cli, model.diagnostics, options.format === "json" ? "json" : "text");
  // The tree can be looked at even where its meaning is wrong.
  if (options.stage === "ast") cli.print(treeText(model.file, options.format));
  if (!isSound || !model.module) return exit.wrong;
  if (options.stage === "ast") return exit.done;
  const { explainSchedule, stage = explainSchedule && "schedule", ...rest } = options;
  const wanted: Inspection = {
    ...rest,
    maxArena: cli.limits.maxArena,
    ...(stage === undefined ? {} : { stage }),
    paint: painter(cli.isTerminal && cli.color),
  };
  cli.print(inspectionText(model.module, wanted));
  return exit.done;
}

const colors = { "-": "31", "+": "32", " ": "2" } as const;

const painter =
  (isColored: boolean): Inspection["paint"] =>
  (mark, text) =>
    isColored ? `\u001b[${colors[mark]}m${text}\u001b[0m` : text;
