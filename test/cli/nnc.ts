// Runs the command line in this process and catches what it prints; folders for files of one test.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type Cli, nodeCli } from "../../src/cli/cli.ts";
import { run } from "../../src/cli/main.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `env`: variables instead of this process's own. */
export async function nnc(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const cli: Cli = {
    ...nodeCli(),
    color: false,
    cache: undefined,
    isTerminal: false,
    width: () => 100,
    env: (name) => env[name],
    print: (text) => {
      stdout += text;
    },
    warn: (text) => {
      stderr += text;
    },
  };
  const code = await run(argv, cli);
  return { code, stdout, stderr };
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder with these files; gone after the tests of the file. */
export function folderWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), "nnc-test-"));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}
