// What the manifest tells a driver beyond the model's own words.
import { describe, expect, it } from "vitest";
import { compile } from "../../src/codegen/compile.ts";
import { elaborate } from "../../src/dsl/elaborate.ts";
import { parse } from "../../src/dsl/parse.ts";

const manifestOf = (text: string) => {
  const { module } = elaborate(parse({ path: "m.nn", text }).file);
  return compile(module!, { target: "ts", batch: 4 }).manifest;
};

describe("columns of whole numbers", () => {
  it("are bounded by the table they index", () => {
    const { columns } = manifestOf(
      "model m(ids: i32[N, 5]) -> [N, 5, 3] {\n  param table: [11, 3] = 0\n  gather(table, ids)\n}\nloss(out, t: i32[N]) = mean(pick(sum(out, axis=1), t))\n",
    );
    expect(columns.map((c) => [c.name, c.classes])).toEqual([
      ["ids", 11],
      ["t", 3],
    ]);
  });

  it("are bounded by the table also where the model promises less", () => {
    const { columns } = manifestOf(
      "model m(x: [N, 2]) -> [N, 3] = linear(x, 3)\nloss(out, t: class[N] < 12) = cross_entropy(out, t)\n",
    );
    expect(columns.map((c) => [c.name, c.classes])).toContainEqual(["t", 3]);
  });

  it("are free where they are only numbers", () => {
    const { columns } = manifestOf("model m(x: i32[N]) -> [N] {\n  param w: [] = 1\n  w * f32(x)\n}\n");
    expect(columns[0]!.classes).toBeUndefined();
  });
});
