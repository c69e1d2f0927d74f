// The bundled trainer as a process of its own: real signals, closed pipes, sudden deaths.
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "./test-io.ts";

const folder = temporaryFolder();
const trainer = join(folder, "logistic.train.mjs");
const root = resolve(import.meta.dirname, "../..");

beforeAll(async () => {
  const contents = `
    import { fakeLibrary } from "./test/runtime/fake-library.ts";
    import { main } from "./src/runtime/main.ts";
    const data = { source: "digits", positional: [], named: [["train", { range: [0, 640] }], ["valid", { range: [640, 700] }]] };
    process.exitCode = await main(fakeLibrary({ train: { data, shuffle: true } }), process.argv.slice(2));`;
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

function start(...argv: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [trainer, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
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
