// What a run keeps when the disk does not: the parameters of --save and --keep-best, the last checkpoint; and what a resumed run takes
// up again that is neither a parameter nor a state.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { Files } from "../../src/runtime/io.ts";
import type { Library } from "../../src/runtime/library.ts";
import { main } from "../../src/runtime/main.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { nodeIo } from "../../src/runtime/node-io.ts";
import { readHeader } from "../../src/runtime/safetensors.ts";
import { UserError } from "../../src/runtime/user-error.ts";
import { fakeLibrary, fewDigits } from "./fake-library.ts";
import { idxBytes } from "./idx-bytes.ts";
import { type TestIoOptions, temporaryFolder, testIo } from "./test-io.ts";

const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

const library = (epochs = 4): Library => fakeLibrary({ epochs, train: { data: fewDigits, shuffle: true } });

async function run(argv: readonly string[], options: Partial<TestIoOptions> = {}, of = library()) {
  const io = testIo({ folder, ...options });
  const code = await main(of, argv, io);
  return { code, out: io.printed.join(""), err: io.warned.join("") };
}

const bytes = (name: string): Buffer => readFileSync(path(name));

/** A disk that is full for files of these names, at the given tries (from 1). */
function fullFor(name: RegExp, tries: readonly number[] | "always"): Partial<Files> {
  let count = 0;
  return {
    write(file, parts) {
      if (name.test(file)) {
        count++;
        if (tries === "always" || tries.includes(count))
          throw new UserError("file/unwritable", `cannot write ${file}: the disk is full`, "Make room there.");
      }
      nodeFiles.write(file, parts);
    },
  };
}

test("--save on a full disk: the results are told, the parameters lie in the refuge, the run fails", async () => {
  await run(["--save", path("whole.safetensors")]);
  const refuge = path("refuge");
  mkdirSync(refuge);
  const files = fullFor(/[/\\]p\.safetensors$/, "always");
  for (const name of ["nnc-p.safetensors", "nnc-1-p.safetensors"]) {
    const { code, out, err } = await run(["--save", path("p.safetensors")], { files, refuge });
    expect(code).toBe(1);
    expect(out).toMatch(/^validation +60 rows: loss/m);
    expect(out).not.toContain("saved");
    expect(err).toMatch(
      /^error: cannot write .*the disk is full; the parameters are in ".*" \[file\/unwritable\]\nhelp: /,
    );
    expect(err).toContain(join(refuge, name));
    expect(readFileSync(join(refuge, name)).equals(bytes("whole.safetensors"))).toBe(true);
  }
  const nowhere = await run(["--save", path("p.safetensors")], { files });
  expect(nowhere.err).toContain("; the parameters are lost [file/unwritable]");
  expect(existsSync(path("p.safetensors"))).toBe(false);
});

test("--keep-best on a full disk: the best parameters wait for room, and are those that were best", async () => {
  const argv = ["--keep-best", "accuracy:min", "--save"];
  const whole = await run([...argv, path("best.safetensors")]);
  for (const tries of [[1], [1, 2, 3]]) {
    rmSync(path("late.safetensors"), { force: true });
    const files = fullFor(/late\.safetensors$/, tries);
    const { code, out, err } = await run([...argv, path("late.safetensors")], { files });
    expect(err).toMatch(/^(warning: cannot write .*; trying again after the next epoch\n)+$/);
    expect(code).toBe(0);
    const untimed = (text: string): string => text.replace(/^(time|saved|epoch).*$/gm, "");
    expect(untimed(out)).toBe(untimed(whole.out));
    expect(bytes("late.safetensors").equals(bytes("best.safetensors"))).toBe(true);
  }
  const refuge = path("refuge-of-best");
  mkdirSync(refuge);
  const never = await run([...argv, path("never.safetensors")], { files: fullFor(/[/\\]never/, "always"), refuge });
  expect(never.code).toBe(1);
  expect(never.out).toMatch(/^kept +the parameters of epoch/m);
  expect(readFileSync(join(refuge, "nnc-never.safetensors")).equals(bytes("best.safetensors"))).toBe(true);
});

