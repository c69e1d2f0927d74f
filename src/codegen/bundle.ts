// Bundling with esbuild: the emitted TypeScript as a library, and together with the runtime as a program. Everything is in memory:
// no file beside the model (tsconfig.json, package.json, node_modules) can change a byte. esbuild is loaded when first needed.
import runtime from "nnc:runtime";
import { comment, quote } from "./ts/text.ts";

export interface Bundles {
  /** `NAME.js`: the library as an ES module. */
  readonly library: string;
  /** `NAME.train.js`: library and runtime, to be run by `node`. */
  readonly trainer: string;
  /** From both to the model file, where a map to it was given. */
  readonly libraryMap?: string;
  readonly trainerMap?: string;
}

export interface BundleOptions {
  /** From the TypeScript to the model file. */
  readonly map?: string | undefined;
  /** The file beside the trainer that holds the library's kernels. */
  readonly kernels?: { readonly file: string; readonly sha256: string };
  /** Whether workers may run the trainer's file to take part. */
  readonly threads?: boolean;
}

export async function bundle(
  fileName: string,
  typescript: string,
  { map, kernels, threads = false }: BundleOptions = {},
): Promise<Bundles> {
  // It stands in comments, and a file's name may hold anything.
  const name = comment(fileName);
  const { build } = await import("esbuild");
  const texts = new Map([
    [
      "library",
      { contents: map === undefined ? typescript : typescript + linkedMap(withNumbers(map)), loader: "ts" as const },
    ],
    ["runtime", { contents: runtime, loader: "js" as const }],
    ["trainer", { contents: trainerText(kernels, threads), loader: "js" as const }],
  ]);
  const bundleOf = async (entry: string, banner: string): Promise<{ readonly text: string; readonly map?: string }> => {
    const result = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      charset: "ascii",
      legalComments: "none",
      tsconfigRaw: {},
      external: ["node:*"],
      banner: { js: banner },
      ...(map === undefined ? {} : { sourcemap: "external" as const, outfile: `${entry}.js` }),
      plugins: [
        {
          name: "in-memory",
          setup(b) {
            b.onResolve({ filter: /^(library|runtime|trainer)$/ }, ({ path }) => ({ path, namespace: "nnc" }));
            b.onLoad({ filter: /.*/, namespace: "nnc" }, ({ path }) => texts.get(path)!);
          },
        },
      ],
    });
    const text = result.outputFiles.find(({ path }) => !path.endsWith(".map"))!.text;
    const composed = result.outputFiles.find(({ path }) => path.endsWith(".map"));
    return composed && map !== undefined ? { text, map: withNames(composed.text, map) } : { text };
  };
  const library = await bundleOf("library", `// ${name}.js: made by nnc from ${name}.ts; see there for comments.`);
  const trainer = await bundleOf(
    "trainer",
    `#!/usr/bin/env node\n// ${name}.train.js: made by nnc. \`node ${name}.train.js --help\` lists the options.`,
  );
  // Percent signs keep a name in one word.
  const link = (file: string): string => `//# sourceMappingURL=${encodeURIComponent(file)}.map\n`;
  if (library.map === undefined || trainer.map === undefined) return { library: library.text, trainer: trainer.text };
  return {
    library: library.text + link(`${fileName}.js`),
    trainer: trainer.text + link(`${fileName}.train.js`),
    libraryMap: library.map,
    trainerMap: trainer.map,
  };
}

/** The program: the library with the runtime's main. The library may be given the kernels of a file. */
function trainerText(kernels: BundleOptions["kernels"], threads: boolean): string {
  const own = kernels === undefined ? "library" : `withKernels(library, kernels, "${kernels.sha256}")`;
  const given = threads ? `{ ...${own}, url: import.meta.url }` : own;
  return [
    'import * as library from "library";',
    'import { isMainThread, main, withKernels } from "runtime";',
    // Workers import the same file, for this alone.
    ...(threads ? ['export { work } from "library";'] : []),
    ...(kernels === undefined
      ? []
      : [`const kernels = new URL(${quote(`./${encodeURIComponent(kernels.file)}`)}, import.meta.url);`]),
    `${threads ? "if (isMainThread) " : ""}process.exitCode = await main(${given}, process.argv.slice(2));`,
    "",
  ].join("\n");
}

/** A map as the last line of the text that it belongs to. */
export const linkedMap = (map: string): string =>
  `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString("base64")}\n`;

interface SourceMap {
  readonly sources: readonly string[];
}

/** Sources by number: esbuild puts its own folders before names. */
function withNumbers(text: string): string {
  const map = JSON.parse(text) as SourceMap;
  return JSON.stringify({ ...map, sources: map.sources.map((_, k) => `source-${k}`) });
}

function withNames(composed: string, text: string): string {
  const { sources } = JSON.parse(text) as SourceMap;
  const map = JSON.parse(composed) as SourceMap;
  const name = (source: string): string => {
    const [, k] = /source-(\d+)$/.exec(source) ?? [];
    return k === undefined ? source.replace(/^.*[/:]/, "") : sources[Number(k)]!;
  };
  return JSON.stringify({ ...map, sources: map.sources.map(name) });
}
