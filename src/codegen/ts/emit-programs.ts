// The programs of a unit as functions: one per kernel, and one per program that calls them in order.
import { positionAt } from "../../base/span.ts";
import type { Origin } from "../../ir/graph.ts";
import type { Unit } from "../compile.ts";
import type { StatementDoc } from "../module-doc.ts";
import type { SharedFunction } from "../share-kernels.ts";
import { print, printLoops, views } from "./print-loops.ts";
import { comment } from "./text.ts";

export function programDocs(unit: Unit, program: Unit["programs"][number]): StatementDoc[] {
  const kernels = unit.kernels.functions.filter((f) => f.program === program.name).map((f) => kernelDoc(unit, f));
  const calls: string[] = program.host.steps.map(({ place, value, name }) => {
    const { text } = print(value, new Map());
    const number = "dtype" in value && value.dtype === "bool" ? `${text} ? 1 : 0` : text;
    return `scalars[${place}] = ${number}; // ${comment(name)}`;
  });
  for (const { name, args } of unit.kernels.calls.get(program.name)!)
    calls.push(`${name}(${["N", ...args].join(", ")});`);
  for (const [name, id] of program.schedule.outputs) {
    const place = scalarPlaceOf(unit, name);
    if (place === undefined || program.name === "init") continue;
    const offset = unit.plan.offsets.get(program.name)!.get(id)!;
    calls.push(`scalars[${place}] = ${views[program.schedule.values[id]!.type.dtype]}[${offset / 4}];`);
  }
  const run: StatementDoc = {
    kind: "function",
    name: runName(program.name),
    docs: [programSummary(program.name)],
    parameters: [{ name: "N", type: "number" }],
    returnType: "void",
    statements: [{ kind: "text", lines: calls }],
  };
  return [...kernels, run];
}

export const runName = (program: string): string => `run_${program.replace(/^entry:/, "model_")}`;

function programSummary(name: string): string {
  if (name === "init") return "Start values of parameters and states.";
  if (name === "step") return "One training step: forward, backward, update.";
  if (name === "evaluate") return "Loss, metrics and outputs, without training.";
  if (name === "predict") return "Outputs, without a target.";
  return `The model ${comment(name.replace(/^entry:/, ""))}.`;
}

/** `loss` and `metric.accuracy` have places among the scalars. */
export function scalarPlaceOf(unit: Unit, output: string): number | undefined {
  if (output === "loss") return unit.scalars.names.get("loss");
  return output.startsWith("metric.") ? unit.scalars.names.get(output.slice("metric.".length)) : undefined;
}

function kernelDoc(unit: Unit, shared: SharedFunction): StatementDoc {
  const { procedure, bindings, program } = shared;
  const lines: string[] = [];
  const parameters = [{ name: "N", type: "number" }];
  /** An argument's own name, and the number behind a name: literal or from the argument. */
  const bind = (name: string, make: (number: string) => string, note: string): void => {
    const bound = bindings.get(name)!;
    if (bound !== "argument") lines.push(`const ${name} = ${make(String(bound))};${note === "" ? "" : ` // ${note}`}`);
    else if (make("") === "") parameters.push({ name, type: "number" });
    else {
      parameters.push({ name: `${name}_at`, type: "number" });
      lines.push(`const ${name} = ${make(`${name}_at`)};${note === "" ? "" : ` // ${note}`}`);
    }
  };
  for (const buffer of procedure.buffers) bind(buffer.name, (n) => n, buffer.comment);
  for (const { name } of procedure.hosts) bind(name, (place) => `scalars[${place}]`, "");
  const step = program === "init" ? "0" : `scalars[${unit.scalars.names.get("step")!}]`;
  for (const { a, b, key } of procedure.streams) {
    bind(a, (k) => `streamA(seed, ${step}, ${k})`, comment(key));
    const bound = bindings.get(a)!;
    lines.push(`const ${b} = streamB(seed, ${step}, ${bound === "argument" ? `${a}_at` : bound});`);
  }
  if (procedure.naive) {
    lines.push("// Neighbours are computed together below. One element at a time it would be:");
    lines.push(...printLoops({ ...procedure, body: procedure.naive }).map((line) => `//   ${line}`));
  }
  lines.push(...printLoops(procedure));
  const shapes = procedure.buffers
    .filter((b) => bindings.get(b.name) === "argument")
    .map((b) => `${b.name}: ${b.comment}`);
  return {
    kind: "function",
    name: shared.name,
    docs: [
      ...procedure.doc.map(comment),
      ...sourceLines(procedure.origins),
      ...(shared.calls > 1 && parameters.length > 1
        ? [`Called in ${shared.calls} places, with ${shapes.join(", ") || "other numbers"} at these offsets.`]
        : []),
    ],
    parameters,
    returnType: "void",
    statements: [{ kind: "text", lines }],
  };
}

/** The lines of the model file that a kernel comes from, each quoted once. */
function sourceLines(origins: readonly Origin[]): string[] {
  const seen = new Map<string, string>();
  for (const { span, role } of origins) {
    if (!span) continue;
    const { line } = positionAt(span.source, span.start);
    const source = span.source.text.split("\n")[line - 1]!.trim();
    const file = span.source.path.split("/").at(-1)!;
    const key = `${file}:${line}`;
    if (!seen.has(key)) seen.set(key, `${file}:${line} (${role}): ${comment(source)}`);
  }
  return [...seen.values()].slice(0, 4);
}
