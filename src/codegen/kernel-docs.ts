// What stands above an emitted kernel, for its reader: what it computes, and the lines of the model that it comes from. Knows no target.
import { fileNameOf, positionAt } from "../base/span.ts";
import type { Origin } from "../ir/graph.ts";
import type { SharedFunction } from "./share-kernels.ts";
import { comment } from "./ts/text.ts";

export function kernelDocs({ procedure, bindings, calls }: SharedFunction): string[] {
  const isArgument = (name: string): boolean => bindings.get(name) === "argument";
  const shapes = procedure.buffers.filter((b) => isArgument(b.name)).map((b) => `${b.name}: ${b.comment}`);
  const takesArguments = [...bindings.values()].includes("argument");
  return [
    ...procedure.doc.map(comment),
    ...sourceLines(procedure.origins),
    ...(calls > 1 && takesArguments
      ? [`Called in ${calls} places, with ${shapes.join(", ") || "other numbers"} at these offsets.`]
      : []),
  ];
}

export const naiveDoc = "Neighbours are computed together below. One element at a time it would be:";

/** The lines of the model file that a kernel comes from, each quoted once. */
function sourceLines(origins: readonly Origin[]): string[] {
  const seen = new Map<string, string>();
  for (const { span, role } of origins) {
    if (!span) continue;
    const { line } = positionAt(span.source, span.start);
    const source = span.source.text.split("\n")[line - 1]!.trim();
    const file = comment(fileNameOf(span.source));
    const key = `${file}:${line}`;
    if (!seen.has(key)) seen.set(key, `${file}:${line} (${role}): ${comment(source)}`);
  }
  return [...seen.values()].slice(0, 4);
}

export function programSummary(name: string): string {
  if (name === "init") return "Start values of parameters and states.";
  if (name === "step") return "One training step: forward, backward, update.";
  if (name === "evaluate") return "Loss, metrics and outputs, without training.";
  if (name === "predict") return "Outputs, without a target.";
  return `The model ${comment(name.replace(/^entry:/, ""))}.`;
}

/** The function that runs a program. */
export const runName = (program: string): string => `run_${program.replace(/^entry:/, "model_")}`;
