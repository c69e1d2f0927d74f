// Peers of the benchmark: how each is started, and the line protocol that a started one speaks (see peers/serve.mjs).
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { benchFolder, targets } from "./targets.ts";

export interface PeerKind {
  readonly name: string;
  readonly title: string;
  /** `--peers` takes these. */
  readonly family: "ours" | "jax" | "tfjs" | "torch";
  /** How many it computes with; one unless said. */
  readonly threads?: number;
  readonly command: string;
  readonly args: (inputs: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A Python that has PyTorch, if this machine has one. */
export function findTorch(): string | undefined {
  const candidates = [process.env["NNC_BENCH_PYTHON"], "python3", "/usr/bin/python3"].filter((p) => p !== undefined);
  return candidates.find((python) => spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0);
}

/** The fastest kernels of OpenBLAS that this processor runs; others would end with an illegal instruction. */
function tunedKernels(): { readonly core: string; readonly title: string } | undefined {
  const facts = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  if (/\bavx512f\b/.test(facts)) return { core: "SKYLAKEX", title: "AVX-512" };
  return /\bavx2\b/.test(facts) ? { core: "HASWELL", title: "AVX2" } : undefined;
}

export const peersInstalled = (): boolean => existsSync(`${benchFolder}node_modules/@jax-js/jax`);

/** Every peer of this machine, ours first. `bundle`: our own peer, ready to run. */
export function peerKinds(bundle: string, python: string | undefined): PeerKind[] {
  const script = (name: string): string => `${benchFolder}peers/${name}`;
  const kinds: PeerKind[] = targets.map(({ name, options, dense, threads }) => ({
    name,
    title: `nnc ${options.target}${dense ? ", without zero-skipping" : ""}${threads ? `, ${threads} threads` : ""}`,
    family: "ours",
    ...(threads === undefined ? {} : { threads }),
    command: process.execPath,
    args: (inputs) => [bundle, inputs, name],
  }));
  if (python !== undefined) {
    const torch = {
      family: "torch",
      command: python,
      args: (inputs: string) => [script("torch_peer.py"), inputs],
    } as const;
    const threads = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" };
    kinds.push({ name: "torch", title: "PyTorch, OpenBLAS as it comes", ...torch, env: threads });
    const tuned = tunedKernels();
    if (tuned) {
      const env = { ...threads, OPENBLAS_CORETYPE: tuned.core };
      kinds.push({ name: "torch-tuned", title: `PyTorch, OpenBLAS for ${tuned.title}`, ...torch, env });
    }
  }
  if (peersInstalled()) {
    const node = process.execPath;
    kinds.push(
      { name: "jax-js", title: "jax-js, wasm", family: "jax", command: node, args: (i) => [script("jax.mjs"), i] },
      {
        name: "tfjs-wasm",
        title: "TensorFlow.js, wasm",
        family: "tfjs",
        command: node,
        args: (i) => [script("tfjs.mjs"), i, "wasm"],
      },
      {
        name: "tfjs-cpu",
        title: "TensorFlow.js, cpu",
        family: "tfjs",
        command: node,
        args: (i) => [script("tfjs.mjs"), i, "cpu"],
      },
    );
  }
  return kinds;
}

/** Seconds that a round took, by the wall and of this process' CPU. */
export interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

/** A peer that runs: one request at a time, one answer each. */
export class PeerProcess {
  readonly kind: PeerKind;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly answers: AsyncIterator<string>;
  private complaints = "";

  constructor(kind: PeerKind, inputs: string) {
    this.kind = kind;
    this.child = spawn(kind.command, kind.args(inputs), { env: { ...process.env, ...kind.env } });
    this.child.stderr.on("data", (chunk: Buffer) => {
      this.complaints += chunk.toString();
    });
    // A peer that died is noticed by its missing answer.
    this.child.stdin.on("error", () => {});
    this.child.on("error", (error) => {
      this.complaints += error.message;
    });
    this.answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** The peer's first line. */
  ready(): Promise<{ readonly version: string }> {
    return this.answer();
  }

  losses(steps: number, seconds: number): Promise<{ readonly losses: readonly number[] }> {
    return this.ask({ do: "losses", steps, seconds });
  }

  time(steps: number): Promise<Timing> {
    return this.ask({ do: "time", steps });
  }

  /** Ends the peer; the most memory it took, in bytes. */
  async end(): Promise<number> {
    const { peak } = await this.ask<{ readonly peak: number }>({ do: "end" });
    return peak;
  }

  kill(): void {
    this.child.kill();
  }

  private ask<T>(request: object): Promise<T> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.answer();
  }

  private async answer<T>(): Promise<T> {
    const { value, done } = await this.answers.next();
    if (done) {
      const reason =
        /^\w*(?:Error|Exception)\b.*$/m.exec(this.complaints)?.[0] ?? this.complaints.trim().split("\n").at(-1);
      throw new PeerFailure(reason || "it ended without an answer");
    }
    return JSON.parse(value) as T;
  }
}

/** What a peer cannot do: reported in its row, and the others go on. */
export class PeerFailure extends Error {}
