// Node's surroundings for the runtime: terminal, clock, signals. Files stand in node-files.ts and node-writing.ts.
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { reasonOf } from "./file-faults.ts";
import type { Io } from "./io.ts";
import { nodeFiles } from "./node-files.ts";

export { isMainThread } from "node:worker_threads";

export interface NodeIoOptions {
  readonly folder?: string;
  readonly program?: string;
}

/**
 * Where nothing can be printed any more, the rest is dropped and the run goes on. A closed pipe (`| head`) is no error; a full
 * disk is told, and fails the process in the end.
 */
function stream(target: NodeJS.WriteStream): (text: string) => void {
  let closed = false;
  target.on("error", (error: NodeJS.ErrnoException) => {
    if (closed) return;
    closed = true;
    if (error.code === "EPIPE" || error.code === "EIO") return;
    process.on("exit", () => {
      process.exitCode ||= 1;
    });
    if (target !== process.stderr) process.stderr.write(`error: what is printed gets lost: ${reasonOf(error)}\n`);
  });
  return (text) => {
    if (!closed) target.write(text);
  };
}

let streams: { readonly print: (text: string) => void; readonly warn: (text: string) => void } | undefined;

export function nodeIo(options: NodeIoOptions = {}): Io {
  // One listener per stream, however many of these are made.
  streams ??= { print: stream(process.stdout), warn: stream(process.stderr) };
  const script = process.argv[1] ?? "trainer";
  return {
    files: nodeFiles,
    folder: options.folder ?? dirname(script),
    program: options.program ?? `node ${basename(script)}`,
    cache: cacheFolder(),
    refuge: tmpdir(),
    env: (name) => process.env[name] || undefined,
    print: streams.print,
    warn: streams.warn,
    isTerminal: process.stdout.isTTY === true && process.env["TERM"] !== "dumb",
    width: () => process.stdout.columns ?? 80,
    now: () => performance.now(),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    onInterrupt,
    worker(url, team, failed) {
      const worker = new Worker(workerText, { eval: true, workerData: { url, team }, execArgv: [] });
      // The process ends without it.
      worker.unref();
      worker.on("error", failed);
      return () => void worker.terminate();
    },
    isRunning(id) {
      if (id === process.pid) return false;
      try {
        return process.kill(id, 0);
      } catch (error) {
        // One that is not ours to signal runs all the same.
        return (error as NodeJS.ErrnoException).code === "EPERM";
      }
    },
    exit: (code) => process.exit(code),
  };
}

/** So soon after a signal it may be told again by whoever hands signals on, as npm does: nobody asked twice. In milliseconds. */
const echo = 50;

/** A closed terminal (SIGHUP) would else lose what was trained; it may be told any number of times. */
const signals = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const;

/** `handler` is told once. From then on a second signal is the system's: it ends the process, in the middle of a long write too. */
function onInterrupt(handler: (exitCode: number) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const listeners = signals.map(([signal, code]) => {
    const listener = (): void => {
      timer ??= setTimeout(() => {
        stop((each) => each !== "SIGHUP");
        handler(code);
      }, echo);
    };
    return [signal, listener] as const;
  });
  const stop = (which: (signal: NodeJS.Signals) => boolean): void => {
    for (const [signal, listener] of listeners) if (which(signal)) process.off(signal, listener);
  };
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    clearTimeout(timer);
    stop(() => true);
  };
}

const workerText = `const { url, team } = require("node:worker_threads").workerData;
import(url).then(({ work }) => work(team));`;

function cacheFolder(): string | undefined {
  const base = process.env["XDG_CACHE_HOME"] || (homedir() && join(homedir(), ".cache"));
  return base ? join(base, "nnc") : undefined;
}
