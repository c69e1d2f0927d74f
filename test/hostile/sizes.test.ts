// Files that ask for too much get a clear answer early: measured in processor time and memory of a process of its own.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../runtime/test-io.ts";
import { meteredProgram } from "./metered.ts";

const folder = temporaryFolder();
const { nnc } = await meteredProgram(folder);

function model(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const n = 100_000;
const net = (body: string): string => `model net(x: [N, 4]) {\n${body}\n}\n`;
/** Of the words of a file there are fewer than this: what comes after the limit on words is looked at. */
const anyWords = "--max-tokens=2000000";
const training = `loss(out, y: [N, 4]) = mse(out, y)\ntrain { optimizer = sgd(lr = 0.1); batch = 4 }\n`;

describe("within 2 s of processor time and 300 MB", () => {
  test.each([
    ["100,000 parentheses", net(`  ${"(".repeat(n)}x${")".repeat(n)}`), "the limit `tokens`"],
    ["40,000 parentheses", net(`  ${"(".repeat(4e4)}x${")".repeat(4e4)}`), "nested more than 100 deep"],
    ["a sum of 100,000 terms", net(`  x${" + 1".repeat(n)}`), "the limit `tokens`"],
    ["a list of 100,000 numbers", net(`  [${"1,".repeat(n)}1]`), "the limit `tokens`"],
    ["100,000 short statements", net(`${"a=1\n".repeat(n)}x`), "the limit `tokens`"],
    ["500,000 unknown characters", net("  $\n".repeat(2.5e5)), "the limit `tokens`"],
    ["500,000 signs", "@".repeat(5e5), "the limit `tokens`"],
    ["a function of 40,000 parameters of one name", `fn f(${"x,".repeat(4e4)}x) = x\n`, "39951 of them not shown"],
    [
      "100,000 parentheses, of any number of words",
      net(`  ${"(".repeat(n)}x${")".repeat(n)}`),
      "nested more than 100 deep",
      anyWords,
    ],
    [
      "a sum of 100,000 terms, of any number of words",
      net(`  x${" + 1".repeat(n)}`),
      "more than 50000 operations",
      anyWords,
    ],
    [
      "a pipe of 100,000 stages, of any number of words",
      net(`  x${"\n  |> tanh".repeat(n)}`),
      "more than 50000 operations",
      anyWords,
    ],
    [
      "100,000 statements",
      net(`  h0 = x\n${Array.from({ length: n }, (_, i) => `  h${i + 1} = h${i} + 1`).join("\n")}\n  h${n}`),
      "more than the limit `source` of 1 MiB",
    ],
    ["a loop of 100,001 rounds", net(`  h = x\n  for i in 0:${n + 1} { h = tanh(h) }\n  h`), "limit `rounds`"],
    ["a loop of 49,999 rounds", net("  h = x\n  for i in 0:49999 { h = tanh(h) * x }\n  h"), "limit `nodes`"],
    [
      "10^5 parameters",
      net(`  h = x\n  for i in 0:40000 { h = linear(linear(linear(h, 4), 4), 4) }\n  h`) + training,
      "more than 50000 operations",
    ],
    [
      "a parameter of 10^12 numbers",
      net("  param w: [1000000, 1000000] = 0\n  x + sum(w)"),
      "takes 3.6 TiB, more than the limit `arena` of 2 GiB",
    ],
    ["a product past 2^53", net("  param w: [2000000000, 2000000000, 2000000000] = 0\n  x + sum(w)"), "[limit/size]"],
    [
      "intermediate values of 10^11 numbers",
      "model net(x: [N, 400000]) {\n  y = cumsum(x.T @ x, axis=0)\n  sum(y * y) + cumsum(x, axis=1)\n}\n",
      "more than the limit `arena` of 2 GiB; most of it for",
    ],
    ["10^6 spaces", net(`  x${" ".repeat(1e6)}`), ""],
    ["an unclosed string", net(`  "${"x".repeat(1e6 - 100)}`), "syntax/"],
    ["30 chained diamonds", net("  h = x\n  for i in 0:30 { h = tanh(h) * sigmoid(h) + h }\n  h") + training, ""],
  ])("%s", (name, text, says, ...flags) => {
    const argv = ["build", model("big.nn", text), "-o", join(folder, "out"), ...flags];
    const { code, err, seconds, megabytes } = nnc(argv);
    expect(err).not.toContain("internal error");
    expect(err, name).toContain(says);
    // One limit met is enough to say no: nothing is evaluated after it, and no second one is told.
    if (says.includes("limit")) expect(err.match(/^error: /gm), err).toHaveLength(1);
    expect(err.length).toBeLessThan(says.includes("not shown") ? 30_000 : 2000);
    expect(code).toBe(says === "" ? 0 : 1);
    // Two seconds on an idle machine; a busy one counts its waiting too.
    expect(seconds).toBeLessThan(4);
    expect(megabytes).toBeLessThan(300);
  });
});

test("every limit has a flag, and its refusal names the flag", () => {
  const path = model("small.nn", net("  h = x\n  for i in 0:3 { h = (tanh(h)) }\n  h") + training);
  for (const flag of ["source=10", "tokens=9", "nesting=1", "rounds=2", "nodes=3", "arena=100", "output=1KiB"]) {
    const { code, err } = nnc(["build", path, "-o", join(folder, "refused"), `--max-${flag}`]);
    expect(err).toContain(`--max-${flag.split("=")[0]}`);
    expect(code, err).toBe(1);
  }
  expect(existsSync(join(folder, "refused"))).toBe(false);
  for (const wrong of ["arena=lots", "nodes=0", "nesting=1000", "output=-1"]) {
    expect(nnc(["build", path, `--max-${wrong}`])).toMatchObject({ code: 2 });
  }
});

test("a model and all that it imports have one limit", () => {
  const parts = Array.from({ length: 4 }, (_, k) => [`part${k}.nn`, `fn f${k}(x) = x${" + 1".repeat(20_000)}\n`]);
  for (const [name, text] of parts) model(name!, text!);
  const path = model("parts.nn", parts.map(([name]) => `import "${name}"\n`).join("") + net("  f0(x)"));
  const { code, err } = nnc(["check", path]);
  expect(err).toMatch(/part2.nn` brings the words and signs of the model to more than 100000, the limit `tokens`/);
  expect(code).toBe(1);
  expect(nnc(["check", path, anyWords]).code).toBe(0);
  const long = nnc(["check", path, anyWords, "--max-source=300KiB"]);
  expect(long.err).toMatch(/"[^"]*part3.nn" has 78.\d KiB, more than the limit `source` of 6\d.\d KiB/);
});

test("nothing beside the model changes the bundle, and nothing outside the output folder is written", () => {
  const bare = join(folder, "bare");
  const beset = join(folder, "beset");
  const canary = join(folder, "canary");
  writeFileSync(canary, "sings");
  for (const place of [bare, beset]) {
    mkdirSync(place);
    writeFileSync(join(place, "net.nn"), net("  h = x\n  tanh(h)") + training);
  }
  writeFileSync(join(beset, "tsconfig.json"), '{ "compilerOptions": { "target": "es5", "paths": { "*": ["./evil"] } }');
  writeFileSync(join(beset, "package.json"), '{ "type": "commonjs", "browser": { "runtime": "./evil.js" }');
  for (const name of ["library", "runtime", "trainer", "esbuild", "ts-morph"]) {
    mkdirSync(join(beset, "node_modules", name), { recursive: true });
    writeFileSync(join(beset, "node_modules", name, "index.js"), "process.exit(9);");
    writeFileSync(join(beset, `${name}.js`), "process.exit(9);");
    writeFileSync(join(beset, `${name}.ts`), "process.exit(9);");
  }
  for (const place of [bare, beset]) {
    const { code, err } = nnc(["build", join(place, "net.nn"), "-o", join(place, "out")]);
    expect(err).toBe("");
    expect(code).toBe(0);
  }
  const names = readdirSync(join(bare, "out")).sort();
  expect(names).toEqual(["net.d.ts", "net.js", "net.train.js", "net.ts"]);
  for (const name of names) {
    expect(readFileSync(join(beset, "out", name), "utf8")).toBe(readFileSync(join(bare, "out", name), "utf8"));
  }
  expect(readFileSync(canary, "utf8")).toBe("sings");
  expect(readdirSync(bare).sort()).toEqual(["net.nn", "out"]);
});

test.each([
  ["above", "../secret.nn"],
  ["absolute", "/etc/passwd"],
  ["a drive", "C:\\\\secret.nn"],
  ["a device", "/dev/zero"],
  ["a zero byte", "a\\u0000.nn"],
  ["a folder", "."],
])("an import of a path that is %s reads nothing", (_, path) => {
  writeFileSync(join(folder, "secret.nn"), "fn secret(x) = x\n");
  const inner = join(folder, "inner");
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, "m.nn"), `import "${path}"\n${net("  secret(x)")}`);
  const { code, err } = nnc(["check", join(inner, "m.nn")]);
  expect(err).not.toContain("root:");
  expect(err).toMatch(/\[(file\/|syntax\/)/);
  expect(code).toBe(1);
});

test("without __proto__ of objects the compiler and its trainers work all the same", () => {
  const path = model(
    "proto.nn",
    `model net(__proto__: [N, 4]) {\n  param constructor: [4] = ones()\n  __proto__ * constructor\n}\n${training.replace("sgd(lr = 0.1)", "adam(lr = 0.1)")}`,
  );
  const built = nnc(["build", path, "-o", join(folder, "proto")], ["--disable-proto=throw"]);
  expect(built.err).toBe("");
  expect(built.code).toBe(0);
  const run = `import(${JSON.stringify(`file://${folder}/proto/proto.js`)}).then(({ create }) => {
    const trainer = create();
    trainer.inputs["__proto__"].fill(2);
    trainer.predict(1);
    console.log(trainer.read("out").slice(0, 4).join(), trainer.read("constructor").join());
  })`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--disable-proto=throw", "-e", run], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout).toBe("2,2,2,2 1,1,1,1\n");
});
