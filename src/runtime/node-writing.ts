// Files written by Node: whole or not at all, and on disk; logs, which grow. What is no file, a pipe or a device, is written into.
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { codeOf, notWritable } from "./file-faults.ts";
import type { LogFile } from "./io.ts";

type Parts = readonly Uint8Array[];

const fault = (code: string): Error => Object.assign(new Error(code), { code });

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

/** What goes wrong is told of the file as it was named. */
export function told<T>(named: string, action: () => T, verb?: string): T {
  try {
    return action();
  } catch (error) {
    throw notWritable(named, error, verb);
  }
}

/** Makes a folder and those above it. Node's own way never ends where no folder can be made, as below /proc. */
function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !statOf(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each);
    } catch (error) {
      // Another process was faster.
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
}

export const makeFolder = (path: string): void =>
  told(path, () => {
    makeFolders(path);
    if (!statOf(path)?.isDirectory()) throw fault("ENOTDIR");
  });

/** Writes everything, however little each call takes. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const taken = writeSync(fd, bytes, done, bytes.length - done);
    if (taken === 0) throw fault("ENOSPC");
    done += taken;
  }
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

/** A new file beside `path`. One of that name may be left from a process that was killed and had our number. */
function openBeside(path: string): { readonly fd: number; readonly temporary: string } {
  for (;;) {
    const temporary = `${path}.${process.pid}.${temporaries++}.tmp`;
    try {
      return { fd: openSync(temporary, "wx", 0o666), temporary };
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
}

/** Where a file really lies: a link to it stays a link. */
function realFile(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A device or a pipe takes what is written to it: a file must never take its place. */
const isStream = (stat: Stats | undefined): boolean => stat !== undefined && !stat.isFile() && !stat.isDirectory();

/** What stands at the path now; an error where it is no place for a file. */
function placeOf(path: string): Stats | undefined {
  const stat = statOf(path);
  if (stat?.isDirectory()) throw fault("EISDIR");
  // To replace a file, a right on its folder would do; one that is protected is meant to stay.
  if (stat?.isFile()) accessSync(path, constants.W_OK);
  if (!stat) makeFolders(dirname(path));
  return stat;
}

/** A file that is written and waits to take its place. */
interface Waiting {
  readonly named: string;
  readonly path: string;
  readonly temporary: string;
}

function prepared(named: string, parts: Parts): Waiting | undefined {
  const path = realFile(named);
  let temporary: string | undefined;
  try {
    const stat = placeOf(path);
    if (isStream(stat)) {
      pour(path, parts);
      return undefined;
    }
    const beside = openBeside(path);
    temporary = beside.temporary;
    try {
      for (const part of parts) writeAll(beside.fd, part);
      if (stat) keepMode(beside.fd, stat);
      fsyncSync(beside.fd);
    } finally {
      closeSync(beside.fd);
    }
    return { named, path, temporary };
  } catch (error) {
    if (temporary !== undefined) discard(temporary);
    throw notWritable(named, error);
  }
}

/** A file that only its owner may read stays so. Some systems keep no such rights. */
function keepMode(fd: number, { mode }: Stats): void {
  try {
    fchmodSync(fd, mode & 0o777);
  } catch (error) {
    if (!["EPERM", "EINVAL", "ENOSYS"].includes(codeOf(error))) throw error;
  }
}

/** All are on disk before the first takes its place. */
export function writeTogether(files: ReadonlyMap<string, Parts>): void {
  const waiting: Waiting[] = [];
  try {
    for (const [named, parts] of files) {
      const file = prepared(named, parts);
      if (file) waiting.push(file);
    }
    const folders = new Map(waiting.map(({ named, path }) => [dirname(path), named]));
    for (let file = waiting[0]; file; file = waiting[0]) {
      const { named, temporary, path } = file;
      told(named, () => renameSync(temporary, path));
      waiting.shift();
    }
    for (const [folder, named] of folders) told(named, () => syncFolder(folder));
  } catch (error) {
    for (const { temporary } of waiting) discard(temporary);
    throw error;
  }
}

export const write = (path: string, parts: Parts): void => writeTogether(new Map([[path, parts]]));

/** How long a pipe waits for its reader, in milliseconds. */
const patience = 2000;

/** Opens a pipe or a device. A pipe that nobody reads would hold the process for ever, and no signal would end it. */
function openStream(path: string): number {
  for (let waited = 0; ; waited += 20) {
    try {
      const asked = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        return openSync(path, "w");
      } finally {
        closeSync(asked);
      }
    } catch (error) {
      if (codeOf(error) !== "ENXIO" || waited >= patience) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

function pour(path: string, parts: Parts): void {
  const fd = openStream(path);
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

export const remove = (path: string): void => told(path, () => rmSync(path, { force: true }), "remove");

export const probe = (named: string): void =>
  told(named, () => {
    const path = realFile(named);
    if (isStream(placeOf(path))) return;
    const { fd, temporary } = openBeside(path);
    closeSync(fd);
    rmSync(temporary);
  });

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

function openLog(path: string, keep: number): number {
  if (isStream(placeOf(path))) return openStream(path);
  const fd = openSync(path, keep > 0 ? "a+" : "w");
  if (keep > 0) ftruncateSync(fd, lengthOfLines(fd, keep));
  return fd;
}

export function log(path: string, keep: number): LogFile {
  const fd = told(path, () => openLog(path, keep));
  let buffered = "";
  let open = true;
  const flush = () => {
    const text = buffered;
    buffered = "";
    if (open && text) told(path, () => writeAll(fd, Buffer.from(text)));
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
        told(path, () => closeSync(fd));
      }
    },
  };
}
