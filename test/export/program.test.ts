// The text of exported PyTorch programs: no function that nothing calls, names that Python can run, rules as long as they are
// written; and what a program says of wrong options. What runs is skipped where Python has no torch.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dataSets } from "../../data/index.ts";
import { imageFiles } from "../../src/cli/image-files.ts";
import type { MadeSet } from "../../src/runtime/data-set.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { pythonWith } from "./python.ts";

const python = pythonWith("torch");

/** The exported text of a model file, and the folder that it is in. */
async function exported(text: string, file = "m.nn", ...options: readonly string[]) {
  const folder = folderWith({ [file]: text });
  const ran = await nnc(["export", join(folder, file), "--to", "pytorch", "-o", folder, ...options]);
  expect(ran.code).toBe(0);
  const [path] = ran.stdout.split("  ");
  return { folder, path: path!, text: readFileSync(path!, "utf8"), told: ran.stderr };
}

const run = (path: string, ...argv: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(python!, [path, "--threads", "1", ...argv], { encoding: "utf8" });
  return { status, stdout, stderr };
};

const small = (train: string, body = "linear(x, 3)"): string => `
model m(x: [N, 2]) -> [N, 3] { ${body} }
loss(out, target: class[N] < 3) = cross_entropy(out, target)
train { ${train} }`;

const table = Array.from({ length: 40 }, (_, k) => `${Math.sin(k)},${Math.cos(3 * k)},${k % 3}`).join("\n");
const onTable = small('data = csv("t.csv"); batch = 7; epochs = 2; optimizer = sgd(lr = 0.1)');

