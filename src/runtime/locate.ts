// Finds the files that a model file names: below --data-dir where given, else below the model's own folder, and
// nowhere else.
import type { Files, Io, OpenFile } from "./io.ts";
import { quoted, UserError } from "./user-error.ts";

export interface Places {
  readonly io: Io;
  /** `--data-dir`. */
  readonly dataDir: string | undefined;
}

const foldersOf = ({ io, dataDir }: Places): readonly string[] =>
  dataDir === undefined ? [io.folder] : [dataDir, io.folder];

/**
 * The path of a file that a model file names. Its own words, not the command line's: they may not leave the folders.
 */
export function locate(name: string, places: Places): string {
  const { files } = places.io;
  if (name === "" || /^[/\\]|^[A-Za-z]:|\0/.test(name) || name.split(/[/\\]/).includes("..")) {
    throw new UserError(
      "file/outside",
      `the model asks for the file ${quoted(name)}, which is not below its folder`,
      "Put the file beside the model or into --data-dir, and name it from there.",
    );
  }
  const folders = foldersOf(places);
  for (const folder of folders) {
    const real = files.realPath(files.join(folder, name));
    if (real === undefined) continue;
    if (!isBelow(real, files.realPath(folder)!)) {
      throw new UserError(
        "file/outside",
        `${quoted(name)} is a link to a file outside ${quoted(folder)}`,
        "Copy the file to where the link is.",
      );
    }
    return files.join(folder, name);
  }
  throw missing(name, folders);
}

/** Both without links. */
function isBelow(path: string, folder: string): boolean {
  const inside = folder.replaceAll("\\", "/").replace(/\/?$/, "/");
  return path.replaceAll("\\", "/").startsWith(inside);
}

/** The path of a file that we name ourselves in a folder that the command line names: it may not be a link that leads out. */
export function ownPlace(folder: string, name: string, files: Files): string {
  const path = files.join(folder, name);
  const real = files.realPath(path);
  if (real === undefined || isBelow(real, files.realPath(folder)!)) return path;
  throw new UserError(
    "file/outside",
    `${quoted(path)} is a link to a file outside ${quoted(folder)}`,
    "Remove the link, or name another folder.",
  );
}

/** Opens a file that a model file names. */
export function openNamed(name: string, places: Places): OpenFile {
  return places.io.files.open(locate(name, places)) ?? fail(name, places);
}

function fail(name: string, places: Places): never {
  throw missing(name, foldersOf(places));
}

const missing = (name: string, folders: readonly string[]): UserError =>
  new UserError(
    "file/missing",
    `there is no file ${quoted(name)} in ${folders.map(quoted).join(" or ")}`,
    "Put the file there, or name its folder with --data-dir.",
  );

/** Opens a file that the command line names: any path will do. */
export function openGiven(path: string, io: Io): OpenFile {
  const file = io.files.open(path);
  if (!file) throw new UserError("file/missing", `there is no file ${quoted(path)}`, "Check the path.");
  return file;
}
