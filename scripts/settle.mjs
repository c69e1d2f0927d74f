// Puts a new build in the place of the old one while programs run from it: chunks are called by what they hold, so that new ones
// come beside the old ones, and a program that has begun still finds what it loads later.
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";

/** A command has loaded all its chunks by then. */
const grace = 60 * 60 * 1000;

export async function settle(fresh, place, entry) {
  await mkdir(place, { recursive: true });
  const names = await readdir(fresh);
  // The entry last: it names the others.
  for (const name of [...names.filter((each) => each !== entry), entry])
    await rename(path.join(fresh, name), path.join(place, name));
  await rm(fresh, { recursive: true });
  for (const name of await readdir(place)) {
    const file = path.join(place, name);
    if (!names.includes(name) && Date.now() - (await stat(file)).mtimeMs > grace) await rm(file, { recursive: true });
  }
}
