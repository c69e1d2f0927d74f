// The runtime's surroundings in a page: dropped files in memory, no disk, no signals.
import type { Io, OpenFile } from "../runtime/io.ts";
import { UserError } from "../runtime/user-error.ts";
import { sha256 } from "./sha256.ts";

/** Where the files of a page lie. */
const root = "/";

/** Bytes in memory as a file. */
export const openBytes = (path: string, bytes: Uint8Array): OpenFile => ({
  path,
  size: bytes.length,
  read: (at, into) => into.set(bytes.subarray(at, at + into.length)),
  close: () => {},
});

export function pageIo(files: ReadonlyMap<string, Uint8Array>): Io {
  const at = (path: string): string => path.replace(/^\/+/, "");
  const noDisk = (): never => {
    throw new UserError("file/unwritable", "a page writes no files", "Use the buttons that save.");
  };
  return {
    files: {
      open: (path) => {
        const bytes = files.get(at(path));
        return bytes && openBytes(path, bytes);
      },
      realPath: (path) => (path === root || files.has(at(path)) ? path : undefined),
      join: (folder, name) => `${folder === root ? "" : folder}/${name}`,
      list: () => [...files.keys()],
      // Files are unpacked when they are dropped.
      gunzipStart: () => undefined,
      gunzip: () => undefined,
      sha256,
      write: noDisk,
      writeTogether: noDisk,
      probe: noDisk,
      log: noDisk,
      remove: noDisk,
    },
    folder: root,
    program: "the page",
    cache: undefined,
    env: () => undefined,
    print: () => {},
    warn: () => {},
    isTerminal: false,
    width: () => 100,
    now: () => performance.now(),
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
    onInterrupt: () => () => {},
    isRunning: () => false,
    exit: () => {},
  };
}
