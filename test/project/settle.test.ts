// A build while a program runs: what the program loads later is still there.
import { readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { settle } from "../../scripts/settle.mjs";
import { folderWith } from "../cli/nnc.ts";

test("a new build comes beside the chunks of the old one, which go when no program can need them", async () => {
  const place = folderWith({ "nnc.js": "old", "a-1.js": "old", "b-1.js": "same", "c-0.js": "older" });
  utimesSync(join(place, "c-0.js"), 0, 0);
  await settle(folderWith({ "nnc.js": "new", "a-2.js": "new", "b-1.js": "same" }), place, "nnc.js");
  expect(readdirSync(place).sort()).toEqual(["a-1.js", "a-2.js", "b-1.js", "nnc.js"]);
  expect(readFileSync(join(place, "nnc.js"), "utf8")).toBe("new");
  expect(readFileSync(join(place, "a-1.js"), "utf8")).toBe("old");
});

test("where there is none yet", async () => {
  const place = join(folderWith({}), "dist");
  await settle(folderWith({ "nnc.js": "new" }), place, "nnc.js");
  expect(readdirSync(place)).toEqual(["nnc.js"]);
});
