// Every file operation fails once, in turn: of one write, of several together, of a whole run that checkpoints. The old content or the
// new one is there, whole, and nothing of the run is lost.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { main } from "../../src/runtime/main.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { fakeLibrary } from "./fake-library.ts";
import { idxBytes } from "./idx-bytes.ts";
import { temporaryFolder, testIo, verdictOf } from "./test-io.ts";

const fault = vi.hoisted(() => ({ countdown: 0, done: [] as string[], atMost: Number.POSITIVE_INFINITY }));

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  type Operation = (...args: unknown[]) => unknown;
  const failing =
    (name: string, operation: Operation): Operation =>
    (...args) => {
      fault.done.push(name);
      if (--fault.countdown === 0) throw Object.assign(new Error("injected"), { code: "EIO" });
      return operation(...args);
    };
  const names = [
    "accessSync",
    "closeSync",
    "fchmodSync",
    "fstatSync",
    "fsyncSync",
    "ftruncateSync",
    "mkdirSync",
    "openSync",
    "readdirSync",
    "readSync",
    "realpathSync",
    "renameSync",
    "rmSync",
    "statSync",
    "writeSync",
  ] as const;
  const all = Object.fromEntries(names.map((name) => [name, failing(name, real[name] as Operation)]));
  // A disk may take less than it is given.
  const sparing = (fd: number, bytes: Uint8Array, from: number, length: number): unknown =>
    (all["writeSync"] as Operation)(fd, bytes, from, Math.min(length, fault.atMost));
  return { ...real, ...all, writeSync: sparing };
});

/** Runs `action` with its k-th file operation failing; what was asked of files, and whether one failed. */
async function withFault<T>(k: number, action: () => T | Promise<T>) {
  fault.done = [];
  fault.countdown = k;
  const result = await action();
  const hit = fault.countdown <= 0;
  fault.countdown = 0;
  return { result, hit, failed: hit ? fault.done[k - 1] : undefined };
}

test("of one write: the old content or the new, whole", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "a", "checkpoint");
  const failed: (string | undefined)[] = [];
  for (const isThere of [true, false]) {
    for (let k = 1; ; k++) {
      rmSync(join(folder, "a"), { recursive: true, force: true });
      if (isThere) {
        mkdirSync(join(folder, "a"));
        writeFileSync(path, "old content");
      }
      const write = () => verdictOf(() => nodeFiles.write(path, [Buffer.from("new "), Buffer.from("content")]));
      const { result, hit, failed: operation } = await withFault(k, write);
      failed.push(operation);
      const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name !== "a");
      const what = `${operation} fails`;
      expect(names, what).toEqual(isThere || names.length > 0 ? [join("a", "checkpoint")] : []);
      if (names.length > 0) expect(["old content", "new content"], what).toContain(readFileSync(path, "utf8"));
      if (!hit) {
        expect(result).toBe("ok");
        expect(readFileSync(path, "utf8")).toBe("new content");
        break;
      }
      // A path that cannot be looked up is taken as it stands.
      expect(result, what).toBe(operation === "realpathSync" ? "ok" : "file/unwritable");
    }
  }
  // On disk before it takes its place, and its place on disk before all is told to be well.
  fault.done = [];
  nodeFiles.write(path, [Buffer.from("content")]);
  expect(fault.done.slice(fault.done.indexOf("writeSync"))).toEqual(
    ["write", "fchmod", "fsync", "close", "rename", "open", "fsync", "close"].map((name) => `${name}Sync`),
  );
  for (const operation of ["mkdirSync", "openSync", "writeSync", "fsyncSync", "closeSync", "renameSync"])
    expect(failed).toContain(operation);
});

test("of several together: none takes its place before all are on disk", async () => {
  const folder = temporaryFolder();
  const files = new Map(["a", "b", "c"].map((name) => [join(folder, name), [Buffer.from(`new ${name}`)]] as const));
  for (let k = 1; ; k++) {
    for (const path of files.keys()) writeFileSync(path, "old");
    const { hit, failed } = await withFault(k, () => verdictOf(() => nodeFiles.writeTogether(files)));
    expect(readdirSync(folder).sort(), `${failed} fails`).toEqual(["a", "b", "c"]);
    const renamed = fault.done.includes("renameSync");
    const contents = [...files.keys()].map((path) => readFileSync(path, "utf8"));
    if (!renamed) expect(contents).toEqual(["old", "old", "old"]);
    if (!hit) {
      expect(contents).toEqual(["new a", "new b", "new c"]);
      break;
    }
  }
});

test("a disk that takes a few bytes at a time, or none", () => {
  const path = join(temporaryFolder(), "file");
  fault.atMost = 3;
  nodeFiles.write(path, [Buffer.from("a longer content")]);
  expect(readFileSync(path, "utf8")).toBe("a longer content");
  fault.atMost = 0;
  expect(verdictOf(() => nodeFiles.write(path, [Buffer.from("none")]))).toBe("file/unwritable");
  fault.atMost = Number.POSITIVE_INFINITY;
  expect(readFileSync(path, "utf8")).toBe("a longer content");
});

test("of a run that checkpoints, logs and saves: resumed, it ends with the same bytes", async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, "x.idx"),
    idxBytes([30, 28, 28], (k) => (k * 7919) % 256),
  );
  writeFileSync(
    join(folder, "y.idx"),
    idxBytes([30], (k) => k % 10),
  );
  const data = { source: "idx", positional: ["x.idx", "y.idx"], named: [] };
  const library = () => fakeLibrary({ epochs: 1, train: { data, shuffle: true, batch: 10 } });
  const run = async (name: string, ...more: string[]) => {
    const [save, log, points] = ["safetensors", "jsonl", "points"].map((end) => join(folder, `${name}.${end}`));
    const places = ["--save", save!, "--log", log!, "--checkpoint", points!, "--every", "1steps", "--keep", "2"];
    const io = testIo({ folder });
    const code = await main(library(), [...places, "--quiet", ...more], io);
    return { code, err: io.warned.join("") };
  };
  expect(await run("whole")).toEqual({ code: 0, err: "" });
  const bytes = (name: string): Buffer => readFileSync(join(folder, name));
  const whole = { save: bytes("whole.safetensors"), log: bytes("whole.jsonl") };
  const failed = new Set<string>();
  for (let k = 1; ; k++) {
    for (const end of ["safetensors", "jsonl", "points"])
      rmSync(join(folder, `k.${end}`), { recursive: true, force: true });
    const { result, hit, failed: operation } = await withFault(k, () => run("k"));
    expect(result.err, `${k}: ${operation}`).not.toContain("internal error");
    if (!hit) {
      expect(result).toEqual({ code: 0, err: "" });
      break;
    }
    failed.add(operation!);
    // It told what went wrong, or nothing did: what was tried again, or could wait.
    if (result.err !== "") expect(result.err).toMatch(/^(warning|error): cannot (read|write|remove) /);
    else expect(result.code).toBe(0);
    const again = await run("k", "--resume");
    expect(again, `${k}: ${operation}`).toEqual({ code: 0, err: "" });
    expect(bytes("k.safetensors").equals(whole.save), `${k}: ${operation}`).toBe(true);
    expect(readdirSync(join(folder, "k.points")).every((name) => /^step-\d{10}\.safetensors$/.test(name))).toBe(true);
  }
  expect([...failed].sort()).toContain("renameSync");
});
