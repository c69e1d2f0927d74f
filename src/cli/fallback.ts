// Made data in place of a data set that is absent: the set is looked for, then fetched once in little time, then given up.
import { fetchSet } from "../runtime/fetch.ts";
import { dataSets, findSet } from "../runtime/sets.ts";
import { UserError } from "../runtime/user-error.ts";
import type { Cli } from "./cli.ts";

/** A first run does not wait longer than this for a server, in milliseconds. */
const patience = 5000;

/** The set to train on instead of `source`; undefined where that is at hand, or is no public set. */
export async function replacementFor(
  source: string,
  fallback: string,
  dataDir: string | undefined,
  cli: Cli,
): Promise<string | undefined> {
  const set = dataSets.get(source);
  if (set?.kind !== "files" || findSet(set, { io: cli, dataDir }) !== undefined) return undefined;
  if (cli.cache !== undefined) {
    cli.warn(`${set.title} is not on this machine; trying to fetch it\n`);
    try {
      await fetchSet(set, { folder: cli.files.join(cli.cache, set.name), timeout: patience });
      return undefined;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  cli.warn(`${set.title} could not be had: this run trains on \`${fallback}\` instead, images drawn by a generator.\n`);
  cli.warn(`  They are not ${set.title}, and neither are the results. \`nnc data fetch ${set.name}\` fetches it.\n`);
  return fallback;
}
