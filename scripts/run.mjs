// Runs a TypeScript file of this project: bundles it as the CLI is bundled, then imports it. `node scripts/run.mjs FILE [ARG …]`.
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { esbuildPlugin } from "./embed.mjs";

const [file, ...args] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const { outputFiles } = await build({
  entryPoints: [path.resolve(file)],
  bundle: true,
  write: false,
  format: "esm",
  platform: "node",
  packages: "external",
  sourcemap: "inline",
  plugins: [esbuildPlugin()],
});
const folder = path.join(root, "node_modules/.cache/nnc");
await mkdir(folder, { recursive: true });
const bundled = path.join(folder, `${path.basename(file, ".ts")}-${process.pid}.mjs`);
await writeFile(bundled, outputFiles[0].text);
process.argv = [process.argv[0], file, ...args];
try {
  await import(pathToFileURL(bundled).href);
} finally {
  await rm(bundled, { force: true });
}
