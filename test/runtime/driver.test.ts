import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Files } from "../../src/runtime/io.ts";
import type { Library } from "../../src/runtime/library.ts";
import { main } from "../../src/runtime/main.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { encodeSafetensors, readHeader, readTensor } from "../../src/runtime/safetensors.ts";
import { UserError } from "../../src/runtime/user-error.ts";
import { fakeLibrary, fewDigits } from "./fake-library.ts";
import { hasMnist, mnistFolder, type TestIoOptions, temporaryFolder, testIo } from "./test-io.ts";

const folder = temporaryFolder();
const small = { train: { data: fewDigits } };

async function run(library: Library, argv: readonly string[], options: Partial<TestIoOptions> = {}) {
  const io = testIo({ folder, ...options });
  const code = await main(library, argv, io);
  return { code, out: io.printed.join(""), err: io.warned.join(""), io };
}

const path = (name: string) => join(folder, name);
const logOf = (name: string) =>
  readFileSync(path(name), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { step: number; epoch: number; loss: number; rows: number; data: string });

function tensorsOf(name: string): Map<string, number[]> {
  const file = nodeFiles.open(path(name))!;
  const tensors = new Map(
    [...readHeader(file).tensors.values()].map((entry) => [entry.name, [...readTensor(file, entry)]]),
  );
  file.close();
  return tensors;
}

describe("a run", () => {
  test.skipIf(!hasMnist)("the tutorial's model on MNIST: what it prints, logs and saves", async () => {
    const { code, out, err } = await run(
      fakeLibrary(),
      ["--data-dir", mnistFolder, "--log", path("mnist.jsonl"), "--save", path("mnist.safetensors")],
      { tick: 1 },
    );
    expect(err).toBe("");
    expect(code).toBe(0);
    const validation = /validation +10,000 rows: loss ([\d.]+), accuracy ([\d.]+)/.exec(out)!;
    expect(Number(validation[2])).toBeGreaterThan(0.916);
    expect(Number(validation[1])).toBeLessThan(0.3);
    for (const line of [
      "model            logistic, 7,850 parameters in 2 tensors",
      "compiled         for hand, up to 64 rows per step, arena 79.7 KiB",
      `data             MNIST, ${mnistFolder}`,
      "rows             training 50,000, validation 10,000, test 10,000",
      "steps            1,564: 2 epochs of 782, 64 rows each, seed 0",
      "(row 0 of out [64, 10])",
      "before training  first batch of 64 rows: loss 2.3",
      "epoch 2/2        loss 0.3",
      "after training   last batch of 16 rows: loss 0.08",
      "1,564 steps in ",
    ]) {
      expect(out).toContain(line);
    }
    const log = logOf("mnist.jsonl");
    expect(log).toHaveLength(1564);
    expect(log[0]).toMatchObject({ step: 1, epoch: 1, rows: 64, data: "mnist" });
    expect(log[781]).toMatchObject({ step: 782, epoch: 1, rows: 16 });
    expect(log[782]).toMatchObject({ step: 783, epoch: 2, rows: 64 });
    expect([...tensorsOf("mnist.safetensors")].map(([name, values]) => [name, values.length])).toEqual([
      ["weights", 7840],
      ["bias", 10],
    ]);
  });

  test("made digits are said to be no MNIST, in the text and in the log", async () => {
    const { out } = await run(fakeLibrary(), ["--data", "digits", "--max-steps", "2", "--log", path("digits.jsonl")]);
    expect(out).toContain("digits (made, not MNIST), drawn by its generator");
    expect(logOf("digits.jsonl").map(({ data }) => data)).toEqual(["digits", "digits"]);
  });

  test("two runs are equal, another seed is not", async () => {
    const losses = async (name: string, ...argv: string[]) => {
      await run(fakeLibrary({ ...small, train: { ...small.train, shuffle: true } }), ["--log", path(name), ...argv]);
      return readFileSync(path(name), "utf8");
    };
    const first = await losses("a.jsonl");
    expect(await losses("b.jsonl")).toBe(first);
    expect(await losses("c.jsonl", "--seed", "1")).not.toBe(first);
  });

  test("options change what they name", async () => {
    const library = fakeLibrary(small);
    const seen = await run(library, [
      "--batch",
      "30",
      "--epochs",
      "3",
      "--max-steps",
      "16",
      "--lr=0",
      "--log",
      path("o.jsonl"),
    ]);
    expect(seen.out).toContain("21: 3 epochs of 7, 30 rows each, seed 0, stopping after 16");
    const log = logOf("o.jsonl");
    expect(log.map(({ rows }) => rows).slice(0, 7)).toEqual([30, 30, 30, 30, 30, 30, 20]);
    expect(log.at(-1)).toMatchObject({ step: 16, epoch: 3 });
    // Nothing is learned at a rate of 0.
    expect(log[7]!.loss).toBe(log[0]!.loss);
  });

  test("drop_last leaves the short batch out", async () => {
    await run(fakeLibrary({ train: { ...small.train, dropLast: true } }), ["--epochs", "1", "--log", path("d.jsonl")]);
    expect(logOf("d.jsonl").map(({ rows }) => rows)).toEqual([64, 64, 64]);
  });

  test("what is saved starts another run where it was", async () => {
    await run(fakeLibrary(small), ["--max-steps", "3", "--save", path("p.safetensors")]);
    await run(fakeLibrary(small), [
      "--max-steps",
      "0",
      "--init",
      path("p.safetensors"),
      "--save",
      path("q.safetensors"),
    ]);
    expect(readFileSync(path("q.safetensors")).equals(readFileSync(path("p.safetensors")))).toBe(true);
  });

  test("quiet prints results alone; help prints help", async () => {
    const { out } = await run(fakeLibrary(small), ["--quiet"]);
    expect(out.split("\n").map((line) => line.slice(0, 10))).toEqual(["after trai", "validation", ""]);
    const help = await run(fakeLibrary(small), ["--help"]);
    expect(help.code).toBe(0);
    expect(help.out).toContain("Usage: nnc train model.nn [options]");
  });

  test("evaluation weights batches by their rows", async () => {
    // 60 rows in one batch, and in batches of 50 and 10.
    const text = async (batch: string) => (await run(fakeLibrary(small), ["--max-steps", "0", "--batch", batch])).out;
    const results = (out: string) => /validation +60 rows: (.*)/.exec(out)![1];
    expect(results(await text("50"))).toBe(results(await text("60")));
  });

  test("a terminal's last line is redrawn and taken away", async () => {
    const { out } = await run(fakeLibrary(small), [], { terminal: true, tick: 20 });
    const lines = out.split("\r").filter((line) => line.includes("░"));
    expect(lines.length).toBeGreaterThan(1);
    expect(lines[0]).toMatch(/^epoch 1\/2 +[█░]+ +\d+ % [\d,]+ rows\/s, .* left, loss \d\.\d{4}/);
    expect(out.slice(out.lastIndexOf("\r"))).not.toContain("░");
  });
});

