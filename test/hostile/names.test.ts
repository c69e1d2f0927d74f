// Code through names, texts, comments and file names: whatever they hold, a model is refused cleanly, or what is emitted has the
// syntax tree that it has with plain names, and computes the same numbers.
import { spawnSync } from "node:child_process";
import { ts } from "ts-morph";
import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../src/base/diagnostic.ts";
import { hasErrors } from "../../src/cli/diagnostics.ts";
import { loadLibrary } from "../../src/cli/in-memory.ts";
import { outputsOf } from "../../src/cli/outputs.ts";
import { compile } from "../../src/codegen/compile.ts";
import { printDeclarations } from "../../src/codegen/ts/declarations.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { watText } from "../../src/codegen/wat/module.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";
import { printPyTorch } from "../../src/export/pytorch/file.ts";
import type { Module } from "../../src/ir/module.ts";
import { check as checkAll } from "../dsl/compile.ts";
import { hostileNames, hostileTexts } from "./hostile-words.ts";

/** A model in which each position of a name is a word of its own. */
const template = `# NOTE
import "other.nn" as ALIAS
dim DIM = 4
hyper HYPER = 0.5
fn FN(ARG, NAMED = 2) {
  param PARAM: [DIM] = ones()
  ARG * PARAM * NAMED
}
model MODEL(COLUMN: [N, 4]) -> (OUTPUT: [N, 4], second: [N, 4]) {
  param weights: [4] = ones()
  state STATE: [4] = zeros()
  STATE <- 0.9 * STATE + mean(COLUMN, axis=0)
  LAYER = FN(COLUMN, NAMED = 3)     # NOTE
  total_ = LAYER * weights + STATE + ALIAS.double(HYPER)
  for ROUND in 1:3 { total_ = total_ * ROUND }
  (total_, LAYER)
}
model ENTRY(z: [N, 4]) { z + 1 }
loss(OUTPUT, TARGET: [N, 4]) = mse(OUTPUT, TARGET)
metric METRIC(OUTPUT, TARGET) = mse(OUTPUT, TARGET)
optimizer RULE(POINT, SLOPE, RATE = 0.1) {
  state MOMENT: shape(POINT) = 0
  speed = 0.9 * MOMENT + SLOPE
  MOMENT <- speed
  POINT <- POINT - RATE * speed
}
train { optimizer.LAYER = sgd(lr = 0.2); optimizer = RULE(_, _, RATE = 0.1); batch = 4 }
`;
/** A file that is imported by a name of the importer's choice. */
const importFile = (path: string) => ({ path, text: "fn double(x) = 2 * x\n" });
const positions = template.match(/\b[A-Z]{2,}\b/g)!.filter((word) => word !== "NOTE");
const plain = (text: string): string => text.replace(/\b[A-Z]{2,}\b/g, (word) => `${word.toLowerCase()}_`);
/** The template with other names at some positions. */
const placed = (names: ReadonlyMap<string, string>): string =>
  template.replace(/\b[A-Z]{2,}\b/g, (word) => names.get(word) ?? `${word.toLowerCase()}_`);

/** The module, where nothing is wrong. */
function check(text: string): { readonly module?: Module; readonly diagnostics: readonly Diagnostic[] } {
  const { module, diagnostics } = checkAll(text, { importFile });
  return module && !hasErrors(diagnostics) ? { module, diagnostics } : { diagnostics };
}

/** Kinds of all nodes, in order. Whether a property's name is quoted is no matter of shape. */
function shapeOf(text: string): string {
  const file = ts.createSourceFile("x.ts", text, ts.ScriptTarget.ES2022, true);
  const { parseDiagnostics } = file as unknown as { parseDiagnostics: readonly unknown[] };
  expect(parseDiagnostics).toEqual([]);
  const kinds: number[] = [];
  const open: ts.Node[] = [file];
  for (let node = open.pop(); node; node = open.pop()) {
    const isKey =
      node.parent && "name" in node.parent && node.parent.name === node && !ts.isBindingName(node) && isQuoted(node);
    kinds.push(isKey ? ts.SyntaxKind.Identifier : node.kind);
    if (!isKey) ts.forEachChild(node, (child) => void open.push(child));
  }
  return kinds.join(" ");
}

const isQuoted = (node: ts.Node): boolean => ts.isComputedPropertyName(node) || ts.isStringLiteral(node);

const emitted = (module: Module) => {
  const unit = compile(module, { target: "ts" });
  const doc = emitModule(unit, true);
  return { unit, text: printPlain(doc, true), types: printDeclarations(doc, unit.manifest) };
};

/** The losses of three steps, and what is left in every slot. */
async function trained(unit: ReturnType<typeof compile>): Promise<number[]> {
  const { create, manifest } = await loadLibrary(unit);
  const trainer = create({ seed: 1 });
  const numbers: number[] = [];
  for (const { name } of manifest.columns) {
    const values = trainer.inputs[name]!;
    for (let i = 0; i < values.length; i++) values[i] = (i % 5) / 4;
  }
  for (let step = 0; step < 3; step++) {
    trainer.step(4);
    numbers.push(trainer.scalars[trainer.index["loss"]!]!);
  }
  for (const { name } of manifest.slots) numbers.push(...trainer.read(name));
  trainer.evaluate(4);
  for (const { name } of manifest.outputs) numbers.push(...trainer.read(name));
  return numbers;
}

const watched = (): string =>
  JSON.stringify(
    [Object.prototype, Array.prototype, Function.prototype].map((each) => Reflect.ownKeys(each).map(String)),
  );

const base = emitted(check(plain(template)).module!);

