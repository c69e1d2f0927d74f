// Every file operation of an atomic write fails once, in turn: the old content or the new one is there, whole.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { temporaryFolder, verdictOf } from "./test-io.ts";

const fault = vi.hoisted(() => ({ countdown: 0 }));

vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  const failing =
    <A extends unknown[], R>(operation: (...args: A) => R) =>
    (...args: A): R => {
      if (--fault.countdown === 0) throw Object.assign(new Error("injected"), { code: "ENOSPC" });
      return operation(...args);
    };
  return {
    ...real,
    openSync: failing(real.openSync),
    writeSync: failing(real.writeSync as (...args: unknown[]) => number),
    fsyncSync: failing(real.fsyncSync),
    renameSync: failing(real.renameSync),
    mkdirSync: failing(real.mkdirSync as (...args: unknown[]) => unknown),
  };
});

test("a fault in the k-th file operation, for every k, loses nothing", () => {
  const folder = temporaryFolder();
  const path = join(folder, "checkpoint");
  let faults = 0;
  for (let k = 1; ; k++) {
    fault.countdown = 0;
    writeFileSync(path, "old content");
    fault.countdown = k;
    const verdict = verdictOf(() => nodeFiles.write(path, [Buffer.from("new "), Buffer.from("content")]));
    const injected = fault.countdown <= 0;
    fault.countdown = 0;
    const content = readFileSync(path, "utf8");
    expect(["old content", "new content"], `after fault ${k}`).toContain(content);
    expect(readdirSync(folder), `after fault ${k}`).toEqual(["checkpoint"]);
    if (!injected) {
      expect(verdict).toBe("ok");
      expect(content).toBe("new content");
      break;
    }
    expect(verdict, `fault ${k}`).toBe("file/unwritable");
    faults++;
  }
  // mkdir, open, two writes, fsync, rename, open and fsync of the folder.
  expect(faults).toBe(8);
  expect(existsSync(path)).toBe(true);
});
