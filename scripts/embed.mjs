// How texts get into the bundles: `*.nn` files as strings, and `nnc:runtime` as the text of the trainer runtime,
// bundled once. The same two rules for esbuild (dist/) and for Vite (tests).
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const runtimeEntry = fileURLToPath(new URL("../src/runtime/main.ts", import.meta.url));

/** The runtime that a generated `.train.js` carries: one ES module without dependencies, its names kept. */
async function runtimeText() {
  const { outputFiles } = await build({
    entryPoints: [runtimeEntry],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "es2022",
    legalComments: "none",
  });
  return outputFiles[0].text;
}

export function esbuildPlugin() {
  return {
    name: "nnc-embed",
    setup(b) {
      b.onResolve({ filter: /^nnc:runtime$/ }, () => ({ path: "runtime", namespace: "nnc" }));
      b.onLoad({ filter: /.*/, namespace: "nnc" }, async () => ({ contents: await runtimeText(), loader: "text" }));
      b.onLoad({ filter: /\.nn$/ }, async ({ path }) => ({ contents: await readFile(path, "utf8"), loader: "text" }));
    },
  };
}

export function vitePlugin() {
  return {
    name: "nnc-embed",
    enforce: "pre",
    resolveId: (id) => (id === "nnc:runtime" ? "\0nnc:runtime" : null),
    async load(id) {
      if (id === "\0nnc:runtime") return `export default ${JSON.stringify(await runtimeText())}`;
      if (id.endsWith(".nn")) return `export default ${JSON.stringify(await readFile(id, "utf8"))}`;
      return null;
    },
  };
}
