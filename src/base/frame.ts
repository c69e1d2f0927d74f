// A code frame: the line a span stands on, its number, and carets under the span. Whatever the text holds, what is
// shown is one printable line that fits the width.
import { positionAt, type Span, startsOfLines } from "./span.ts";

/** Control characters, other line ends, characters that turn or hide text, halves of pairs. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  if (character === "\t") return "  ";
  const code = character.codePointAt(0)!;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** Text as it is safe to print on a terminal: nothing in it moves the cursor, colours or reorders. */
export const visible = (text: string): string => text.replace(unprintable, escaped);

/** At most `most` characters, an ellipsis where more were cut. */
export const shorten = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

export interface FrameOptions {
  /** Columns of the terminal. */
  readonly width: number;
  /** Paints the carets. */
  readonly paint?: (text: string) => string;
}

/** The frame's lines: the source line with its number, then the carets. */
export function codeFrame(span: Span, { width, paint = (text) => text }: FrameOptions): string[] {
  const { source } = span;
  const { line } = positionAt(source, span.start);
  const starts = startsOfLines(source);
  const lineStart = starts[line - 1]!;
  let lineEnd = line < starts.length ? starts[line]! - 1 : source.text.length;
  if (source.text[lineEnd - 1] === "\r" && lineEnd > lineStart) lineEnd--;

  const number = String(line);
  const room = Math.max(20, width - number.length - 4);
  // A line of a megabyte is not walked through: only the part around the span can be shown.
  const start = Math.min(span.start, lineEnd);
  const from = Math.max(lineStart, start - room);
  const to = Math.min(lineEnd, start + 2 * room);
  const before = visible(source.text.slice(from, start));
  const marked = visible(source.text.slice(start, Math.max(start, Math.min(span.end, to))));
  const after = visible(source.text.slice(Math.max(start, Math.min(span.end, to)), to));

  // The window starts at the line's start if the span then fits, else a third of the room before the span.
  const whole = before + marked + after;
  const fits = from === lineStart && before.length + Math.min(marked.length, room >> 1) < room - 1;
  const skip = fits ? 0 : Math.max(0, before.length - Math.floor(room / 3));
  const isCutLeft = skip > 0 || from > lineStart;
  let shown = whole.slice(skip);
  if (isCutLeft) shown = `…${shown.slice(1)}`;
  if (shown.length > room || to < lineEnd) shown = `${shown.slice(0, room - 1)}…`;
  const column = before.length - skip;
  const carets = "^".repeat(Math.max(1, Math.min(marked.length, room - column)));
  const margin = " ".repeat(number.length);
  return [` ${number} | ${shown}`.trimEnd(), ` ${margin} | ${" ".repeat(column)}${paint(carets)}`];
}
