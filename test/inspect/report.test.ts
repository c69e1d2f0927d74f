// Reports of training runs: what they say is what the run said; the run itself is not changed by being recorded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";

const words = ["train", "models/mnist_logistic.nn", "--data", "digits", "--max-steps", "40"];
const results = (stdout: string): string => /^validation +10,000 rows: (.*)$/m.exec(stdout)![1]!;

test("a report holds the results, every held-out row, and images of mistakes; no scripts", async () => {
  const folder = folderWith({});
  const page = join(folder, "report.html");
  const log = join(folder, "losses.jsonl");
  const { code, stdout } = await nnc([...words, "--report", page, "--log", log]);
  expect(code).toBe(0);
  const html = readFileSync(page, "utf8");
  expect(html).toContain(results(stdout));
  expect(html).toContain("40 of 1,564");
  expect(html).toContain("digits (made, not MNIST)");
  expect(html).not.toContain("<script");
  const counts = [...html.matchAll(/<td class="(right|missed)">(\d*)<\/td>/g)];
  expect(counts).toHaveLength(100);
  expect(counts.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(10_000);
  const right = counts.filter(([, kind]) => kind === "right").reduce((sum, [, , count]) => sum + Number(count), 0);
  expect(Number(/accuracy ([\d.]+)/.exec(results(stdout))![1])).toBeCloseTo(right / 10_000, 3);
  const mistakes = [...html.matchAll(/(\d) read as (\d)<\/figcaption>/g)];
  expect(mistakes).toHaveLength(24);
  for (const [, is, said] of mistakes) expect(is).not.toBe(said);
  // The log that was asked for is the log without a report.
  expect(readFileSync(log, "utf8").trim().split("\n")).toHaveLength(40);
});

test("the recorded run is the run", async () => {
  const plain = await nnc(words);
  const recorded = await nnc([...words, "--report", join(folderWith({}), "r.html")]);
  expect(results(recorded.stdout)).toBe(results(plain.stdout));
});

test("a report that cannot be written is found out before the run", async () => {
  const { code, stdout, stderr } = await nnc([
    ...words,
    "--report",
    join(folderWith({ "a.txt": "" }), "a.txt", "r.html"),
  ]);
  expect(code).toBe(1);
  expect(stdout).not.toContain("epoch");
  expect(stderr).toContain("r.html");
});
