// Threads from the command line: the same bits, one line of notice where there are none, and the reason where one fails.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { nodeCli } from "../../src/cli/cli.ts";
import { run } from "../../src/cli/main.ts";
import { chromiumPath, openChromium, skipReason } from "../page/chromium.ts";
import { folderWith, nnc } from "./nnc.ts";

const mlp = resolve(import.meta.dirname, "../../models/mnist_mlp.nn");
const steps = ["--data", "digits", "--max-steps", "20"];

afterEach(() => vi.unstubAllGlobals());

describe("nnc train --threads", () => {
  test("trains to the same bits, and says how many threads there are", async () => {
    const folder = folderWith({});
    const saved = async (threads: string): Promise<Buffer> => {
      const file = join(folder, threads);
      const { code, stdout, stderr } = await nnc(["train", mlp, ...steps, "--threads", threads, "--save", file]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      if (threads !== "1") expect(stdout).toContain(`for wasm, ${threads} threads, up to`);
      return readFileSync(file);
    };
    const [one, two, three] = [await saved("1"), await saved("2"), await saved("3")];
    expect(two.equals(one)).toBe(true);
    expect(three.equals(one)).toBe(true);
  });

  test.each([["0"], ["65"], ["two"], ["1.5"]])("%s threads are a usage error", async (count) => {
    const { code, stderr } = await nnc(["train", mlp, ...steps, "--threads", count]);
    expect(code).toBe(2);
    expect(stderr).toContain("--threads takes a whole number from 1 to 64");
  });

  test("goes on with one, and says why, where kernels are TypeScript", async () => {
    const { code, stderr } = await nnc(["train", mlp, ...steps, "--threads", "2", "--target", "ts"]);
    expect(stderr).toBe(
      "notice: one thread computes, not 2: threads share WebAssembly, and this program is TypeScript\n",
    );
    expect(code).toBe(0);
  });

  test("goes on with one where no memory can be shared", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const { code, stdout, stderr } = await nnc(["train", mlp, ...steps, "--threads", "2"]);
    expect(stderr).toBe("notice: one thread computes, not 2: no memory can be shared here\n");
    expect(stdout).not.toContain("threads");
    expect(code).toBe(0);
  });

  test("goes on with one where no worker can be made", async () => {
    let told = "";
    const warn = (text: string): void => {
      told += text;
    };
    const without = { ...nodeCli(), print: () => {}, warn };
    const broken = (): never => {
      throw new Error("too many workers");
    };
    expect(await run(["train", mlp, ...steps, "--threads", "2"], { ...without, worker: broken })).toBe(0);
    expect(told).toBe("notice: one thread computes, not 2: too many workers\n");
  });

  test("ends with what a worker says that cannot begin", async () => {
    let told = "";
    const warn = (text: string): void => {
      told += text;
    };
    const cli = nodeCli();
    const words = ["train", mlp, "--data", "digits", "--epochs", "1000", "--threads", "2"];
    const worker: typeof cli.worker = (_, team, failed) =>
      cli.worker!("data:text/javascript,no%20module", team, failed);
    expect(await run(words, { ...cli, print: () => {}, warn, worker })).toBe(1);
    expect(told).toContain("error: a worker thread failed: ");
    expect(told).toContain("[train/threads]");
  });

  test("an index out of range in a worker's rows is told as in one thread", async () => {
    const folder = folderWith({
      "m.nn": `model m(x: [N, 1], i: i32[N]) -> [N, 300] {
  param table: [50, 300] = randn()
  x + gather(table, 2 * i)
}
loss(out, y: [N, 1]) = mean((out - y) ** 2)
train { data = csv("d.csv", x = "x", i = "i", y = "y"); batch = 64; shuffle = false; optimizer = sgd(lr = 0.1) }
`,
      "d.csv": `x,i,y\n${Array.from({ length: 64 }, (_, k) => `0.5,${k === 61 ? 30 : 3},1\n`).join("")}`,
    });
    const ran = (threads: string) => nnc(["train", join(folder, "m.nn"), "--epochs", "50", "--threads", threads]);
    const [one, three] = [await ran("1"), await ran("3")];
    expect(one.stderr).toContain("the index 60 is none of 0 to 49, in row 61 of");
    expect({ code: three.code, stderr: three.stderr }).toEqual({ code: 1, stderr: one.stderr });
  });
});

