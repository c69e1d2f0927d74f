// Mutants of good files: small changes of bytes, and words that readers tend to stumble over. Knows no format.
import type { Integers } from "../../src/runtime/integers.ts";

const dictionary = [
  "\0",
  "\xff",
  "\xff\xff\xff\xff",
  "\x7f\xff\xff\xff",
  "\x80\0\0\0",
  "\x1f\x8b\x08",
  "\xef\xbb\xbf",
  "1e999",
  "-1",
  "9007199254740993",
  "18446744073709551615",
  "NaN",
  "null",
  "true",
  "__proto__",
  "constructor",
  '"',
  "'",
  "\\",
  "\\u0000",
  "\\ud800",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  ";",
  "=",
  "\n",
  "\r",
  "\r\n",
  "\t",
  "\u2028",
  "..",
  "*/",
  "${",
  "#",
  "_",
  "if ",
  " then ",
  " else ",
  "for i in 0:3 { ",
  "param w: [4] = 0\n",
  "state s = 0\n",
  "<-",
  "->",
  "|>",
  "@",
  "**",
  "not ",
  "grad(",
  "N",
  "0",
  "1e-45",
  "inf",
  "axis=-1",
  ".T",
  "model ",
  "fn ",
  "loss",
  "train {",
].map((text) => Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff));

/** One to eight small changes of one of the seeds. */
export function mutate(seeds: readonly Uint8Array[], numbers: Integers): Uint8Array {
  let bytes = seeds[numbers.below(seeds.length)]!;
  for (let left = 1 + numbers.below(8); left > 0; left--) bytes = Buffer.concat(changed(bytes, seeds, numbers));
  return bytes;
}

/** The parts of a changed text: seldom cut off, else one short piece of it flipped, replaced, removed, doubled or added to. */
function changed(bytes: Uint8Array, seeds: readonly Uint8Array[], numbers: Integers): Uint8Array[] {
  const at = numbers.below(bytes.length + 1);
  const end = Math.min(at + 1 + numbers.below(16), bytes.length);
  const head = bytes.subarray(0, at);
  const piece = bytes.subarray(at, end);
  const rest = bytes.subarray(end);
  switch (numbers.below(28)) {
    case 0:
      return [head];
    case 1:
    case 2:
    case 3:
    case 4:
      return [head, piece.map((byte) => byte ^ (1 << numbers.below(8))), rest];
    case 5:
    case 6:
    case 7:
      return [head, piece.map(() => numbers.below(256)), rest];
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
      return [head, dictionary[numbers.below(dictionary.length)]!, piece, rest];
    case 13:
    case 14:
    case 15:
    case 16:
      return [head, dictionary[numbers.below(dictionary.length)]!, rest];
    case 17:
    case 18:
    case 19:
    case 20:
      return [head, rest];
    case 21:
    case 22:
    case 23:
      return [head, piece, piece, rest];
    default: {
      const other = seeds[numbers.below(seeds.length)]!;
      const from = numbers.below(other.length + 1);
      return [head, other.subarray(from, from + 1 + numbers.below(64)), piece, rest];
    }
  }
}
