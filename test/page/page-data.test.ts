// The page with other models and other data in a real Chromium: constants from files, dropped idx files, measured kernels, a thousand
// layers.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folderWith, nnc } from "../cli/nnc.ts";
import { chromiumPath, openChromium, skipReason } from "./chromium.ts";

const rows = 640;

/** Images with one bright bar, whose place is the label. */
function barImages(): { images: Uint8Array; labels: Uint8Array } {
  const images = new Uint8Array(16 + rows * 784);
  images.set([0, 0, 8, 3, 0, 0, rows >> 8, rows & 255, 0, 0, 0, 28, 0, 0, 0, 28]);
  const labels = new Uint8Array(8 + rows);
  labels.set([0, 0, 8, 1, 0, 0, rows >> 8, rows & 255]);
  for (let row = 0; row < rows; row++) {
    const label = row % 10;
    labels[8 + row] = label;
    images.fill(250, 16 + row * 784 + label * 56, 16 + row * 784 + label * 56 + 40);
  }
  return { images, labels };
}

/** A `.npy` file of numbers. */
function npy(shape: readonly number[], values: readonly number[]): Uint8Array {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const text = `${head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, text.length & 255, text.length >> 8]);
  return Buffer.concat([start, Buffer.from(text), Buffer.from(Float32Array.from(values).buffer)]);
}

describe.skipIf(!chromiumPath)(`other models and data on the page${skipReason}`, () => {
  let browser: Awaited<ReturnType<typeof openChromium>>;
  const complaints: string[] = [];
  beforeAll(async () => {
    browser = await openChromium();
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(model: string): Promise<Page> {
    const file = join(folderWith({}), "page.html");
    const { code, stderr } = await nnc(["explore", model, "--out", file]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const page = await browser.context.newPage();
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector("body[data-state=ready]", { timeout: 110_000 });
    return page;
  }

  /** As if files were dropped on the page by hand. */
  const drop = (page: Page, files: Readonly<Record<string, Uint8Array>>): Promise<void> => {
    const given = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
    return page.evaluate(`{
      const carried = new DataTransfer();
      for (const [name, text] of ${JSON.stringify(given)})
        carried.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
    }`);
  };

  test("dropped idx files take the place of the data, labels first or last, packed or not", async () => {
    const page = await open("models/mnist_logistic.nn");
    await page.waitForSelector("#run:not(:disabled)");
    const { images, labels } = barImages();
    await drop(page, { "bars-labels.gz": gzipSync(labels), "bars-images": images });
    await expect.poll(() => page.locator("#facts").innerText(), { timeout: 20_000 }).toContain("bars-images");
    expect(await page.locator("#facts").innerText()).not.toContain("digits");
    await page.click("#run:not(:disabled)");
    // Ten bars are learned at once, as ten digits are not.
    await expect
      .poll(async () => Number(/accuracy[^\n]*\n+([\d.]+)/.exec(await page.locator("#facts").innerText())?.[1]), {
        timeout: 30_000,
      })
      .toBe(1);
    await page.close();
  });

  test("dropped files that fit no column are refused in words, and the next ones are taken", async () => {
    const page = await open("models/mnist_logistic.nn");
    await page.waitForSelector("#run:not(:disabled)");
    await drop(page, { notes: new TextEncoder().encode("no idx file at all") });
    await page.waitForSelector("#train-problem:not([hidden])");
    expect(await page.locator("#train-problem").innerText()).toContain("notes");
    const { images, labels } = barImages();
    await drop(page, { images, labels });
    await page.waitForSelector("#run:not(:disabled)");
    expect(await page.locator("#train-problem").isVisible()).toBe(false);
    await page.close();
  });

  test("constants of the model come with the page", async () => {
    const folder = folderWith({
      "scaled.nn": `model scaled(x: [N, 784]) -> [N, 10] {
  scale = load("scale.npy")
  param w: [784, 10] = 0
  (x * scale) @ w
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
metric accuracy(out, target)
train {
  data = digits(train = 0:2000, valid = 2000:2500)
  batch = 50
  optimizer = sgd(lr = 0.5)
}
`,
      "scale.npy": npy(
        [784],
        Array.from({ length: 784 }, () => 1),
      ),
    });
    const page = await open(join(folder, "scaled.nn"));
    expect(await page.locator(".problem").count()).toBe(0);
    await page.click("#run:not(:disabled)");
    // Zeros in the place of the constant would leave the loss at log 10.
    await expect
      .poll(async () => Number(/loss\n+([\d.]+)/.exec(await page.locator("#facts").innerText())?.[1]), {
        timeout: 30_000,
      })
      .toBeLessThan(1.5);
    await page.close();
  });

  test("each kernel's time is measured on real steps, beside what this machine can do", async () => {
    const page = await open("models/mnist_logistic.nn");
    await page.waitForSelector("#run:not(:disabled)");
    await page.click("#tab-code");
    await page.click("#measure:not(:disabled)");
    await page.waitForSelector("#measured", { timeout: 60_000 });
    expect(await page.locator("#measured").innerText()).toMatch(
      /µs per step in kernels: the mean of [\d,]+ steps of digits.*Gflop\/s.*GB\/s/,
    );
    const times = await page.locator(".kernel .timing").allInnerTexts();
    expect(times.length).toBe(await page.locator(".kernel").count());
    const shares = times.map((text) => Number(/([\d.]+) % of the step/.exec(text)?.[1]));
    expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 100)).toBeLessThan(3);
    // Another program has not been measured.
    await page.locator("#source-text").evaluate((area) => {
      const text = area as unknown as { value: string; dispatchEvent(event: Event): void };
      text.value = text.value.replace("batch     = 64", "batch     = 32");
      text.dispatchEvent(new Event("input"));
    });
    await expect.poll(() => page.locator("#measured").count(), { timeout: 20_000 }).toBe(0);
    await page.close();
  });

  test("a thousand layers open, drawn line by line, and train", async () => {
    const folder = folderWith({
      "deep.nn": `model deep(x: [N, 784]) -> [N, 10] {
  h = relu(linear(x, 8))
  for i in 0:1000 {
    h = h + 0.01 * relu(linear(h, 8))
  }
  linear(h, 10)
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train {
  data = digits(train = 0:200)
  batch = 10
  optimizer = sgd(lr = 0.01)
}
`,
    });
    const page = await open(join(folder, "deep.nn"));
    const boxes = await page.locator("#graph-canvas .node").count();
    expect(boxes).toBeGreaterThan(8);
    expect(boxes).toBeLessThan(40);
    expect(await page.locator("#graph-canvas").innerText()).toContain("2000 parameters");
    expect(await page.locator("#graph-status").innerText()).toContain("too many to draw");
    for (const tab of ["equations", "memory", "code"]) {
      await page.click(`#tab-${tab}`);
      expect(await page.locator(`#${tab} .more`).count()).toBe(1);
    }
    const shown = await page.locator(".kernel").count();
    await page.click("#code .more");
    expect(await page.locator(".kernel").count()).toBe(2 * shown);
    await page.click("#step:not(:disabled)");
    await expect.poll(() => page.locator("#facts").innerText(), { timeout: 30_000 }).toMatch(/step of \d+\n+1\n/);
    await page.close();
  });

  test("no complaint on the console", () => {
    expect(complaints).toEqual([]);
  });
});
