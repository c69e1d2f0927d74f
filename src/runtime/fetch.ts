// Fetches the files of a public data set: mirrors in order, resumable, proven by hash, then put in place at once.
// Node only, and no part of trainers: `nnc data fetch` calls it.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileSet, Part } from "./data-set.ts";
import { limits } from "./limits.ts";
import { nodeFiles } from "./node-files.ts";
import { makeFolder, told, writeAll } from "./node-writing.ts";
import { readProven } from "./sets.ts";
import { bytesText, quoted, UserError } from "./user-error.ts";

export interface FetchProgress {
  readonly file: string;
  readonly mirror: string;
  readonly bytes: number;
  /** Undefined where the server does not say. */
  readonly total: number | undefined;
}

export interface FetchOptions {
  /** Where the files go. */
  readonly folder: string;
  /** Instead of the descriptor's. */
  readonly mirrors?: readonly string[];
  /** Milliseconds without a byte after which a mirror is given up. */
  readonly timeout?: number;
  progress?(progress: FetchProgress): void;
  /** Told why a mirror was given up. */
  problem?(mirror: string, what: string): void;
}

export interface FetchResult {
  readonly fetched: readonly string[];
  /** Sound already. */
  readonly present: readonly string[];
}

export async function fetchSet(set: FileSet, options: FetchOptions): Promise<FetchResult> {
  makeFolder(options.folder);
  const fetched: string[] = [];
  const present: string[] = [];
  for (const part of set.parts) {
    for (let k = 0; k < part.files.length; k++) {
      const { name } = part.files[k]!;
      const path = join(options.folder, `${name}.gz`);
      if (isSound(set, part, k, path) || isSound(set, part, k, join(options.folder, name))) present.push(name);
      else {
        await fetchFile(set, part, k, path, options);
        fetched.push(name);
      }
    }
  }
  return { fetched, present };
}

function isSound(set: FileSet, part: Part, k: number, path: string): boolean {
  try {
    return readProven(set, part, k, path, nodeFiles) !== undefined;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

async function fetchFile(set: FileSet, part: Part, k: number, path: string, options: FetchOptions): Promise<void> {
  const name = `${part.files[k]!.name}.gz`;
  const partial = `${path}.part`;
  const problems: string[] = [];
  for (const mirror of options.mirrors ?? set.mirrors) {
    // What an earlier try or another mirror left may be of other bytes: if it proves wrong, once more from the start.
    for (const tries of [1, 2]) {
      const resumed = sizeOf(partial) > 0;
      try {
        await download(mirror + name, partial, options, (bytes, total) =>
          options.progress?.({ file: name, mirror, bytes, total }),
        );
        readProven(set, part, k, partial, nodeFiles);
        told(path, () => renameSync(partial, path));
        return;
      } catch (error) {
        // No other mirror has a disk with more room.
        if (error instanceof UserError && error.code === "file/unwritable") throw error;
        const what = error instanceof Error ? reasonOf(error) : String(error);
        const unsound = error instanceof UserError;
        if (unsound) rmSync(partial, { force: true });
        if (unsound && resumed && tries === 1) continue;
        problems.push(`${mirror}: ${what}`);
        options.problem?.(mirror, what);
        break;
      }
    }
  }
  throw new UserError(
    "data/fetch",
    `cannot fetch ${quoted(name)} of ${set.title}: ${problems.join("; ") || "there is no mirror"}`,
    `Try again later (what came so far is kept), or put the four files into ${quoted(options.folder)} by hand.`,
  );
}

/** fetch() hides the reason of a broken connection in `cause`. */
function reasonOf(error: Error): string {
  if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
  const { cause } = error;
  if (cause instanceof Error) return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
  return error.message;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

async function download(
  url: string,
  partial: string,
  options: FetchOptions,
  progress: (bytes: number, total: number | undefined) => void,
): Promise<void> {
  const quiet = options.timeout ?? 30_000;
  const stopper = new AbortController();
  let timer = setTimeout(() => stopper.abort(), quiet);
  const have = sizeOf(partial);
  try {
    const response = await fetch(url, { signal: stopper.signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
    // 416: nothing is left to send; the hash will tell whether that is so.
    if (response.status === 416 && have > 0) return;
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    const resumed =
      response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${have}-`) === true;
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    let bytes = resumed ? have : 0;
    const total = Number.isFinite(length) ? bytes + length : undefined;
    const fd = told(partial, () => openSync(partial, resumed ? "a" : "w"));
    try {
      for await (const chunk of response.body) {
        clearTimeout(timer);
        timer = setTimeout(() => stopper.abort(), quiet);
        bytes += chunk.length;
        if (bytes > limits.download)
          throw new UserError(
            "file/too-large",
            `it is longer than the limit \`download\` of ${bytesText(limits.download)}`,
            "Take another mirror.",
          );
        told(partial, () => writeAll(fd, chunk));
        progress(bytes, total);
      }
      told(partial, () => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
    if (total !== undefined && bytes < total) throw new Error("the connection broke off");
  } finally {
    clearTimeout(timer);
  }
}
