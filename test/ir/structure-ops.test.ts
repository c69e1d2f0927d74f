// Contraction, windows, layout and indexing: values worked by hand, first and second derivatives against differences,
// shape rules that must refuse.
import { describe, expect, it } from "vitest";
import { runOp } from "../../src/ir/interpret.ts";
import type { OpDef } from "../../src/ir/op-def.ts";
import * as contract from "../../src/ir/ops/contract.ts";
import * as indexing from "../../src/ir/ops/index-ops.ts";
import * as layout from "../../src/ir/ops/layout.ts";
import * as parts from "../../src/ir/ops/parts.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import * as window from "../../src/ir/ops/window.ts";
import { checkDerivatives, expectClose } from "./differentiate-helpers.ts";

const records = [contract, window, layout, parts, indexing]
  .flatMap((family) => Object.values(family))
  .filter((value): value is OpDef => typeof value === "object" && "infer" in value);

describe.each(records.map((def) => [def.name, def] as const))("%s", (_, def) => {
  it("gives the expected elements", () => {
    expect(def.samples.length).toBeGreaterThan(1);
    for (const { inputs, attrs, expect: wanted, rows } of def.samples) {
      const found = runOp(def, inputs, attrs ?? {}, rows ?? 1);
      if (wanted) expectClose(found.data, wanted, 1e-12, JSON.stringify(attrs ?? {}));
    }
  });

  it("has the derivatives that differences find, twice", () => {
    for (const sample of def.samples) if (!sample.kink) checkDerivatives(def, sample);
  });

  it("refuses what it must", () => {
    for (const { inputs, attrs, code } of def.errors ?? []) {
      expect(opTable.get(def.name)!.infer(inputs, attrs ?? {}), JSON.stringify(attrs)).toMatchObject({ code });
    }
  });
});
