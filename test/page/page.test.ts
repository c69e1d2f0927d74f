// The page in a real Chromium: opened as a file, edited, trained, drawn on, walked through; under its content policy.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cli, nodeCli } from "../../src/cli/cli.ts";
import { run } from "../../src/cli/main.ts";
import { readHeader } from "../../src/runtime/safetensors.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { chromiumPath, openChromium, skipReason } from "./chromium.ts";

describe.skipIf(!chromiumPath)(`the page of nnc explore${skipReason}`, () => {
  let browser: Awaited<ReturnType<typeof openChromium>>;
  let page: Page;
  let file: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    const folder = folderWith({});
    file = join(folder, "page.html");
    const { code, stderr } = await nnc(["explore", "models/mnist_logistic.nn", "--out", file]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    browser = await openChromium();
    page = await browser.context.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(pathToFileURL(file).href);
    await untilReady();
  }, 60_000);
  afterAll(() => browser?.close());

  const untilReady = async (): Promise<void> => {
    await page.waitForSelector("body[data-state=ready]");
    await page.waitForSelector("#run:not(:disabled)");
  };
  const fact = async (label: string): Promise<string> =>
    page
      .locator(".fact", { has: page.locator("small", { hasText: label }) })
      .first()
      .locator("b")
      .innerText();
  const write = (from: string, to: string): Promise<void> =>
    page.locator("#source-text").evaluate(
      (area, [before, after]) => {
        const text = area as unknown as { value: string; dispatchEvent(event: Event): void };
        text.value = text.value.replace(before!, after!);
        text.dispatchEvent(new Event("input"));
      },
      [from, to],
    );

  test("is one small file whose policy allows no eval", () => {
    expect(statSync(file).size).toBeLessThan(3 * 1024 * 1024);
    const html = readFileSync(file, "utf8");
    expect(html).toMatch(/script-src 'sha256-[^']+' blob:; style-src 'sha256-[^']+'; worker-src blob:/);
    expect(html).not.toContain("unsafe-");
    expect(html).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)="(?!data:)/);
  });

  test("shows the textbook's gradient graph on one screen", async () => {
    const shown = await page.locator("#graph-canvas .node .name").allTextContents();
    expect(shown.sort()).toEqual([
      "bias",
      "dbias",
      "dlogits",
      "dweights",
      "logits",
      "logp",
      "loss",
      "target",
      "weights",
      "x",
    ]);
    const canvas = (await page.locator("#graph-canvas").boundingBox())!;
    for (const node of await page.locator("#graph-canvas .node").all()) {
      const box = (await node.boundingBox())!;
      expect(box.y).toBeGreaterThanOrEqual(canvas.y);
      expect(box.y + box.height).toBeLessThanOrEqual(canvas.y + canvas.height);
    }
  });

  test("selects in every view what is selected in one", async () => {
    await page.locator("#graph-canvas .node", { hasText: "dweights" }).click();
    await page.waitForSelector(".line.selected.backward");
    expect((await page.locator(".line.selected").allTextContents()).join()).toContain("x @ weights + bias");
    await page.click("#tab-equations");
    expect(await page.locator(".equation.selected").count()).toBeGreaterThan(0);
    await page.click("#tab-code");
    expect((await page.locator(".kernel.selected .kernel-name").allTextContents()).join()).toMatch(/784x10xN/);
    await page.locator("#graph-canvas .node", { hasText: "dlogits" }).first().click();
    await page.click("#tab-memory");
    expect(await page.locator("tr.selected").count()).toBeGreaterThan(0);
    await page.keyboard.press("Escape");
    expect(await page.locator(".line.selected").count()).toBe(0);
  });

  test("tells of mistakes as they are typed, and goes on with the last good program", async () => {
    await write("x @ weights", "x @ weigts");
    await page.waitForSelector(".problem.error");
    expect(await page.locator(".problem").innerText()).toContain("Did you mean `weights`?");
    expect(await page.locator("#graph-canvas .node").count()).toBeGreaterThan(0);
    await write("x @ weigts", "x @ weights");
    expect(await page.locator(".problem").count()).toBe(0);
  });

  test("trains with another rate, draws a digit, reads a prediction", async () => {
    await write("lr = 0.5", "lr = 0.25");
    await expect.poll(() => page.locator("#numbers input").inputValue()).toBe("0.25");
    await untilReady();
    await page.click("#tab-train");
    await page.click("#run");
    await expect
      .poll(async () => Number((await fact("step")).replace(",", "")), { timeout: 20_000 })
      .toBeGreaterThanOrEqual(200);
    if ((await page.locator("#run").innerText()) === "Pause") await page.click("#run");
    expect(Number(await fact("loss"))).toBeLessThan(1.5);
    await expect.poll(async () => Number(await fact("accuracy"))).toBeGreaterThan(0.6);
    const pad = (await page.locator("#pad").boundingBox())!;
    await page.mouse.move(pad.x + pad.width / 2, pad.y + 20);
    await page.mouse.down();
    for (let y = 20; y < pad.height - 20; y += 8) await page.mouse.move(pad.x + pad.width / 2, pad.y + y);
    await page.mouse.up();
    await page.waitForSelector("#answer");
    expect(await page.locator("#answer").innerText()).toBe("1");
    expect(await page.locator("#weights canvas").count()).toBe(10);
    expect(await page.locator(".confusion td.right").count()).toBe(10);
  });

  test("saves parameters that other tools read", async () => {
    const waiting = page.waitForEvent("download");
    await page.click("#save");
    const bytes = readFileSync(await (await waiting).path());
    const { tensors } = readHeader({
      path: "saved",
      size: bytes.length,
      read: (at, into) => into.set(bytes.subarray(at, at + into.length)),
      close: () => {},
    });
    expect([...tensors.values()].map(({ name, shape }) => [name, shape])).toEqual([
      ["weights", [784, 10]],
      ["bias", [10]],
    ]);
  });

  test("walks through one step by the keyboard", async () => {
    await page.click("#reset");
    await untilReady();
    await page.keyboard.press(".");
    await page.waitForSelector("#walk-next");
    const titles: string[] = [];
    for (let stop = 0; stop < 7; stop++) {
      titles.push(await page.locator("#walk header b").innerText());
      if (stop < 6) await page.keyboard.press("ArrowRight");
    }
    expect(titles).toEqual([
      "batch",
      "forward",
      "loss",
      "backward: dbias",
      "backward: dweights",
      "update: weights",
      "update: bias",
    ]);
    await page.keyboard.press("Escape");
    expect(await page.locator("#walk").isVisible()).toBe(false);
    expect(await fact("step")).toBe("1");
  });

  test("fits a phone, in the dark too", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.click("#tab-graph");
    await page.waitForSelector("#graph-canvas svg");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(await page.locator("#run").isVisible()).toBe(true);
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.emulateMedia({ colorScheme: "light" });
  });

  test("another model trains on the data file that lies beside it", async () => {
    const other = join(folderWith({}), "xor.html");
    expect((await nnc(["explore", "models/xor.nn", "--out", other])).code).toBe(0);
    const xor = await browser.context.newPage();
    await xor.goto(pathToFileURL(other).href);
    await xor.click("#run:not(:disabled)");
    await expect
      .poll(async () => Number(await xor.locator(".fact b").nth(1).innerText()), { timeout: 20_000 })
      .toBeLessThan(0.1);
    await xor.close();
  });

  test("no complaint on the console", () => {
    expect(complaints).toEqual([]);
  });
});