describe("names", async () => {
  const before = watched();
  const words = [...new Set(positions)];
  // A name that the template has already means something else there.
  const names = hostileNames.filter((name) => !new RegExp(`\\b${name}\\b`).test(plain(template)));
  const takes = (position: string, name: string): boolean =>
    check(placed(new Map([[position, name]]))).module !== undefined;
  const everywhere = names.filter((name) => words.every((position) => takes(position, name)));
  const rejected = [...names, ...hostileTexts].filter((name) => !everywhere.includes(name));

  test("there are 200 of them; most may stand anywhere", () => {
    expect(hostileNames.length + hostileTexts.length).toBeGreaterThanOrEqual(200);
    expect(words.length).toBeGreaterThanOrEqual(20);
    expect(everywhere.length).toBeGreaterThan(7 * words.length);
    for (const name of ["__proto__", "constructor", "toString", "await", "arguments", "eval"]) {
      expect(everywhere).toContain(name);
    }
  });

  test("each at every position, all positions at once: the same tree, the same numbers", async () => {
    const shape = shapeOf(base.text);
    const typesShape = shapeOf(base.types);
    const numbers = await trained(base.unit);
    for (let round = 0; round < everywhere.length; round++) {
      // Positions are far enough apart in the list never to have the same name.
      const chosen = words.map((word, p) => [word, everywhere[(round + 7 * p) % everywhere.length]!] as const);
      const { module, diagnostics } = check(placed(new Map(chosen)));
      const what = JSON.stringify(chosen).slice(0, 1000);
      expect(
        diagnostics.map(({ message }) => message),
        what,
      ).toEqual([]);
      const made = emitted(module!);
      expect(shapeOf(made.text) === shape, what).toBe(true);
      expect(shapeOf(made.types) === typesShape, what).toBe(true);
      expect(await trained(made.unit), what).toEqual(numbers);
    }
    expect(watched()).toBe(before);
  });

  test("the others are refused in words, or mean the same", () => {
    for (const name of rejected) {
      for (const position of words) {
        const { module, diagnostics } = check(placed(new Map([[position, name]])));
        if (module) emitted(module);
        else expect(diagnostics.length, `${position} ${name}`).toBeGreaterThan(0);
        for (const { code, message } of diagnostics) {
          expect(code).toMatch(/^[a-z]+\/[a-z-]+$/);
          expect(message.length).toBeLessThan(1000);
        }
      }
    }
    expect(watched()).toBe(before);
    expect(globalThis).not.toHaveProperty("hit");
  });
});

test("the suite runs without `__proto__` of objects, here and in the processes that it starts", () => {
  expect(() => Reflect.get({}, "__proto__")).toThrow();
  const script = 'try { Reflect.get({}, "__proto__") } catch { console.log("throws") }';
  expect(spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stdout).toBe("throws\n");
});

test("comments and texts of any content leave the tree alone", () => {
  const shape = shapeOf(base.text);
  const withData = (path: string): string =>
    plain(template).replace("batch = 4", () => `batch = 4; data = csv(${path}, train = 0:4)`);
  const dataShape = shapeOf(emitted(check(withData('"plain.csv"')).module!).text);
  for (const text of [...hostileTexts, ...hostileNames]) {
    const noted = check(plain(template).replaceAll("NOTE", () => text));
    if (noted.module) expect(shapeOf(emitted(noted.module).text), text).toBe(shape);
    else expect(noted.diagnostics.length, text).toBeGreaterThan(0);
    const { module, diagnostics } = check(withData(JSON.stringify(text)));
    if (!module) {
      expect(diagnostics.length, text).toBeGreaterThan(0);
      continue;
    }
    const made = emitted(module);
    expect(shapeOf(made.text), text).toBe(dataShape);
    expect(made.unit.manifest.train!.data!.positional).toEqual([text]);
  }
});

test("files of any name are written with that name and hold no code of it", async () => {
  const { module } = check(plain(template));
  const plainFiles = await outputsOf("plain", module!, { reuse: true });
  const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const shapes = new Map([...plainFiles].map(([file, bytes]) => [file.slice("plain".length), shapeOf(textOf(bytes))]));
  for (const name of hostileTexts.filter((text) => !/[\0/]/.test(text) && text.length < 200)) {
    const files = await outputsOf(name, module!, { reuse: true });
    expect([...files.keys()]).toEqual([".ts", ".js", ".d.ts", ".train.js"].map((ending) => name + ending));
    for (const [file, bytes] of files) expect(shapeOf(textOf(bytes)), file).toBe(shapes.get(file.slice(name.length)));
  }
});

test("a model file of any name: the same kernels on every target, and nothing of the name but in comments", async () => {
  const read = (path: string): Module => {
    const parsed = parse({ path, text: plain(template) });
    return elaborate(parsed.file, { importFile }).module!;
  };
  const withoutComments = (wat: string): string => wat.replace(/;;.*$/gm, "").replace(/\s+/g, " ");
  const base = read("plain.nn");
  const [shape, kernels] = [shapeOf(emitted(base).text), withoutComments(watText(compile(base, { target: "wasm" })))];
  for (const name of [...hostileTexts, "a\nunreachable ;;", "a\r) (;", "a\u2028b"].filter(
    (text) => !text.includes("\0"),
  )) {
    const module = read(`${name}.nn`);
    const { text } = emitted(module);
    expect(shapeOf(text), name).toBe(shape);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]/);
    const wat = watText(compile(module, { target: "wasm" }));
    expect(withoutComments(wat), name).toBe(kernels);
    expect(printPyTorch(module, `${name}.nn`).text.split("\n").slice(1), name).toEqual(
      printPyTorch(base, "plain.nn").text.split("\n").slice(1),
    );
  }
  const unit = compile(read("a\nunreachable ;;.nn"), { target: "wasm" });
  expect(assemble(watText(unit)).length).toBeGreaterThan(100);
});
