// What is fuzzed: every reader of files, the front end, and the compiler behind it. Whatever the bytes, a target gives its answer or
// a mistake that is told; anything thrown besides is a crash. `npm run fuzz` runs many mutants, a test some, another the crashes found.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Refusal } from "../../src/base/diagnostic.ts";
import { renderText } from "../../src/base/render.ts";
import { hasErrors } from "../../src/cli/diagnostics.ts";
import { compile } from "../../src/codegen/compile.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { format } from "../../src/dsl/format.ts";
import { parse } from "../../src/dsl/parse.ts";
import { parseCsv } from "../../src/runtime/csv.ts";
import { openIdx } from "../../src/runtime/idx.ts";
import type { Integers } from "../../src/runtime/integers.ts";
import type { OpenFile } from "../../src/runtime/io.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { readNpyHeader } from "../../src/runtime/npy.ts";
import { encodeSafetensors, readHeader, readTensor } from "../../src/runtime/safetensors.ts";
import { charactersOf, readText } from "../../src/runtime/text.ts";
import { UserError } from "../../src/runtime/user-error.ts";

export interface Target {
  readonly name: string;
  /** Good inputs that mutants are made of. */
  readonly seeds: readonly Uint8Array[];
  /** Throws what is no told mistake. */
  run(bytes: Uint8Array): void;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const idx = new Uint8Array([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const safetensors = Buffer.concat(
  encodeSafetensors(
    [
      { name: "a", dtype: "F32", shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
      { name: "b", dtype: "I32", shape: [], values: [7] },
      { name: "c", dtype: "BOOL", shape: [2], values: [1, 0] },
      { name: "d", dtype: "U8", shape: [0, 4], values: [] },
    ],
    new Map([["step", "12"]]),
  ),
);
const npyHeader = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }".padEnd(117);
const npy = Buffer.concat([
  Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
  Buffer.from(`${npyHeader}\n`),
  Buffer.alloc(8),
]);

const told = (work: () => unknown): void => {
  try {
    work();
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof Refusal)) throw error;
  }
};

/** Bytes as a file; reading past its end is a crash. */
const fileOf = (bytes: Uint8Array): OpenFile => ({
  path: "memory",
  size: bytes.length,
  read(at, into) {
    if (at + into.length > bytes.length) throw new Error(`read ${at + into.length} of ${bytes.length} bytes`);
    into.set(bytes.subarray(at, at + into.length));
  },
  close() {},
});

function readIdx(bytes: Uint8Array): void {
  openIdx({ ...nodeFiles, open: () => fileOf(bytes) }, "memory");
}

function compileText(text: string, withCode: boolean): void {
  const source = { path: "fuzz.nn", text };
  const parsed = parse(source);
  const { module, diagnostics } = elaborate(parsed.file, { limits: { nodes: 3000, rounds: 1000 } });
  renderText([...parsed.diagnostics, ...diagnostics], { color: false, width: 80 });
  format(source);
  if (withCode && module && !hasErrors([...parsed.diagnostics, ...diagnostics])) {
    // Syntax that no engine takes is a crash too.
    new Function(printPlain(emitModule(compile(module, { target: "ts" }), false), false).replaceAll(/^export /gm, ""));
  }
}

/** Scripts and tests run in the root of the project. */
const models = "models";
const modelSeeds = (): Uint8Array[] => [
  ...readdirSync(models)
    .filter((name) => name.endsWith(".nn"))
    .map((name) => new Uint8Array(readFileSync(join(models, name)))),
  bytesOf("model m(x: [N, 4]) { param w: [4] = ones()\n x * w |> tanh }\nloss(out, y: [N, 4]) = mse(out, y)\n"),
];

const latin = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export const targets: readonly Target[] = [
  { name: "idx", seeds: [idx, gzipSync(idx)], run: (bytes) => told(() => readIdx(bytes)) },
  {
    // Damage within what a sound gzip stream holds.
    name: "idx-packed",
    seeds: [idx],
    run: (bytes) => told(() => readIdx(gzipSync(bytes, { level: 1 }))),
  },
  {
    name: "safetensors",
    seeds: [safetensors],
    run: (bytes) =>
      told(() => {
        const file = fileOf(bytes);
        for (const entry of readHeader(file).tensors.values()) readTensor(file, entry);
      }),
  },
  { name: "npy", seeds: [npy], run: (bytes) => told(() => readNpyHeader(fileOf(bytes))) },
  {
    name: "csv",
    seeds: [bytesOf('a,b,"c ""d"""\n1,2.5,-3e-4\n4,5,6\n'), bytesOf("1;2\r\n3;4\r\n"), bytesOf("\ufeff1\t2\n")],
    run(bytes) {
      for (const separator of [undefined, ";", "\t"]) {
        told(() => parseCsv("memory", latin(bytes), separator === undefined ? {} : { separator }));
      }
    },
  },
  {
    name: "text",
    seeds: [bytesOf("It was a dark and stormy night; Größe 数 🦜.\n")],
    run(bytes) {
      told(() => readText(fileOf(bytes), "chars"));
      told(() => charactersOf("memory", latin(bytes)));
    },
  },
  { name: "language", seeds: modelSeeds(), run: (bytes) => compileText(latin(bytes), false) },
  { name: "compiler", seeds: modelSeeds(), run: (bytes) => told(() => compileText(latin(bytes), true)) },
];

/** Bytes and pieces that readers tend to stumble over. */
const dictionary = [
  "\0",
  "\xff",
  "\xff\xff\xff\xff",
  "\x7f\xff\xff\xff",
  "\x80\0\0\0",
  "1e999",
  "-1",
  "9007199254740993",
  "18446744073709551615",
  "NaN",
  "null",
  "__proto__",
  "constructor",
  '"',
  "'",
  "\\",
  "\\u0000",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ":",
  "=",
  "\n",
  "\r",
  "\t",
  "\u2028",
  "..",
  "*/",
  "${",
  "#",
  "_",
  "if ",
  " then ",
  " else ",
  "for i in 0:3 { ",
  "param w: [4] = 0\n",
  "state s = 0\n",
  "<-",
  "->",
  "|>",
  "@",
  "**",
  "not ",
  "grad(",
  "N",
  "0",
  "1e-45",
  "inf",
  "axis=-1",
  ".T",
  "model ",
  "fn ",
  "loss",
  "train {",
].map((text) => Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff));

