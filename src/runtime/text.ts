// Text files as rows of tokens: bytes or characters, in windows of `context`; the target is the window one token later.
import { unreadable } from "./file-faults.ts";
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import { textPieces } from "./text-pieces.ts";
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
  try {
    const { path } = file;
    if (unit === "chars") return charactersOf(file);
    checkLength(file);
    const bytes = new Uint8Array(file.size);
    file.read(0, bytes);
    return { path, tokens: bytes, classes: 256, alphabet: [] };
  } finally {
    file.close();
  }
}

export function checkLength({ path, size }: OpenFile): void {
  if (size <= limits.text) return;
  throw new UserError(
    "file/too-large",
    `${quoted(path)} has ${bytesText(size)}, more than the limit \`text\` of ${bytesText(limits.text)}`,
    "Train on a part of it.",
  );
}

/** How many characters a text has, and the codes of those that it has, in order. */
export function countCharacters(file: OpenFile): { readonly length: number; readonly found: readonly number[] } {
  checkLength(file);
  const found = new Set<number>();
  let length = 0;
  for (const piece of charactersIn(file)) {
    for (const character of piece) {
      found.add(character.codePointAt(0)!);
      length++;
    }
  }
  return { length, found: [...found].sort((a, b) => a - b) };
}

const charactersIn = (file: OpenFile) =>
  textPieces(file, () => {
    const what = `${quoted(file.path)} is not UTF-8 text`;
    return new UserError("data/text", what, 'Save it as UTF-8, or read bytes with unit = "bytes".');
  });

/** Read twice: a text that is none takes no memory. */
function charactersOf(file: OpenFile): Tokens {
  const { length, found } = countCharacters(file);
  const alphabet = found.map((code) => String.fromCodePoint(code));
  const places = new Int32Array((found.at(-1) ?? 0) + 1);
  for (const [place, code] of found.entries()) places[code] = place;
  const tokens = new Int32Array(length);
  let at = 0;
  for (const piece of charactersIn(file)) {
    for (const character of piece) tokens[at++] = places[character.codePointAt(0)!]!;
  }
  if (at !== length)
    throw unreadable(file.path, "it changed while it was read", "Let whatever writes it come to its end first.");
  return { path: file.path, tokens, classes: alphabet.length, alphabet };
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
