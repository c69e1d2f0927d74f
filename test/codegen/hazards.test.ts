// Updates in place: all new values are made of old ones, whatever order kernels run in. And the checker of memory plans.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkPlan } from "../../src/codegen/check-plan.ts";
import { compile } from "../../src/codegen/compile.ts";
import type { Plan } from "../../src/codegen/plan.ts";
import { Builder, type NodeId } from "../../src/ir/graph.ts";
import { interpret } from "../../src/ir/interpret.ts";
import type { Module, SlotInfo } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { f32, type Shape } from "../../src/ir/types.ts";
import { perceptron } from "./hand-module.ts";
import { loadUnit } from "./load.ts";

const origin = { role: "forward" } as const;
const graphOf = (make: (b: Builder) => { outputs?: [string, NodeId][]; updates?: [NodeId, NodeId][] }) => {
  const b = new Builder(opTable);
  const { outputs = [], updates = [] } = make(b);
  return b.graph(
    new Map(outputs),
    updates.map(([slot, next]) => ({ slot, next })),
  );
};

/** A module of states a, b, c: [3, 3] and one step. */
function stateModule(
  step: (b: Builder, a: NodeId, bb: NodeId, c: NodeId) => { outputs?: [string, NodeId][]; updates: [NodeId, NodeId][] },
): Module {
  const shape: Shape = [3, 3];
  const names = ["a", "b", "c"];
  const state = (b: Builder, name: string): NodeId => b.node("state", [], { name, dtype: "f32", shape });
  const slots = names.map(
    (name): SlotInfo => ({ name, kind: "state", type: f32(...shape), trained: false, optimizer: false, origin }),
  );
  return {
    name: "states",
    slots,
    columns: [],
    scalars: [],
    outputs: [],
    metrics: [],
    init: graphOf((b) => ({ outputs: names.map((name) => [name, b.node("normal", [], { shape, key: name })]) })),
    step: graphOf((b) => {
      const [x, y, z] = names.map((n) => state(b, n)) as [NodeId, NodeId, NodeId];
      const made = step(b, x, y, z);
      return {
        outputs: made.outputs ?? [["loss", b.node("sum", [x], { axes: [0, 1], keepdims: false })]],
        updates: made.updates,
      };
    }),
    evaluate: graphOf(() => ({})),
    predict: graphOf(() => ({})),
    entries: [],
    bindings: [],
  };
}

async function agrees(module: Module): Promise<void> {
  for (const reuse of [true, false]) {
    const trainer = (await loadUnit(compile(module, { target: "ts", batch: 1, reuse }))).create({ seed: 1 });
    let slots = new Map(module.slots.map((s) => [s.name, Float64Array.from(trainer.read(s.name))]));
    for (let k = 0; k < 3; k++) {
      const { updates } = interpret(module.step, { slots });
      slots = new Map([...slots].map(([name, old]) => [name, Float64Array.from(updates.get(name)?.data ?? old)]));
      trainer.step(1);
      for (const [name, values] of slots) {
        trainer.read(name).forEach((v, i) => {
          expect(Math.abs(v - values[i]!)).toBeLessThan(1e-4 * Math.max(1, Math.abs(values[i]!)));
        });
      }
    }
  }
}

describe("updates in place", () => {
  it("a <- b; b <- a swaps", () =>
    agrees(
      stateModule((_, a, b) => ({
        updates: [
          [a, b],
          [b, a],
        ],
      })),
    ));
  it("three states go round", () =>
    agrees(
      stateModule((_, a, b, c) => ({
        updates: [
          [a, b],
          [b, c],
          [c, a],
        ],
      })),
    ));
  it("a value that two states take", () =>
    agrees(
      stateModule((g, a, b, c) => {
        const sum = g.node("add", [a, b]);
        return {
          updates: [
            [a, sum],
            [c, sum],
          ],
        };
      }),
    ));
  it("a matrix is overwritten by a product of itself", () =>
    agrees(
      stateModule((g, a, b) => {
        const product = g.node("einsum", [a, b], { inputs: ["ik", "kj"], output: "ij" });
        const back = g.node("einsum", [b, a], { inputs: ["ik", "jk"], output: "ij" });
        return {
          updates: [
            [a, g.node("sub", [a, product])],
            [b, g.node("tanh", [back])],
          ],
        };
      }),
    ));
  it("a transpose of itself", () =>
    agrees(stateModule((g, a) => ({ updates: [[a, g.node("transpose", [a], { perm: [1, 0] })]] }))));
  it("an old value is also an output", () =>
    agrees(
      stateModule((g, a, b) => ({
        outputs: [
          ["loss", g.node("sum", [a], { axes: [0, 1], keepdims: false })],
          ["old", g.node("neg", [a])],
        ],
        updates: [[a, g.node("add", [a, b])]],
      })),
    ));

  it("random updates, random sharing", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ op: fc.constantFrom("add", "mul", "matmul", "transpose", "tanh"), x: fc.nat(9), y: fc.nat(9) }),
          { minLength: 1, maxLength: 8 },
        ),
        fc.array(fc.nat(12), { minLength: 3, maxLength: 3 }),
        async (ops, targets) => {
          await agrees(
            stateModule((g, a, b, c) => {
              const pool = [a, b, c];
              for (const { op, x, y } of ops) {
                const left = pool[x % pool.length]!;
                const right = pool[y % pool.length]!;
                const half = g.node("const", [], { value: 0.25, dtype: "f32" });
                if (op === "matmul")
                  pool.push(
                    g.node("mul", [g.node("einsum", [left, right], { inputs: ["ik", "kj"], output: "ij" }), half]),
                  );
                else if (op === "transpose") pool.push(g.node("transpose", [left], { perm: [1, 0] }));
                else if (op === "tanh") pool.push(g.node("tanh", [left]));
                else pool.push(g.node("mul", [g.node(op, [left, right]), half]));
              }
              return { updates: [a, b, c].map((slot, i) => [slot, pool[targets[i]! % pool.length]!]) };
            }),
          );
        },
      ),
      { numRuns: 60, seed: 7 },
    ));
});

describe("the checker of plans", () => {
  const unit = compile(perceptron([5, 3]), { target: "ts" });
  const check = (plan: Plan): string[] => checkPlan(unit.programs, plan, unit.batch);

  it("passes what the planner made", () => expect(check(unit.plan)).toEqual([]));

  it("finds every temporary that is moved onto another that is alive", () => {
    let found = 0;
    for (const program of unit.programs) {
      const alive = unit.plan.temporaries.filter((t) => t.program === program.name);
      const offsets = unit.plan.offsets.get(program.name)!;
      for (const [value, offset] of offsets) {
        const own = alive.find((t) => t.offset === offset && program.schedule.values[value]!.name === t.name);
        const victim = own && alive.find((t) => t !== own && t.first <= own.last && own.first <= t.last);
        if (!own || !victim) continue;
        const moved = new Map(unit.plan.offsets);
        moved.set(program.name, new Map(offsets).set(value, victim.offset));
        expect(check({ ...unit.plan, offsets: moved }).length).toBeGreaterThan(0);
        found++;
      }
    }
    expect(found).toBeGreaterThan(5);
  });
});
