// The page on limits says what the program does.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sizeText } from "../../src/base/size-text.ts";
import { defaultLimits } from "../../src/cli/limits.ts";
import { limits } from "../../src/runtime/limits.ts";
import { grouped } from "../../src/runtime/user-error.ts";

const page = readFileSync(new URL("../../docs/robustness.md", import.meta.url), "utf8");
const rows = new Map([...page.matchAll(/^\| `([\w-]+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [name!, value!]));

const counted = new Set(["maxNesting", "maxTokens", "maxRounds", "maxNodes", "columns", "rows"]);
const valueText = (name: string, value: number): string => (counted.has(name) ? grouped(value) : sizeText(value));

test("every flag with its default", () => {
  for (const [name, value] of Object.entries(defaultLimits)) {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    expect(rows.get(flag), flag).toBe(valueText(name, value));
  }
});

test("every limit of the readers that a file can pass", () => {
  const { inMemory: _, readPiece: __, textPiece: ___, ...told } = limits;
  for (const [name, value] of Object.entries(told)) expect(rows.get(name), name).toBe(valueText(name, value));
});
