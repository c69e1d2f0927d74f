// An emitted library with a clock around each kernel of the training step. The kernels themselves are not changed.
import type { Unit } from "../codegen/compile.ts";
import type { ModuleDoc, StatementDoc } from "../codegen/module-doc.ts";
import { emitModule } from "../codegen/ts/emit.ts";
import { printPlain } from "../codegen/ts/plain.ts";

/** What the text exports besides the library: milliseconds by kernel of the step, and how often it ran. */
export interface Profile {
  readonly milliseconds: Float64Array;
  readonly calls: Float64Array;
}

/** JavaScript of the library, with `profile`. `wasm`: for that target, the assembled text of `watTextApart`. */
export const profiledText = (unit: Unit, wasm?: Uint8Array): string => printPlain(profiledModule(unit, wasm), false);

export function profiledModule(unit: Unit, wasm?: Uint8Array): ModuleDoc {
  const names = unit.kernels.calls.get("step")?.map(({ name }) => name) ?? [];
  const { statements } = emitModule(unit, false, { apart: true, ...(wasm ? { wasm } : {}) });
  return {
    statements: [...profileDocs(names.length), ...statements.map((statement) => withClocks(statement, names))],
  };
}

const profileDocs = (kernels: number): StatementDoc[] => [
  {
    kind: "const",
    name: "profile",
    exported: true,
    docs: [],
    initializer: [`{ milliseconds: new Float64Array(${kernels}), calls: new Float64Array(${kernels}) }`],
  },
  { kind: "text", lines: ["let profile_start = 0;"] },
];

function withClocks(statement: StatementDoc, names: readonly string[]): StatementDoc {
  if (statement.kind !== "function") return statement;
  if (statement.name !== "run_step") {
    return { ...statement, statements: statement.statements.map((inner) => withClocks(inner, names)) };
  }
  let next = 0;
  const clocked = (line: string): string[] => {
    if (next >= names.length || !line.replace(/^programs\./, "").startsWith(`${names[next]}(`)) return [line];
    const k = next++;
    const stop = `profile.milliseconds[${k}] += performance.now() - profile_start; profile.calls[${k}]++;`;
    return ["profile_start = performance.now();", line, stop];
  };
  const statements = statement.statements.map(
    (inner): StatementDoc => (inner.kind === "text" ? { ...inner, lines: inner.lines.flatMap(clocked) } : inner),
  );
  if (next < names.length) throw new Error(`kernel ${names[next]} is not called by the step`);
  return { ...statement, statements };
}