describe("mistakes", () => {
  test.each([
    [["--batch", "65"], 2, "--batch 65 is more than the 64 rows", "nnc build --batch 65"],
    [["--batch", "0"], 2, "--batch takes a whole number from 1", ""],
    [["--epochs", "1.5"], 2, "--epochs takes a whole number", ""],
    [["--lr", "fast"], 2, "--lr takes a number", ""],
    [["--critic.lr", "1"], 2, '--critic.lr: this model has no run-time number "critic.lr"', 'It has "lr".'],
    [["--set", "beta=1"], 2, 'no run-time number "beta"', ""],
    [["--set", "beta"], 2, "--set takes NAME=X", ""],
    [["--set", "__proto__=1"], 2, 'no run-time number "__proto__"', ""],
    [["--frob"], 2, 'there is no option "--frob"', "--help"],
    [["file"], 2, 'there is no option "file"', ""],
    [["--seed"], 2, "--seed needs a value", ""],
    [["--quiet=1"], 2, "--quiet takes no value", ""],
    [["--every", "5minutes"], 2, "--every takes steps, seconds or epochs", ""],
    [["--resume"], 2, "--resume needs --checkpoint DIR", ""],
    [["--every", "3steps"], 2, "--every needs --checkpoint DIR", ""],
    [["--keep", "2"], 2, "--keep needs --checkpoint DIR", ""],
    [["--save", "a", "--log", "a"], 2, "--log and --save name one file", "a file of its own"],
    [["--init", "a", "--log=a"], 2, "--log and --init name one file", ""],
    [["--checkpoint", "/dev/null/x"], 1, 'cannot write "/dev/null/x', ""],
    [["--data", "csv"], 2, "--data takes mnist, fashion_mnist, digits", ""],
    [["--data", "mnist"], 1, "MNIST is not on this machine", "nnc data fetch mnist"],
    [["--init", "none.safetensors"], 1, 'there is no file "none.safetensors"', ""],
    [["--save", "/dev/null/x"], 1, 'cannot write "/dev/null/x"', ""],
    [["--log", "/dev/null/x"], 1, 'cannot write "/dev/null/x"', ""],
  ])("%j", async (argv, code, says, helps) => {
    const seen = await run(fakeLibrary(small), argv);
    expect(seen.err).toContain(says);
    expect(seen.err).toContain(helps);
    expect(seen.err.split("\n").length).toBeLessThanOrEqual(3);
    expect(seen.code).toBe(code);
  });

  test("start values that do not fit list the first five differences", async () => {
    const tensors = [
      { name: "weights", dtype: "F32" as const, shape: [10, 784], values: new Float32Array(7840) },
      ...["a", "b", "c", "d", "e"].map((name) => ({ name, dtype: "F32" as const, shape: [], values: [0] })),
    ];
    writeFileSync(path("bad.safetensors"), Buffer.concat(encodeSafetensors(tensors)));
    const { code, err } = await run(fakeLibrary(small), ["--init", path("bad.safetensors")]);
    expect(code).toBe(1);
    expect(err).toContain('"bias" [10] is missing; "a" is no parameter or state of the model; "b"');
    expect(err).toContain('"d" is no parameter or state of the model, and 2 more differences');
    writeFileSync(
      path("shape.safetensors"),
      Buffer.concat(
        encodeSafetensors([tensors[0]!, { name: "bias", dtype: "F32", shape: [10], values: new Float32Array(10) }]),
      ),
    );
    const shape = await run(fakeLibrary(small), ["--init", path("shape.safetensors")]);
    expect(shape.err).toMatch(/^error: .* \[params\/shape\]$/m);
    expect(shape.err).toContain('"weights" is [10, 784] there and [784, 10] in the model');
  });

  test("a model without loss or data", async () => {
    const library = fakeLibrary(small);
    const { train: _, ...rest } = library.manifest;
    expect((await run({ ...library, manifest: { ...library.manifest, hasLoss: false } }, [])).err).toContain(
      "has no loss",
    );
    expect((await run({ ...library, manifest: rest }, [])).err).toContain("names no data");
  });

  test("more memory than there is", async () => {
    const library = fakeLibrary(small);
    const create = (): never => {
      new ArrayBuffer(2 ** 52);
      throw new Error("the machine has it");
    };
    const { code, err } = await run({ ...library, create }, []);
    expect(err).toMatch(
      /^error: this machine does not give the .* of memory that the program works in \[train\/memory\]/,
    );
    expect(code).toBe(1);
  });

  test("a bug is told apart from a mistake", async () => {
    const library = fakeLibrary(small);
    const broken: Library = {
      ...library,
      create: () => {
        throw new TypeError("oops");
      },
    };
    const { code, err } = await run(broken, []);
    expect(code).toBe(70);
    expect(err).toContain("TypeError: oops");
    expect(err).toContain("Please report it");
  });
});

