// The examples, run as their first lines say: a model trained a little, built, and used by a program of its own.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";

/** Trains for two steps and builds; gives the library and the parameters. */
async function trained(model: string, options: readonly string[], data: readonly string[]): Promise<string[]> {
  const folder = folderWith({});
  const parameters = join(folder, "parameters.safetensors");
  const file = `models/${model}.nn`;
  const run = await nnc(["train", file, ...options, ...data, "--max-steps=2", "--quiet", "--save", parameters]);
  expect(run).toMatchObject({ code: 0, stderr: "" });
  expect(await nnc(["build", file, ...options, "-o", folder])).toMatchObject({ code: 0 });
  return [join(folder, `${model}.js`), parameters];
}

const node = (...argv: string[]): string => execFileSync(process.execPath, argv, { encoding: "utf8", stdio: "pipe" });

describe("examples", () => {
  it("write-text goes on from a prompt, the same for the same seed, past the model's window", async () => {
    const files = await trained("char_gpt", ["--dim", "width=8", "--dim", "layers=1", "--dim", "context=12"], []);
    const write = (seed: string) => node("examples/write-text.mjs", ...files, "fn ", "--length", "40", "--seed", seed);
    const text = write("1");
    expect(text).toMatch(/^fn /);
    expect(text.length).toBe("fn ".length + 40 + "\n".length);
    expect(write("1")).toBe(text);
    expect(write("2")).not.toBe(text);
  });

  it("draw-digits draws what comes of noise", async () => {
    const files = await trained("vae", ["--dim", "code=4"], ["--data=digits"]);
    const lines = node("examples/draw-digits.mjs", ...files, "3")
      .trimEnd()
      .split("\n");
    expect(lines.length).toBe(14);
    expect(lines.join("")).toMatch(/[.:=+*#%@-]{50}/);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(3 * 28 + 2);
  });

  it("say how they are used where nothing is given", () => {
    for (const example of ["write-text", "draw-digits"]) {
      expect(() => node(`examples/${example}.mjs`)).toThrowError(/usage: node examples/);
    }
  });
});
