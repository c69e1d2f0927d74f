// `npm run mutate [-- --only WORD] [--from PLACE] [--workers K]`: plants one bug at a time in a scratch copy of this project and runs the tests
// that should notice. Prints killed or survived for each; fails where one survives or where its text is no longer there.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { defences } from "./defences.mjs";
import { mutants } from "./mutants.mjs";

const options = {
  only: { type: "string", default: "" },
  from: { type: "string", default: "0" },
  workers: { type: "string", default: "1" },
};
const { values } = parseArgs({ options });
const root = fileURLToPath(new URL("..", import.meta.url));
const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root }).toString().split("\0");

/** A test run that takes longer has noticed something too: a loop that does not end. */
const longest = 240_000;

/** A copy of what tests need, to be broken. */
function scratchCopy() {
  const folder = mkdtempSync(path.join(tmpdir(), "nnc-mutants-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const file of tracked) {
    if (/^(src|test|scripts|data|models|docs)\/|^[^/]+\.(json|ts)$/.test(file)) {
      cpSync(path.join(root, file), path.join(folder, file));
    }
  }
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  return folder;
}

/** Whether a test file passes in a copy. */
function passes(folder, test) {
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--bail=1", "--reporter=dot", `--testTimeout=${longest}`, test];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: "ignore", timeout: longest });
    child.on("exit", (code) => resolve(code === 0));
  });
}

/** Test files that pass without any bug: only their word counts. Each is asked once. */
const sound = new Map();
function isSound(folder, test) {
  if (!sound.has(test)) sound.set(test, passes(folder, test));
  return sound.get(test);
}

/** `killed`, `SURVIVED`, or why the bug could not be planted. */
async function verdictOf(folder, { file, from, to, tests }) {
  const target = path.join(folder, file);
  const text = readFileSync(target, "utf8");
  const pieces = text.split(from);
  if (pieces.length !== 2) return `NOT THERE: ${file} has the text ${pieces.length - 1} times`;
  for (const test of tests) {
    if (!(await isSound(folder, test))) return `NO VERDICT: ${test} fails already`;
  }
  writeFileSync(target, pieces.join(to));
  try {
    // The likeliest test first; the others only if that one saw nothing.
    for (const test of tests) if (!(await passes(folder, test))) return "killed";
    return "SURVIVED";
  } finally {
    writeFileSync(target, text);
  }
}

const queue = [...mutants, ...defences].slice(Number(values.from)).filter(({ name }) => name.includes(values.only));
const planted = queue.length;
let killed = 0;
async function work() {
  const folder = scratchCopy();
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const verdict = await verdictOf(folder, mutant);
    if (verdict === "killed") killed++;
    console.log(`${verdict.padEnd(8)}  ${mutant.name}`);
  }
}
await Promise.all(Array.from({ length: Number(values.workers) }, work));
console.log(`${planted} planted bugs, ${killed} killed`);
process.exitCode = killed === planted ? 0 : 1;
