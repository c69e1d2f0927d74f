// A module as one Python file: its settings, an nn.Module whose methods follow the model's lines, its start values, its
// optimizer, and the loop that trains it, alone or with DistributedDataParallel.
import type { Module } from "../../ir/module.ts";
import { opTable } from "../../ir/ops/table.ts";
import { stabilise } from "../../ir/passes/stabilise.ts";
import { dependenceOf } from "../rows.ts";
import { imports, libraryTexts } from "./library.ts";
import { printClass } from "./model.ts";
import { type ImageSet, readDataText, settingsText } from "./settings.ts";
import { optimizerText, startText } from "./start.ts";
import { printUpdates } from "./updates.ts";
import { pythonComment } from "./words.ts";

export interface PyTorchFile {
  readonly text: string;
  /** False where K processes compute something else than one: rows of a batch meet, as in batch normalisation. */
  readonly exactInParts: boolean;
}

/** `source`: the name of the model file. `set`: the named data set that the model trains on, if it is one. */
export function printPyTorch(module: Module, source: string, set?: ImageSet): PyTorchFile {
  const helpers = new Set(["Random"]);
  const step = stabilise(module.step, opTable).graph;
  const evaluate = stabilise(module.evaluate, opTable).graph;
  const updates = printUpdates(module, step, helpers);
  const data = readDataText(module, set);
  const dependence = dependenceOf(step, step.outputs.get("loss")!);
  const needsGradients = evaluate.nodes.some(({ op }) => op === "grad");
  const own = [
    settingsText(module, set, { isSum: dependence === "sum", needsGradients }),
    "# ---- Model ----",
    printClass(module, step, evaluate, helpers),
    startText(module, module.init, helpers),
    ...updates.functions,
    optimizerText(module, module.init, updates, helpers),
    data.text,
  ];
  const body = [...own, ...libraryTexts([...helpers, ...data.readers])].map((part) => part.trim()).join("\n\n\n");
  return {
    text: `${head(module, source, body)}\n\n${body}\n`,
    exactInParts: dependence === "mean" || dependence === "sum",
  };
}

const head = (module: Module, source: string, body: string): string =>
  `${pythonComment(`${module.name}, exported from ${source} by nnc, for PyTorch 1.13 and later.`)}
#
#   python FILE.py                            on one process
#   python FILE.py --nproc 2                  on two processes of this machine
#   torchrun --nproc_per_node 2 -- FILE.py    the same; and on several machines: gloo on CPUs, nccl on GPUs
#
# \`--batch\` is the whole batch, which the processes share. \`--help\` lists the options.
${imports(body).join("\n")}

import numpy
import torch
import torch.distributed
import torch.nn.functional as F`;
