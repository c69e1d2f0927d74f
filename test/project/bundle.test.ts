// What `nnc --version` has to load: the entry of dist/ and nothing heavy.
import { build } from "esbuild";
import { expect, test } from "vitest";
import { esbuildPlugin } from "../../scripts/embed.mjs";

test("the entry loads neither parser nor code generator", async () => {
  const { metafile } = await build({
    entryPoints: ["src/cli/nnc.ts"],
    absWorkingDir: new URL("../..", import.meta.url).pathname,
    outdir: "dist",
    write: false,
    bundle: true,
    splitting: true,
    metafile: true,
    format: "esm",
    platform: "node",
    external: ["ts-morph", "esbuild"],
    plugins: [esbuildPlugin()],
  });
  const entry = Object.keys(metafile.outputs).find((name) => metafile.outputs[name]!.entryPoint === "src/cli/nnc.ts")!;
  const eager = new Set([entry]);
  for (const name of eager) {
    for (const { path, kind } of metafile.outputs[name]!.imports)
      if (kind === "import-statement" && path in metafile.outputs) eager.add(path);
  }
  const inputs = [...eager].flatMap((name) => Object.keys(metafile.outputs[name]!.inputs));
  expect(inputs).toContain("src/cli/main.ts");
  expect(inputs.filter((path) => /chevrotain|src\/(dsl|codegen|ir\/(ops|passes))\//.test(path))).toEqual([]);
  // Chunks that a command loads later are there.
  expect(Object.keys(metafile.inputs).some((path) => path.includes("chevrotain"))).toBe(true);
});
