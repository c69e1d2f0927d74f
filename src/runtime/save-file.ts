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

  /** Writes the parameters as they are now, or tells why they wait. */
  keep(): UserError | undefined {
    this.waiting = this.parameters();
    return this.retry();
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
    const problem = isKept ? this.retry() : this.keep();
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
