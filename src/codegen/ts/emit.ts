// Unit -> module document: the emitted library as TypeScript. Knows the shape of the file, not how statements are printed.
import helpers from "nnc:helpers";
import type { CompileOptions, Unit } from "../compile.ts";
import type { Emission } from "../emission.ts";
import type { ModuleDoc, StatementDoc } from "../module-doc.ts";
import { wasmEmission } from "../wat/emit.ts";
import { debugHelpers } from "./emit-debug.ts";
import { programDocs, typescriptEmission } from "./emit-programs.ts";
import { arena, methods, trainerInterface } from "./emit-trainer.ts";
import { helperRoots } from "./print-loops.ts";
import { comment, literal } from "./text.ts";

export interface EmitOptions {
  /** For the target `wasm`: the assembled module. Without it, `create({ wasm })` takes a compiled one. */
  readonly wasm?: Uint8Array;
  /** The caller of the kernels is JavaScript, whatever the target. */
  readonly apart?: boolean;
}

const emissions: Record<CompileOptions["target"], (unit: Unit, options: EmitOptions) => Emission> = {
  ts: typescriptEmission,
  wasm: (unit, { wasm, apart }) => wasmEmission(unit, wasm, apart ?? false),
};

/** The emitted library of a unit. `types: false` makes it for the plain JavaScript printer: helpers come without annotations. */
export function emitModule(unit: Unit, types: boolean, options: EmitOptions = {}): ModuleDoc {
  const emission = emissions[unit.target](unit, options);
  const members = ["readonly seed?: number", ...emission.options];
  const isOptional = members.every((member) => member.includes("?:"));
  const body: StatementDoc[] = [
    ...arena(unit, emission),
    ...emission.functions,
    ...(unit.debug ? debugHelpers(types) : []),
    ...unit.programs.flatMap((p) => programDocs(unit, emission, p)),
    ...methods(unit, emission),
  ];
  const create: StatementDoc = {
    kind: "function",
    name: "create",
    exported: true,
    docs: ["A trainer with its own memory, its parameters drawn from `seed`."],
    parameters: [{ name: "options", type: `{ ${members.join("; ")} }`, ...(isOptional ? { initializer: "{}" } : {}) }],
    returnType: "Trainer",
    statements: body,
  };
  return {
    statements: [
      { kind: "text", lines: header(unit) },
      manifestDoc(unit),
      trainerInterface(unit, emission),
      ...emission.top(types),
      ...helperDocs(body, emission.helpers, types),
      create,
    ],
  };
}

function header(unit: Unit): string[] {
  const { manifest, plan } = unit;
  const params = manifest.slots.filter((s) => s.kind === "param");
  const count = params.reduce(
    (k, s) => k + s.shape.reduce<number>((n, d) => n * (typeof d === "number" ? d : 1), 1),
    0,
  );
  return [
    `// ${comment(manifest.model)}: a training program, compiled by nnc. It imports nothing and allocates nothing per step.`,
    `// ${params.length} parameters of ${count} numbers; batches of up to ${unit.batch} rows; one arena of ${plan.bytes} bytes.`,
  ];
}

function manifestDoc(unit: Unit): StatementDoc {
  return {
    kind: "const",
    name: "manifest",
    exported: true,
    docs: ["What a driver needs to know of this model."],
    initializer: literal(unit.manifest, 0),
    asConst: true,
  };
}

/** Helpers that the bodies call, with those they need themselves, callees first. */
function helperDocs(body: readonly StatementDoc[], needed: readonly string[], types: boolean): StatementDoc[] {
  const code = codeOf(body);
  const wanted: string[] = [];
  const want = (name: string): void => {
    if (wanted.includes(name)) return;
    const helper = helpers[name]!;
    for (const word of new Set(helper.js.match(/\w+/g) ?? [])) {
      if (word !== name && Object.hasOwn(helpers, word) && refersTo(helper.js, word, name)) want(word);
    }
    wanted.push(name);
  };
  needed.forEach(want);
  for (const name of helperRoots) if (new RegExp(`(?<!\\w)${name}\\(`).test(code)) want(name);
  return wanted.map((name) => {
    const { comment, ts, js } = helpers[name]!;
    return { kind: "text", lines: [...(comment === "" ? [] : comment.split("\n")), ...(types ? ts : js).split("\n")] };
  });
}

/** The statements without what is said about them. */
function codeOf(body: readonly StatementDoc[]): string {
  const lines: string[] = [];
  const open = [...body];
  for (let statement = open.pop(); statement; statement = open.pop()) {
    if (statement.kind === "text") lines.push(...statement.lines.map((line) => line.replace(/\/\/.*/, "")));
    if (statement.kind === "function") open.push(...statement.statements);
  }
  return lines.join("\n");
}

/** Whether a helper's text uses another as a free name: one-letter names may also be its own variables. */
function refersTo(js: string, word: string, self: string): boolean {
  if (word === self) return false;
  return !new RegExp(
    `(?:const|let) ${word}\\b|function \\w+\\([^)]*\\b${word}\\b|\\(${word}\\b[^)]*\\) =>|\\([^)]*\\b${word}\\b[^)]*\\) =>`,
  ).test(js);
}
