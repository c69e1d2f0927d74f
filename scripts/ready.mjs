// Before `npm start` and `npm test`: installs and builds what is missing or out of date. Needs nothing but Node and npm.
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const changed = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs;

/** When a file below these folders was last changed. */
function newest(...folders) {
  let latest = 0;
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return latest;
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (error) console.error(`cannot run ${program}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

// npm writes this file at the end of an installation.
const installed = changed("node_modules/.package-lock.json");
if (installed === undefined || installed < changed("package-lock.json")) run("npm", ["ci"]);

const built = changed("dist/nnc.js");
if (built === undefined || built < Math.max(newest("src", "data", "scripts"), changed("package.json"))) {
  run(process.execPath, ["scripts/build.mjs"]);
}
