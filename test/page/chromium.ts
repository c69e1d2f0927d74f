// A browser for tests: Debian's Chromium with a fresh profile; undefined, and why, where there is none.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where it is; NNC_CHROMIUM names another. */
export const chromiumPath = [process.env["NNC_CHROMIUM"], ...places].find(
  (path) => path !== undefined && existsSync(path),
);

export const skipReason = chromiumPath
  ? ""
  : " (SKIPPED: no Chromium here; `apt-get install chromium`, or set NNC_CHROMIUM)";

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function openChromium(): Promise<{ readonly context: BrowserContext; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), "nnc-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath!,
    headless: true,
    args: flags,
    acceptDownloads: true,
    viewport: { width: 1280, height: 860 },
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
