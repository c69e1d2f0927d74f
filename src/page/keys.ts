// What joins the views: origins as keys. Two things on screen belong together where they share a key. Knows no view.
import type { Source } from "../base/span.ts";
import { positionAt } from "../base/span.ts";
import { sideOf } from "../inspect/side.ts";
import type { Origin } from "../ir/graph.ts";

/** `12-30:backward`, `std/layers.nn 40-52:forward`. */
export type Key = string;

export interface Selection {
  /** What was chosen, for the status line. */
  readonly label: string;
  readonly keys: ReadonlySet<Key>;
}

const inFile = ({ span }: Origin, main: string): string =>
  span && span.source.path !== main ? `${span.source.path} ` : "";

export const keysOf = (origins: readonly Origin[], main: string): Key[] =>
  origins.flatMap((origin) =>
    origin.span ? [`${inFile(origin, main)}${origin.span.start}-${origin.span.end}:${sideOf(origin.role)}`] : [],
  );

export const sharesKey = (keys: readonly Key[], selection: Selection | undefined): boolean =>
  selection !== undefined && keys.some((key) => selection.keys.has(key));

/** Lines of the main file that keys begin on, by number from 1, with the sides of the step they stand for. */
export function linesOf(keys: Iterable<Key>, source: Source): Map<number, Set<string>> {
  const lines = new Map<number, Set<string>>();
  for (const key of keys) {
    const [, start, side] = /^(\d+)-\d+:(\w+)$/.exec(key) ?? [];
    if (start === undefined) continue;
    const { line } = positionAt(source, Number(start));
    lines.set(line, (lines.get(line) ?? new Set()).add(side!));
  }
  return lines;
}
