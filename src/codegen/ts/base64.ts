// Bytes in emitted code. Knows no printer.
import type { StatementDoc } from "../module-doc.ts";
import { quote } from "./text.ts";

/** Characters on one line of the emitted file. */
const lineLength = 112;

/** `const name`: the bytes as base64. */
export function base64Constant(name: string, docs: readonly string[], parts: readonly Uint8Array[]): StatementDoc {
  const text = base64(parts);
  const lines = Array.from({ length: Math.ceil(text.length / lineLength) }, (_, k) =>
    text.slice(k * lineLength, (k + 1) * lineLength),
  );
  return { kind: "const", name, docs, initializer: ["[", ...lines.map((line) => `  ${quote(line)},`), '].join("")'] };
}

/** An expression for the bytes that a text stands for. */
export const bytesOfBase64 = (text: string): string =>
  `Uint8Array.from(atob(${text}), (character) => character.charCodeAt(0))`;

function base64(parts: readonly Uint8Array[]): string {
  const pieces: string[] = [];
  for (const part of parts) for (const byte of part) pieces.push(String.fromCharCode(byte));
  return btoa(pieces.join(""));
}