describe("the built program", () => {
  const built = async (...words: string[]): Promise<string> => {
    const folder = folderWith({ "package.json": '{ "type": "module" }' });
    const { code, stderr } = await nnc(["build", mlp, "-o", folder, ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return folder;
  };
  const trained = (folder: string, threads: string) => {
    const file = join(folder, `${threads}.safetensors`);
    const argv = [join(folder, "mnist_mlp.train.js"), ...steps, "--threads", threads, "--save", file];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(status).toBe(0);
    return { stdout, stderr, saved: readFileSync(file) };
  };

  test.each([["inline"], ["file"]])("with its kernels in %s takes --threads", async (where) => {
    const folder = await built("--threads", "--wasm", where);
    const one = trained(folder, "1");
    const three = trained(folder, "3");
    expect(three.stderr).toBe("");
    expect(three.stdout).toContain("3 threads");
    expect(three.saved.equals(one.saved)).toBe(true);
  });

  test("that was built without goes on with one and says so", async () => {
    const { stderr } = trained(await built("--target", "wasm"), "2");
    expect(stderr).toBe("notice: one thread computes, not 2: this program was built without --threads\n");
  });

  test("nnc inspect shows what threads share", async () => {
    const text = async (...words: string[]) => (await nnc(["inspect", mlp, "--stage", "wat", ...words])).stdout;
    expect(await text("--threads")).toContain("(br_if $ended (call $barrier (local.get $threads)))");
    expect(await text()).not.toContain("$threads");
  });

  test("for TypeScript is not built with threads", async () => {
    const { code, stderr } = await nnc(["build", mlp, "--threads", "--target", "ts"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--threads is for WebAssembly");
  });

  test.skipIf(!chromiumPath)(
    `its library computes with workers in a cross-origin-isolated page${skipReason}`,
    { timeout: 60_000 },
    async () => {
      const folder = await built("--threads");
      const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
      const files = new Map([
        ["/", ["text/html", "<!doctype html><title>threads</title>"]],
        ["/model.js", ["text/javascript", readFileSync(join(folder, "mnist_mlp.js"), "utf8")]],
        ["/worker.js", ["text/javascript", 'import { work } from "./model.js"; onmessage = ({ data }) => work(data);']],
      ]);
      const server = createServer(({ url }, response) => {
        const [type, text] = files.get(url ?? "") ?? ["text/plain", ""];
        response.writeHead(files.has(url ?? "") ? 200 : 404, { "Content-Type": type!, ...isolated }).end(text);
      });
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const browser = await openChromium();
      try {
        const page = await browser.context.newPage();
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        const found = await page.evaluate(`(async () => {
          const { create } = await import("/model.js");
          const run = async (threads) => {
            const trainer = create({ seed: 3 });
            const { inputs, scalars, index, team } = trainer;
            for (let k = 1; k < threads; k++) new Worker("/worker.js", { type: "module" }).postMessage(team);
            const base = Math.ceil((scalars.byteOffset + scalars.byteLength) / 64) * 64;
            const words = new Int32Array(team.memory.buffer, base, 64);
            while (Atomics.load(words, 48) < threads - 1) await new Promise((next) => setTimeout(next, 1));
            for (const column of Object.values(inputs)) for (let i = 0; i < column.length; i++) column[i] = (i * 7) % 10;
            const losses = Array.from({ length: 30 }, () => { trainer.step(61); return scalars[index.loss]; });
            trainer.disband();
            return losses;
          };
          return [crossOriginIsolated, await run(1), await run(2), await run(3)];
        })()`);
        const [isIsolated, one, two, three] = found as [boolean, number[], number[], number[]];
        expect(isIsolated).toBe(true);
        expect(one[29]).toBeLessThan(one[0]!);
        expect([two, three]).toEqual([one, one]);
      } finally {
        await browser.close();
        server.close();
      }
    },
  );
});
