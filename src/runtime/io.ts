// All that the runtime asks of its surroundings: files, a terminal, a clock, signals. Types only;
// `node-io.ts` gives Node's, a page or a test gives its own.

/** A regular file opened for reading by position. */
export interface OpenFile {
  /** As the user may know it. */
  readonly path: string;
  readonly size: number;
  /** Fills `into` from byte `at`; the bytes must be there. */
  read(at: number, into: Uint8Array): void;
  close(): void;
}

export interface Gunzipped {
  readonly bytes: Uint8Array;
  /**
   * True where more follows: unpacked bytes past the limit (then `bytes` is empty), or other bytes after the
   * stream.
   */
  readonly more: boolean;
}

export interface Files {
  /** Undefined where there is no such file. Folders, devices and unreadable files are errors. */
  open(path: string): OpenFile | undefined;
  /** The path without links, or undefined where there is nothing. */
  realPath(path: string): string | undefined;
  join(folder: string, name: string): string;
  /** Names in a folder; empty where there is none. An error where it may not be looked into. */
  list(folder: string): readonly string[];
  /** The first bytes of what `packed` holds, `limit` at most; undefined where it is no gzip stream. */
  gunzipStart(packed: Uint8Array, limit: number): Uint8Array | undefined;
  /** Unpacks at most `limit` bytes; undefined where `packed` is no sound gzip stream. */
  gunzip(packed: Uint8Array, limit: number): Gunzipped | undefined;
  sha256(bytes: Uint8Array): string;
  /**
   * All or nothing, on disk when it returns: the old content stays until the new one is whole. Makes missing
   * folders.
   */
  write(path: string, parts: readonly Uint8Array[]): void;
  /** Several files in this way: all are on disk before the first takes its place. */
  writeTogether(files: ReadonlyMap<string, readonly Uint8Array[]>): void;
  /** An error where `path` could not be written later. */
  probe(path: string): void;
  /** Opens a log for writing after its first `keep` lines (0: anew); lines are buffered. */
  log(path: string, keep: number): LogFile;
  remove(path: string): void;
}

export interface LogFile {
  write(line: string): void;
  /** Writes out what is buffered. */
  flush(): void;
  close(): void;
}

export interface Io {
  readonly files: Files;
  /** Where relative paths of the model file are looked up: its own folder. */
  readonly folder: string;
  /** How this program was called, for help and hints: `nnc train model.nn`. */
  readonly program: string;
  /** Where fetched data sets are kept; undefined where there is no such place. */
  readonly cache: string | undefined;
  /** Where a file may be left that cannot be written to its place; absent where there is no such folder. */
  readonly refuge?: string;
  env(name: string): string | undefined;
  print(text: string): void;
  warn(text: string): void;
  /** Whether `print` may redraw the last line. */
  readonly isTerminal: boolean;
  /** Columns of the terminal. */
  width(): number;
  /** Milliseconds, from any start. */
  now(): number;
  /** Lets signals and messages in. */
  pause(): Promise<void>;
  /**
   * Calls `handler` on Ctrl-C (130), a polite end (143) or a closed terminal (129), until the returned function is
   * called.
   */
  onInterrupt(handler: (exitCode: number) => void): () => void;
  /**
   * Starts a worker that calls `work(team)` of the module at `url`; the returned function ends it. Absent where no workers can be
   * made.
   */
  readonly worker?: (url: string, team: object, failed: (error: Error) => void) => () => void;
  /** Whether another process of this machine has that number. */
  isRunning(process: number): boolean;
  /** Ends at once. */
  exit(code: number): void;
}
