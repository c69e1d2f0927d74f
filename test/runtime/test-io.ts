// Surroundings for tests: real files in a fresh folder, text collected, no terminal, a clock that stands still unless
// told.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";
import type { Files, Io, OpenFile } from "../../src/runtime/io.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { UserError } from "../../src/runtime/user-error.ts";

/** A folder that is removed when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nnc-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestIo extends Io {
  /** All that was printed. */
  readonly printed: string[];
  readonly warned: string[];
  /** Sends a signal's exit code. */
  interrupt(code: number): void;
  readonly exits: number[];
}

export interface TestIoOptions {
  readonly folder: string;
  readonly env?: ReadonlyMap<string, string>;
  readonly files?: Partial<Files>;
  /** Milliseconds that pass between two looks at the clock. */
  readonly tick?: number;
  readonly terminal?: boolean;
  readonly refuge?: string;
  pause?(): void;
}

export function testIo(options: TestIoOptions): TestIo {
  const printed: string[] = [];
  const warned: string[] = [];
  const exits: number[] = [];
  let handler: ((code: number) => void) | undefined;
  let clock = 0;
  return {
    files: { ...nodeFiles, ...options.files },
    folder: options.folder,
    program: "nnc train model.nn",
    cache: undefined,
    ...(options.refuge === undefined ? {} : { refuge: options.refuge }),
    env: (name) => options.env?.get(name),
    print: (text) => void printed.push(text),
    warn: (text) => void warned.push(text),
    isTerminal: options.terminal ?? false,
    width: () => 100,
    now() {
      clock += options.tick ?? 0;
      return clock;
    },
    async pause() {
      options.pause?.();
    },
    onInterrupt(given) {
      handler = given;
      return () => {
        handler = undefined;
      };
    },
    isRunning: () => false,
    exit: (code) => void exits.push(code),
    printed,
    warned,
    exits,
    interrupt: (code) => handler?.(code),
  };
}

/** Bytes in memory as a file that counts what is read. */
export function fileOf(bytes: Uint8Array, path = "memory"): OpenFile {
  return {
    path,
    size: bytes.length,
    read(at, into) {
      if (at + into.length > bytes.length)
        throw new Error(`read past the end: ${at} + ${into.length} of ${bytes.length}`);
      into.set(bytes.subarray(at, at + into.length));
    },
    close() {},
  };
}

/** Runs `load`; gives the code of a UserError or "ok". Anything else thrown is a failure of the test. */
export function verdictOf(load: () => unknown): string {
  try {
    load();
    return "ok";
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

/** The message of the UserError that `load` ends with. */
export function complaintOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    if (error instanceof UserError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("no error");
}

const fixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
export const badFiles = join(fixtures, "badfiles");
export const tutorial = join(fixtures, "tutorial");
export const mnistFolder = process.env["NNC_DATA_DIR"] ?? resolve(import.meta.dirname, "../../../shared/data/mnist");
export const hasFixtures = existsSync(badFiles);
export const hasMnist = existsSync(join(mnistFolder, "train-images-idx3-ubyte.gz"));

if (!hasFixtures) console.warn("notice: no shared fixtures here, the tests on them are skipped");
if (!hasMnist) console.warn("notice: MNIST is not here, the tests on it are skipped");
