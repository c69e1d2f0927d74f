// Kernels that lie beside the program, in a `.wasm` file of their own. Knows files and WebAssembly, no trainer.
import { createHash } from "node:crypto";
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
export function withKernels({ manifest, create }: LibraryWithout, url: URL, sha256: string): Library {
  return { manifest, create: (options = {}) => create({ ...options, wasm: kernelsOf(fileURLToPath(url), sha256) }) };
}

function kernelsOf(path: string, sha256: string): object {
  const help = "It belongs beside the program; `nnc build --target wasm --wasm file` writes both.";
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new UserError("train/kernels", `there is no ${quoted(path)}, which holds the kernels`, help);
  }
  if (createHash("sha256").update(bytes).digest("hex") !== sha256)
    throw new UserError("train/kernels", `${quoted(path)} is not the file that was built with this program`, help);
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    throw new UserError("train/kernels", "this machine runs no WebAssembly with vectors", "Build with --target ts.");
  }
}
