// The file that --save asks for: written at the end, or after each epoch that is the best so far. A disk that is full for a while
// costs nothing; what cannot be written in the end is left where there is room.
import { joined } from "./checkpoint-file.ts";
import { memoryFile } from "./idx.ts";
import { ownPlace } from "./locate.ts";
import { encodeSlots, loadFrom, loadSlots } from "./parameters.ts";
import type { Run } from "./run.ts";
import { attempted, quoted, type UserError } from "./user-error.ts";

type Parts = readonly Uint8Array[];

export class SaveFile {
  readonly path: string;
  private readonly run: Run;
  /** The best parameters, while they cannot be written. */
  private waiting: Parts | undefined;
  /** Hash of the best parameters so far: a checkpoint names it, so that a resumed run knows them again. */
  bestHash: string | undefined;
  /** Whether the best parameters of a resumed run were not here, and none better have come since. */
  isLost = false;

  constructor(path: string, run: Run) {
    this.path = path;
    this.run = run;
    // Found out now, not after hours.
    this.files.probe(path);
  }

  private get files() {
    return this.run.plan.places.io.files;
  }

  private parameters(): Parts {
    return encodeSlots(this.run.trainer, this.run.plan.manifest);
  }

  /** Writes the parameters as they are now, the best so far, or tells why they wait. */
  keep(): UserError | undefined {
    const best = this.parameters();
    this.bestHash = this.files.sha256(joined(best));
    this.isLost = false;
    return this.put(best);
  }

  private put(parts: Parts): UserError | undefined {
    this.waiting = parts;
    return this.retry();
  }

  /** Goes on from a checkpoint whose best parameters have this hash; false where the file does not hold them. */
  adopt(hash: string | undefined): boolean {
    this.bestHash = hash;
    this.isLost = hash === undefined || this.hash() !== hash;
    return !this.isLost;
  }

  /** Of what lies at the place now; undefined where nothing can be read. */
  private hash(): string | undefined {
    let hash: string | undefined;
    attempted(() => {
      const file = this.files.open(this.path);
      if (!file) return;
      try {
        const bytes = new Uint8Array(file.size);
        file.read(0, bytes);
        hash = this.files.sha256(bytes);
      } finally {
        file.close();
      }
    });
    return hash;
  }

  /** Writes what waits. */
  retry(): UserError | undefined {
    const { waiting, path } = this;
    if (!waiting) return undefined;
    const problem = attempted(() => this.files.write(path, waiting));
    if (!problem) this.waiting = undefined;
    return problem;
  }

  /** At the end of the run. What was kept stays; else the parameters are written as they are now. */
  finish(isKept: boolean): UserError | undefined {
    const problem = isKept ? this.retry() : this.put(this.parameters());
    if (!problem) return undefined;
    const left = this.leave();
    return problem.and(left === undefined ? "the parameters are lost" : `the parameters are in ${quoted(left)}`);
  }

  /** Leaves what waits in the folder for what has no place; undefined where that cannot be. */
  private leave(): string | undefined {
    const { refuge } = this.run.plan.places.io;
    if (refuge === undefined) return undefined;
    const name = this.path.split(/[\\/]/).at(-1)!;
    for (let k = 0; ; k++) {
      let path = "";
      let isTaken = false;
      const problem = attempted(() => {
        path = ownPlace(refuge, k === 0 ? `nnc-${name}` : `nnc-${k}-${name}`, this.files);
        isTaken = this.files.realPath(path) !== undefined;
        if (!isTaken) this.files.write(path, this.waiting!);
      });
      if (problem) return undefined;
      if (!isTaken) return path;
    }
  }

  /** Puts the best parameters back into the trainer. */
  takeBest(): void {
    const { trainer, plan } = this.run;
    if (this.waiting) loadSlots(trainer, plan.manifest, memoryFile(this.path, joined(this.waiting)));
    else loadFrom(this.path, trainer, plan.manifest, plan.places.io);
  }
}
