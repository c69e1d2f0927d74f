// Whether an exported PyTorch program trains as `nnc train` does, and two processes as one: the largest relative difference of any
// of the first losses, as a table. `node bench/same-training.mjs [FILE.nn ...] [--steps 200] [--init FILE] [--data-dir DIR]`;
// without files, four models of this repository. Ours run as TypeScript, which adds up in float64; `--target wasm` adds in f32. Needs dist/ (npm run build), Python with torch, and the models' data.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: "string", default: "200" },
    init: { type: "string" },
    target: { type: "string", default: "ts" },
    "data-dir": { type: "string" },
    python: { type: "string", default: process.env.NNC_PYTHON ?? "/usr/bin/python3" },
  },
});
const usual = ["mnist_logistic", "mnist_mlp", "mnist_cnn", "char_gpt"].map((name) =>
  join(root, "models", `${name}.nn`),
);

function run(program, argv) {
  const { status, stdout, stderr, error } = spawnSync(program, argv, { encoding: "utf8" });
  if (status !== 0) throw new Error(error?.message ?? stderr);
  return stdout;
}

const lossesOf = (path) =>
  readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).loss);

const distance = (a, b) => Math.max(...a.map((loss, k) => Math.abs(loss - b[k]) / Math.abs(b[k])));

const nnc = (...argv) => run(process.execPath, [join(root, "dist/nnc.js"), ...argv]);

console.log("| model | losses | PyTorch against `nnc train` | two processes against one |\n|---|---|---|---|");
for (const file of positionals.length > 0 ? positionals : usual) {
  const folder = mkdtempSync(join(tmpdir(), "nnc-same-"));
  try {
    const log = (name) => ["--log", join(folder, `${name}.jsonl`)];
    const options = ["--max-steps", values.steps, ...(values.init ? ["--init", values.init] : [])];
    const data = values["data-dir"] ? ["--data-dir", values["data-dir"]] : [];
    nnc("train", file, "--quiet", "--target", values.target, ...options, ...data, ...log("ours"));
    const [program] = nnc("export", file, "--to", "pytorch", "-o", folder).split("  ");
    // Files that the model names lie beside it.
    const python = (...more) =>
      run(values.python, [
        program,
        "--threads",
        "1",
        ...options,
        ...(data.length > 0 ? data : ["--data-dir", dirname(file)]),
        ...more,
      ]);
    python(...log("one"));
    python(...log("two"), "--nproc", "2");
    const [ours, one, two] = ["ours", "one", "two"].map((name) => lossesOf(join(folder, `${name}.jsonl`)));
    const shown = [distance(one, ours), distance(two, one)].map((far) => far.toExponential(1));
    console.log(`| ${basename(file, ".nn")} | ${ours.length} | ${shown.join(" | ")} |`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
