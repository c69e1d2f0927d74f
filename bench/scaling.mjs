// Steps per second of an exported PyTorch program on one process and on two of this machine, one thread each; and what a step
// sends. `node bench/scaling.mjs OUT.py [--data-dir DIR] [--steps K]`, OUT.py from `nnc export --to pytorch`.
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "data-dir": { type: "string" },
    data: { type: "string" },
    steps: { type: "string", default: "200" },
    repeat: { type: "string", default: "3" },
    python: { type: "string", default: process.env.NNC_PYTHON ?? "/usr/bin/python3" },
  },
});

/** The best of several runs: what else the machine does only slows them. */
function stepsPerSecond(file, processes) {
  let best = 0;
  for (let k = 0; k < Number(values.repeat); k++) {
    const argv = [
      file,
      "--threads",
      "1",
      "--epochs",
      "1000",
      "--max-steps",
      values.steps,
      "--nproc",
      String(processes),
    ];
    if (values["data-dir"]) argv.push("--data-dir", values["data-dir"]);
    if (values.data) argv.push("--data", values.data);
    const { status, stdout, stderr } = spawnSync(values.python, argv, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    best = Math.max(best, Number(/ steps in ([\d.]+) s/.exec(stdout)[1]) ** -1 * Number(values.steps));
  }
  return best;
}

for (const file of positionals) {
  const [one, two] = [1, 2].map((processes) => stepsPerSecond(file, processes));
  console.log(
    `${file}: ${one.toFixed(0)} steps/s on one process, ${two.toFixed(0)} on two (${(two / one).toFixed(2)} times)`,
  );
}
