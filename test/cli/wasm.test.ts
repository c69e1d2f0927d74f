// The target wasm from the command line: what `nnc build` writes, where it runs, what is refused.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import type { Manifest, Trainer } from "../../src/runtime/library.ts";
import { chromiumPath, openChromium, skipReason } from "../page/chromium.ts";
import { safetensors, tensorsOf } from "./fixtures.ts";
import { folderWith, nnc } from "./nnc.ts";

const logistic = resolve(import.meta.dirname, "../../models/mnist_logistic.nn");

const small = `model net(x: [N, 5]) -> [N, 7] {
  h = tanh(linear(x, 9))
  softmax(linear(h, 7))
}
loss(out, y: [N, 7]) = mse(out, y)
train { batch = 8; optimizer = adam(lr = 0.01) }
`;

/** Builds the small model; the folder of the outputs. */
async function built(...options: readonly string[]): Promise<string> {
  // The programs are modules, whatever stands above the folder.
  const folder = folderWith({ "net.nn": small, "package.json": '{ "type": "module" }' });
  const ran = await nnc(["build", join(folder, "net.nn"), "-o", folder, ...options]);
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
  return folder;
}

/** Of an emitted library; with `--wasm file` it is given the compiled kernels. */
type Create = (options: { readonly seed: number; readonly wasm?: object }) => Trainer;

const libraryIn = async (folder: string): Promise<{ readonly create: Create; readonly manifest: Manifest }> =>
  import(/* @vite-ignore */ pathToFileURL(join(folder, "net.js")).href);

const WebAssembly = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } })
  .WebAssembly;

/** The loss of some steps on made-up rows. */
function losses({ inputs, scalars, index, step }: Trainer): number[] {
  for (const column of Object.values(inputs)) for (let i = 0; i < column.length; i++) column[i] = Math.sin(i + 1);
  return Array.from({ length: 20 }, () => {
    step(7);
    return scalars[index["loss"]!]!;
  });
}

describe("nnc build --target wasm", () => {
  test("makes a library that trains as the TypeScript does, with the kernels inside or beside", async () => {
    const plain = losses((await libraryIn(await built())).create({ seed: 3 }));
    const inline = await built("--target", "wasm");
    const found = losses((await libraryIn(inline)).create({ seed: 3 }));
    expect(readdirSync(inline)).not.toContain("net.wasm");
    expect(found[19]).toBeLessThan(found[0]!);
    found.forEach((loss, k) => void expect(Math.abs(loss - plain[k]!)).toBeLessThan(1e-6));

    const beside = await built("--wasm", "file");
    const kernels = readFileSync(join(beside, "net.wasm"));
    const { create } = await libraryIn(beside);
    expect(losses(create({ seed: 3, wasm: new WebAssembly.Module(kernels) }))).toEqual(found);
    // The bytes stand in one place only.
    expect(readFileSync(join(beside, "net.js"), "utf8")).not.toContain("AGFzbQ");
    expect(readFileSync(join(inline, "net.js"), "utf8")).toContain("AGFzbQ");
  });

  test("writes the same bytes again", async () => {
    const [one, two] = [await built("--wasm", "file"), await built("--wasm", "file")];
    expect(readdirSync(one).sort()).toEqual(readdirSync(two).sort());
    for (const file of readdirSync(one)) {
      expect(readFileSync(join(one, file)).equals(readFileSync(join(two, file))), file).toBe(true);
    }
  });

  test("the program beside its kernels trains; without them, or with others, it says so", async () => {
    const folder = folderWith({ "package.json": '{ "type": "module" }' });
    const { code } = await nnc(["build", logistic, "-o", folder, "--wasm", "file"]);
    expect(code).toBe(0);
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [join(folder, "mnist_logistic.train.js"), "--data", "digits", ...words], {
        encoding: "utf8",
      });
    const { status, stdout, stderr } = run("--max-steps", "30");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("for wasm");
    const kernels = join(folder, "mnist_logistic.wasm");
    for (const [bytes, told] of [
      [Buffer.from("\0asm no more"), "is not the file that was built with this program"],
      [readFileSync(join(await built("--wasm", "file"), "net.wasm")), "is not the file that was built"],
    ] as const) {
      writeFileSync(kernels, bytes);
      const ran = run();
      expect(ran.status).toBe(1);
      expect(ran.stderr).toContain(told);
      expect(ran.stderr).not.toContain("    at ");
    }
  });

  test("makes a trained model alone", async () => {
    const folder = await built();
    const weights = join(folder, "weights.safetensors");
    const { create, manifest } = await libraryIn(folder);
    const trainer = create({ seed: 9 });
    const slots = manifest.slots.filter(({ optimizer }) => !optimizer);
    const tensors = slots.map(({ name, shape }) => ({
      name,
      dtype: "F32" as const,
      shape: shape.map(Number),
      values: trainer.read(name),
    }));
    writeFileSync(weights, safetensors(tensors));
    const alone = await built("--target", "wasm", "--batch", "8", "--embed-weights", weights);
    const model = (await libraryIn(alone)).create({ seed: 1 });
    const [wanted, found] = [trainer, model].map((each) => {
      each.inputs["x"]!.set(Array.from({ length: 40 }, (_, i) => Math.cos(i)));
      each.predict(8);
      return each.read("out");
    });
    found!.forEach((value, i) => void expect(Math.abs(value - wanted![i]!)).toBeLessThan(1e-6));
    expect(found!.length).toBe(56);
  });
});