test("nnc explore serves the page to this machine alone, and nothing else", async () => {
  const port = 20_000 + (process.pid % 20_000);
  let interrupt: ((code: number) => void) | undefined;
  let printed = "";
  const cli: Cli = {
    ...nodeCli(),
    print: (text) => {
      printed += text;
    },
    onInterrupt: (handler) => {
      interrupt = handler;
      return () => {};
    },
  };
  const ended = run(["explore", "models/mnist_logistic.nn", "--port", String(port)], cli);
  await expect.poll(() => printed, { timeout: 20_000 }).toContain(`http://127.0.0.1:${port}/`);
  const answer = await fetch(`http://127.0.0.1:${port}/`);
  expect(answer.status).toBe(200);
  const html = await answer.text();
  expect(html).toContain("mnist_logistic");
  // The policy of the header is the page's own, and its hashes are those of what it carries.
  const policy = answer.headers.get("content-security-policy")!;
  expect(html).toContain(policy);
  const script = /<script>([\s\S]*)<\/script>/.exec(html)![1]!;
  expect(policy).toContain(createHash("sha256").update(script).digest("base64"));
  expect((await fetch(`http://127.0.0.1:${port}/package.json`)).status).toBe(404);
  expect(await statusFor(port, "evil.example")).toBe(404);
  interrupt!(130);
  expect(await ended).toBe(0);
});

/** With another name for this machine, as a page elsewhere could have it. */
const statusFor = (port: number, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on("error", reject)
      .end();
  });

test("a hostile model file is text in the page", async () => {
  const folder = folderWith({
    "evil.nn": "# </script><script>alert(1)</script> <!--\nmodel m(x: [N, 2]) -> [N, 2] { x }\n",
  });
  const out = join(folder, "evil.html");
  expect((await nnc(["explore", join(folder, "evil.nn"), "--out", out])).code).toBe(0);
  const html = readFileSync(out, "utf8");
  const scripts = html.match(/<script[\s>]/g)!;
  const model = /<script type="application\/json" id="model">([^<]*)<\/script>/.exec(html)![1]!;
  expect((JSON.parse(model) as { text: string }).text).toContain("</script><script>alert(1)</script>");
  // Ours: the data, and the program, which says the word in no text of its own.
  expect(scripts.length).toBe(2);
});
