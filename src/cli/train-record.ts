// What `nnc train --report` keeps of a run while it goes: the loss of each step, and the trainer itself. The run does not notice.
import type { Io } from "../runtime/io.ts";
import type { Library, Trainer } from "../runtime/library.ts";

export class Record {
  readonly losses: number[] = [];
  trainer: Trainer | undefined;

  library(library: Library): Library {
    return {
      ...library,
      create: (options) => {
        this.trainer = library.create(options);
        return this.trainer;
      },
    };
  }

  /** The log goes on to where it was asked to go, if it was. */
  io<T extends Io>(io: T, logPath: string | undefined): T {
    const log: Io["files"]["log"] = (path, keep) => {
      const file = logPath === undefined ? undefined : io.files.log(path, keep);
      return {
        write: (line) => {
          const { loss } = JSON.parse(line) as { readonly loss: number | null };
          this.losses.push(loss ?? Number.NaN);
          file?.write(line);
        },
        flush: () => file?.flush(),
        close: () => file?.close(),
      };
    };
    return { ...io, files: { ...io.files, log } };
  }
}
