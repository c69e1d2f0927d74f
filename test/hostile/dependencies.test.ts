// What the project depends on is what docs/dependencies.md says, at exact versions, from the registry alone; what it emits depends
// on nothing.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { outputsOf } from "../../src/cli/outputs.ts";
import { compile } from "../dsl/compile.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Package {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(read("package.json")) as Record<"dependencies" | "devDependencies", Record<string, string>>;
const lock = JSON.parse(read("package-lock.json")) as { readonly packages: Record<string, Package> };

/** Packages that an installed `nnc` brings along, those of other packages too. A new one is a decision, made here. */
const allowed = [
  "@bufbuild/protobuf",
  "@chevrotain/cst-dts-gen",
  "@chevrotain/gast",
  "@chevrotain/regexp-to-ast",
  "@chevrotain/types",
  "@chevrotain/utils",
  "@dagrejs/dagre",
  "@dagrejs/graphlib",
  "@esbuild/*",
  "@ts-morph/common",
  "balanced-match",
  "brace-expansion",
  "chevrotain",
  "code-block-writer",
  "commander",
  "esbuild",
  "fdir",
  "lodash-es",
  "minimatch",
  "path-browserify",
  "picomatch",
  "tinyglobby",
  "ts-morph",
];

const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

test("the page names every package, and no other", () => {
  const page = read("docs/dependencies.md");
  const [own, repository] = page.split("## Of the repository");
  const cells = [...own!.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  expect(cells.sort()).toEqual(Object.keys(manifest.dependencies).sort());
  for (const name of Object.keys(manifest.devDependencies)) expect(repository).toContain(`\`${name}\``);
});

test("versions are exact, and every package has a hash", () => {
  for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  }
  for (const [path, { integrity, resolved }] of Object.entries(lock.packages)) {
    if (path === "") continue;
    expect(integrity, path).toMatch(/^sha512-/);
    expect(resolved ?? "https://", path).toMatch(/^https:\/\//);
  }
});

test("what is installed with nnc is on the list, and nothing on the list is stale", () => {
  const installed = Object.entries(lock.packages).flatMap(([path, { dev }]) =>
    path === "" || dev ? [] : [nameOf(path)],
  );
  const families = [...new Set(installed.map((name) => (name.startsWith("@esbuild/") ? "@esbuild/*" : name)))];
  expect(families.sort()).toEqual(allowed);
  const scripted = Object.entries(lock.packages).filter(([, { hasInstallScript, dev }]) => hasInstallScript && !dev);
  expect(scripted.map(([path]) => nameOf(path))).toEqual(["esbuild"]);
});

test("what is emitted imports nothing, a trainer nothing but node's own modules", async () => {
  const module = compile(
    "model net(x: [N, 4]) { linear(x, 2) }\nloss(out, y: [N, 2]) = mse(out, y)\ntrain { batch = 4 }\n",
  );
  const files = await outputsOf("net", module, { reuse: true });
  const textOf = (file: string): string => new TextDecoder().decode(files.get(file));
  const importsOf = (text: string): string[] =>
    [...text.matchAll(/^\s*import\b[^"'\n]*["']([^"']+)["']|\b(?:import|require)\(\s*["']([^"']+)["']/gm)].map(
      ([, from, lazily]) => (from ?? lazily)!,
    );
  expect(importsOf('import { a } from "b";\nawait import("c")')).toEqual(["b", "c"]);
  for (const name of ["net.ts", "net.js", "net.d.ts"]) expect(importsOf(textOf(name)), name).toEqual([]);
  const trainer = importsOf(textOf("net.train.js"));
  expect(trainer.length).toBeGreaterThan(0);
  for (const from of trainer) expect(from).toMatch(/^node:/);
});
