// Which lines of an emitted file come from which places of the model: kernel by kernel, and for source maps. Knows the emitted text's
// shape: one function per kernel.
import { positionAt, type Source } from "../base/span.ts";
import type { Unit } from "../codegen/compile.ts";
import type { Origin } from "../ir/graph.ts";

export interface KernelLines {
  readonly name: string;
  /** From 0: the line of `function NAME(`, and that of its closing brace. */
  readonly first: number;
  readonly last: number;
  readonly origins: readonly Origin[];
}

export function kernelLines({ kernels }: Unit, typescript: string): KernelLines[] {
  const lines = typescript.split("\n");
  const starts = new Map(
    lines.flatMap((line, k) => {
      const [, name] = /^ {2}function (\w+)\(/.exec(line) ?? [];
      return name === undefined ? [] : [[name, k] as const];
    }),
  );
  return kernels.functions.map(({ name, procedure }) => {
    const first = starts.get(name);
    if (first === undefined) throw new Error(`kernel ${name} is not in the emitted text`);
    return { name, first, last: lines.indexOf("  }", first), origins: procedure.origins };
  });
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** One number in base 64, least digits first, sign in the lowest bit: as source maps write them. */
function vlq(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += digits[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}

/** A source map, version 3, from the emitted TypeScript to model files: each line of a kernel to the line it computes. */
export function sourceMapOf(unit: Unit, fileName: string, typescript: string): string {
  const sources: Source[] = [];
  const places = new Map<number, readonly [source: number, line: number, column: number]>();
  for (const { first, last, origins } of kernelLines(unit, typescript)) {
    // What a kernel was first made for: of a fused one, its reduction.
    const span = origins.find((origin) => origin.span !== undefined)?.span;
    if (!span) continue;
    let at = sources.findIndex(({ path }) => path === span.source.path);
    if (at < 0) at = sources.push(span.source) - 1;
    const { line, column } = positionAt(span.source, span.start);
    for (let k = first; k <= last; k++) places.set(k, [at, line - 1, column - 1]);
  }
  let previous: readonly [number, number, number] = [0, 0, 0];
  const mappings = typescript.split("\n").map((text, k) => {
    const place = places.get(k);
    if (!place) return "";
    // Where the statement begins: a stack names that column.
    const indent = text.length - text.trimStart().length;
    const moved = place.map((value, part) => vlq(value - previous[part]!)).join("");
    previous = place;
    return `${vlq(indent)}${moved}`;
  });
  return JSON.stringify({
    version: 3,
    file: fileName,
    // Library files have no place on disk; the map carries all texts.
    sources: sources.map(({ path }) => path.split("/").at(-1)),
    sourcesContent: sources.map(({ text }) => text),
    names: [],
    mappings: mappings.join(";"),
  });
}
