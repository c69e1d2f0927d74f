// Every op the compiler knows: whatever the family files export. Nothing is registered by hand.
import type { OpDef } from "../op-def.ts";
import * as arithmetic from "./arithmetic.ts";
import * as compare from "./compare.ts";
import * as contract from "./contract.ts";
import * as elementwise from "./elementwise.ts";
import * as indexing from "./index-ops.ts";
import * as layout from "./layout.ts";
import * as leaf from "./leaf.ts";
import * as marker from "./marker.ts";
import * as parts from "./parts.ts";
import * as random from "./random.ts";
import * as reduce from "./reduce.ts";
import * as safeForms from "./safe-forms.ts";
import * as window from "./window.ts";

const families: readonly Readonly<Record<string, unknown>>[] = [
  leaf,
  arithmetic,
  elementwise,
  compare,
  reduce,
  safeForms,
  contract,
  window,
  layout,
  parts,
  indexing,
  random,
  marker,
];

const isOpDef = (value: unknown): value is OpDef =>
  typeof value === "object" && value !== null && "name" in value && "infer" in value && "lower" in value;

function collect(): ReadonlyMap<string, OpDef> {
  const table = new Map<string, OpDef>();
  for (const def of families.flatMap((family) => Object.values(family)).filter(isOpDef)) {
    if (table.has(def.name)) throw new Error(`op ${def.name} is declared twice`);
    table.set(def.name, def);
  }
  return table;
}

export const opTable: ReadonlyMap<string, OpDef> = collect();
