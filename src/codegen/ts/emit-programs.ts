// The programs of a unit as functions: one per kernel where kernels are TypeScript, and one per program that runs them in order.
import type { Unit } from "../compile.ts";
import type { Emission } from "../emission.ts";
import { kernelDocs, naiveDoc, programSummary, runName } from "../kernel-docs.ts";
import { functionDoc, type StatementDoc } from "../module-doc.ts";
import type { SharedFunction } from "../share-kernels.ts";
import { debugLines } from "./emit-debug.ts";
import { arenaViews, print, printLoops, views } from "./print-loops.ts";
import { comment } from "./text.ts";

export function programDocs(unit: Unit, emission: Emission, program: Unit["programs"][number]): StatementDoc[] {
  const lines: string[] = program.host.steps.map(({ place, value, name }) => {
    const { text } = print(value, new Map());
    const number = "dtype" in value && value.dtype === "bool" ? `${text} ? 1 : 0` : text;
    return `scalars[${place}] = ${number}; // ${comment(name)}`;
  });
  lines.push(...emission.calls(program));
  for (const [name, id] of program.schedule.outputs) {
    const place = scalarPlaceOf(unit, name);
    if (place === undefined || program.name === "init") continue;
    const offset = unit.plan.offsets.get(program.name)!.get(id)!;
    lines.push(`scalars[${place}] = ${arenaViews[program.schedule.values[id]!.type.dtype]}[${offset / 4}];`);
  }
  const run: StatementDoc = functionDoc({
    name: runName(program.name),
    docs: [programSummary(program.name)],
    parameters: [{ name: "N", type: "number" }],
    returnType: "void",
    lines,
  });
  return [...emission.kernels(program), run];
}

/** The TypeScript target: kernels are functions of the file. */
export const typescriptEmission = (unit: Unit): Emission => ({
  top: () => [],
  options: [],
  arena: [`const arena = new ArrayBuffer(${unit.plan.bytes});`],
  scalars: `new Float64Array(${unit.scalars.count})`,
  instance: [],
  kernels: ({ name }) => unit.kernels.functions.filter((f) => f.program === name).map((f) => kernelDoc(unit, f)),
  calls: (program) =>
    unit.debug
      ? debugLines(unit, program).map(({ text }) => text)
      : unit.kernels.calls.get(program.name)!.map(({ name, args }) => `${name}(${["N", ...args].join(", ")});`),
  functions: [],
  members: [],
  helpers: [],
});

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
  // A view that is a local lies at an address that V8 knows, also within loops.
  const used = new Map(procedure.buffers.map(({ storage }) => [views[storage], arenaViews[storage]]));
  for (const [own, view] of used) lines.push(`const ${own} = ${view};`);
  for (const buffer of procedure.buffers) bind(buffer.name, (n) => n, buffer.comment);
  for (const { name } of procedure.hosts) bind(name, (place) => `scalars[${place}]`, "");
  const step = program === "init" ? "0" : `scalars[${unit.scalars.names.get("step")!}]`;
  for (const { a, b, key } of procedure.streams) {
    bind(a, (k) => `streamA(seed, ${step}, ${k})`, comment(key));
    const bound = bindings.get(a)!;
    lines.push(`const ${b} = streamB(seed, ${step}, ${bound === "argument" ? `${a}_at` : bound});`);
  }
  if (procedure.naive) {
    lines.push(`// ${naiveDoc}`);
    lines.push(...printLoops({ ...procedure, body: procedure.naive }).map((line) => `//   ${line}`));
  }
  lines.push(...printLoops(procedure));
  return functionDoc({
    name: shared.name,
    docs: kernelDocs(shared),
    parameters,
    returnType: "void",
    lines,
  });
}
