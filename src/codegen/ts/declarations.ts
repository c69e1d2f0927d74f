// Module document -> `.d.ts`: the exported interface with shapes as literal types.
import type { Manifest } from "../../runtime/library.ts";
import type { ModuleDoc } from "../module-doc.ts";
import { docLines, printPlain } from "./plain.ts";
import { objectKey, quote } from "./text.ts";

export function printDeclarations(doc: ModuleDoc, manifest: Manifest): string {
  const parts: string[] = [];
  for (const s of doc.statements) {
    if (s.kind === "interface") parts.push(printPlain({ statements: [s] }, true).trimEnd());
    if (s.kind === "const" && s.exported) {
      parts.push([...docLines(s.docs), `export declare const ${s.name}: ${literalType(manifest, 0)};`].join("\n"));
    }
    if (s.kind === "function" && s.exported) {
      const parameters = s.parameters
        .map((p) => `${p.name}${p.initializer === undefined ? "" : "?"}: ${p.type}`)
        .join(", ");
      parts.push(
        [...docLines(s.docs), `export declare function ${s.name}(${parameters}): ${s.returnType};`].join("\n"),
      );
    }
  }
  return `${parts.join("\n\n")}\n`;
}

/** The type of exactly this value. */
function literalType(value: unknown, depth: number): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "number";
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Array.isArray(value)
    ? value.map((v) => literalType(v, depth + 1))
    : Object.entries(value).map(([k, v]) => `readonly ${objectKey(k)}: ${literalType(v, depth + 1)}`);
  const [open, close, separator] = Array.isArray(value) ? ["readonly [", "]", ", "] : ["{ ", " }", "; "];
  const flat = open + parts.join(separator) + close;
  if (flat.length <= 110 || parts.length === 0) return flat;
  const pad = "  ".repeat(depth + 1);
  return `${open.trimEnd()}\n${parts.map((p) => `${pad}${p}${separator.trim()}\n`).join("")}${"  ".repeat(depth)}${close.trim()}`;
}
