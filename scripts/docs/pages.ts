// The pages of docs/ that are made from tables of the compiler, by file name.
import { diagnosticsPage } from "./diagnostics.ts";
import { opsPage } from "./ops.ts";

export const pages = (): ReadonlyMap<string, string> =>
  new Map([
    ["docs/diagnostics.md", diagnosticsPage()],
    ["docs/ops.md", opsPage()],
  ]);
