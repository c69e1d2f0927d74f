// Bundling with esbuild: the emitted TypeScript as a library, and together with the runtime as a program. Everything is in memory:
// no file beside the model (tsconfig.json, package.json, node_modules) can change a byte. esbuild is loaded when first needed.
import runtime from "nnc:runtime";
import { comment } from "./ts/text.ts";

export interface Bundles {
  /** `NAME.js`: the library as an ES module. */
  readonly library: string;
  /** `NAME.train.js`: library and runtime, to be run by `node`. */
  readonly trainer: string;
  /** From both to the model file, where a map to it was given. */
  readonly libraryMap?: string;
  readonly trainerMap?: string;
}

/** `map`: from the TypeScript to the model file. */
export async function bundle(fileName: string, typescript: string, map?: string): Promise<Bundles> {
  // It stands in comments, and a file's name may hold anything.
  const name = comment(fileName);
  const { build } = await import("esbuild");
  const texts = new Map([
    ["library", { contents: map === undefined ? typescript : typescript + inlineMap(map), loader: "ts" as const }],
    ["runtime", { contents: runtime, loader: "js" as const }],
    [
      "trainer",
      {
        contents:
          'import * as library from "library";\nimport { main } from "runtime";\nprocess.exitCode = await main(library, process.argv.slice(2));\n',
        loader: "js" as const,
      },
    ],
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
    return composed ? { text, map: modelMap(composed.text) } : { text };
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

const inlineMap = (map: string): string =>
  `\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString("base64")}\n`;

/** The composed map with plain names of files: esbuild puts its own folders before them. */
function modelMap(text: string): string {
  const map = JSON.parse(text) as { readonly sources: readonly string[] };
  return JSON.stringify({ ...map, sources: map.sources.map((source) => source.replace(/^.*[/:]/, "")) });
}
