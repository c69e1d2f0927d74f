// Every model that ships: it checks clean, says in its first lines what to expect of it, compiles, and its first steps
// are finite numbers. Trained as a user would; MNIST's models run on the made digits, which every machine has.
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { parseOptions } from "../../src/runtime/options.ts";
import { planRun } from "../../src/runtime/plan.ts";
import { Run } from "../../src/runtime/run.ts";
import { nnc } from "../cli/nnc.ts";
import { libraryOf, quietIo } from "./load.ts";

const paths = readdirSync("models")
  .filter((name) => name.endsWith(".nn"))
  .map((name) => `models/${name}`);
const steps = 3;

it("there are models to test", () => expect(paths.length).toBeGreaterThanOrEqual(11));

describe.each(paths)("%s", (path) => {
  const text = readFileSync(path, "utf8");
  const heading = text.slice(0, text.search(/^[^#]/m));

  it("opens with what it is, and what it was measured to reach and cost", () => {
    expect(heading).toMatch(/^# .+\.\n/);
    expect(heading.replaceAll("\n# ", " ")).toMatch(/ Measured: .*\d s of processor time\./);
  });

  it("checks without a word of complaint, and is formatted", async () => {
    const checked = await nnc(["check", path]);
    expect(checked).toMatchObject({ code: 0, stderr: "" });
    expect(await nnc(["fmt", "--check", path])).toMatchObject({ code: 0 });
  });

  it("trains", { timeout: 300_000 }, async () => {
    const library = await libraryOf(path);
    const madeInstead = library.manifest.train!.data!.source === "mnist" ? ["--data=digits"] : [];
    const options = parseOptions([...madeInstead, `--max-steps=${steps}`], "test");
    const plan = planRun(library.manifest, options, quietIo(dirname(path)));
    const run = new Run(library, plan);
    while (run.step < plan.stop) {
      const rows = run.next();
      expect(rows).toBe(Math.min(plan.batch, plan.data.split.train.count));
      expect(run.loss).toSatisfy(Number.isFinite);
    }
    const rows = run.fillBatch(0);
    for (const [, value] of run.evaluateBatch(rows)) expect(value).toSatisfy(Number.isFinite);
    for (const { name, kind } of library.manifest.slots) {
      if (kind === "param") expect([...run.trainer.read(name)].every(Number.isFinite), name).toBe(true);
    }
  });
});
