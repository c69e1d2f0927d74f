// The program as a process of its own: `dist/nnc.js`, which `npm test` builds first.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { folderWith } from "./nnc.ts";

const program = fileURLToPath(new URL("../../dist/nnc.js", import.meta.url));

const model = (size: number): string => `model m(x: [N, 3]) { linear(x, ${size}) }\n`;

/** Waits until what a process has printed matches. */
function printed(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const take = (piece: Buffer): void => {
      text += piece.toString();
      if (pattern.test(text)) resolve(text);
    };
    child.stdout!.on("data", take);
    child.stderr!.on("data", take);
    child.once("exit", (code) => reject(new Error(`ended with ${code} after: ${text}`)));
  });
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.removeAllListeners("exit");
    child.once("exit", resolve);
  });

describe.skipIf(!existsSync(program))("dist/nnc.js", () => {
  test("its exit code is the command's", () => {
    const run = (...words: string[]) => spawnSync(process.execPath, [program, ...words], { encoding: "utf8" });
    expect(run("--version")).toMatchObject({ status: 0, stderr: "" });
    expect(run("frobnicate").status).toBe(2);
    const { status, stderr } = run("check", "no-such.nn");
    expect(status).toBe(1);
    // No terminal, no colours.
    expect(stderr).not.toContain("\u001b[");
  });

  test("a reader that goes away is no mistake", () => {
    const folder = folderWith({ "m.nn": model(10) });
    const command = `"${process.execPath}" "${program}" inspect "${join(folder, "m.nn")}" --stage ts | head -1`;
    const { status, stdout, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", command], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n").length).toBe(2);
  });

  test("builds touch nothing but the folder they were given", () => {
    const folder = folderWith({ "m.nn": model(4), canary: "alive" });
    const { status } = spawnSync(process.execPath, [program, "build", "m.nn", "-o", "out"], { cwd: folder });
    expect(status).toBe(0);
    expect(readFileSync(join(folder, "canary"), "utf8")).toBe("alive");
    expect(readFileSync(join(folder, "m.nn"), "utf8")).toBe(model(4));
  });

  test("--watch runs again after a change, and Ctrl-C ends it", async () => {
    const folder = folderWith({ "m.nn": model(4) });
    const child = spawn(process.execPath, [program, "check", join(folder, "m.nn"), "--watch"]);
    await printed(child, /linear_0\.weight +\[4, 3\].*watching /s);
    child.removeAllListeners("exit");
    const again = printed(child, /linear_0\.weight +\[7, 3\].*watching /s);
    writeFileSync(join(folder, "m.nn"), model(7));
    await again;
    const code = ended(child);
    child.kill("SIGINT");
    expect(await code).toBe(130);
  });
});
