// The library: `.nn` files that ship inside the compiler. Which file declares a name is read from its text, so that
// only the files a model needs are parsed.
import type { Source } from "../base/span.ts";
import activations from "./std/activations.nn";
import init from "./std/init.nn";
import layers from "./std/layers.nn";
import losses from "./std/losses.nn";
import metrics from "./std/metrics.nn";
import optimizers from "./std/optimizers.nn";
import recurrent from "./std/recurrent.nn";
import schedules from "./std/schedules.nn";
import tensors from "./std/tensors.nn";

const texts: Readonly<Record<string, string>> = {
  tensors,
  activations,
  init,
  layers,
  recurrent,
  losses,
  metrics,
  optimizers,
  schedules,
};

/** All library files, as `std/NAME.nn`. */
export const library: readonly Source[] = Object.entries(texts).map(([name, text]) => ({
  path: `std/${name}.nn`,
  text,
}));

const sources = new Map<string, Source>(
  library.flatMap((source) =>
    [...source.text.matchAll(/^(?:fn|optimizer) ([A-Za-z_]\w*)/gm)].map((match) => [match[1]!, source] as const),
  ),
);

export const librarySource = (name: string): Source | undefined => sources.get(name);
export const libraryNames = (): IterableIterator<string> => sources.keys();
