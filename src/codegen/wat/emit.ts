// The WebAssembly target's part of the emitted file: one memory for tensors and scalars, the kernels as the bytes of a module.
import type { Unit } from "../compile.ts";
import type { Emission } from "../emission.ts";
import { runName } from "../kernel-docs.ts";
import type { StatementDoc } from "../module-doc.ts";
import { base64Constant, bytesOfBase64 } from "../ts/base64.ts";
import { importedFunctions } from "./functions.ts";
import { memoryMap } from "./memory.ts";
import { importsOf, watText } from "./module.ts";

/** `bytes`: the assembled module; without them `create` is given it compiled. */
export function wasmEmission(unit: Unit, bytes: Uint8Array | undefined): Emission {
  const memory = memoryMap(unit);
  const imports = importsOf(watText(unit));
  const runs = unit.programs.map(({ name }) => runName(name));
  const passed = ["memory", ...imports.map((name) => `${name}: ${importedFunctions.get(name)!}`)];
  return {
    top: (types) => [
      ...(types ? [declaration(runs, bytes !== undefined)] : []),
      ...(bytes ? [base64Constant("kernels", ["The kernels: a WebAssembly module as base64."], [bytes])] : []),
    ],
    options: [`readonly wasm${bytes ? "?" : ""}: object`],
    arena: [
      `const memory = new WebAssembly.Memory({ initial: ${memory.pages}, maximum: ${memory.pages} });`,
      "const arena = memory.buffer;",
    ],
    scalars: `new Float64Array(arena, ${memory.scalarsAt}, ${memory.scalarCount})`,
    instance: [
      ...(bytes
        ? [`const module = options.wasm ?? new WebAssembly.Module(${bytesOfBase64("kernels")});`]
        : ["const module = options.wasm;"]),
      `const programs = new WebAssembly.Instance(module, { env: { ${passed.join(", ")} } }).exports;`,
      ...(memory.streams.size > 0 ? [`scalars[${memory.seed}] = seed;`] : []),
    ],
    kernels: () => [],
    calls: ({ name }) => [`programs.${runName(name)}(N);`],
    helpers: imports.filter((name) => importedFunctions.get(name) === name),
  };
}

/** The types of no browser may be at hand where the file is used. */
function declaration(runs: readonly string[], decodes: boolean): StatementDoc {
  const names = runs.map((name) => `"${name}"`).join(" | ");
  return {
    kind: "text",
    lines: [
      "declare const WebAssembly: {",
      "  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };",
      "  readonly Module: new (bytes: Uint8Array) => object;",
      "  readonly Instance: new (",
      "    module: object,",
      "    imports: object,",
      `  ) => { readonly exports: Readonly<Record<${names}, (N: number) => void>> };`,
      "};",
      ...(decodes ? ["declare const atob: (base64: string) => string;"] : []),
    ],
  };
}
