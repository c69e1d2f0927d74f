// The folders are the pipeline: who may import whom, read from the import statements. ARCHITECTURE.md says the same in words.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Rooms and what each may import besides itself. */
const table = new Map<string, readonly string[]>([
  ["base", []],
  ["ir", ["base"]],
  ["dsl", ["base", "ir"]],
  ["codegen", ["base", "ir"]],
  ["inspect", ["base", "ir", "codegen"]],
  ["export", ["base", "ir"]],
  ["runtime", ["data"]],
  ["data", ["runtime"]],
  ["page", ["base", "ir", "dsl", "codegen", "inspect", "runtime", "data"]],
  ["cli", ["base", "ir", "dsl", "codegen", "export", "inspect", "runtime", "data"]],
]);

/** Single doors between rooms: from, to, and whether types alone may pass. */
const doors: readonly { readonly from: string; readonly to: string; readonly typesOnly: boolean }[] = [
  { from: "src/codegen/", to: "src/runtime/library.ts", typesOnly: true },
  // Random numbers are the same function in the compiler and in trainers; it imports nothing itself.
  { from: "src/runtime/random.ts", to: "src/base/random.ts", typesOnly: false },
];

/** Packages by the room that may use them; `node:` modules are the edge of the world and stay at the edges. */
const packages = new Map<string, readonly RegExp[]>([
  ["base", []],
  ["ir", []],
  ["dsl", [/^chevrotain$/]],
  ["codegen", [/^ts-morph$/, /^esbuild$/, /^nnc:(helpers|runtime)$/]],
  ["inspect", [/^@dagrejs\/dagre$/]],
  ["export", [/^@bufbuild\/protobuf\/wire$/]],
  ["runtime", []],
  ["data", []],
  ["page", [/^nnc:page-worker$/]],
  ["cli", [/^commander$/, /^nnc:page$/, /^esbuild$/, /^node:/]],
]);

/** The runtime's files that know Node; the rest runs in a browser's worker too. */
const nodeFiles = ["node-io.ts", "node-files.ts", "node-writing.ts", "kernels-file.ts", "fetch.ts"].map(
  (file) => `src/runtime/${file}`,
);

interface Import {
  readonly file: string;
  readonly target: string;
  readonly isType: boolean;
  readonly isLazy?: boolean;
}

const roomOf = (path: string): string | undefined => /^(?:src\/)?([^/]+)\//.exec(path)?.[1];

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"));
}

/** Static and dynamic imports and re-exports. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^\s*\/\/.*$|^\s*\*.*$/gm, "");
  const statements = text.matchAll(/(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^;'"]*?\sfrom\s+)?["']([^"']+)["']/g);
  const dynamic = text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g);
  const target = (name: string) =>
    name.startsWith(".")
      ? relative(root, join(root, dirname(file), name))
          .split(sep)
          .join("/")
      : name;
  return [
    ...[...statements].map((match) => ({ file, target: target(match[2]!), isType: match[1] !== undefined })),
    ...[...dynamic].map((match) => ({ file, target: target(match[1]!), isType: false, isLazy: true })),
  ];
}

function isAllowed({ file, target, isType }: Import): boolean {
  const room = roomOf(file)!;
  if (!/^(src|data)\//.test(target)) {
    if (target === "package.json") return room === "cli";
    if (room === "runtime" && target.startsWith("node:")) return nodeFiles.includes(file);
    return packages.get(room)!.some((pattern) => pattern.test(target));
  }
  const to = roomOf(target)!;
  if (to === room || table.get(room)!.includes(to)) return true;
  return doors.some((door) => file.startsWith(door.from) && target === door.to && (isType || !door.typesOnly));
}

const files = [...sourceFiles("src"), ...sourceFiles("data")].filter(
  (file) => roomOf(file) !== file && file.split("/").length > 1,
);

test("every room of src/ is in the table", () => {
  const rooms = new Set(files.filter((file) => file.split("/").length > 2 || !file.startsWith("src/")).map(roomOf));
  expect([...rooms].sort()).toEqual([...table.keys()].sort());
});

test("imports keep to the table", () => {
  const imports = files.filter((file) => table.has(roomOf(file)!)).flatMap(importsOf);
  expect(imports.length).toBeGreaterThan(300);
  const broken = imports.filter((each) => !isAllowed(each)).map(({ file, target }) => `${file} imports ${target}`);
  expect(broken).toEqual([]);
});

test.each([
  ["src/ir/x.ts", "src/dsl/ast.ts", true, false],
  ["src/base/x.ts", "src/ir/types.ts", true, false],
  ["src/codegen/x.ts", "src/runtime/library.ts", true, true],
  ["src/codegen/x.ts", "src/runtime/library.ts", false, false],
  ["src/codegen/x.ts", "src/runtime/io.ts", true, false],
  ["src/runtime/x.ts", "node:fs", false, false],
  ["src/dsl/x.ts", "chevrotain", false, true],
  ["src/ir/x.ts", "chevrotain", false, false],
  ["src/cli/x.ts", "src/dsl/parse.ts", false, true],
])("%s importing %s (types: %s) is allowed: %s", (file, target, isType, allowed) => {
  expect(isAllowed({ file, target, isType })).toBe(allowed);
});

test("heavy packages are loaded when first needed", () => {
  const heavy = files.flatMap(importsOf).filter(({ target }) => /^(ts-morph|esbuild)$/.test(target));
  expect(heavy.some(({ isLazy }) => isLazy)).toBe(true);
  expect(heavy.filter(({ isLazy, isType }) => !isLazy && !isType)).toEqual([]);
});
