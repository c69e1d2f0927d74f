// `npm run bench`: measures nnc against its peers, prints tables, writes results/*.json and a chart. See README.md.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chart, type Machine } from "./chart.ts";
import { compileCosts } from "./compile-cost.ts";
import { type Verdict, verdicts } from "./goals.ts";
import { writeImages, writeInputs, writeText } from "./inputs.ts";
import { jobs } from "./jobs.ts";
import { kernels } from "./kernels.ts";
import { findTorch, type PeerKind, peerKinds, peersInstalled } from "./peer.ts";
import { probe, quietEnough } from "./probe.ts";
import { type RaceOptions, type RaceResult, race } from "./race.ts";
import { recheckTable, recheckTimes } from "./recheck.ts";
import { compileTable, goalTable, jobTable, kernelTable, raceTable, versions } from "./report.ts";
import { benchFolder, findTarget, libraryFor, reference } from "./targets.ts";
import { workloads } from "./workloads.ts";

const sections = ["race", "kernels", "compile", "recheck", "jobs"] as const;

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

const names = (text: string | undefined): readonly string[] | undefined => text?.split(",").map((s) => s.trim());

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  if (options.help) {
    print(help);
    return 0;
  }
  if (!peersInstalled() && options.peers?.every((p) => p === "ours" || p === "torch") !== true) install();
  const all = peerKinds(bundle, findTorch());
  const absent = (options.peers ?? []).filter((p) => !all.some(({ name, family }) => name === p || family === p));
  if (absent.length > 0) return wrong(`this machine has no peer ${absent.join(", ")}`);
  // The reference always runs: every ratio is to it.
  const wanted = (name: string): boolean => options.peers?.includes(name) ?? true;
  const kinds = all.filter(({ name, family }) => wanted(name) || wanted(family) || name === reference);

  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    clock: options.clock,
  };
  print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${new Date().toISOString()}\n`);
  const folder = mkdtempSync(join(tmpdir(), "nnc-bench-"));
  try {
    const results = await measure(options, kinds, folder);
    const found = verdicts(results);
    if (found.length > 0) print(`\n${goalTable(found)}\n`);
    write(options.out, { date: new Date().toISOString(), commit: commit(), machine, ...results, goals: found });
    return honesty(results.races);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Options {
  readonly help: boolean;
  readonly only: readonly string[] | undefined;
  readonly peers: readonly string[] | undefined;
  readonly parts: readonly string[];
  readonly quick: boolean;
  readonly clock: RaceOptions["clock"];
  readonly dataDir: string | undefined;
  readonly out: string;
}

/** Undefined after a complaint. */
function readOptions(): Options | undefined {
  let given: ReturnType<typeof parse>;
  try {
    given = parse();
  } catch (error) {
    wrong((error as Error).message);
    return undefined;
  }
  const [only, peers, parts] = [names(given.only), names(given.peers), names(given.sections)];
  const strange = [
    ...(only ?? []).filter((name) => !workloads.some((w) => w.name === name)),
    ...(parts ?? []).filter((name) => !sections.some((s) => s === name)),
  ];
  const clock = given.clock;
  if (clock !== "wall" && clock !== "cpu") wrong(`--clock is wall or cpu, not ${clock}`);
  else if (strange.length > 0) wrong(`there is no ${strange.join(", ")}`);
  else {
    const full = !given.quick && !only && !peers && !parts;
    return {
      help: given.help,
      only,
      peers,
      parts: parts ?? (only ? ["race"] : sections),
      quick: given.quick,
      clock,
      dataDir: given["data-dir"] ?? process.env["NNC_DATA_DIR"],
      out: given.out ?? (full ? "latest" : "partial"),
    };
  }
  return undefined;
}

function parse() {
  const { values } = parseArgs({
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
  return values;
}

/** All parts that are wanted, each printed as soon as it is there. */
async function measure(options: Options, kinds: readonly PeerKind[], folder: string) {
  const { parts, quick, clock, dataDir } = options;
  const races = parts.includes("race") ? await runRaces(options, kinds, folder) : [];
  const kernelRows = parts.includes("kernels") ? await kernels(quick, clock) : undefined;
  if (kernelRows) print(`\n${kernelTable(kernelRows)}\n`);
  const compileRows = parts.includes("compile") ? compileCosts(quick) : undefined;
  if (compileRows) print(`\n${compileTable(compileRows)}\n`);
  const recheckRows = parts.includes("recheck") ? recheckTimes() : undefined;
  if (recheckRows) print(`\n${recheckTable(recheckRows)}\n`);
  const jobRows = parts.includes("jobs") ? jobs(folder, dataDir, quick) : undefined;
  if (jobRows) print(`\n${jobTable(jobRows)}\n`);
  return { races, kernels: kernelRows, compile: compileRows, recheck: recheckRows, jobs: jobRows };
}

async function runRaces({ only, clock, quick, dataDir }: Options, kinds: readonly PeerKind[], folder: string) {
  const data = { images: writeImages(folder, dataDir), text: writeText(folder) };
  print(`images: ${data.images.title}; text: ${data.text.title}\n`);
  const results: RaceResult[] = [];
  for (const workload of workloads.filter((w) => only?.includes(w.name) ?? true)) {
    const library = await libraryFor(workload, findTarget(reference));
    const inputs = writeInputs(folder, workload, data[workload.data], library);
    const result = await race(workload, inputs, kinds, reference, raceOptions(quick, clock));
    results.push(result);
    clear();
    print(`\n${raceTable(workload, result)}\n`);
  }
  print(`\n${versions(results)}\n`);
  return results;
}

interface Record {
  readonly date: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly races: readonly RaceResult[];
  readonly goals: readonly Verdict[];
}

function write(name: string, record: Record): void {
  const folder = join(benchFolder, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 1)}\n`);
  const drawn = record.races.length > 0;
  if (drawn) writeFileSync(join(folder, `${name}.svg`), chart(record.races, record.machine));
  print(`\nwritten: bench/results/${name}.json${drawn ? ` and ${name}.svg` : ""}\n`);
}

function raceOptions(quick: boolean, clock: RaceOptions["clock"]): RaceOptions {
  const say = (text: string): void => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  // CPU time is no measure of threads: those that wait take it too.
  const hasSecondCore = async (): Promise<boolean> => clock === "wall" && (await probe(1)) >= quietEnough;
  const always = { clock, say, hasSecondCore };
  return quick
    ? { rounds: 5, round: 0.08, patience: 3, check: { steps: 50, seconds: 5 }, ...always }
    : { rounds: 15, round: 0.25, patience: 15, check: { steps: 50, seconds: 25 }, ...always };
}

/** 1 where a peer computed something else: then its time says nothing. */
function honesty(results: readonly RaceResult[]): number {
  const wrongOnes = results.flatMap(({ workload, entries }) =>
    entries.filter((e) => e.check?.agrees === false).map((e) => `${e.peer} on ${workload}`),
  );
  if (wrongOnes.length === 0) return 0;
  print(`\nLOSSES DIFFER: ${wrongOnes.join(", ")}\n`);
  return 1;
}

/** Which nnc was measured; "+" where files had been changed since. */
function commit(): string {
  const git = (...args: string[]): string => spawnSync("git", args, { encoding: "utf8" }).stdout?.trim() ?? "";
  return `${git("rev-parse", "--short", "HEAD") || "unknown"}${git("status", "--porcelain", "src") === "" ? "" : "+"}`;
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
