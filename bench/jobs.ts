// Whole jobs as a user runs them, each a process of its own: time, CPU, memory. Start-up of the peers beside ours.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findTorch, peersInstalled } from "./peer.ts";
import { median } from "./stats.ts";
import { benchFolder } from "./targets.ts";

export interface JobRow {
  readonly name: string;
  readonly failed?: string;
  /** Medians, in seconds. */
  readonly wall?: number;
  readonly cpu?: number;
  readonly peakBytes?: number;
}

const logistic = "models/mnist_logistic.nn";
const cli = "dist/nnc.js";

export function jobs(folder: string, dataDir: string | undefined, quick: boolean): JobRow[] {
  const times = quick ? 3 : 7;
  const [out, outWasm] = [join(folder, "built"), join(folder, "built-wasm")];
  for (const path of [out, outWasm]) mkdirSync(path, { recursive: true });
  const env: Record<string, string> = dataDir === undefined ? {} : { NNC_DATA_DIR: dataDir };
  const node = (name: string, args: readonly string[]): JobRow =>
    measured(name, process.execPath, args, env, folder, times);
  if (!existsSync(cli)) return [{ name: "nnc", failed: "dist/ is not built: npm run build" }];
  const rows = [
    node("nnc --version", [cli, "--version"]),
    node(`nnc check ${logistic}`, [cli, "check", logistic]),
    node(`nnc train ${logistic}`, [cli, "train", logistic]),
    node(`nnc build ${logistic}`, [cli, "build", logistic, "-o", out]),
    node("the built trainer, whole run", [join(out, "mnist_logistic.train.js")]),
    node(`nnc build ${logistic} --target wasm`, [cli, "build", logistic, "--target", "wasm", "-o", outWasm]),
    node("the built wasm trainer, whole run", [join(outWasm, "mnist_logistic.train.js")]),
    node("the built trainer, --help", [join(out, "mnist_logistic.train.js"), "--help"]),
  ];
  if (peersInstalled()) {
    const load = (name: string): string =>
      `await import(${JSON.stringify(pathToFileURL(`${benchFolder}node_modules/${name}`).href)})`;
    rows.push(
      node("load jax-js", ["--input-type=module", "-e", load("@jax-js/jax/dist/index.js")]),
      node("load TensorFlow.js", ["--input-type=module", "-e", load("@tensorflow/tfjs/dist/tf.node.js")]),
    );
  }
  const python = findTorch();
  if (python !== undefined) rows.push(measured("load PyTorch", python, ["-c", pythonUsage], {}, folder, times));
  return rows;
}

/** Reports a process' own use when it ends, and leaves the rest of it alone. */
const nodeUsage = `data:text/javascript,${encodeURIComponent(`import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(process.env.NNC_BENCH_USAGE, JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 }));
});`)}`;

const pythonUsage = `import torch, json, os, resource
u = resource.getrusage(resource.RUSAGE_SELF)
json.dump({"cpu": u.ru_utime + u.ru_stime, "peakBytes": u.ru_maxrss * 1024}, open(os.environ["NNC_BENCH_USAGE"], "w"))`;

function measured(
  name: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  folder: string,
  times: number,
): JobRow {
  const usageFile = join(folder, "usage.json");
  const own = command === process.execPath ? ["--import", nodeUsage] : [];
  const samples: { wall: number; cpu: number; peakBytes: number }[] = [];
  // The first run fills the file caches and is not counted.
  for (let k = 0; k <= times; k++) {
    const begin = performance.now();
    const { status, stderr } = spawnSync(command, [...own, ...args], {
      env: { ...process.env, ...env, NNC_BENCH_USAGE: usageFile },
      stdio: ["ignore", "ignore", "pipe"],
      encoding: "utf8",
    });
    const wall = (performance.now() - begin) / 1000;
    if (status !== 0) return { name, failed: stderr.trim().split("\n")[0] ?? `exit code ${status}` };
    if (k > 0)
      samples.push({ wall, ...(JSON.parse(readFileSync(usageFile, "utf8")) as { cpu: number; peakBytes: number }) });
  }
  return {
    name,
    wall: median(samples.map((s) => s.wall)),
    cpu: median(samples.map((s) => s.cpu)),
    peakBytes: median(samples.map((s) => s.peakBytes)),
  };
}
