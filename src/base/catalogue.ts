// All diagnostics there are, by code: for `nnc explain`, the documentation and the tests.
import type { Entry } from "./diagnostic.ts";
import { phases } from "./diagnostics/index.ts";

let entries: ReadonlyMap<string, Entry<never>> | undefined;

export function allEntries(): ReadonlyMap<string, Entry<never>> {
  if (entries) return entries;
  const all = new Map<string, Entry<never>>();
  for (const phase of phases) {
    for (const [code, entry] of Object.entries(phase)) {
      if (all.has(code)) throw new Error(`the code ${code} is in the catalogue twice`);
      all.set(code, entry);
    }
  }
  entries = all;
  return entries;
}
