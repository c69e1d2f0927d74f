// The command line as processes of their own, whose time and memory are measured: one command a process, or many in one.
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { afterAll } from "vitest";
import { esbuildPlugin } from "../../scripts/embed.mjs";

const root = resolve(import.meta.dirname, "../..");

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Processor time of the process and its threads. */
  readonly seconds: number;
  /** The most memory that the process had by then. */
  readonly megabytes: number;
}

export interface Metered {
  /** The file that node runs. */
  readonly program: string;
  /** One command in a process of its own. */
  nnc(argv: readonly string[], flags?: readonly string[]): Answer;
  /** Commands one after another in one process. */
  all(commands: readonly (readonly string[])[]): Answer[];
}

/** The most memory of this process. Linux counts into `maxRSS` what the process had that it was forked from. */
const peak = `
  const { readFileSync, writeSync } = process.getBuiltinModule("node:fs");
  function peak() {
    try {
      return Number(/VmHWM:\\s*(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
    } catch {
      return process.resourceUsage().maxRSS / 1024;
    }
  }`;

const meter = `data:text/javascript,${encodeURIComponent(`${peak}
  process.on("exit", () => {
    const { user, system } = process.cpuUsage();
    writeSync(2, "\\nMETER " + (user + system) / 1e6 + " " + peak());
  });
`)}`;

/** Each command by the same entry as the program's; a line of JSON for each. */
const many = `
import { nodeCli } from "./src/cli/cli.ts";
import { run } from "./src/cli/main.ts";
${peak}
const commands = JSON.parse(process.argv[2]);
for (const argv of commands) {
  let out = "";
  let err = "";
  const cli = { ...nodeCli(), print: (text) => void (out += text), warn: (text) => void (err += text) };
  const begin = process.cpuUsage();
  const code = await run(argv, cli);
  const { user, system } = process.cpuUsage(begin);
  process.stdout.write(JSON.stringify({ code, out, err, seconds: (user + system) / 1e6, megabytes: peak() }) + "\\n");
}
`;

/** Bundles the command line as it is now; commands run in \`cwd\`. */
export async function meteredProgram(cwd: string): Promise<Metered> {
  // Inside the project, where its packages are found.
  const program = join(root, "node_modules/.cache/nnc", `hostile-${process.pid}`);
  afterAll(() => rmSync(program, { recursive: true, force: true }));
  const common: BuildOptions = {
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outdir: program,
    outExtension: { ".js": ".mjs" },
    plugins: [esbuildPlugin()],
  };
  await build({ ...common, entryPoints: { nnc: join(root, "src/cli/nnc.ts") } });
  await build({
    ...common,
    stdin: { contents: many, resolveDir: root, sourcefile: "many.js", loader: "js" },
    entryNames: "many",
  });
  const start = (argv: readonly string[]) =>
    spawnSync(process.execPath, argv, {
      encoding: "utf8",
      cwd,
      timeout: 100_000,
      maxBuffer: 2 ** 28,
      env: { PATH: process.env["PATH"], NODE_OPTIONS: process.env["NODE_OPTIONS"], NO_COLOR: "1", XDG_CACHE_HOME: cwd },
    });
  return {
    program: join(program, "nnc.mjs"),
    nnc(argv, flags = []) {
      const { status, stdout, stderr } = start([...flags, "--import", meter, join(program, "nnc.mjs"), ...argv]);
      const [, seconds, megabytes] = /\nMETER ([\d.]+) ([\d.]+)$/.exec(stderr) ?? [];
      return {
        code: status,
        out: stdout,
        err: stderr.replace(/\nMETER .*$/, ""),
        seconds: Number(seconds),
        megabytes: Number(megabytes),
      };
    },
    all(commands) {
      const { stdout, stderr } = start([join(program, "many.mjs"), JSON.stringify(commands)]);
      const lines = stdout.trimEnd().split("\n");
      if (lines.length !== commands.length)
        throw new Error(`${lines.length} of ${commands.length} commands ended: ${stderr}`);
      return lines.map((line) => JSON.parse(line) as Answer);
    },
  };
}
