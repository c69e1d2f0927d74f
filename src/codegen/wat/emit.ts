// The WebAssembly target's part of the emitted file: one memory for tensors and scalars, the kernels as the bytes of a module.
import type { Unit } from "../compile.ts";
import type { Emission } from "../emission.ts";
import { runName } from "../kernel-docs.ts";
import type { StatementDoc } from "../module-doc.ts";
import { base64Constant, bytesOfBase64 } from "../ts/base64.ts";
import { teamFunctions, teamMembers, teamTop } from "./emit-team.ts";
import { importedFunctions } from "./functions.ts";
import { memoryMap } from "./memory.ts";
import { importsOf, kernelCalls, watText } from "./module.ts";

/** `bytes`: the assembled module; without them `create` is given it compiled. `apart`: it is that of `watTextApart`. */
export function wasmEmission(unit: Unit, bytes: Uint8Array | undefined, apart: boolean): Emission {
  const memory = memoryMap(unit);
  const imports = importsOf(watText(unit));
  const passed = ["memory", ...imports.map((name) => `${name}: ${importedFunctions.get(name)!}`)];
  const { team } = memory;
  const pages = `initial: ${memory.pages}, maximum: ${memory.pages}${team === undefined ? "" : ", shared: true"}`;
  const sleeps = team === undefined ? "" : ", sleeps: maySleep(words)";
  return {
    top: (types) => [
      ...(types ? [declaration(unit, bytes !== undefined)] : []),
      ...(bytes ? [base64Constant("kernels", ["The kernels: a WebAssembly module as base64."], [bytes])] : []),
      ...(team === undefined ? [] : teamTop(team, passed)),
    ],
    options: [`readonly wasm${bytes ? "?" : ""}: object`],
    arena: [`const memory = new WebAssembly.Memory({ ${pages} });`, "const arena = memory.buffer;"],
    scalars: `new Float64Array(arena, ${memory.scalarsAt}, ${memory.scalarCount})`,
    instance: [
      ...(bytes
        ? [`const module = options.wasm ?? new WebAssembly.Module(${bytesOfBase64("kernels")});`]
        : ["const module = options.wasm;"]),
      ...(team === undefined ? [] : ["const words = wordsOf(memory);"]),
      `const programs = new WebAssembly.Instance(module, { env: { ${passed.join(", ")}${sleeps} } }).exports;`,
      ...(memory.streams.size > 0 ? [`scalars[${memory.seed}] = seed;`] : []),
      ...(team === undefined ? [] : ["const team = { module, memory };"]),
    ],
    functions: team === undefined ? [] : teamFunctions,
    kernels: () => [],
    calls: ({ name }) => {
      const run = `programs.${runName(name)}`;
      if (apart) {
        const each = kernelCalls(unit, memory, name).map(
          (k) => `programs.${k.name}(${["N", ...k.places].join(", ")});`,
        );
        return [`${run}(N);`, ...each];
      }
      return [team === undefined ? `${run}(N);` : `together(${run}, N);`];
    },
    members: team === undefined ? [] : teamMembers,
    helpers: imports.filter((name) => importedFunctions.get(name) === name),
  };
}

/** The types of no browser may be at hand where the file is used. */
function declaration({ programs, threads }: Unit, decodes: boolean): StatementDoc {
  const names = programs.map(({ name }) => `"${runName(name)}"`).join(" | ");
  const [shared, buffer] = threads ? ["; shared: true", "SharedArrayBuffer"] : ["", "ArrayBuffer"];
  const exported = `Readonly<Record<${names}, (N: number) => void>>`;
  const ofTeam = ' & Readonly<Record<"work" | "disband", () => void>>';
  return {
    kind: "text",
    lines: [
      "declare const WebAssembly: {",
      `  readonly Memory: new (pages: { initial: number; maximum: number${shared} }) => { readonly buffer: ${buffer} };`,
      "  readonly Module: new (bytes: Uint8Array) => object;",
      "  readonly Instance: new (",
      "    module: object,",
      "    imports: object,",
      `  ) => { readonly exports: ${exported}${threads ? ofTeam : ""} };`,
      "};",
      ...(decodes ? ["declare const atob: (base64: string) => string;"] : []),
    ],
  };
}