test("a program that 32 bits cannot address is refused, and allowed as TypeScript", async () => {
  const huge = "model m(x: [N, 70000]) { param w: [70000, 20000] = zeros()\nx @ w }\n";
  const folder = folderWith({ "m.nn": huge });
  const inspect = (target: string) =>
    nnc(["inspect", join(folder, "m.nn"), "--stage", "memory", "--target", target, "--max-arena", "8GiB"]);
  const { code, stderr } = await inspect("wasm");
  expect(code).toBe(1);
  expect(stderr).toContain("[limit/addresses]");
  expect((await inspect("ts")).code).toBe(0);
});

describe("which target runs", () => {
  const train = (...words: string[]) => nnc(["train", logistic, "--data", "digits", "--max-steps", "3", ...words]);

  test("nnc train takes WebAssembly where nothing else is said, and says which it is", async () => {
    expect((await train()).stdout).toContain("for wasm");
    expect((await train("--target", "ts")).stdout).toContain("for ts");
    expect((await train("--debug")).stdout).toContain("for ts");
  });

  test.each([
    [["train", logistic, "--target", "wasm", "--debug"], "--debug is for TypeScript"],
    [["build", logistic, "--target", "wasm", "--debug"], "--debug is for TypeScript"],
    [["build", logistic, "--target", "ts", "--wasm", "file"], "--wasm file is for WebAssembly"],
    [["build", logistic, "--target", "wasm", "--source-maps"], "--source-maps is for TypeScript"],
    [["build", logistic, "--threads", "--source-maps"], "--source-maps is for TypeScript"],
    [["build", logistic, "--wasm", "outside"], "inline, file"],
    [["inspect", logistic, "--stage", "loops", "--target", "wasm"], "--stage wat"],
  ])("%j is a usage error", async (argv, told) => {
    const { code, stdout, stderr } = await nnc(argv);
    expect(stderr).toContain(told);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("a run that one target began goes on with the other", async () => {
    const folder = folderWith({});
    const options = ["--checkpoint", join(folder, "c"), "--every", "1steps", "--resume"];
    await train("--target", "ts", ...options);
    const save = (name: string) => ["--save", join(folder, name)];
    const { code, stdout } = await train(...options, "--max-steps", "6", ...save("mixed"));
    expect(code).toBe(0);
    expect(stdout).toContain("after step 3");
    await train("--target", "ts", "--max-steps", "6", ...save("plain"));
    const [mixed, plain] = ["mixed", "plain"].map((name) => tensorsOf(join(folder, name)).get("weights")!.values);
    let worst = 0;
    for (let i = 0; i < plain!.length; i++) worst = Math.max(worst, Math.abs(plain![i]! - mixed![i]!));
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(1e-5);
  });

  test("nnc inspect --stage wat shows kernels with their lines, and they assemble", async () => {
    const { code, stdout } = await nnc(["inspect", logistic, "--stage", "wat"]);
    expect(code).toBe(0);
    expect(stdout).toContain(";; mnist_logistic.nn:");
    expect(stdout).toContain('(export "run_step")');
    expect(stdout).toContain("f32x4.mul");
    const { assemble } = await import("../../src/codegen/wat/assemble.ts");
    expect(() => new WebAssembly.Module(new Uint8Array())).toThrow();
    expect(new WebAssembly.Module(assemble(stdout))).toBeDefined();
  });
});

test.skipIf(!chromiumPath)(`a library trains in a browser as in Node${skipReason}`, { timeout: 60_000 }, async () => {
  const here = losses((await libraryIn(await built("--target", "wasm"))).create({ seed: 3 }));
  const inline = await built("--target", "wasm");
  const beside = await built("--wasm", "file");
  const text = (folder: string) => JSON.stringify(readFileSync(join(folder, "net.js"), "utf8"));
  const kernels = JSON.stringify(readFileSync(join(beside, "net.wasm")).toString("base64"));
  const browser = await openChromium();
  try {
    const page = await browser.context.newPage();
    // As text: what runs there is no code of this file.
    const found = await page.evaluate(`(async () => {
      const library = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
      const losses = ${losses.toString()};
      const bytes = Uint8Array.from(atob(${kernels}), (c) => c.charCodeAt(0));
      const inline = (await library(${text(inline)})).create({ seed: 3 });
      const beside = (await library(${text(beside)})).create({ seed: 3, wasm: await WebAssembly.compile(bytes) });
      return [losses(inline), losses(beside)];
    })()`);
    expect(found).toEqual([here, here]);
  } finally {
    await browser.close();
  }
});
