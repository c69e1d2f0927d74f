// Kernels that lie beside the program, in a `.wasm` file of their own. Knows files and WebAssembly, no trainer.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Library } from "./library.ts";
import { quoted, UserError } from "./user-error.ts";

/** A library whose `create` is given its kernels compiled. */
interface LibraryWithout {
  readonly manifest: Library["manifest"];
  create(options: { readonly seed?: number; readonly wasm: object }): ReturnType<Library["create"]>;
}

/** No part of the language, so not among the types. */
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };

/** The library with the kernels of that file, which is read when the first trainer is made. */
export function withKernels({ manifest, create }: LibraryWithout, url: URL): Library {
  return { manifest, create: (options = {}) => create({ ...options, wasm: kernelsOf(fileURLToPath(url)) }) };
}

function kernelsOf(path: string): object {
  const help = "It belongs beside the program; `nnc build --target wasm --wasm file` writes both.";
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new UserError("train/kernels", `there is no ${quoted(path)}, which holds the kernels`, help);
  }
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    throw new UserError("train/kernels", `${quoted(path)} holds no kernels that this machine can run`, help);
  }
}