test("--keep-best of a resumed run: the best parameters are known again, and others never taken for them", async () => {
  // The first epoch is the best by this rule, so that a resumed run finds none better.
  const rule = ["--keep-best", "loss:max", "--checkpoint", path("best-points"), "--every", "1epoch"];
  await run([...rule, "--save", path("first.safetensors"), "--max-steps", "10"]);
  await run(["--save", path("foreign.safetensors"), "--seed", "9"]);
  const foreign = bytes("foreign.safetensors");
  for (const name of ["foreign", "absent"]) {
    const other = await run([...rule, "--save", path(`${name}.safetensors`), "--resume"]);
    const missing = new RegExp(
      `the best parameters until the checkpoint, of epoch \\d, are not in ".*${name}.safetensors"`,
    );
    expect(other.err).toMatch(new RegExp(`^warning: ${missing.source}; they are lost unless a later epoch is better`));
    expect(other.err).toMatch(
      new RegExp(`^error: ${missing.source}; the last ones are saved \\[train/checkpoint\\]`, "m"),
    );
    expect(other.out).not.toMatch(/^kept/m);
    expect(other.code).toBe(1);
    expect(bytes(`${name}.safetensors`).equals(foreign)).toBe(false);
  }
  const same = await run([...rule, "--save", path("first.safetensors"), "--resume"]);
  expect(same).toMatchObject({ code: 0, err: "" });
  expect(same.out).toMatch(/^kept +the parameters of epoch \d/m);
  await run(["--keep-best", "loss:max", "--save", path("at-once.safetensors")]);
  expect(bytes("first.safetensors").equals(bytes("at-once.safetensors"))).toBe(true);
});

test("a resumed run says that it does not begin with --init", async () => {
  const argv = ["--checkpoint", path("init"), "--resume", "--init", path("whole.safetensors")];
  expect((await run([...argv, "--max-steps", "3"])).out).not.toContain("not used");
  expect((await run(argv)).out).toMatch(/^resumed +after step 3; --init is not used$/m);
});

test("a last checkpoint that cannot be written is told, and fails the run", async () => {
  const files = fullFor(/step-0000000016/, "always");
  const { code, err } = await run(["--checkpoint", path("last"), "--every", "5steps"], { files });
  expect(err).toMatch(
    /^error: cannot write .*; the end of the run is in no checkpoint \[file\/unwritable\]\nhelp: .*\n$/,
  );
  expect(code).toBe(1);
  // What is told after Ctrl-C is so.
  let pauses = 0;
  const io = testIo({ folder, tick: 50, files, pause: () => ++pauses === 3 && io.interrupt(130) });
  const none = fullFor(/step-/, "always");
  const broken = testIo({ folder, tick: 50, files: none, pause: () => broken.interrupt(130) });
  expect(await main(library(), ["--checkpoint", path("int"), "--every", "2steps"], io)).toBe(130);
  expect(io.printed.join("")).toContain("go on with --resume --checkpoint");
  expect(await main(library(), ["--checkpoint", path("none"), "--every", "2steps"], broken)).toBe(130);
  expect(broken.printed.join("")).not.toContain("--resume");
});

test("run-time numbers are what they were, unless others are given: then that is told", async () => {
  await run(["--lr", "0.03", "--save", path("rate.safetensors")]);
  const argv = ["--checkpoint", path("rates"), "--every", "2steps", "--resume"];
  await run([...argv, "--lr", "0.03", "--max-steps", "7"]);
  const same = await run([...argv, "--save", path("rate2.safetensors")]);
  expect(same.out).toMatch(/^resumed +after step 7$/m);
  expect(bytes("rate2.safetensors").equals(bytes("rate.safetensors"))).toBe(true);
  const other = await run([...argv, "--lr=0.5"]);
  expect(other.out).toMatch(/^resumed +after step 16; lr is 0.5 now, and was 0.03$/m);
  expect(other.code).toBe(0);
});

test("a resumed run says that it goes on for another target, and that there was nothing to resume", async () => {
  const argv = ["--checkpoint", path("targets"), "--resume"];
  const begun = await run([...argv, "--max-steps", "3"]);
  expect(begun.out).toMatch(/^resumed +nothing: there is no checkpoint in .*targets, so the run begins$/m);
  const of = library();
  const other = await run(argv, {}, { ...of, manifest: { ...of.manifest, target: "wasm" } });
  expect(other.out).toMatch(/^resumed +after step 3; it was begun for hand, whose results agree within rounding$/m);
});

