// Bundling with esbuild: the emitted TypeScript as a library, and together with the runtime as a program. Everything is in memory:
// no file beside the model (tsconfig.json, package.json, node_modules) can change a byte. esbuild is loaded when first needed.
import runtime from "nnc:runtime";
import { comment } from "./ts/text.ts";

export interface Bundles {
  /** `NAME.js`: the library as an ES module. */
  readonly library: string;
  /** `NAME.train.js`: library and runtime, to be run by `node`. */
  readonly trainer: string;
}

export async function bundle(fileName: string, typescript: string): Promise<Bundles> {
  // It stands in comments, and a file's name may hold anything.
  const name = comment(fileName);
  const { build } = await import("esbuild");
  const texts = new Map([
    ["library", { contents: typescript, loader: "ts" as const }],
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
  const bundleOf = async (entry: string, banner: string): Promise<string> => {
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
    return result.outputFiles[0]!.text;
  };
  return {
    library: await bundleOf("library", `// ${name}.js: made by nnc from ${name}.ts; see there for comments.`),
    trainer: await bundleOf(
      "trainer",
      `#!/usr/bin/env node\n// ${name}.train.js: made by nnc. \`node ${name}.train.js --help\` lists the options.`,
    ),
  };
}
