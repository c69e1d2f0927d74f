// Reports of training runs: what they say is what the run said; the run itself is not changed by being recorded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { curvesText, thinned } from "../../src/inspect/curves.ts";
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

test("a curve of a million steps is drawn with a few points, and none of its peaks is lost", () => {
  const points = Array.from({ length: 1_000_000 }, (_, x) => ({ x, y: x === 777_777 ? 9 : Math.sin(x / 1e5) }));
  const text = curvesText([{ points, kind: "raw" }], { width: 640, height: 200 });
  expect(text.length).toBeLessThan(50_000);
  expect(text).toContain('class="end">9<');
  expect(thinned(points, 1280).length).toBeLessThanOrEqual(1280);
  expect(thinned(points, 1280)).toContainEqual({ x: 777_777, y: 9 });
  expect(thinned(points, 1280).at(-1)).toBe(points.at(-1));
  expect(thinned(points.slice(0, 9), 9)).toEqual(points.slice(0, 9));
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
