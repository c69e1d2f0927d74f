// `nnc predict` on rows of every format: the same answers, and those that the numbers say.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TensorToWrite } from "../../src/runtime/safetensors.ts";
import { safetensors, tensorsOf } from "./fixtures.ts";
import { folderWith, nnc } from "./nnc.ts";

const classifier = `model m(x: [N, 2]) {
  param w: [2, 3] = 0
  x @ w
}
loss(out, target: class[N] < 3) = cross_entropy(out, target)
train { optimizer = sgd(lr = 0.1, momentum = 0.9) }
`;

const params: TensorToWrite[] = [{ name: "w", dtype: "F32", shape: [2, 3], values: [10, 0, 0, 0, 20, 0] }];

/** Two rows of bytes: the first class, then the second. */
const bytes = [255, 0, 0, 255];

const idx = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, ...bytes);

describe("classes with probabilities", () => {
  const rows: [string, string | Uint8Array][] = [
    ["rows.csv", "1,0\n0,1\n"],
    ["rows.idx", idx],
    ["rows.bin", Uint8Array.from(bytes)],
    ["rows.safetensors", safetensors([{ name: "x", dtype: "F32", shape: [2, 2], values: [1, 0, 0, 1] }])],
  ];

  test.each(rows)("%s", async (name, content) => {
    const folder = folderWith({ "m.nn": classifier, "p.safetensors": safetensors(params), [name]: content });
    const words = ["--params", join(folder, "p.safetensors"), "--input", join(folder, name)];
    const { code, stdout, stderr } = await nnc(["predict", join(folder, "m.nn"), ...words, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const answers = JSON.parse(stdout) as { row: number; class: number; probabilities: number[] }[];
    expect(answers.map(({ class: best }) => best)).toEqual([0, 1]);
    // softmax of (10, 0, 0) and (0, 20, 0).
    expect(answers[0]!.probabilities[0]).toBeCloseTo(1 / (1 + 2 * Math.exp(-10)), 6);
    expect(answers[1]!.probabilities[1]).toBeCloseTo(1, 6);
    const text = await nnc(["predict", join(folder, "m.nn"), ...words]);
    expect(text.stdout).toMatch(/^row 0: 0 \(100\.0 %\) {2}1 \(0\.0 %\) {2}2 \(0\.0 %\)\nrow 1: 1 /);
  });

  test("more rows than one batch", async () => {
    const lines = Array.from({ length: 150 }, (_, row) => (row % 3 === 0 ? "1,0" : "0,1")).join("\n");
    const folder = folderWith({ "m.nn": classifier, "p.safetensors": safetensors(params), "rows.csv": lines });
    const { stdout } = await nnc([
      ...["predict", join(folder, "m.nn"), "--params", join(folder, "p.safetensors")],
      ...["--input", join(folder, "rows.csv"), "--json"],
    ]);
    const answers = JSON.parse(stdout) as { class: number }[];
    expect(answers.map((answer) => answer.class)).toEqual(
      Array.from({ length: 150 }, (_, row) => (row % 3 === 0 ? 0 : 1)),
    );
  });
});

test("results that are no classes are told as numbers, and written as tensors", async () => {
  const folder = folderWith({
    "m.nn": "model m(x: [N, 2]) -> (sum: [N], double: [N, 2]) { param w: [] = 0\n (sum(x, axis=-1) * w, x * 2) }\n",
    "p.safetensors": safetensors([{ name: "w", dtype: "F32", shape: [], values: [3] }]),
    "rows.csv": "1,2\n3,4\n",
  });
  const words = [
    "predict",
    join(folder, "m.nn"),
    "--params",
    join(folder, "p.safetensors"),
    "--input",
    join(folder, "rows.csv"),
  ];
  expect((await nnc(words)).stdout).toBe("row 0: sum 9; double 2 4\nrow 1: sum 21; double 6 8\n");
  expect(JSON.parse((await nnc([...words, "--json"])).stdout)).toEqual([
    { row: 0, sum: [9], double: [2, 4] },
    { row: 1, sum: [21], double: [6, 8] },
  ]);
  const out = join(folder, "out.safetensors");
  expect((await nnc([...words, "--out", out])).code).toBe(0);
  expect(tensorsOf(out).get("double")).toMatchObject({ dtype: "F32", shape: [2, 2] });
});

test.each([
  [
    "p.safetensors of another model",
    { "p.safetensors": safetensors([{ ...params[0]!, name: "v" }]) },
    "[params/names]",
  ],
  ["rows that are too short", { "rows.csv": "1\n" }, "[data/column"],
  ["bytes that are no whole rows", { "rows.csv": Uint8Array.of(1, 2, 3) }, "[data/"],
])("%s are refused", async (_, files, told) => {
  const folder = folderWith({
    "m.nn": classifier,
    "p.safetensors": safetensors(params),
    "rows.csv": "1,0\n",
    ...files,
  });
  const words = ["--params", join(folder, "p.safetensors"), "--input", join(folder, "rows.csv")];
  const { code, stdout, stderr } = await nnc(["predict", join(folder, "m.nn"), ...words]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(told);
});
