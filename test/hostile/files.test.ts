// Bad data and parameter files, as the command line meets them: refused in one line that names the file, early, in little memory,
// and nothing is written or changed.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { idxHeader } from "../runtime/idx-bytes.ts";
import { badFiles, hasFixtures, temporaryFolder } from "../runtime/test-io.ts";
import { type Answer, meteredProgram } from "./metered.ts";

const folder = temporaryFolder();
const { nnc, all } = await meteredProgram(folder);

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Names and times of all files below a folder. */
const stateOf = (path: string): string =>
  JSON.stringify(
    readdirSync(path, { recursive: true, encoding: "utf8" })
      .sort()
      .map((name) => [name, statSync(join(path, name)).mtimeMs]),
  );

/** A refusal: one line about the file and one of help, early and in little memory. */
function expectRefused({ code, out, err, seconds, megabytes }: Answer, name: string, what = name): void {
  expect(code, `${what}: ${out}${err}`).toBe(1);
  expect(err, what).toMatch(/^error: .* \[[a-z]+\/[a-z-]+\]\n(help: .*\n)?\n?$/);
  expect(err, what).toContain(name);
  expect(out, what).toBe("");
  // Two seconds on an idle machine; a busy one counts its waiting too.
  expect(seconds, what).toBeLessThan(4);
  expect(megabytes, what).toBeLessThan(200);
}

const net = (data: string): string => `model net(x: [N, 28, 28]) -> [N, 10] {
  param weights: [784, 10] = zeros()
  reshape(x, [N, 784]) @ weights
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train { data = ${data}; batch = 2; optimizer = sgd(lr = 0.1) }
`;

/** A model of one number. */
const small = (data: string): string => `model net(x: [N]) -> [N] {
  param w: [] = 0
  x * w
}
loss(out, y: [N]) = mse(out, y)
train { data = ${data}; batch = 2; optimizer = sgd(lr = 0.1) }
`;

describe.skipIf(!hasFixtures)("every collected bad file gets its verdict", () => {
  const { files } = JSON.parse(hasFixtures ? readFileSync(join(badFiles, "index.json"), "utf8") : '{"files":{}}') as {
    files: Record<string, { kind: string; verdict: "accept" | "reject" | "either" }>;
  };
  if (hasFixtures) {
    mkdirSync(join(folder, "bad"));
    for (const name of readdirSync(badFiles)) copyFileSync(join(badFiles, name), join(folder, "bad", name));
  }
  const path = (name: string): string => join("bad", name);
  const isLabels = (name: string): boolean => name === "idx_ok_labels.idx" || name === "idx_count_mismatch.idx";
  const pair = (name: string): [string, string] =>
    isLabels(name) ? ["idx_ok_images.idx", name] : [name, "idx_ok_labels.idx"];

  const commands: { readonly name: string; readonly argv: readonly string[] }[] = [];
  for (const [name, { kind }] of Object.entries(files)) {
    if (kind === "safetensors") {
      commands.push({ name, argv: ["params", path(name)] }, { name, argv: ["data", "info", path(name)] });
      continue;
    }
    const [images, labels] = pair(name);
    write(`bad-${name}.nn`, net(`idx("bad/${images}", "bad/${labels}")`));
    commands.push({ name, argv: ["data", "info", path(images), path(labels)] });
    commands.push({ name, argv: ["train", `bad-${name}.nn`, "--save", "out.safetensors"] });
  }

  test("by info and by the trainer", () => {
    const before = stateOf(join(folder, "bad"));
    // A run that ends well saves its parameters: each gets a file of its own.
    const argvs = commands.map(({ argv }, k) => argv.map((word) => (word === "out.safetensors" ? `out-${k}` : word)));
    const answers = all(argvs);
    for (const [k, answer] of answers.entries()) {
      const { name } = commands[k]!;
      const what = argvs[k]!.join(" ");
      const { verdict } = files[name]!;
      expect(answer.err, what).not.toContain("internal error");
      if (verdict === "accept") expect(answer, what).toMatchObject({ code: 0, err: "" });
      else if (verdict === "reject" || answer.code !== 0) expectRefused(answer, name, what);
      if (answer.code !== 0) expect(readdirSync(folder)).not.toContain(`out-${k}`);
    }
    expect(stateOf(join(folder, "bad"))).toBe(before);
    expect(Object.keys(files).length).toBeGreaterThan(30);
  });

  test("as start values and as data", () => {
    const model = write(
      "start.nn",
      "model net(x: [N, 2]) { param a: [2, 2] = 0\n x @ a }\nloss(out, y: [N, 2]) = mse(out, y)\n" +
        'train { data = csv("start.csv"); batch = 2; optimizer = sgd(lr = 0.1) }\n',
    );
    write("start.csv", "1,2,3,4\n5,6,7,8\n");
    const bad = Object.keys(files).filter((name) => name.endsWith(".safetensors"));
    const answers = all(bad.map((name) => ["train", model, "--init", path(name), "--save", "none.safetensors"]));
    // None of them holds the parameter of this model, the sound ones neither.
    for (const [k, answer] of answers.entries()) expectRefused(answer, bad[k]!);
    expect(readdirSync(folder)).not.toContain("none.safetensors");
  });
});

