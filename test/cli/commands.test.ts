// The commands as a user meets them: what they print, what they write, how they end.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { paramsInfo } from "../../src/runtime/info.ts";
import { nodeIo } from "../../src/runtime/node-io.ts";
import { folderWith, nnc } from "./nnc.ts";

const model = (name: string): string => fileURLToPath(new URL(`../../models/${name}.nn`, import.meta.url));
const logistic = model("mnist_logistic");

const broken = `model m(x: [N, 784]) -> [N, 10] {
  param W: [748, 10] = randn()
  softmx(x @ W)
}
loss(out, target: class[N] < 10) = nll(out, target)
`;

const small = `model m(x: [N, 3]) {
  param w: [3, 2] = 1
  x @ w
}
loss(out, y: [N, 2]) = mse(out, y)
train { batch = 4
  optimizer = sgd(lr = 0.1) }
`;

/** Every file below a folder, with its content. */
const contents = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]),
  );

describe("the command line itself", () => {
  const commands = [
    "train",
    "build",
    "check",
    "inspect",
    "eval",
    "predict",
    "fmt",
    "explain",
    "params",
    "data fetch",
    "data info",
  ];

  test.each(commands)("nnc %s --help has examples", async (command) => {
    const { code, stdout, stderr } = await nnc([...command.split(" "), "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: nnc ${command}`);
    expect(stdout).toContain("\nExamples:\n  nnc ");
  });

  test("help lists the commands, version is the package's", async () => {
    const { stdout } = await nnc(["--help"]);
    for (const command of commands) expect(stdout).toContain(`\n  ${command.split(" ")[0]} `);
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect((await nnc(["--version"])).stdout).toBe(`${version}\n`);
  });

  test.each([
    [["frobnicate"], "unknown command"],
    [["chekc"], "Did you mean check?"],
    [["check"], "missing required argument"],
    [["check", logistic, "--nope"], "unknown option"],
    [["check", logistic, "--batch", "0"], "whole number"],
    [["check", logistic, "--dim", "hidden"], "NAME=K"],
    [["inspect", logistic, "--stage", "soup"], "ast, graph"],
    [["inspect", logistic, "--program", "nope"], "no program"],
    [["build", logistic, "--target", "cobol"], "ts, wasm"],
    [["explain", "shape/matmull"], "shape/matmul"],
    [["train", logistic, "--data", "csv"], "mnist, fashion_mnist, digits"],
    [["train", logistic, "--data", "digits", "--lr", "fast"], "takes a number"],
    [["train", logistic, "--data", "digits", "--critic.lr", "0.1"], "critic.lr"],
  ])("%j is a usage error", async (argv, told) => {
    const { code, stdout, stderr } = await nnc(argv);
    expect(stderr).toContain(told);
    expect(stderr).not.toContain("    at ");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("a file that is not there is told, not traced", async () => {
    const { code, stderr } = await nnc(["check", "no-such.nn"]);
    expect(code).toBe(1);
    expect(stderr).toBe('error: there is no file "no-such.nn" [file/missing]\nhelp: Check the path.\n\n');
    const json = await nnc(["check", "no-such.nn", "--format", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject([{ code: "file/missing", severity: "error" }]);
  });
});

describe("nnc check", () => {
  test("lists parameters and shapes", async () => {
    const { code, stdout, stderr } = await nnc(["check", model("mnist_mlp")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/x +u8\[N, 784\] +input/);
    expect(stdout).toMatch(/total +101,770/);
  });

  test("--shapes lists every binding under its path, round by round", async () => {
    const text = `fn block(x: [.., n]) {
  param scale: [n] = ones()
  y = x * scale
  y
}
model m(x: [N, 3]) {
  h = x
  for i in 0:2 { h = block(h) }
  h
}
`;
    const folder = folderWith({ "m.nn": text });
    const { stdout } = await nnc(["check", join(folder, "m.nn"), "--shapes"]);
    const rounds = [0, 1].flatMap((i) => [
      `block_${i}.scale +\\[3\\]`,
      `block_${i}.y +\\[N, 3\\]`,
      `h_${i} +\\[N, 3\\]`,
    ]);
    expect(stdout).toMatch(new RegExp(`\nshapes\nh +\\[N, 3\\]\n${rounds.join("\n")}\n`));
  });

  test("--dim changes sizes", async () => {
    const folder = folderWith({ "m.nn": "dim wide = 2\nmodel m(x: [N, 3]) { linear(x, wide) }\n" });
    const { stdout } = await nnc(["check", join(folder, "m.nn"), "--dim", "wide=5"]);
    expect(stdout).toMatch(/weight +\[5, 3\] +15/);
  });

  test("tells mistakes with their places, on stderr; exit 1", async () => {
    const folder = folderWith({ "m.nn": broken });
    const { code, stdout, stderr } = await nnc(["check", join(folder, "m.nn")]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("Did you mean `softmax`?");
    expect(stderr).toContain(" 3 |   softmx(x @ W)");
    expect(stderr).toContain("784 columns by 748 rows");
    expect(stderr).toMatch(/\n2 errors\n$/);
  });

  test("--format json is an array on stdout, also an empty one", async () => {
    const folder = folderWith({ "m.nn": broken });
    const { code, stdout, stderr } = await nnc(["check", join(folder, "m.nn"), "--format", "json"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject([
      { code: "name/unknown", line: 3, column: 3 },
      { code: "shape/matmul", line: 3, column: 10 },
    ]);
    expect((await nnc(["check", logistic, "--format", "json"])).stdout).toBe("[]\n");
  });

  test("imports stay below the model's folder", async () => {
    const folder = folderWith({ "m.nn": `import "../other.nn"\n${small}`, "n.nn": `import "/etc/passwd"\n${small}` });
    for (const name of ["m.nn", "n.nn"]) {
      const { code, stderr } = await nnc(["check", join(folder, name)]);
      expect(code).toBe(1);
      expect(stderr).toContain("[file/outside]");
      expect(stderr).toContain(" 1 | import ");
    }
  });

  test("text that is no UTF-8 is refused", async () => {
    const folder = folderWith({ "m.nn": Uint8Array.of(0x64, 0xff, 0xfe) });
    expect((await nnc(["check", join(folder, "m.nn")])).stderr).toContain("is no text in UTF-8");
  });
});

describe("nnc build", () => {
  test("writes four files, the same bytes wherever the model lies", async () => {
    const text = readFileSync(logistic, "utf8");
    const one = folderWith({ "mnist_logistic.nn": text });
    const two = folderWith({ "mnist_logistic.nn": text, "tsconfig.json": "{ broken", "package.json": "[]" });
    for (const folder of [one, two]) {
      const { code, stderr } = await nnc(["build", join(folder, "mnist_logistic.nn"), "-o", join(folder, "out")]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    }
    const first = contents(join(one, "out"));
    expect([...first.keys()]).toEqual([
      "mnist_logistic.d.ts",
      "mnist_logistic.js",
      "mnist_logistic.train.js",
      "mnist_logistic.ts",
    ]);
    expect(contents(join(two, "out"))).toEqual(first);
    for (const text of first.values()) expect(text).not.toContain(one);
  });

  test("writes nothing where the model is wrong", async () => {
    const folder = folderWith({ "m.nn": broken });
    expect((await nnc(["build", join(folder, "m.nn"), "-o", join(folder, "out")])).code).toBe(1);
    expect([...contents(folder).keys()]).toEqual(["m.nn"]);
  });

  test("a file's name cannot become code", async () => {
    const name = "a\nglobalThis.planted = true;\n`*/";
    const folder = folderWith({ [`${name.replace("/", "")}.nn`]: small });
    const [file] = readdirSync(folder);
    expect((await nnc(["build", join(folder, file!), "-o", join(folder, "out")])).code).toBe(0);
    for (const text of contents(join(folder, "out")).values()) {
      for (const line of text.split("\n")) expect(line).not.toMatch(/^globalThis\.planted/);
    }
  });

  test("says so where the folder cannot be written", async () => {
    const folder = folderWith({ "m.nn": small, file: "" });
    const { code, stderr } = await nnc(["build", join(folder, "m.nn"), "-o", join(folder, "file")]);
    expect(code).toBe(1);
    expect(stderr).toContain("[file/unwritable]");
  });

  test("--batch is what the library takes", async () => {
    const folder = folderWith({ "m.nn": small });
    await nnc(["build", join(folder, "m.nn"), "-o", folder, "--batch", "7"]);
    const library = (await import(join(folder, "m.js"))) as typeof import("../../src/runtime/library.ts") & {
      create(): { step(rows: number): void };
    };
    const trainer = library.create();
    trainer.step(7);
    expect(() => trainer.step(8)).toThrow("from 1 to 7");
  });
});

describe("nnc inspect", () => {
  test.each([
    ["ast", "log_softmax(((x @ weights) + bias))"],
    ["graph", "weights <- "],
    ["grad", "dweights = einsum"],
    ["opt", "dweights = einsum"],
    ["stages", "sum over k of"],
    ["loops", "for (let n = 0;"],
    ["memory", "one arena of"],
    ["ts", "export function create"],
  ])("--stage %s", async (stage, part) => {
    const { code, stdout, stderr } = await nnc(["inspect", logistic, "--stage", stage]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(part);
  });

  test("one program alone", async () => {
    const { stdout } = await nnc(["inspect", logistic, "--program", "predict"]);
    expect(stdout).toContain("# predict");
    expect(stdout).not.toContain("# step");
  });

  test("the tree of a file whose meaning is wrong", async () => {
    const folder = folderWith({ "m.nn": broken });
    const { code, stdout } = await nnc(["inspect", join(folder, "m.nn"), "--stage", "ast"]);
    expect(code).toBe(1);
    expect(stdout).toContain("softmx((x @ W))");
  });
});

describe("nnc train", () => {
  const train = (words: readonly string[], env = {}) => nnc(["train", logistic, "--max-steps", "3", ...words], env);

  test("trains on made digits, logs each step, saves", async () => {
    const folder = folderWith({});
    const log = join(folder, "run.jsonl");
    const saved = join(folder, "p.safetensors");
    const { code, stdout, stderr } = await train(["--data", "digits", "--log", log, "--save", saved, "--batch", "8"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("before training");
    const lines = readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([1, 2, 3].map((step) => ({ step, epoch: 1, rows: 8, data: "digits" })));
    expect(paramsInfo(saved, nodeIo()).map(({ name, shape }) => [name, shape])).toEqual([
      ["weights", [784, 10]],
      ["bias", [10]],
    ]);
  });

  test("the same seed gives the same log, and --no-reuse the same bits", async () => {
    const folder = folderWith({});
    const logs = await Promise.all(
      [
        ["--seed", "5"],
        ["--seed", "5"],
        ["--seed", "5", "--no-reuse"],
        ["--seed", "6"],
      ].map(async (words, k) => {
        const log = join(folder, `${k}.jsonl`);
        expect((await train(["--data", "digits", "--log", log, ...words])).code).toBe(0);
        return readFileSync(log, "utf8");
      }),
    );
    expect(logs[1]).toBe(logs[0]);
    expect(logs[2]).toBe(logs[0]);
    expect(logs[3]).not.toBe(logs[0]);
  });

  test("MNIST that is not there is an error that says what to do", async () => {
    const { code, stderr } = await train([]);
    expect(code).toBe(1);
    expect(stderr).toContain("nnc data fetch mnist");
  });

  test("--fallback digits says plainly that it is not MNIST", async () => {
    const log = join(folderWith({}), "run.jsonl");
    const { code, stdout, stderr } = await train(["--fallback", "digits", "--log", log]);
    expect(code).toBe(0);
    expect(stderr).toContain("They are not MNIST");
    expect(stdout).toContain("digits (made, not MNIST)");
    expect(readFileSync(log, "utf8")).toContain('"data":"digits"');
  });

  test("--lr and --GROUP.lr reach the rates of their groups", async () => {
    const folder = folderWith({
      "data.csv": "1,1\n",
      "m.nn": `model m(x: [N, 1]) {
  param a: [1] = 0
  param b: [1] = 0
  x * (a + b)
}
loss(out, y: [N, 1]) = sum(out - y)
train {
  data = csv("data.csv")
  batch = 1
  epochs = 1
  optimizer = sgd(lr = 0.1)
  optimizer.b = sgd(lr = 0.1)
}
`,
    });
    const saved = join(folder, "p.safetensors");
    const { code, stderr } = await nnc(["train", join(folder, "m.nn"), "--lr=0.5", "--b.lr", "0.25", "--save", saved]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // The gradient of each is 1.
    expect(paramsInfo(saved, nodeIo()).map(({ name, mean }) => [name, mean])).toEqual([
      ["a", -0.5],
      ["b", -0.25],
    ]);
  });

  test("a loss that is no number ends the run with 3", async () => {
    const { code, stderr } = await nnc(["train", logistic, "--data", "digits", "--lr", "1e38", "--max-steps", "50"]);
    expect(code).toBe(3);
    expect(stderr).toContain("diverged");
  });
});

describe("nnc fmt", () => {
  test("--check lists, without it files are written; a second time nothing changes", async () => {
    const folder = folderWith({ "m.nn": small.replace("x @ w", "x@w") });
    const path = join(folder, "m.nn");
    const before = readFileSync(path, "utf8");
    expect(await nnc(["fmt", "--check", path])).toEqual({ code: 1, stdout: `${path} is not formatted\n`, stderr: "" });
    expect(readFileSync(path, "utf8")).toBe(before);
    expect(await nnc(["fmt", path])).toEqual({ code: 0, stdout: `${path}\n`, stderr: "" });
    expect(readFileSync(path, "utf8")).toContain("x @ w");
    expect(await nnc(["fmt", "--check", path])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("a file with mistakes stays as it is", async () => {
    const folder = folderWith({ "m.nn": "model m(x: [N, 3] {\n x\n" });
    expect((await nnc(["fmt", join(folder, "m.nn")])).code).toBe(1);
    expect([...contents(folder)]).toEqual([["m.nn", "model m(x: [N, 3] {\n x\n"]]);
  });

  test("the models of this project are formatted", async () => {
    const folder = fileURLToPath(new URL("../../models", import.meta.url));
    const files = readdirSync(folder)
      .filter((name) => name.endsWith(".nn"))
      .map((name) => join(folder, name));
    expect(files.length).toBeGreaterThan(1);
    expect(await nnc(["fmt", "--check", ...files])).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("nnc explain, params, data", () => {
  test("explain prints the page, and lists all codes", async () => {
    const { code, stdout } = await nnc(["explain", "shape/matmul"]);
    expect(code).toBe(0);
    expect(stdout).toContain("This fails:");
    const listed = async (...args: string[]): Promise<string[]> =>
      (await nnc(["explain", ...args])).stdout.trim().split("\n");
    const all = await listed();
    expect(all.length).toBeGreaterThanOrEqual(60);
    // Each code with what it is about, on one line.
    for (const line of all) expect(line).toMatch(/^[a-z]+\/[a-z0-9-]+ +\S.*\.$/);
    const codesOf = (lines: string[]): string[] => lines.map((line) => line.split(" ")[0]!);
    expect(codesOf(await listed("shape"))).toEqual(codesOf(all).filter((code) => code.startsWith("shape/")));
    expect((await nnc(["explain", "[shape/matmul]"])).stdout).toBe(stdout);
  });

  test("data info and data fetch", async () => {
    const folder = folderWith({ "t.csv": "a,b\n1,2\n3,4.5\n" });
    const { code, stdout } = await nnc(["data", "info", join(folder, "t.csv")]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/shape +\[2, 2\]/);
    expect(stdout).toMatch(/names +a, b/);
    const none = await nnc(["data", "fetch", "mnits"]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("Did you mean mnist?");
  });

  test("params refuses what the trainer would refuse", async () => {
    const folder = folderWith({ "p.safetensors": "not a header" });
    const { code, stderr } = await nnc(["params", join(folder, "p.safetensors")]);
    expect(code).toBe(1);
    expect(stderr).toContain("[params/format]");
    expect(existsSync(join(folder, "p.safetensors"))).toBe(true);
  });
});
