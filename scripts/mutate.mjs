// `npm run mutate [-- WORD]`: plants one bug at a time in a scratch copy of this project and runs the tests that should notice.
// Prints killed or survived for each (those whose name has WORD, if given); fails where one survives or no longer applies.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { mutants } from "./mutants.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const word = process.argv[2] ?? "";
const chosen = mutants.filter(({ name }) => name.includes(word));

const scratch = mkdtempSync(path.join(tmpdir(), "nnc-mutants-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
for (const file of tracked.toString().split("\0")) {
  if (/^(src|test|scripts|data|models|docs)\/|^[^/]+\.(json|ts)$/.test(file)) {
    cpSync(path.join(root, file), path.join(scratch, file), { force: true });
  }
}
symlinkSync(path.join(root, "node_modules"), path.join(scratch, "node_modules"));

/** Whether the tests pass in the scratch copy. A run that hangs has noticed something too. */
function pass(tests) {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--bail=1", "--no-file-parallelism", "--reporter=dot", ...tests];
  const { status } = spawnSync(process.execPath, args, { cwd: scratch, stdio: "ignore", timeout: 300_000 });
  return status === 0;
}

const all = [...new Set(chosen.flatMap(({ tests }) => tests))];
if (!pass(all)) {
  console.error(`Without any planted bug these tests fail already:\n  ${all.join("\n  ")}`);
  process.exit(1);
}
const survivors = [];
for (const { name, file, from, to, tests } of chosen) {
  const target = path.join(scratch, file);
  const text = readFileSync(target, "utf8");
  const pieces = text.split(from);
  if (pieces.length !== 2) {
    console.log(`no longer applies   ${name} (${file} has the text ${pieces.length - 1} times)`);
    survivors.push(name);
    continue;
  }
  const start = performance.now();
  writeFileSync(target, pieces.join(to));
  // The most likely test first; the others only if that one saw nothing.
  const survived = tests.every((test) => pass([test]));
  writeFileSync(target, text);
  if (survived) survivors.push(name);
  const seconds = ((performance.now() - start) / 1000).toFixed(0).padStart(3);
  console.log(`${survived ? "SURVIVED" : "killed  "} ${seconds} s  ${name}`);
}
console.log(`${chosen.length} planted bugs, ${chosen.length - survivors.length} killed`);
process.exitCode = survivors.length > 0 ? 1 : 0;
