// Bundles the CLI into dist/: one small entry, and chunks that are loaded when a command first needs them.
// Packages that few commands need (ts-morph, esbuild) stay packages.
import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { esbuildPlugin } from "./embed.mjs";
import { settle } from "./settle.mjs";

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const dist = pathOf("../dist");
const fresh = pathOf(`../node_modules/.cache/nnc/dist-${process.pid}`);
await build({
  entryPoints: { nnc: pathOf("../src/cli/nnc.ts") },
  outdir: fresh,
  bundle: true,
  splitting: true,
  chunkNames: "[name]-[hash]",
  format: "esm",
  platform: "node",
  target: "node20",
  external: ["ts-morph", "esbuild"],
  // chevrotain 11 and commander are read faster as part of the bundle. commander is CommonJS and asks for node's modules by require.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
  plugins: [esbuildPlugin()],
});
await chmod(`${fresh}/nnc.js`, 0o755);
await settle(fresh, dist, "nnc.js");
