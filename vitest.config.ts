import { defineConfig } from "vitest/config";
import { vitePlugin } from "./scripts/embed.mjs";

export default defineConfig({
  plugins: [vitePlugin()],
  test: { include: ["test/**/*.test.ts"], testTimeout: 120_000, pool: "forks", maxWorkers: 2 },
});
