// Writes src/dsl/cst.ts, the types of the concrete syntax tree, from the grammar: `node scripts/cst-types.mjs`.
// With `--print` it only prints them.
import { rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { generateCstDts } from "@chevrotain/cst-dts-gen";
import { build } from "esbuild";

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// Beside node_modules' packages, so that the grammar and the generator share one chevrotain.
const bundle = pathOf("../node_modules/.cst-types.mjs");
await build({
  entryPoints: [pathOf("../src/dsl/grammar.ts")],
  outfile: bundle,
  bundle: true,
  packages: "external",
  format: "esm",
  platform: "node",
});
const { NnParser } = await import(bundle);
await rm(bundle);

const types = generateCstDts(new NnParser(true).getGAstProductions(), { includeVisitorInterface: false });
const header =
  "// The types of the concrete syntax tree. Written by scripts/cst-types.mjs from grammar.ts; do not edit.\n" +
  "// Where a rule failed, children that these types promise may be absent.\n";
const used = types.replace(", ICstVisitor", "");
if (process.argv.includes("--print")) process.stdout.write(header + used);
else await writeFile(pathOf("../src/dsl/cst.ts"), header + used);
