// Module document -> text, without ts-morph: for `nnc train` and the page, and as JavaScript (`types: false`).
import type { ModuleDoc, ParameterDoc, StatementDoc } from "../module-doc.ts";

export function printPlain(doc: ModuleDoc, types: boolean): string {
  const printable = types ? doc.statements : doc.statements.filter((s) => s.kind !== "interface");
  return `${join(printable, types, 0)}\n`;
}

function join(statements: readonly StatementDoc[], types: boolean, depth: number): string {
  return statements
    .map((s) =>
      statement(s, types)
        .map((line) => indent(line, depth))
        .join("\n"),
    )
    .join("\n\n");
}

const indent = (line: string, depth: number): string => (line === "" ? "" : "  ".repeat(depth) + line);

function statement(s: StatementDoc, types: boolean): string[] {
  switch (s.kind) {
    case "text":
      return [...s.lines];
    case "function": {
      const head = `${s.exported ? "export " : ""}function ${s.name}(${parameterList(s.parameters, types)})${types ? `: ${s.returnType}` : ""} {`;
      return [...docLines(s.docs), head, ...join(s.statements, types, 1).split("\n"), "}"];
    }
    case "interface":
      return [
        ...docLines(s.docs),
        `export interface ${s.name} {`,
        ...s.properties.flatMap((p) => [...docLines(p.docs), `readonly ${p.name}: ${p.type};`]).map(inner),
        ...s.methods
          .flatMap((m) => [...docLines(m.docs), `${m.name}(${parameterList(m.parameters, true)}): ${m.returnType};`])
          .map(inner),
        "}",
      ];
    case "const":
      return constLines(s, types);
  }
}

const inner = (line: string): string => `  ${line}`;

function parameterList(parameters: readonly ParameterDoc[], types: boolean): string {
  return parameters
    .map((p) => {
      const annotated = types ? `${p.name}: ${p.type}` : p.name;
      return p.initializer === undefined ? annotated : `${annotated} = ${p.initializer}`;
    })
    .join(", ");
}

/** A constant whose literal spans lines; ts-morph would indent it once more, so both printers use this. */
export function constLines(s: Extract<StatementDoc, { kind: "const" }>, types: boolean): string[] {
  const lines = [...s.initializer];
  lines[0] = `${s.exported ? "export " : ""}const ${s.name} = ${lines[0]}`;
  lines[lines.length - 1] += types && s.asConst ? " as const;" : ";";
  return [...docLines(s.docs), ...lines];
}

export function docLines(docs: readonly string[]): string[] {
  if (docs.length === 0) return [];
  if (docs.length === 1) return [`/** ${docs[0]} */`];
  return ["/**", ...docs.map((line) => ` * ${line}`), " */"];
}
