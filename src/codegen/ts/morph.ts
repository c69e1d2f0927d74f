// Module document -> text through ts-morph: what `nnc build` writes. One source file from one structure, no formatting pass.
// ts-morph is large, so it is loaded when first needed.
import type { FunctionDeclarationStructure, OptionalKind, StatementStructures, WriterFunction } from "ts-morph";
import type { ModuleDoc, StatementDoc } from "../module-doc.ts";
import { constLines } from "./plain.ts";

export async function printWithTsMorph(fileName: string, doc: ModuleDoc): Promise<string> {
  const { IndentationText, NewLineKind, Project, StructureKind } = await import("ts-morph");

  const docsOf = (docs: readonly string[]): string[] =>
    docs.length === 0 ? [] : [docs.length === 1 ? docs[0]! : `\n${docs.join("\n")}`];
  const structure = (s: StatementDoc): StatementStructures | string => {
    switch (s.kind) {
      case "text":
        return s.lines.join("\n");
      case "function":
        return { kind: StructureKind.Function, ...functionOf(s) };
      case "interface":
        return {
          kind: StructureKind.Interface,
          name: s.name,
          isExported: true,
          docs: docsOf(s.docs),
          properties: s.properties.map((p) => ({ name: p.name, type: p.type, isReadonly: true, docs: docsOf(p.docs) })),
          methods: s.methods.map((m) => ({
            name: m.name,
            parameters: m.parameters.map(({ name, type }) => ({ name, type })),
            returnType: m.returnType,
            docs: docsOf(m.docs),
          })),
        };
      case "const":
        return constLines(s, true).join("\n");
    }
  };
  const functionOf = (s: Extract<StatementDoc, { kind: "function" }>): OptionalKind<FunctionDeclarationStructure> => ({
    name: s.name,
    isExported: s.exported ?? false,
    docs: docsOf(s.docs),
    parameters: s.parameters.map((p) => ({
      name: p.name,
      type: p.type,
      ...(p.initializer === undefined ? {} : { initializer: p.initializer }),
    })),
    returnType: s.returnType,
    statements: interleave(s.statements.map(structure)),
  });
  /** A blank line between neighbours, as in hand-written code; ts-morph itself puts one between two declarations. */
  const blank: WriterFunction = (writer) => writer.blankLineIfLastNot();
  const interleave = (
    items: readonly (StatementStructures | string)[],
  ): (StatementStructures | string | WriterFunction)[] =>
    items.flatMap((item, i) =>
      i === 0 || (typeof item !== "string" && typeof items[i - 1] !== "string") ? [item] : [blank, item],
    );

  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces, newLineKind: NewLineKind.LineFeed },
  });
  return project.createSourceFile(fileName, { statements: interleave(doc.statements.map(structure)) }).getFullText();
}