describe("files that ask for memory", () => {
  test("gzip bombs, whatever their headers announce", () => {
    const zeros = Buffer.alloc(2 ** 27);
    const bombs = [
      // More than is announced; as much as is announced; less than that.
      ["more.idx.gz", Buffer.concat([idxHeader([2, 28, 28]), zeros])],
      ["honest.idx.gz", Buffer.concat([idxHeader([2 ** 17, 32, 32]), zeros])],
      ["less.idx.gz", Buffer.concat([idxHeader([2 ** 16 + 1, 32, 32]), zeros.subarray(0, 2 ** 26)])],
    ] as const;
    for (const [name, content] of bombs) {
      write(name, gzipSync(content, { level: 9 }));
      expectRefused(nnc(["data", "info", name]), name);
      write("bomb.nn", net(`idx("${name}", "${name}")`));
      expectRefused(nnc(["train", "bomb.nn"]), name);
    }
    const { err } = nnc(["data", "info", "honest.idx.gz"]);
    expect(err).toContain("more than the limit `unpacked` of");
  });

  const safetensorsOf = (header: string): Uint8Array => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, Buffer.from(header)]);
  };

  test.each([
    ["lists in a header", `{"a":[${"[],".repeat(3_000_000)}[]]}`],
    ["one list of sizes", `{"a":{"dtype":"U8","shape":[${"0,".repeat(5_000_000)}0],"data_offsets":[0,0]}}`],
    ["empty objects", `{${Array.from({ length: 1_000_000 }, (_, k) => `"${k}":{}`).join()}}`],
    ["metadata", `{"__metadata__":{${Array.from({ length: 500_000 }, (_, k) => `"${k}":"${k}"`).join()},"x":1}}`],
    ["a header past the limit", `{"a":"${"x".repeat(40_000_000)}"}`],
  ])("safetensors: %s", (_, header) => {
    write("long.safetensors", safetensorsOf(header));
    expectRefused(nnc(["params", "long.safetensors"]), "long.safetensors");
  });

  test("csv: one line of millions of cells, and a broken one after many rows", () => {
    write("wide.csv", `${"12,".repeat(8_000_000)}12\n`);
    expectRefused(nnc(["data", "info", "wide.csv"]), "wide.csv");
    write("late.csv", `${"1,2,3\n".repeat(1_000_000)}1,2\n`);
    expectRefused(nnc(["data", "info", "late.csv"]), "late.csv");
  });

  test.each([
    ["of commas", Buffer.alloc(2 ** 26, ",")],
    ["of one number", Buffer.alloc(2 ** 26, "1")],
    ["of quotes", Buffer.alloc(2 ** 26, '"')],
    ["of blank lines", Buffer.alloc(2 ** 26, "\n")],
    ["of zeros", Buffer.alloc(2 ** 26)],
    ["of names", Buffer.alloc(2 ** 26, "a name,")],
    ["whose last number is none", Buffer.concat([Buffer.alloc(2 ** 26, "1,2\n"), Buffer.from("1,x\n")])],
    ["whose last byte is no text", Buffer.concat([Buffer.alloc(2 ** 26, "1,2\n"), Buffer.from([0x31, 0x2c, 0xff])])],
  ])("csv: 64 MiB %s, looked at and trained on", (_, content) => {
    write("long.csv", content);
    expectRefused(nnc(["data", "info", "long.csv"]), "long.csv");
    write("long.nn", small('csv("long.csv", x = 0, y = 1)'));
    expectRefused(nnc(["train", "long.nn"]), "long.csv");
  });

  test("text: 64 MiB whose last byte is none", () => {
    write("long.txt", Buffer.concat([Buffer.alloc(2 ** 26, "text "), Buffer.from([0xff])]));
    const text = small('text("long.txt", unit = "chars")');
    write(
      "long.nn",
      text.replace("(x: [N])", "(x: i32[N])").replace("y: [N]) = mse(out, y)", "y: i32[N]) = mean(out)"),
    );
    expectRefused(nnc(["train", "long.nn"]), "long.txt");
  });

  /** A file of any length that takes no room on the disk. */
  function sparse(name: string, head: Uint8Array, bytes: number): void {
    truncateSync(write(name, head), head.length + bytes);
  }

  const npyHeader = (shape: string): Buffer => {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
    return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"), Buffer.from(`${text}\n`)]);
  };

  test("rows of gigabytes are told by their width, not read", () => {
    sparse("wide.npy", npyHeader("(1, 4000000000)"), 16e9);
    sparse("wider.npy", npyHeader("(2, 30000000)"), 24e7);
    for (const name of ["wide.npy", "wider.npy"]) {
      write("wide.nn", small(`npy("${name}", "${name}")`));
      const answer = nnc(["train", "wide.nn"]);
      expect(answer.err).toContain("[data/column-size]");
      expectRefused(answer, name);
    }
    const header = '{"x":{"dtype":"F32","shape":[1,4000000000],"data_offsets":[0,16000000000]}}';
    sparse("wide.safetensors", safetensorsOf(header), 16e9);
    write("wide.nn", small('safetensors("wide.safetensors", x = "x", y = "x")'));
    expectRefused(nnc(["train", "wide.nn"]), "wide.safetensors");
  });

  test("tensors of gigabytes are held to the model and its limits before they are read", () => {
    const rows = 300_000_000;
    const header = JSON.stringify({
      w: { dtype: "F32", shape: [], data_offsets: [0, 4] },
      x: { dtype: "F32", shape: [rows], data_offsets: [4, 4 + 4 * rows] },
      y: { dtype: "F32", shape: [rows], data_offsets: [4 + 4 * rows, 4 + 8 * rows] },
    });
    sparse("deep.safetensors", safetensorsOf(header), 4 + 8 * rows);
    write(
      "w.safetensors",
      Buffer.concat([safetensorsOf(JSON.stringify({ w: JSON.parse(header).w })), Buffer.alloc(4)]),
    );
    write("deep.nn", small('csv("none.csv")'));
    const given = ["--inputs", "deep.safetensors", "--out", "none.safetensors", "--max-arena", "1GiB"];
    for (const target of ["ts", "wasm", "interpret"]) {
      const { code, err, seconds, megabytes } = nnc(["eval", "deep.nn", ...given, "--target", target]);
      expect(err).toContain("takes 1.1 GiB, more than the limit `arena` of 1 GiB");
      expect(code).toBe(1);
      expect(seconds).toBeLessThan(4);
      expect(megabytes).toBeLessThan(200);
    }
    const predict = ["predict", "deep.nn", "--params", "w.safetensors", "--input"];
    expectRefused(nnc([...predict, "deep.safetensors", "--max-arena", "1GiB"]), "deep.safetensors");
    sparse("raw.bin", Buffer.alloc(4), 16e9);
    expectRefused(nnc([...predict, "raw.bin"]), "raw.bin");
    expect(readdirSync(folder)).not.toContain("none.safetensors");
  });

  test("a large sound file is looked at in pieces", () => {
    const bytes = 2 ** 28;
    const header = `{"a":{"dtype":"F32","shape":[${bytes / 4}],"data_offsets":[0,${bytes}]}}`;
    truncateSync(write("large.safetensors", safetensorsOf(header)), 8 + header.length + bytes);
    const { code, out, megabytes } = nnc(["params", "large.safetensors"]);
    expect(out).toContain("1 tensor");
    expect(code).toBe(0);
    expect(megabytes).toBeLessThan(200);
    truncateSync(write("large.idx", idxHeader([bytes / 1024, 1024])), 12 + bytes);
    const idx = nnc(["data", "info", "large.idx"]);
    expect(idx.code).toBe(0);
    expect(idx.megabytes).toBeLessThan(200);
  });
});
