import { defineConfig } from "vitest/config";
import { vitePlugin } from "./scripts/embed.mjs";

/** Nothing here may go through `__proto__` of objects: whatever does, throws, in tests and in the processes that they start. */
const strict = "--disable-proto=throw";

export default defineConfig({
  plugins: [vitePlugin()],
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    execArgv: [strict],
    env: { NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} ${strict}`.trim() },
  },
});
