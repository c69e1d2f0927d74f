// The pages of docs/ that are made from tables of the compiler, by file name.
import { readFileSync } from "node:fs";
import { diagnosticsPage } from "./diagnostics.ts";
import { languagePage, libraryPage } from "./library.ts";
import { opsPage } from "./ops.ts";

export const pages = (): ReadonlyMap<string, string> =>
  new Map([
    ["docs/diagnostics.md", diagnosticsPage()],
    // Written by hand but for its tables.
    ["docs/language.md", languagePage(readFileSync("docs/language.md", "utf8"))],
    ["docs/library.md", libraryPage()],
    ["docs/ops.md", opsPage()],
  ]);
