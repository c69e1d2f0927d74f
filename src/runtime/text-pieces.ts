// The text of a file, piece by piece: however long the file is, little of it is in memory at a time. Knows no format.
import type { OpenFile } from "./io.ts";
import { limits } from "./limits.ts";
import type { UserError } from "./user-error.ts";

/** Pieces of whole characters, without a byte order mark; `broken` is thrown where the bytes are not UTF-8. */
export function* textPieces(file: OpenFile, broken: () => UserError): Generator<string, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const bytes = new Uint8Array(Math.min(file.size, limits.textPiece));
  for (let at = 0; at < file.size; ) {
    const part = bytes.subarray(0, Math.min(bytes.length, file.size - at));
    file.read(at, part);
    at += part.length;
    let text: string;
    try {
      text = decoder.decode(part, { stream: at < file.size });
    } catch {
      throw broken();
    }
    yield text;
  }
}
