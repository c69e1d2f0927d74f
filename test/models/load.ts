// Compiles model files in memory as `nnc train` does, and opens the data they name. Prints nothing.
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { renderText } from "../../src/base/render.ts";
import { nodeCli } from "../../src/cli/cli.ts";
import { compileOptions } from "../../src/cli/compile-options.ts";
import { loadLibrary } from "../../src/cli/in-memory.ts";
import { type ReadOptions, readModel } from "../../src/cli/model-file.ts";
import type { Target } from "../../src/cli/target.ts";
import { compile } from "../../src/codegen/compile.ts";
import type { Module } from "../../src/ir/module.ts";
import { type OpenData, openData } from "../../src/runtime/data.ts";
import type { Io } from "../../src/runtime/io.ts";
import type { Library } from "../../src/runtime/library.ts";

const mnist = new URL("../../../shared/data/mnist", import.meta.url).pathname;

/** The folder of MNIST's files, or undefined where this machine has none. */
export const mnistFolder = [process.env["NNC_DATA_DIR"], mnist].find((f) => f !== undefined && existsSync(f));

/** Files and nothing else: what a run prints is dropped. */
export const quietIo = (folder: string): Io => ({ ...nodeCli(), folder, isTerminal: false, print: () => {} });

export function moduleOf(path: string, options: ReadOptions = {}): Module {
  const { module, diagnostics } = readModel(path, nodeCli(), options);
  if (!module) throw new Error(renderText(diagnostics, { color: false, width: 120 }));
  return module;
}

export const libraryOf = (path: string, options: ReadOptions = {}, target: Target = "ts"): Promise<Library> =>
  loadLibrary(compile(moduleOf(path, options), compileOptions({ reuse: true, target })));

/** The data that a library's model names. */
export const dataOf = ({ manifest }: Library, path: string): OpenData =>
  openData(manifest.train!.data!, manifest.columns, { io: quietIo(dirname(path)), dataDir: mnistFolder });
