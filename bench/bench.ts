// `npm run bench`: measures nnc against its peers, prints tables, writes results/*.json and a chart. See README.md.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chart } from "./chart.ts";
import { compileCosts } from "./compile-cost.ts";
import { writeImages, writeInputs, writeText } from "./inputs.ts";
import { jobs } from "./jobs.ts";
import { kernels } from "./kernels.ts";
import { findTorch, peerKinds, peersInstalled } from "./peer.ts";
import { type RaceOptions, type RaceResult, race } from "./race.ts";
import { compileTable, jobTable, kernelTable, raceTable, versions } from "./report.ts";
import { benchFolder, findTarget, libraryFor, reference } from "./targets.ts";
import { workloads } from "./workloads.ts";

const sections = ["race", "kernels", "compile", "jobs"] as const;

const help = `npm run bench -- [options]
  --only NAMES     of ${workloads.map((w) => w.name).join(", ")}
  --peers NAMES    of ours, torch, jax, tfjs, or single ones (ts, torch-tuned, tfjs-cpu, …)
  --sections NAMES of ${sections.join(", ")}
  --quick          fewer and shorter rounds
  --clock CLOCK    wall (default), or cpu for a machine that others use too
  --data-dir DIR   where MNIST lies; also NNC_DATA_DIR
  --out NAME       results/NAME.json and .svg; "latest" for a full run, else "partial"
`;

/** Our own peer, which run.mjs bundled beside this file. */
const bundle = fileURLToPath(new URL("peers/ours.mjs", import.meta.url));

const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string" },
    sections: { type: "string" },
    quick: { type: "boolean", default: false },
    clock: { type: "string", default: "wall" },
    "data-dir": { type: "string" },
    out: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (given.help) process.stdout.write(help);
else process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = (text: string | undefined): readonly string[] | undefined => text?.split(",").map((s) => s.trim());
  const [only, peers, parts] = [chosen(given.only), chosen(given.peers), chosen(given.sections)];
  const clock = given.clock;
  if (clock !== "wall" && clock !== "cpu") return wrong(`--clock is wall or cpu, not ${clock}`);
  const strange = [
    ...(only ?? []).filter((name) => !workloads.some((w) => w.name === name)),
    ...(parts ?? []).filter((name) => !sections.some((s) => s === name)),
  ];
  if (strange.length > 0) return wrong(`there is no ${strange.join(", ")}`);
  const wants = (part: (typeof sections)[number]): boolean => parts?.includes(part) ?? only === undefined;
  const full = !given.quick && !given.only && !given.peers && !given.sections;
  if (!peersInstalled() && peers?.every((p) => p === "ours" || p === "torch") !== true) install();

  const folder = mkdtempSync(join(tmpdir(), "nnc-bench-"));
  try {
    const all = peerKinds(bundle, findTorch());
    const absent = (peers ?? []).filter((p) => !all.some(({ name, family }) => name === p || family === p));
    if (absent.length > 0) return wrong(`this machine has no peer ${absent.join(", ")}`);
    // The reference always runs: every ratio is to it.
    const kinds = all.filter(
      (k) => peers === undefined || peers.includes(k.name) || peers.includes(k.family) || k.name === reference,
    );
    const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version, clock };
    print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${new Date().toISOString()}\n`);
    const results: RaceResult[] = [];
    if (parts?.includes("race") ?? true) {
      const dataDir = given["data-dir"] ?? process.env["NNC_DATA_DIR"];
      const data = { images: writeImages(folder, dataDir), text: writeText(folder) };
      print(`images: ${data.images.title}; text: ${data.text.title}\n`);
      for (const workload of workloads.filter((w) => only?.includes(w.name) ?? true)) {
        const library = await libraryFor(workload, findTarget(reference));
        const inputs = writeInputs(folder, workload, data[workload.data], library);
        results.push(await race(workload, inputs, kinds, reference, raceOptions(clock)));
        clear();
        print(`\n${raceTable(workload, results.at(-1)!)}\n`);
      }
    }
    if (results.length > 0) print(`\n${versions(results)}\n`);
    const kernelRows = wants("kernels") ? await kernels(given.quick) : undefined;
    if (kernelRows) print(`\n${kernelTable(kernelRows)}\n`);
    const compileRows = wants("compile") ? compileCosts(given.quick) : undefined;
    if (compileRows) print(`\n${compileTable(compileRows)}\n`);
    const jobRows = wants("jobs")
      ? jobs(folder, given["data-dir"] ?? process.env["NNC_DATA_DIR"], given.quick)
      : undefined;
    if (jobRows) print(`\n${jobTable(jobRows)}\n`);

    const name = given.out ?? (full ? "latest" : "partial");
    const out = join(benchFolder, "results");
    mkdirSync(out, { recursive: true });
    const record = {
      date: new Date().toISOString(),
      machine,
      races: results,
      kernels: kernelRows,
      compile: compileRows,
      jobs: jobRows,
    };
    writeFileSync(join(out, `${name}.json`), `${JSON.stringify(record, null, 1)}\n`);
    if (results.length > 0) writeFileSync(join(out, `${name}.svg`), chart(results, machine));
    print(`\nwritten: bench/results/${name}.json${results.length > 0 ? ` and ${name}.svg` : ""}\n`);
    return verdict(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function raceOptions(clock: RaceOptions["clock"]): RaceOptions {
  const say = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  return given.quick
    ? { rounds: 5, round: 0.08, patience: 3, check: { steps: 50, seconds: 5 }, clock, say }
    : { rounds: 15, round: 0.25, patience: 15, check: { steps: 50, seconds: 25 }, clock, say };
}

/** 1 where a peer computed something else: then its time says nothing. */
function verdict(results: readonly RaceResult[]): number {
  const wrongOnes = results.flatMap(({ workload, entries }) =>
    entries.filter((e) => e.check?.agrees === false).map((e) => `${e.peer} on ${workload}`),
  );
  if (wrongOnes.length === 0) return 0;
  print(`\nLOSSES DIFFER: ${wrongOnes.join(", ")}\n`);
  return 1;
}

function install(): void {
  print("installing the peers into bench/node_modules (npm ci, once)\n");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: benchFolder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) print("the peers could not be installed: jax-js and TensorFlow.js are left out\n");
}

function wrong(text: string): number {
  process.stderr.write(`${text}\n\n${help}`);
  return 2;
}

function print(text: string): void {
  process.stdout.write(text);
}

function clear(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
}
