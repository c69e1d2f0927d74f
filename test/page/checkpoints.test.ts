// Checkpoints of a page: the bytes that `nnc train` writes, and the other way round; and the page's own SHA-256.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import type { FromWorker, ToWorker } from "../../src/page/messages.ts";
import { sha256 } from "../../src/page/sha256.ts";
import { PageTrainer } from "../../src/page/trainer.ts";
import { columnsOf } from "../../src/runtime/sources.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { loadUnit } from "../codegen/load.ts";
import { check } from "../dsl/compile.ts";

test("SHA-256 is what Node's is", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, k) => k * 7);
    expect(sha256(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect(sha256(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
    }),
    { seed: 1 },
  );
});

/** Shuffle, dropout, running statistics and moments. */
const text = `model net(x: [N, 784]) -> [N, 10] {
  linear(x, 8) |> batch_norm |> relu |> dropout(0.2) |> linear(10)
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train { data = digits(train = 0:200, valid = 200:220); batch = 32; epochs = 4; shuffle = true; optimizer = adam(lr = 0.01) }
`;

test("the page and nnc train write the same bytes, and each goes on where the other was", async () => {
  const folder = folderWith({ "net.nn": text });
  const path = join(folder, "net.nn");
  const points = join(folder, "points");
  const argv = ["train", path, "--target", "ts", "--checkpoint", points, "--every", "5steps", "--keep", "99"];
  const whole = join(folder, "whole.safetensors");
  expect(await nnc([...argv, "--save", whole])).toMatchObject({ code: 0, stderr: "" });

  // As the page compiles it: columns as the data set stores them.

  const { module } = check(text, {
    dataFacts: ({ source, positional, named }) => columnsOf({ source, positional, named: [...named] }),
  });
  const library = await loadUnit(compile(module!, { target: "ts" }));
  const page = () => {
    const told: FromWorker[] = [];
    const start: Extract<ToWorker, { kind: "start" }> = { kind: "start", seed: 0, own: [], files: [] };
    return { trainer: new PageTrainer(library, undefined, start, (message) => told.push(message)), told };
  };
  const { trainer, told } = page();
  const saved = async (of: PageTrainer, from: FromWorker[]): Promise<Buffer> => {
    await of.receive({ kind: "save" });
    const last = from.at(-1)!;
    return Buffer.from(last.kind === "saved" ? last.bytes : []);
  };
  for (let step = 1; step <= 10; step++) await trainer.receive({ kind: "step" });
  const tenth = readFileSync(join(points, "step-0000000010.safetensors"));
  expect((await saved(trainer, told)).equals(tenth)).toBe(true);

  // From Node to the page, to the end.
  const other = page();
  await other.trainer.receive({ kind: "resume", name: "ten.safetensors", bytes: tenth });
  expect(other.told.filter(({ kind }) => kind === "progress").at(-1)).toMatchObject({ step: 10 });
  await other.trainer.receive({ kind: "run" });
  const last = readFileSync(join(points, readdirSync(points).sort().at(-1)!));
  expect((await saved(other.trainer, other.told)).equals(last)).toBe(true);

  // From the page to Node.
  const again = join(folder, "again");
  mkdirSync(again);
  writeFileSync(join(again, "step-0000000010.safetensors"), await saved(trainer, told));
  const rest = join(folder, "rest.safetensors");
  const resumed = await nnc(["train", path, "--target", "ts", "--checkpoint", again, "--resume", "--save", rest]);
  expect(resumed).toMatchObject({ code: 0, stderr: "" });
  expect(resumed.stdout).toContain("resumed          after step 10");
  expect(readFileSync(rest).equals(readFileSync(whole))).toBe(true);
});

test("a checkpoint of another model is refused in words, and changes nothing", async () => {
  const other = text.replace("linear(x, 8)", "linear(x, 9)");
  const folder = folderWith({ "net.nn": other });
  const points = join(folder, "points");
  await nnc(["train", join(folder, "net.nn"), "--checkpoint", points, "--max-steps", "1"]);
  const library = await loadUnit(compile(check(text).module!, { target: "ts" }));
  const trainer = new PageTrainer(library, undefined, { kind: "start", seed: 0, own: [], files: [] }, () => {});
  const bytes = readFileSync(join(points, "step-0000000001.safetensors"));
  await expect(trainer.receive({ kind: "resume", name: "other.safetensors", bytes })).rejects.toThrow(
    '"other.safetensors" is of another run: "linear_0.weight" is [9, 784] there and [8, 784] in the model; ',
  );
});
