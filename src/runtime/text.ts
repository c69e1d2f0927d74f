// Text files as rows of tokens: bytes or characters, in windows of `context`; the target is the window one token later.
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { bytesText, grouped, quoted, UserError } from "./user-error.ts";

export interface Tokens {
  readonly path: string;
  /** Bytes, or places in `alphabet`. */
  readonly tokens: Uint8Array | Int32Array;
  /** How many different tokens there may be: 256 bytes, or the characters of the text. */
  readonly classes: number;
  /** Characters by token, in order of their code; empty for bytes. */
  readonly alphabet: readonly string[];
}

export function readText(file: OpenFile, unit: "bytes" | "chars"): Tokens {
  const { path } = file;
  if (file.size > limits.text) {
    throw new UserError(
      "file/too-large",
      `${quoted(path)} has ${bytesText(file.size)}, more than the limit \`text\` of ${bytesText(limits.text)}`,
      "Train on a part of it.",
    );
  }
  const bytes = new Uint8Array(file.size);
  file.read(0, bytes);
  file.close();
  if (unit === "bytes") return { path, tokens: bytes, classes: 256, alphabet: [] };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(
      "data/text",
      `${quoted(path)} is not UTF-8 text`,
      'Save it as UTF-8, or read bytes with unit = "bytes".',
    );
  }
  return charactersOf(path, text);
}

export function charactersOf(path: string, text: string): Tokens {
  const seen = new Set<number>();
  let length = 0;
  for (const character of text) {
    seen.add(character.codePointAt(0)!);
    length++;
  }
  const codes = [...seen].sort((a, b) => a - b);
  const places = new Map(codes.map((code, place) => [code, place]));
  const tokens = new Int32Array(length);
  let at = 0;
  for (const character of text) tokens[at++] = places.get(character.codePointAt(0)!)!;
  return { path, tokens, classes: codes.length, alphabet: codes.map((code) => String.fromCodePoint(code)) };
}

/** Windows of `context` tokens, each `stride` after the one before, that have a next token. */
export function windowsOf(tokens: Tokens, context: number, stride: number): number {
  const windows = Math.floor((tokens.tokens.length - 1 - context) / stride) + 1;
  if (windows > 0) return windows;
  throw new UserError(
    "data/text",
    `${quoted(tokens.path)} has ${grouped(tokens.tokens.length)} tokens, and one row takes ${grouped(context + 1)}`,
    "Take a longer text or a shorter context.",
  );
}
