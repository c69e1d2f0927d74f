// Workers that take part in a run. Knows neither how they are made nor what they do.
import type { Io } from "./io.ts";
import type { Library, Trainer } from "./library.ts";

export interface Workers {
  /** How many threads compute, the caller's among them. */
  readonly threads: number;
  end(): void;
}

const none: Workers = { threads: 1, end() {} };

/** Starts them; where that cannot be, tells why and goes on without. A run need not wait for them: they join as they come. */
export function startWorkers(
  { url, manifest }: Library,
  trainer: Trainer,
  threads: number,
  io: Io,
  failed: (error: Error) => void,
): Workers {
  if (threads === 1) return none;
  const { team } = trainer;
  const alone = (why: string): Workers => {
    io.warn(`notice: one thread computes, not ${threads}: ${why}\n`);
    return none;
  };
  if (manifest.target !== "wasm") return alone("threads share WebAssembly, and this program is TypeScript");
  if (team === undefined) return alone("this program was built without --threads");
  if (typeof SharedArrayBuffer === "undefined") return alone("no memory can be shared here");
  if (!io.worker || url === undefined) return alone("no workers can be started here");
  const ends: (() => void)[] = [];
  const end = (): void => {
    trainer.disband?.();
    for (const each of ends) each();
  };
  try {
    for (let k = 1; k < threads; k++) ends.push(io.worker(url, team, failed));
  } catch (error) {
    end();
    return alone(error instanceof Error ? error.message : String(error));
  }
  return { threads, end };
}
