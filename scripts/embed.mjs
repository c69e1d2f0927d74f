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

const pageFile = (name) => fileURLToPath(new URL(`../src/page/${name}`, import.meta.url));

/** A script for a browser, with all that it imports. */
async function browserText(entry, globalName) {
  const { outputFiles } = await build({
    entryPoints: [pageFile(entry)],
    bundle: true,
    write: false,
    format: "iife",
    ...(globalName ? { globalName } : {}),
    platform: "browser",
    target: "es2023",
    minify: true,
    legalComments: "none",
    plugins: [esbuildPlugin()],
  });
  return outputFiles[0].text;
}

/** The page of `nnc explore` but for its model: what it says, how it looks, what it does. */
async function pageParts() {
  const { code: style } = await transform(await readFile(pageFile("style.css"), "utf8"), {
    loader: "css",
    minify: true,
  });
  return {
    body: await readFile(pageFile("page.html"), "utf8"),
    style: style.trimEnd(),
    script: (await browserText("main.ts")).trimEnd(),
  };
}

/** Files that are imported as their text. */
const textFiles = /\.(nn|py)$/;

/** What may be imported by these names: the text of a module that gives it. */
const embedded = {
  "nnc:runtime": async () => JSON.stringify(await runtimeText()),
  "nnc:helpers": async () => JSON.stringify(await helperTexts()),
  "nnc:page": async () => JSON.stringify(await pageParts()),
  "nnc:page-worker": async () => JSON.stringify(await browserText("worker.ts", "nncWorker")),
};

export function esbuildPlugin() {
  return {
    name: "nnc-embed",
    setup(b) {
      b.onResolve({ filter: /^nnc:/ }, ({ path }) => (embedded[path] ? { path, namespace: "nnc" } : undefined));
      b.onLoad({ filter: /./, namespace: "nnc" }, async ({ path }) => ({
        contents: await embedded[path](),
        loader: "json",
      }));
      b.onLoad({ filter: textFiles }, async ({ path }) => ({ contents: await readFile(path, "utf8"), loader: "text" }));
    },
  };
}

export function vitePlugin() {
  return {
    name: "nnc-embed",
    enforce: "pre",
    resolveId: (id) => (embedded[id] ? `\0${id}` : null),
    async load(id) {
      const make = id.startsWith("\0") ? embedded[id.slice(1)] : undefined;
      if (make) return `export default ${await make()}`;
      if (textFiles.test(id)) return `export default ${JSON.stringify(await readFile(id, "utf8"))}`;
      return null;
    },
  };
}