/** A mutant: one to eight small changes of a seed. */
export function mutate(target: Target, numbers: Integers): Uint8Array {
  let bytes: Uint8Array = target.seeds[numbers.below(target.seeds.length)]!;
  for (let left = 1 + numbers.below(8); left > 0; left--) {
    const at = numbers.below(bytes.length + 1);
    const length = Math.min(1 + numbers.below(16), bytes.length - at);
    const piece = bytes.subarray(at, at + length);
    const head = bytes.subarray(0, at);
    const rest = bytes.subarray(at + length);
    const word = dictionary[numbers.below(dictionary.length)]!;
    const other = target.seeds[numbers.below(target.seeds.length)]!;
    const from = numbers.below(other.length + 1);
    const changed = [
      () => [head, piece.map((byte) => byte ^ (1 << numbers.below(8))), rest],
      () => [head, piece.map(() => numbers.below(256)), rest],
      () => [head, word, piece, rest],
      () => [head, word, rest],
      () => [head, rest],
      () => [head, piece, piece, rest],
      () => [head, other.subarray(from, from + 1 + numbers.below(64)), piece, rest],
      () => [head],
    ][numbers.below(numbers.below(4) === 0 ? 8 : 7)]!();
    bytes = new Uint8Array(Buffer.concat(changed));
  }
  return bytes;
}
