// How texts get into the bundles: `*.nn` files as strings, `nnc:runtime` as the text of the trainer runtime, bundled once, and
// `nnc:helpers` as the texts of functions that emitted modules carry. The same rules for esbuild (dist/) and for Vite (tests).
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

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

/** Files whose top-level declarations an emitted module may carry. */
const helperFiles = ["../src/base/random.ts", "../src/ir/math.ts"];

/**
 * Every top-level declaration of those files, by name, as TypeScript and as JavaScript, without `export`.
 * One source for the compiler's own use of a function and for the copies that emitted modules carry.
 */
async function helperTexts() {
  const helpers = {};
  for (const file of helperFiles) {
    const text = await readFile(fileURLToPath(new URL(file, import.meta.url)), "utf8");
    let comment = [];
    const chunks = [];
    for (const line of text.split("\n")) {
      if (/^(export )?(const|function) /.test(line)) {
        chunks.push({ comment: comment.join("\n"), lines: [line.replace(/^export /, "")] });
        comment = [];
      } else if (/^[ })\]]/.test(line) && comment.length === 0) chunks.at(-1)?.lines.push(line);
      else if (/^(\/\/|\/\*\*| \*)/.test(line)) comment.push(...(line.includes("biome-ignore") ? [] : [line]));
      else comment = [];
    }
    for (const chunk of chunks) {
      const ts = chunk.lines.join("\n");
      const name = /^(?:const|function) (\w+)/.exec(ts)[1];
      const { code } = await transform(ts, { loader: "ts", target: "es2022" });
      helpers[name] = { comment: chunk.comment, ts, js: code.trimEnd() };
    }
  }
  return helpers;
}

export function esbuildPlugin() {
  return {
    name: "nnc-embed",
    setup(b) {
      b.onResolve({ filter: /^nnc:runtime$/ }, () => ({ path: "runtime", namespace: "nnc" }));
      b.onResolve({ filter: /^nnc:helpers$/ }, () => ({ path: "helpers", namespace: "nnc" }));
      b.onLoad({ filter: /^runtime$/, namespace: "nnc" }, async () => ({ contents: await runtimeText(), loader: "text" }));
      b.onLoad({ filter: /^helpers$/, namespace: "nnc" }, async () => ({ contents: JSON.stringify(await helperTexts()), loader: "json" }));
      b.onLoad({ filter: /\.(nn|py)$/ }, async ({ path }) => ({ contents: await readFile(path, "utf8"), loader: "text" }));
    },
  };
}

export function vitePlugin() {
  return {
    name: "nnc-embed",
    enforce: "pre",
    resolveId: (id) => (id === "nnc:runtime" || id === "nnc:helpers" ? `\0${id}` : null),
    async load(id) {
      if (id === "\0nnc:helpers") return `export default ${JSON.stringify(await helperTexts())}`;
      if (id === "\0nnc:runtime") return `export default ${JSON.stringify(await runtimeText())}`;
      if (/\.(nn|py)$/.test(id)) return `export default ${JSON.stringify(await readFile(id, "utf8"))}`;
      return null;
    },
  };
}
