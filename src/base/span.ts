// Places in source text: a Source is one file's text, a Span a half-open range of offsets in it.

export interface Source {
  /** The path as the user wrote it, or `std/NAME.nn` for a library file. */
  readonly path: string;
  readonly text: string;
}

/** What a source's file is called, without its folder, on one line: a name may hold line breaks and worse. */
export const fileNameOf = ({ path }: Source): string =>
  path
    .split(/[\\/]/)
    .at(-1)!
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");

export interface Span {
  readonly source: Source;
  /** Offset of the first character. */
  readonly start: number;
  /** Offset after the last character; `start === end` marks a point. */
  readonly end: number;
}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
}

const lineStarts = new WeakMap<Source, readonly number[]>();

/** Offsets at which each line begins; computed once per source. */
export function startsOfLines(source: Source): readonly number[] {
  const known = lineStarts.get(source);
  if (known) return known;
  const starts = [0];
  for (let at = source.text.indexOf("\n"); at !== -1; at = source.text.indexOf("\n", at + 1)) starts.push(at + 1);
  lineStarts.set(source, starts);
  return starts;
}

export function positionAt(source: Source, offset: number): Position {
  const starts = startsOfLines(source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - starts[low]! + 1 };
}

/** The text a span covers. */
export const textOf = (span: Span): string => span.source.text.slice(span.start, span.end);

/** The smallest span that covers both; they must share a source. */
export const joinSpans = (a: Span, b: Span): Span => ({
  source: a.source,
  start: Math.min(a.start, b.start),
  end: Math.max(a.end, b.end),
});
