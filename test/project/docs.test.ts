// The pages made from tables are those of today's tables.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { pages } from "../../scripts/docs/pages.ts";

test.each([...pages()])("%s is up to date; `npm run docs` writes it", (path, text) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")).toBe(text);
});