test("a checkpoint says where its run is", async () => {
  await run(["--checkpoint", path("where"), "--every", "3steps", "--keep", "9", "--max-steps", "7", "--seed", "5"]);
  const file = nodeFiles.open(join(path("where"), "step-0000000006.safetensors"))!;
  const { metadata } = readHeader(file);
  file.close();
  expect(Object.fromEntries(metadata)).toMatchObject({
    format: "nnc checkpoint 1",
    step: "6",
    epoch: "1",
    "batch of the epoch": "2",
    seed: "5",
    shuffle: "true",
    "planned steps": "16",
    "training rows": "0:200",
    target: "hand",
    "setting lr": "0.5",
  });
  expect(metadata.get("data hash")).toMatch(/^[0-9a-f]{64}$/);
});

test("a clock that is set, back and forth, changes nothing", async () => {
  const now = vi.spyOn(Date, "now").mockImplementation(() => Math.floor(Math.random() * 4e12));
  try {
    const save = path("clock.safetensors");
    const argv = ["--checkpoint", path("clock"), "--every", "1s", "--save", save];
    const io = { ...testIo({ folder }), now: nodeIo().now };
    expect(await main(library(), argv, io)).toBe(0);
    await run(["--save", path("calm.safetensors")]);
    expect(bytes("clock.safetensors").equals(bytes("calm.safetensors"))).toBe(true);
    // One at the end: less than a second has passed.
    expect(readdirSync(path("clock"))).toEqual(["step-0000000016.safetensors"]);
  } finally {
    now.mockRestore();
  }
});

test("two runs in one folder do not remove each other's checkpoints", async () => {
  const points = path("shared");
  let isIn = false;
  const files: Partial<Files> = {
    write(file, parts) {
      // Another run writes there, far ahead.
      if (!isIn) nodeFiles.write(join(points, "step-0000000900.safetensors"), [Buffer.from("another's")]);
      isIn = true;
      nodeFiles.write(file, parts);
    },
  };
  const { code, err } = await run(["--checkpoint", points, "--every", "1steps", "--keep", "1"], { files });
  expect(err).toContain('warning: another run has written "step-0000000900.safetensors" to');
  expect(code).toBe(1);
  expect(readFileSync(join(points, "step-0000000900.safetensors"), "utf8")).toBe("another's");
});

test("data that cannot be read any more ends the run, with a checkpoint of all that was learned", async () => {
  const points = path("torn");
  writeFileSync(
    path("x.idx"),
    idxBytes([1000, 28, 28], (k) => k % 251),
  );
  writeFileSync(
    path("y.idx"),
    idxBytes([1000], (k) => k % 10),
  );
  let isTorn = false;
  const files: Partial<Files> = {
    // Too long to be held in memory, so each batch is read when it is its turn.
    open(name) {
      const file = nodeFiles.open(name);
      if (!file || !name.endsWith("x.idx")) return file;
      return {
        ...file,
        read(at, into) {
          if (isTorn)
            throw new UserError("file/unreadable", "cannot read x.idx: the disk reports an error", "Look at it.");
          file.read(at, into);
        },
      };
    },
  };
  const source = { source: "idx", positional: ["x.idx", "y.idx"], named: [] };
  const of = fakeLibrary({ epochs: 3, train: { data: source, shuffle: true } });
  const stepping: Library = {
    ...of,
    create(options) {
      const trainer = of.create(options);
      let steps = 0;
      return {
        ...trainer,
        step(rows) {
          trainer.step(rows);
          isTorn = ++steps === 7;
        },
      };
    },
  };
  const { limits } = await import("../../src/runtime/limits.ts");
  const inMemory = limits.inMemory;
  Object.assign(limits, { inMemory: 1000 });
  const { code, err } = await run(["--checkpoint", points, "--every", "100steps"], { files }, stepping);
  Object.assign(limits, { inMemory });
  expect(err).toContain("cannot read x.idx: the disk reports an error");
  expect(code).toBe(1);
  expect(readdirSync(points)).toEqual(["step-0000000007.safetensors"]);
});