describe("what a run survives", () => {
  test("a loss that is no number ends it at that step; what was saved before stays", async () => {
    writeFileSync(path("kept.safetensors"), "old");
    const { code, err } = await run(fakeLibrary({ ...small, breakAt: 5 }), [
      "--log",
      path("nan.jsonl"),
      "--save",
      path("kept.safetensors"),
    ]);
    expect(code).toBe(3);
    expect(err).toContain('the loss is NaN at step 6 (epoch 2); the first tensor with such a number is "weights"');
    expect(logOf("nan.jsonl")).toHaveLength(6);
    expect(logOf("nan.jsonl").at(-1)!.loss).toBeNull();
    expect(readFileSync(path("kept.safetensors"), "utf8")).toBe("old");
  });

  test("a signal ends it after a step, saves, and gives its code; a second one ends it at once", async () => {
    let pauses = 0;
    const io = testIo({ folder, tick: 50, pause: () => ++pauses === 3 && io.interrupt(130) });
    const code = await main(
      fakeLibrary(small),
      ["--epochs", "100", "--log", path("int.jsonl"), "--save", path("int.safetensors")],
      io,
    );
    expect(code).toBe(130);
    expect(io.printed.join("")).toMatch(/interrupted +after step 3 of 400; parameters are in/);
    expect(logOf("int.jsonl")).toHaveLength(3);
    expect(tensorsOf("int.safetensors").get("bias")).toHaveLength(10);

    let second = 0;
    const twice = testIo({
      folder,
      tick: 50,
      pause: () => {
        if (++second === 1) {
          twice.interrupt(143);
          twice.interrupt(143);
        }
      },
    });
    expect(await main(fakeLibrary(small), [], twice)).toBe(143);
    expect(twice.exits).toEqual([143]);
  });

  test("a run in pieces takes the same steps to the last bit", async () => {
    const library = () => fakeLibrary({ train: { ...small.train, shuffle: true } });
    const options = ["--epochs", "4", "--seed", "9"];
    await run(library(), [...options, "--log", path("whole.jsonl"), "--save", path("whole.safetensors")]);
    const dir = path("checkpoints");
    const piece = [
      ...options,
      "--checkpoint",
      dir,
      "--every",
      "2steps",
      "--keep",
      "2",
      "--resume",
      "--log",
      path("pieces.jsonl"),
    ];
    for (const stop of ["3", "7", "8", "100"]) {
      const { code, err } = await run(library(), [...piece, "--max-steps", stop, "--save", path("pieces.safetensors")]);
      expect(err).toBe("");
      expect(code).toBe(0);
    }
    expect(readFileSync(path("pieces.jsonl"), "utf8")).toBe(readFileSync(path("whole.jsonl"), "utf8"));
    expect(readFileSync(path("pieces.safetensors")).equals(readFileSync(path("whole.safetensors")))).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(["step-0000000014.safetensors", "step-0000000016.safetensors"]);
  });

  test("a checkpoint of another run is refused, a damaged one passed over", async () => {
    const dir = path("others");
    const options = ["--checkpoint", dir, "--every", "1steps"];
    await run(fakeLibrary(small), [...options, "--max-steps", "2"]);
    const other = await run(fakeLibrary(small), [...options, "--resume", "--seed", "5", "--batch", "32"]);
    expect(other.code).toBe(1);
    expect(other.err).toContain('batch is "64" there and "32" here; seed is "0" there and "5" here');
    const newest = join(dir, "step-0000000002.safetensors");
    writeFileSync(newest, readFileSync(newest).subarray(0, 1000));
    const resumed = await run(fakeLibrary(small), [...options, "--resume"]);
    expect(resumed.err).toContain("taking the checkpoint before it");
    expect(resumed.out).toContain("resumed          after step 1");
    expect(resumed.code).toBe(0);
  });

  test("a full disk: the run goes on, the old checkpoint stays, the next interval tries again", async () => {
    const dir = path("full");
    mkdirSync(dir);
    let writes = 0;
    const files: Partial<Files> = {
      write(name, parts) {
        if (++writes === 2 || writes === 3)
          throw new UserError("file/unwritable", "cannot write: the disk is full", "Make room there.");
        nodeFiles.write(name, parts);
      },
    };
    const { code, err } = await run(
      fakeLibrary(small),
      ["--checkpoint", dir, "--every", "1steps", "--max-steps", "4"],
      { files },
    );
    expect(code).toBe(0);
    expect(err).toBe(
      "warning: cannot write: the disk is full; trying again at each interval\n" +
        "notice: checkpoints are written again, step 4\n",
    );
    expect(readdirSync(dir).sort()).toEqual(["step-0000000001.safetensors", "step-0000000004.safetensors"]);
  });

  test("a log that fails is given up, the run is not", async () => {
    const files: Partial<Files> = {
      log: () => ({
        write() {
          throw new UserError("file/unwritable", "cannot write: the disk is full", "Make room there.");
        },
        flush() {},
        close() {},
      }),
    };
    const { code, err, out } = await run(fakeLibrary(small), ["--log", path("x.jsonl")], { files });
    // It has not left what it was asked for.
    expect(code).toBe(1);
    expect(err).toBe("warning: cannot write: the disk is full; the run goes on without a log\n");
    expect(out).toContain("validation");
  });

  test("files are replaced whole or not at all, and nothing is left behind", () => {
    const dir = path("atomic");
    nodeFiles.write(join(dir, "sub", "f"), [Uint8Array.of(1), Uint8Array.of(2)]);
    expect([...readFileSync(join(dir, "sub", "f"))]).toEqual([1, 2]);
    mkdirSync(join(dir, "taken"));
    writeFileSync(join(dir, "taken", "x"), "");
    expect(() => nodeFiles.write(join(dir, "taken"), [Uint8Array.of(1)])).toThrow(UserError);
    expect(existsSync(join(dir, "taken", "x"))).toBe(true);
    expect(readdirSync(dir).sort()).toEqual(["sub", "taken"]);
    expect(readdirSync(join(dir, "sub"))).toEqual(["f"]);
  });
});
