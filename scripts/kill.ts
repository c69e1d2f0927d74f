// Kills a training run with SIGKILL at random moments and resumes it, until it has died 200 times; then its parameters must be
// those of a run that was left alone, to the last bit. `npm run kill [-- KILLS [SEED]]`.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Integers } from "../src/runtime/integers.ts";

const kills = Number(process.argv[2] ?? 200);
const seed = Number(process.argv[3] ?? 1);

/** Shuffle, dropout, running statistics and Adam: all that a resumed run must take up again. */
const model = `model net(x: [N, 784]) -> [N, 10] {
  h = linear(x, 16) |> batch_norm |> relu |> dropout(0.2)
  linear(h, 10)
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
metric accuracy(out, target)
train {
  data      = digits(train = 0:2000, valid = 2000:2100)
  batch     = 20
  epochs    = 40
  shuffle   = true
  optimizer = adam(lr = 0.001)
}
`;

const folder = mkdtempSync(join(tmpdir(), "nnc-kill-"));
const file = (name: string): string => join(folder, name);
writeFileSync(file("net.nn"), model);
const built = spawnSync(process.execPath, ["dist/nnc.js", "build", file("net.nn"), "-o", folder], { stdio: "inherit" });
if (built.status !== 0) process.exit(1);

const start = (...argv: string[]): ChildProcess =>
  spawn(process.execPath, [file("net.train.js"), "--quiet", ...argv], { stdio: ["ignore", "ignore", "pipe"] });

const ended = (child: ChildProcess): Promise<{ code: number | null; signal: string | null; err: string }> =>
  new Promise((done) => {
    let err = "";
    child.stderr!.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.on("close", (code, signal) => done({ code, signal, err }));
  });

const began = performance.now();
await ended(start("--save", file("whole.safetensors")));
const alone = performance.now() - began;
console.log(`left alone: ${(alone / 1000).toFixed(1)} s`);

const numbers = new Integers(seed, 0);
const resume = ["--checkpoint", file("points"), "--every", "5steps", "--resume", "--save", file("pieces.safetensors")];
let died = 0;
let runs = 0;
let faults = 0;
while (died < kills) {
  // A run that came to its end is begun again.
  if (runs++ > 0 && readdirSync(folder).includes("pieces.safetensors")) {
    compare();
    rmSync(file("pieces.safetensors"));
    rmSync(file("points"), { recursive: true });
  }
  const child = start(...resume);
  const timer = setTimeout(() => child.kill("SIGKILL"), 100 + numbers.below(Math.ceil(alone / 3)));
  const { code, signal, err } = await ended(child);
  clearTimeout(timer);
  if (signal === "SIGKILL") died++;
  if (err !== "" || (signal === null && code !== 0)) {
    faults++;
    console.log(`fault after ${died} kills: exit ${code}, ${err}`);
  }
}
await ended(start(...resume));
compare();
console.log(`${died} kills, ${runs} runs, ${faults} faults`);
rmSync(folder, { recursive: true });
process.exitCode = faults === 0 ? 0 : 1;

function compare(): void {
  const isSame = readFileSync(file("pieces.safetensors")).equals(readFileSync(file("whole.safetensors")));
  if (!isSame) faults++;
  console.log(`${died} kills so far; the end is ${isSame ? "the same to the last bit" : "DIFFERENT"}`);
}
