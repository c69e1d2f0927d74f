// `npm run bench`: bundles the benchmark and our own peer as the CLI is bundled, and runs the former.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { esbuildPlugin } from "../scripts/embed.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
const cache = path.join(root, "node_modules/.cache/nnc");
await mkdir(cache, { recursive: true });
const folder = await mkdtemp(path.join(cache, "bench-"));
try {
  await build({
    entryPoints: ["bench/bench.ts", "bench/peers/ours.ts"],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "error",
    plugins: [esbuildPlugin()],
  });
  await import(pathToFileURL(path.join(folder, "bench.mjs")).href);
} finally {
  await rm(folder, { recursive: true, force: true });
}
