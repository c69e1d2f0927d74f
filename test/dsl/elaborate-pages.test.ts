// Every page of the catalogue keeps its promise: the failing file gives the code and only that, the mended one nothing.
import { describe, expect, it } from "vitest";
import { limits } from "../../src/base/diagnostics/limits.ts";
import { model } from "../../src/base/diagnostics/model.ts";
import { names } from "../../src/base/diagnostics/names.ts";
import { shapes } from "../../src/base/diagnostics/shapes.ts";
import { types } from "../../src/base/diagnostics/types.ts";
import { check } from "./compile.ts";

interface Page {
  readonly explain: string;
  readonly bad?: string;
  readonly good?: string;
}

const entries = Object.entries({ ...names, ...types, ...shapes, ...model, ...limits });
const found = (text: string): string[] => check(text).diagnostics.map(({ code, message }) => `${code}: ${message}`);

describe("pages", () => {
  for (const [code, entry] of entries) {
    const page: Page = entry.page;
    const { bad, good } = page;
    if (bad) {
      it(`${code} fails as shown`, () => {
        const messages = found(bad);
        expect(messages, bad).toHaveLength(1);
        expect(messages[0]).toContain(`${code}: `);
      });
    }
    if (good) it(`${code} is mended as shown`, () => expect(found(good), good).toEqual([]));
  }
});
