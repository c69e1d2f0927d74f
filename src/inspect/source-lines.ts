// Which lines of an emitted file come from which places of the model: kernel by kernel, and for source maps. Knows the emitted text's
// shape: one function per kernel.
import { positionAt, type Source } from "../base/span.ts";
import type { Unit } from "../codegen/compile.ts";
import { runName } from "../codegen/kernel-docs.ts";
import { debugLines, firstDebugLine, type ModelPlace } from "../codegen/ts/emit-debug.ts";
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

/** Where each line of an emitted file comes from; undefined for lines that stand for nothing in the model. */
type Places = ReadonlyMap<number, ModelPlace>;

/** Each line of a kernel to the line that it computes: of a fused one, to that of its reduction, which it was made for. */
function kernelPlaces(unit: Unit, typescript: string): Places {
  const places = new Map<number, ModelPlace>();
  for (const { first, last, origins } of kernelLines(unit, typescript)) {
    const span = origins.find((origin) => origin.span !== undefined)?.span;
    if (!span) continue;
    const place = { source: span.source, ...positionAt(span.source, span.start) };
    for (let k = first; k <= last; k++) places.set(k, place);
  }
  return places;
}

/** In a debug build a line of the model is its calls: in a kernel a debugger would stop at every round of a loop. */
function callPlaces(unit: Unit, typescript: string): Places {
  const lines = typescript.split("\n").map((line) => line.trim());
  return new Map(
    unit.programs.flatMap((program) => {
      const head = lines.findIndex((line) => line.startsWith(`function ${runName(program.name)}(`));
      const first = lines.indexOf(firstDebugLine, head);
      return debugLines(unit, program).flatMap(({ place }, k) => (place ? [[first + k, place] as const] : []));
    }),
  );
}

/**
 * A source map, version 3, from the emitted TypeScript to model files. `nameOf` says where a source lies, seen from the map; lines that
 * stand for nothing in the model stay lines of the TypeScript.
 */
export function sourceMapOf(
  unit: Unit,
  fileName: string,
  typescript: string,
  nameOf: (source: Source) => string = ({ path }) => path.split("/").at(-1)!,
): string {
  const places = unit.debug ? callPlaces(unit, typescript) : kernelPlaces(unit, typescript);
  const own: Source = { path: fileName, text: typescript };
  const sources = [own];
  let previous: readonly [number, number, number] = [0, 0, 0];
  const mappings = typescript.split("\n").map((text, k) => {
    // Where the statement begins: a stack names that column.
    const indent = text.length - text.trimStart().length;
    if (indent === text.length) return "";
    const { source, line, column } = places.get(k) ?? { source: own, line: k + 1, column: indent + 1 };
    let at = sources.indexOf(source);
    if (at < 0) at = sources.push(source) - 1;
    const place = [at, line - 1, column - 1] as const;
    const moved = place.map((value, part) => vlq(value - previous[part]!)).join("");
    previous = place;
    return `${vlq(indent)}${moved}`;
  });
  return JSON.stringify({
    version: 3,
    file: fileName,
    // Library files have no place on disk; the map carries all texts.
    sources: sources.map((source) => (source === own ? fileName : nameOf(source))),
    sourcesContent: sources.map(({ text }) => text),
    names: [],
    mappings: mappings.join(";"),
  });
}
