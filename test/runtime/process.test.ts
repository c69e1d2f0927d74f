// The bundled trainer as a process of its own: real signals, closed pipes, sudden deaths.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "./test-io.ts";

const folder = temporaryFolder();
const trainer = join(folder, "logistic.train.mjs");
const root = resolve(import.meta.dirname, "../..");

beforeAll(async () => {
  const contents = `
    import { existsSync } from "node:fs";
    import { fakeLibrary } from "./test/runtime/fake-library.ts";
    import { main } from "./src/runtime/main.ts";
    const data = { source: "digits", positional: [], named: [["train", { range: [0, 640] }], ["valid", { range: [640, 700] }]] };
    const library = fakeLibrary({ train: { data, shuffle: true } });
    // Writing may take a minute.
    const slow = (trainer) => ({ ...trainer, read: (name) => {
      for (const end = Date.now() + 60_000; process.env.SLOW && existsSync(process.env.SLOW) && Date.now() < end; );
      return trainer.read(name);
    } });
    process.exitCode = await main({ ...library, create: (options) => slow(library.create(options)) }, process.argv.slice(2));`;
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: trainer,
  });
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

function start(...argv: string[]) {
  return startIn({}, ...argv);
}

function startIn(
  env: Readonly<Record<string, string>>,
  ...argv: string[]
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [trainer, ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let out = "";
  let err = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr!.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = new Promise<Ended>((done) => child.on("close", (code, signal) => done({ code, signal, out, err })));
  return { child, ended };
}

/** Resolves once the process prints `text`. */
const printed = (child: ChildProcess, text: string): Promise<void> =>
  new Promise((done) => {
    let seen = "";
    child.stdout!.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(text)) done();
    });
  });

const endless = ["--epochs", "1000000"];

describe("signals", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s", async (signal, code) => {
    const save = join(folder, `${signal}.safetensors`);
    const log = join(folder, `${signal}.jsonl`);
    const { child, ended } = start(...endless, "--save", save, "--log", log);
    await printed(child, "epoch 2/");
    child.kill(signal);
    const seen = await ended;
    expect(seen.code).toBe(code);
    expect(seen.err).toBe("");
    const steps = Number(/interrupted +after step ([\d,]+) of/.exec(seen.out)![1]!.replaceAll(",", ""));
    expect(readFileSync(log, "utf8").trimEnd().split("\n")).toHaveLength(steps);
    expect(readFileSync(save).length).toBeGreaterThan(7850 * 4);
  });

  const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

  test("a second one ends it at once, in the middle of a write", async () => {
    const slow = join(folder, "slow");
    const save = join(folder, "second.safetensors");
    const { child, ended } = startIn({ SLOW: slow }, ...endless, "--save", save);
    await printed(child, "epoch 2/");
    writeFileSync(slow, "");
    child.kill("SIGINT");
    await pause(400);
    expect(child.exitCode).toBe(null);
    const begin = performance.now();
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: null, signal: "SIGINT", err: "" });
    expect(performance.now() - begin).toBeLessThan(3000);
    rmSync(slow);
    expect(existsSync(save)).toBe(false);
  });

  test.each([
    ["a Ctrl-C that is handed on by whoever started it", "SIGINT", 10, 130],
    ["a terminal that tells more than once that it is closed", "SIGHUP", 150, 129],
  ] as const)("%s is one", async (_, signal, gap, code) => {
    const save = join(folder, `echo-${signal}.safetensors`);
    const { child, ended } = start(...endless, "--save", save);
    await printed(child, "epoch 2/");
    for (let k = 0; k < 3; k++) {
      child.kill(signal);
      await pause(gap);
    }
    expect(await ended).toMatchObject({ code, err: "" });
    expect(readFileSync(save).length).toBeGreaterThan(7850 * 4);
  });

  test("a closed pipe ends nothing and prints nothing", async () => {
    const save = join(folder, "pipe.safetensors");
    const { child, ended } = start("--epochs", "20", "--save", save);
    await printed(child, "epoch 1/");
    child.stdout!.destroy();
    const seen = await ended;
    expect(seen.code).toBe(0);
    expect(seen.err).toBe("");
    expect(readFileSync(save).length).toBeGreaterThan(7850 * 4);
  });
});

test("killed at any moment, resumed every time, the end is the same to the last bit", async () => {
  const whole = join(folder, "whole.safetensors");
  const options = ["--epochs", "40"];
  expect((await start(...options, "--save", whole).ended).code).toBe(0);
  const dir = join(folder, "killed");
  const pieces = join(folder, "pieces.safetensors");
  const log = join(folder, "killed.jsonl");
  const again = [...options, "--checkpoint", dir, "--every", "3steps", "--resume", "--save", pieces, "--log", log];
  let kills = 0;
  for (let delay = 150; ; delay += 37) {
    const { child, ended } = start(...again);
    const timer = setTimeout(() => child.kill("SIGKILL"), delay);
    const seen = await ended;
    clearTimeout(timer);
    if (seen.signal !== "SIGKILL") {
      expect(seen).toMatchObject({ code: 0, err: "" });
      break;
    }
    kills++;
  }
  expect(kills).toBeGreaterThan(2);
  expect(readFileSync(pieces).equals(readFileSync(whole))).toBe(true);
  const steps = readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { step: number }).step);
  expect(steps).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
  expect(readdirSync(dir).filter((name) => !/^step-\d{10}\.safetensors$/.test(name))).toEqual([]);
  expect(readdirSync(dir).length).toBeLessThanOrEqual(3);
});
