// Source maps of built files, asked by those who use them: Node names the line of the model where a kernel fails.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";

const model = readFileSync("models/mnist_logistic.nn", "utf8");
const lineOf = (text: string): number => model.split("\n").findIndex((line) => line.includes(text)) + 1;

async function built(): Promise<string> {
  const folder = folderWith({ "digit.nn": model });
  const { code, stderr } = await nnc(["build", join(folder, "digit.nn"), "-o", folder, "--source-maps"]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return folder;
}

test.each(["digit.js", "digit.train.js"])("a stack trace through %s names the line of the model", async (file) => {
  const folder = await built();
  // exp is called by the softmax alone; in the bundled program the library is not exported, so it is only run.
  const script =
    file === "digit.js"
      ? `import { create } from ${JSON.stringify(join(folder, file))};
         const trainer = create();
         Math.exp = () => { throw new Error("stopped in a kernel"); };
         trainer.step(4);`
      : `Math.exp = () => { throw new Error("stopped in a kernel"); };
         process.argv = ["node", "x", "--data", "digits", "--max-steps", "1"];
         await import(${JSON.stringify(join(folder, file))});`;
  const { stderr } = spawnSync(process.execPath, ["--enable-source-maps", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(stderr).toContain("stopped in a kernel");
  expect(stderr).toMatch(
    new RegExp(`digit\\.nn:(?:${lineOf("z - log(sum(exp(z)")}|${lineOf("log_softmax(x @ weights + bias)")}):\\d+`),
  );
});

test("every kernel of the emitted TypeScript leads to a line that stands in its comment", async () => {
  const folder = await built();
  const lines = readFileSync(join(folder, "digit.ts"), "utf8").split("\n");
  const map = new SourceMap(JSON.parse(readFileSync(join(folder, "digit.ts.map"), "utf8")));
  let kernels = 0;
  for (const [k, line] of lines.entries()) {
    if (!/^ {2}function \w+\(N: number/.test(line)) continue;
    const entry = map.findEntry(k, 2);
    if (!("originalLine" in entry) || !entry.originalSource.endsWith("digit.nn")) continue;
    kernels++;
    // The doc comment above a kernel names its lines.
    const comment = lines.slice(lines.lastIndexOf("  /**", k), k).join("\n");
    expect(comment).toContain(`digit.nn:${entry.originalLine + 1} `);
  }
  expect(kernels).toBeGreaterThan(8);
});

test("without the option nothing is written and nothing is linked", async () => {
  const folder = folderWith({ "digit.nn": model });
  const { stdout } = await nnc(["build", join(folder, "digit.nn"), "-o", folder]);
  expect(stdout).not.toContain(".map");
  expect(readFileSync(join(folder, "digit.js"), "utf8")).not.toContain("sourceMappingURL");
});
