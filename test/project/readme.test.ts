// What the README shows is what happens: its commands run, its model is the tutorial's, its library code trains.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exit } from "../../src/cli/cli.ts";
import { rules } from "../../src/runtime/options.ts";
import { nnc } from "../cli/nnc.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "gm"))].map((match) => match[1]!);

const commands = blocks("sh").flatMap((block) => block.split("\n").filter((line) => line.startsWith("nnc ")));

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "nnc-readme-"));
beforeAll(() => {
  symlinkSync(join(root, "models"), join(folder, "models"));
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

test("its commands run", async () => {
  expect(commands.length).toBeGreaterThan(2);
  for (const command of commands) {
    // A few steps on made data tell as much.
    const words = [
      ...command.split(" ").slice(1),
      ...(command.includes("train ") ? ["--data", "digits", "--max-steps", "3"] : []),
    ];
    const { code, stderr } = await nnc(words);
    expect({ command, code, stderr }).toEqual({ command, code: exit.done, stderr: "" });
  }
});

test("its library code runs after them, and learns", () => {
  const [code] = blocks("js");
  writeFileSync(join(folder, "use.mjs"), code!);
  const { status, stdout, stderr } = spawnSync(process.execPath, ["use.mjs"], { cwd: folder, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [, loss] = /^loss (.*)$/m.exec(stdout)!;
  expect(Number(loss)).toBeLessThan(0.5);
  expect(stdout).toContain("classes [ 3, 8 ]");
});

test("its model is the one that `npm start` trains", () => {
  const model = readFileSync(join(root, "models/mnist_logistic.nn"), "utf8");
  // The file's opening comment says more.
  const code = (text: string) => text.replace(/^(#.*\n)+/, "").trim();
  expect(code(blocks("nn")[0]!)).toBe(code(model));
});

test("it names every command and every training option", async () => {
  const { stdout } = await nnc(["--help"]);
  const [, list] = /Commands:\n(.*?)\n\n/s.exec(stdout)!;
  const listed = [...list!.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]!).filter((name) => name !== "help");
  expect(listed.length).toBeGreaterThan(8);
  expect(listed.filter((name) => !readme.includes(`\`nnc ${name}`))).toEqual([]);
  expect(rules.filter(({ flag }) => flag !== "help" && !readme.includes(`--${flag}`))).toEqual([]);
});

test("npm scripts it names exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const name of ["start", "test"]) {
    expect(readme).toContain(`npm ${name}`);
    expect(scripts[name]).toBeDefined();
    expect(scripts[`pre${name}`]).toBe("node scripts/ready.mjs");
  }
});

test("links lead somewhere", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) expect(() => readFileSync(join(root, link))).not.toThrow();
});
