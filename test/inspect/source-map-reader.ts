// What a debugger does with a source map: decodes it, and finds the emitted places of a line of the model. Written from the format's
// description, apart from the writer in src.

export interface Mapping {
  /** Of the emitted file, from 0. */
  readonly line: number;
  readonly column: number;
  readonly source: string;
  /** Of the source, from 1. */
  readonly sourceLine: number;
  readonly sourceColumn: number;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const letter of segment) {
    const digit = digits.indexOf(letter);
    value += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

export function mappingsOf(text: string): Mapping[] {
  const { mappings, sources } = JSON.parse(text) as { readonly mappings: string; readonly sources: readonly string[] };
  const found: Mapping[] = [];
  let [source, sourceLine, sourceColumn] = [0, 0, 0];
  for (const [line, segments] of mappings.split(";").entries()) {
    let column = 0;
    for (const segment of segments === "" ? [] : segments.split(",")) {
      const [along, ...rest] = numbersOf(segment);
      column += along!;
      if (rest.length < 3) continue;
      source += rest[0]!;
      sourceLine += rest[1]!;
      sourceColumn += rest[2]!;
      found.push({
        line,
        column,
        source: sources[source]!,
        sourceLine: sourceLine + 1,
        sourceColumn: sourceColumn + 1,
      });
    }
  }
  return found;
}

const samePlace = (a: Mapping | undefined, b: Mapping): boolean =>
  a?.source === b.source && a.sourceLine === b.sourceLine && a.sourceColumn === b.sourceColumn;

/**
 * Where breakpoints on a line of the model are set: mappings of one place that follow one another are one stretch of code, which is
 * entered at its first; of several places on the line the leftmost counts.
 */
export function placesOfLine(map: string, file: string, line: number): Mapping[] {
  const stretches = mappingsOf(map).filter((m, k, all) => !samePlace(all[k - 1], m));
  const here = stretches.filter((m) => m.source.endsWith(file) && m.sourceLine === line);
  const first = Math.min(...here.map(({ sourceColumn }) => sourceColumn));
  return here.filter(({ sourceColumn }) => sourceColumn === first);
}

/** The place that a stop belongs to. */
export const placeAt = (map: string, line: number, column: number): Mapping | undefined =>
  mappingsOf(map).findLast((m) => m.line === line && m.column <= column);
