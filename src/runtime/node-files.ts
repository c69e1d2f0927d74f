// Files as Node gives them: positional reads, atomic and durable writes, buffered logs.
import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import type { Files, Gunzipped, LogFile, OpenFile } from "./io.ts";
import { quoted, UserError } from "./user-error.ts";

export const nodeFiles: Files = {
  open,
  realPath(path) {
    try {
      return realpathSync(path);
    } catch {
      return undefined;
    }
  },
  join,
  list(folder) {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  },
  gunzipStart,
  gunzip,
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
  write,
  probe,
  log,
  remove,
};

const reasons: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "not permitted"],
  ["EISDIR", "it is a folder"],
  ["ERR_FS_EISDIR", "it is a folder"],
  ["ENOTDIR", "a part of its path is no folder"],
  ["ENOENT", "its folder does not exist"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "it would be longer than this process may write"],
  ["EROFS", "the disk is read-only"],
  ["EMFILE", "too many files are open"],
  ["ENAMETOOLONG", "its name is too long"],
  ["ELOOP", "its links go in a circle"],
]);

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
};

/** What went wrong with a file, in words. */
export const reasonOf = (error: unknown): string => reasons.get(codeOf(error)) ?? codeOf(error);

const unreadable = (path: string, reason: string): UserError =>
  new UserError("file/unreadable", `cannot read ${quoted(path)}: ${reason}`);

const unwritable = (path: string, error: unknown): UserError =>
  new UserError(
    "file/unwritable",
    `cannot write ${quoted(path)}: ${reasonOf(error)}`,
    "Name a file in a folder that you may write to.",
  );

function open(path: string): OpenFile | undefined {
  let fd: number;
  try {
    // Asked before opening: to open a pipe or a device may block for ever.
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return undefined;
    if (!stat.isFile()) throw unreadable(path, stat.isDirectory() ? "it is a folder" : "it is no regular file");
    fd = openSync(path, "r");
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (codeOf(error) === "ENOTDIR" || codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) === "ERR_INVALID_ARG_VALUE") throw unreadable(path, "its name holds a zero byte");
    throw unreadable(path, reasonOf(error));
  }
  const { size } = fstatSync(fd);
  return {
    path,
    size,
    read(at, into) {
      let done = 0;
      while (done < into.length) {
        let got: number;
        try {
          got = readSync(fd, into, done, into.length - done, at + done);
        } catch (error) {
          throw unreadable(path, reasonOf(error));
        }
        if (got === 0) throw unreadable(path, `it ends after ${at + done} bytes; it was longer when it was opened`);
        done += got;
      }
    },
    close: () => closeSync(fd),
  };
}

function gunzipStart(packed: Uint8Array, limit: number): Uint8Array | undefined {
  try {
    // 4 KiB unpack to 4 MiB at most.
    return gunzipSync(packed.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, limit);
  } catch {
    return undefined;
  }
}

function gunzip(packed: Uint8Array, limit: number): Gunzipped | undefined {
  try {
    // One chunk as long as the whole output spares zlib's joining of pieces (72 ms against 119 for MNIST's images).
    // `info` tells how much of the input was used, so that bytes after the stream are seen.
    const unpacked: unknown = gunzipSync(packed, {
      maxOutputLength: limit + 1,
      chunkSize: Math.max(limit + 1, 64),
      finishFlush: constants.Z_FINISH,
      info: true,
    });
    const { buffer, engine } = unpacked as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return { bytes: buffer, more: buffer.length > limit || engine.bytesWritten !== packed.length };
  } catch (error) {
    if (codeOf(error) === "ERR_BUFFER_TOO_LARGE") return { bytes: new Uint8Array(0), more: true };
    return undefined;
  }
}

/** Writes everything, however little each call takes. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
}

/** A rename is durable only once its folder is. Some systems cannot sync folders; there the rename has to do. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!["EISDIR", "EPERM", "EINVAL", "EACCES"].includes(codeOf(error))) throw error;
  }
}

let temporaries = 0;

/** A device or a pipe takes what is written to it: a file must never take its place. */
const isStream = (path: string): boolean => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
};

/** Where a file really lies: a link to it stays a link. */
function realFile(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function write(named: string, parts: readonly Uint8Array[]): void {
  const path = realFile(named);
  const temporary = `${path}.${process.pid}.${temporaries++}.tmp`;
  try {
    if (isStream(path)) {
      pour(path, parts);
      return;
    }
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(temporary, "wx", 0o666);
    try {
      for (const part of parts) writeAll(fd, part);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    discard(temporary);
    throw unwritable(named, error);
  }
}

function pour(path: string, parts: readonly Uint8Array[]): void {
  const fd = openSync(path, "w");
  try {
    for (const part of parts) writeAll(fd, part);
  } finally {
    closeSync(fd);
  }
}

/** Removes a file whose writing failed; where even that fails, the first error is the one to tell. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It stays; its name says what it is.
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw new UserError("file/unwritable", `cannot remove ${quoted(path)}: ${reasonOf(error)}`);
  }
}

function probe(named: string): void {
  const path = realFile(named);
  const temporary = `${path}.${process.pid}.${temporaries++}.tmp`;
  try {
    if (isStream(path)) return;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error("it is a folder");
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(temporary, "wx"));
    rmSync(temporary);
  } catch (error) {
    throw unwritable(named, error);
  }
}

const logBuffer = 64 * 1024;

/** Length of the first `lines` lines of a file; of all of it where it has fewer. */
function lengthOfLines(fd: number, lines: number): number {
  const piece = new Uint8Array(logBuffer);
  let length = 0;
  for (let left = lines; ; ) {
    const got = readSync(fd, piece, 0, piece.length, length);
    if (got === 0) return length;
    for (let i = 0; i < got; i++) if (piece[i] === 0x0a && --left === 0) return length + i + 1;
    length += got;
  }
}

function log(path: string, keep: number): LogFile {
  let fd: number;
  try {
    mkdirSync(dirname(path), { recursive: true });
    fd = openSync(path, keep > 0 ? "a+" : "w");
    if (keep > 0) ftruncateSync(fd, lengthOfLines(fd, keep));
  } catch (error) {
    throw unwritable(path, error);
  }
  let buffered = "";
  let open = true;
  const flush = () => {
    const text = buffered;
    buffered = "";
    try {
      if (open && text) writeAll(fd, Buffer.from(text));
    } catch (error) {
      throw unwritable(path, error);
    }
  };
  return {
    write(line) {
      buffered += line;
      if (buffered.length >= logBuffer) flush();
    },
    flush,
    close() {
      if (!open) return;
      try {
        flush();
      } finally {
        open = false;
        closeSync(fd);
      }
    },
  };
}
