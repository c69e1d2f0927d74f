// Gradients of tables, step after step: what is summed up must not be added to what lay in its bytes before.
import { expect, it } from "vitest";
import { checkPlan } from "../../src/codegen/check-plan.ts";
import { compile as compileModule } from "../../src/codegen/compile.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile } from "../dsl/compile.ts";

const text = `
model bag(ids: i32[N, 3], w: [N, 3]) -> [N, 4] {
  param table: [5, 4] = normal()
  sum(gather(table, ids) * reshape(w, [N, 3, 1]), axis=1)
}
loss(out, target: [N, 4]) = mse(out, target)
train { batch = 2; optimizer = sgd(lr = 0) }
`;

it("a table's gradient is the same at every step of the same batch", async () => {
  const { create } = await loadUnit(compileModule(compile(text, { grads: true }), { target: "ts" }));
  const trainer = create();
  trainer.inputs["ids"]!.set([0, 1, 1, 4, 4, 4]);
  trainer.inputs["w"]!.set([1, -2, 3, 0.5, 0.25, -1]);
  trainer.step(2);
  const first = [...trainer.read("grad.table")];
  trainer.step(2);
  expect([...trainer.read("grad.table")]).toEqual(first);
  // Rows 2 and 3 are named by no id; row 1 is named twice in one sum.
  expect(first.slice(8, 16)).toEqual(Array(8).fill(0));
  const [out, weights] = [[...trainer.read("out")], [1, 1, 0, 0, -0.25]];
  const wanted = [0, 1, 4].flatMap((row) =>
    out
      .slice(row < 4 ? 0 : 4)
      .slice(0, 4)
      .map((y) => (2 * y * weights[row]!) / 8),
  );
  for (const [i, g] of [...first.slice(0, 8), ...first.slice(16)].entries()) expect(g).toBeCloseTo(wanted[i]!, 5);
});

it("the checker of plans finds a sum that starts from old bytes", () => {
  const unit = compileModule(compile(text), { target: "ts" });
  expect(checkPlan(unit.programs, unit.plan, unit.batch)).toEqual([]);
  // A store that adds, without the loops before it that set zeros.
  const broken = unit.programs.map((program) => ({
    ...program,
    procedures: program.procedures.map((p) => (p.name.includes("scatter") ? { ...p, body: p.body.slice(-1) } : p)),
  }));
  expect(checkPlan(broken, unit.plan, unit.batch)).toEqual([expect.stringMatching(/adds to dtable before it is set/)]);
});
