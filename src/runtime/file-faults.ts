// What can be wrong with a file, in words: for people, and with one next step. Knows codes of systems, opens nothing.
import { quoted, UserError } from "./user-error.ts";

interface Fault {
  readonly reason: string;
  readonly help: string;
}

const mayNot = "Change its permissions, or name another.";
const full = "Make room there, or name a place on another disk.";
const otherPath = "Name another path.";

const faults: ReadonlyMap<string, Fault> = new Map([
  ["EACCES", { reason: "permission denied", help: mayNot }],
  ["EPERM", { reason: "not permitted", help: mayNot }],
  ["EISDIR", { reason: "it is a folder", help: "Name a file in it." }],
  ["ERR_FS_EISDIR", { reason: "it is a folder", help: "Move the folder away." }],
  ["ENOTDIR", { reason: "a part of its path is no folder", help: otherPath }],
  ["ENOENT", { reason: "its folder does not exist, and none can be made there", help: otherPath }],
  ["ENOSPC", { reason: "the disk is full", help: full }],
  ["EDQUOT", { reason: "the disk quota is used up", help: full }],
  ["EFBIG", { reason: "it would be longer than this process may write", help: "Raise the limit: `ulimit -f`." }],
  ["EROFS", { reason: "the disk is read-only", help: "Name a place on another disk." }],
  ["EIO", { reason: "the disk reports an error", help: "Look at the disk, or name a place on another one." }],
  ["EMFILE", { reason: "too many files are open", help: "Raise the limit: `ulimit -n`." }],
  ["ENFILE", { reason: "too many files are open on this machine", help: "Close other programs." }],
  ["ENAMETOOLONG", { reason: "its name is too long", help: "Take a shorter one." }],
  ["ELOOP", { reason: "its links go in a circle", help: otherPath }],
  ["ENXIO", { reason: "nobody reads from this pipe", help: "Start its reader first." }],
  ["EPIPE", { reason: "nobody reads from this pipe any more", help: "Let its reader read to the end." }],
  ["ERR_INVALID_ARG_VALUE", { reason: "its name holds a zero byte", help: otherPath }],
]);

export const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
};

const faultOf = (error: unknown): Fault =>
  faults.get(codeOf(error)) ?? { reason: codeOf(error), help: "Look at the disk, or name another path." };

/** What went wrong with a file, in words. */
export const reasonOf = (error: unknown): string => faultOf(error).reason;

export const unreadable = (path: string, reason: string, help: string): UserError =>
  new UserError("file/unreadable", `cannot read ${quoted(path)}: ${reason}`, help);

export function notReadable(path: string, error: unknown): UserError {
  const { reason, help } = faultOf(error);
  return unreadable(path, reason, help);
}

export function notWritable(path: string, error: unknown, verb = "write"): UserError {
  const { reason, help } = faultOf(error);
  return new UserError("file/unwritable", `cannot ${verb} ${quoted(path)}: ${reason}`, help);
}