it.each([
  ["mnist_logistic", ["read_csv", "text_windows", "read_npy"]],
  ["mnist_convnet", ["read_csv", "text_windows", "constant"]],
  ["char_gpt", ["read_idx", "image_set", "read_csv"]],
  ["wgan_gp", ["text_windows", "smallest"]],
  ["xor", ["image_set", "read_idx", "text_windows"]],
])("%s carries what it calls and nothing else", async (name, absent) => {
  const { text } = await exported(readFileSync(`models/${name}.nn`, "utf8"));
  const code = text.replace(/^ *#.*$/gm, "").replace(/"""[\s\S]*?"""/g, "");
  const names = [...code.matchAll(/^(?:def|class) (\w+)/gm)].map((found) => found[1]!);
  expect(names.length).toBeGreaterThan(20);
  const unused = names.filter((each) => code.match(new RegExp(`\\b${each}\\b`, "g"))!.length < 2);
  expect(unused).toEqual([]);
  for (const each of absent) expect(names).not.toContain(each);
  const imports = [...code.matchAll(/^import (\w+)$/gm)].map((found) => found[1]!);
  expect(imports.filter((each) => !code.includes(`${each}.`))).toEqual([]);
});

it("a clipped optimizer is one rule for all parameters", async () => {
  const { text } = await exported(
    small("batch = 4; optimizer = clipped(1.0, adamw(_, _, lr = 1e-3))", "linear(tanh(linear(x, 5)), 3)"),
  );
  expect(text.match(/^def \w+_update/gm)).toHaveLength(1);
  expect(text).toContain("for name in self.trained:");
  // Where a power cannot be 1, Python's own division is as good as ours.
  expect(text).toMatch(/ \/ \(1\.0 - 0\.9 \*\* t\) \* /);
});

it("means read as means, and a scaled column keeps its name", async () => {
  const { text } = await exported(readFileSync("models/mnist_mlp.nn", "utf8"));
  expect(text).toContain("x = x.float() / 255.0\n");
  expect(text).toMatch(/loss_of_batch = -pick\(\w+, target\)\.mean\(\)/);
});

it.each(["torch", "json", "token", "numpy"])("%s.nn does not take the place of Python's %s", async (name) => {
  const { path } = await exported(onTable, `${name}.nn`);
  expect(path.endsWith(`${name}_model.py`)).toBe(true);
});

it("made data is read from files, under its own name", async () => {
  const { text, told } = await exported(readFileSync("models/mnist_mlp.nn", "utf8"), "m.nn", "--data", "digits");
  expect(text).toContain('DATA = "digits"');
  expect(text).toContain('image_set("digits", folders)');
  expect(told).toContain("nnc data fetch digits");
});

describe.skipIf(python === undefined)("running programs (skipped where Python has no torch)", () => {
  it("says which option is wrong before anything is trained", { timeout: 300_000 }, async () => {
    const { folder, path } = await exported(onTable);
    writeFileSync(join(folder, "t.csv"), table);
    for (const [argv, status, told] of [
      [["--batch", "0"], 2, "--batch"],
      [["--nproc", "-1"], 2, "--nproc"],
      [["--max-steps", "-4"], 2, "--max-steps"],
      [["--set", "lr"], 2, "--set"],
      [["--set", "rate=1"], 2, "no run-time number 'rate'; it has lr"],
      [["--save", join(folder, "none", "w")], 1, "error: there is no folder for"],
      [["--log", join(folder, "none", "l")], 1, "error: there is no folder for"],
      [["--init", folder], 1, "error: "],
      [["--data", path, "--nproc", "2"], 1, "is no sound safetensors file"],
    ] as const) {
      const ran = run(path, ...argv);
      expect([argv, ran.status, ran.stdout]).toEqual([argv, status, ""]);
      expect(ran.stderr).toContain(told);
      expect(ran.stderr).not.toContain("Traceback");
      expect(ran.stderr.match(/error: /g)).toHaveLength(1);
    }
    writeFileSync(join(folder, "t.csv"), "1,2,red\n3,4,blue\n");
    expect(run(path).stderr).toMatch(/^error: .*t\.csv' is no table of numbers: .*red/);
  });

  it("trains on tables and texts as we do, and schedules may divide by zero", { timeout: 300_000 }, async () => {
    const text = `
model m(x: class[N, 4] < 256) -> [N, 4, 256] {
  param tokens: [256, 8] = randn()
  tanh(gather(tokens, x)) @ tokens.T
}
loss(out, target: class[N, 4] < 256) = cross_entropy(out, target)
train { data = text("t.txt", context = 4, stride = 3); batch = 5; epochs = 2; optimizer = adam(lr = 1e-2) }`;
    const noam = small(
      'data = csv("t.csv", x = ["a", 1], target = "c"); batch = 7; epochs = 2; optimizer = sgd(lr = 0.1 * min(min(step ** -0.5, (step + 1) / 4), exp(step * 1000)))',
    );
    for (const model of [text, noam]) {
      const { folder, path } = await exported(model);
      writeFileSync(join(folder, "t.csv"), `a,b,c\n${table}`);
      writeFileSync(join(folder, "t.txt"), "to be or not to be, that is the question".repeat(3));
      const trained = await nnc(["train", join(folder, "m.nn"), "--quiet", "--log", join(folder, "ours.jsonl")]);
      expect(trained).toMatchObject({ code: 0 });
      expect(run(path, "--log", join(folder, "theirs.jsonl"))).toMatchObject({ status: 0 });
      const [ours, theirs] = ["ours", "theirs"].map((log) =>
        readFileSync(join(folder, `${log}.jsonl`), "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      );
      expect(theirs!.length).toBeGreaterThan(8);
      expect(theirs!.map(({ loss: _, ...rest }) => rest)).toEqual(ours!.map(({ loss: _, ...rest }) => rest));
      for (const [k, { loss }] of theirs!.entries()) expect(Math.abs(loss / ours![k].loss - 1)).toBeLessThan(1e-5);
    }
  });

  it("torchrun starts it, too", { timeout: 300_000 }, async (context) => {
    if (spawnSync("torchrun", ["--help"]).status !== 0) context.skip("there is no torchrun");
    const { folder, path } = await exported(onTable);
    writeFileSync(join(folder, "t.csv"), table);
    const argv = [
      "--nproc_per_node",
      "2",
      "-r",
      "1",
      "-t",
      "1",
      // Without it, torchrun takes --log for an option of its own from Python 3.12 on.
      "--",
      path,
      "--threads",
      "1",
      "--log",
      join(folder, "two.jsonl"),
    ];
    const { status, stderr } = spawnSync("torchrun", argv, { encoding: "utf8" });
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(run(path, "--log", join(folder, "one.jsonl")).status).toBe(0);
    const [one, two] = ["one", "two"].map((log) =>
      readFileSync(join(folder, `${log}.jsonl`), "utf8")
        .trim()
        .split("\n"),
    );
    expect(two).toHaveLength(12);
    for (const [k, line] of two!.entries()) {
      expect(Math.abs(JSON.parse(line).loss / JSON.parse(one![k]!).loss - 1)).toBeLessThan(1e-5);
    }
  });

  it("reads digits from the files that nnc writes", { timeout: 300_000 }, async () => {
    const { folder, path } = await exported(
      readFileSync("models/mnist_logistic.nn", "utf8").replace(
        /data +=.*/,
        "data = digits(train = 0:640, valid = 640:700, test = 640:700)",
      ),
    );
    // A set of 700 rows in place of 70,000: the same program reads it.
    const few = { ...(dataSets.get("digits") as MadeSet), rows: 700, test: [640, 700] as const };
    mkdirSync(join(folder, "digits"));
    for (const [name, parts] of imageFiles(few)) writeFileSync(join(folder, "digits", name), Buffer.concat(parts));
    const trained = await nnc(["train", join(folder, "m.nn"), "--quiet", "--log", join(folder, "ours.jsonl")]);
    expect(trained).toMatchObject({ code: 0 });
    expect(run(path, "--log", join(folder, "theirs.jsonl"), "--data-dir", folder)).toMatchObject({ status: 0 });
    const [ours, theirs] = ["ours", "theirs"].map((log) =>
      readFileSync(join(folder, `${log}.jsonl`), "utf8")
        .trim()
        .split("\n"),
    );
    expect(theirs).toHaveLength(ours!.length);
    for (const [k, line] of theirs!.entries()) {
      expect(Math.abs(JSON.parse(line).loss / JSON.parse(ours![k]!).loss - 1)).toBeLessThan(1e-5);
    }
  });
});
