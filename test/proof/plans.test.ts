// Memory plans: temporaries that live at one time share no byte, and the checker of plans finds what is planted.
import { describe, expect, it } from "vitest";
import { checkPlan } from "../../src/codegen/check-plan.ts";
import { compile, type Unit } from "../../src/codegen/compile.ts";
import type { Plan } from "../../src/codegen/plan.ts";
import { perceptron } from "../codegen/hand-module.ts";
import { compile as compileModel } from "../dsl/compile.ts";
import { models } from "./models.ts";

/** Small models, with an optimizer that keeps state, and a batch that makes sizes odd. */
const units: readonly (readonly [string, () => Unit])[] = [
  ["perceptron by hand", () => compile(perceptron([17, 5, 4]), { target: "ts" })],
  ...[...models].map(
    ([name, text]) =>
      [
        name,
        () => compile(compileModel(`${text}train { batch = 5; optimizer = adam(lr = 1e-3) }`), { target: "ts" }),
      ] as const,
  ),
];
const withParameters = units.filter(([name]) => name !== "attention");

const overlap = (a: { offset: number; bytes: number }, b: { offset: number; bytes: number }): boolean =>
  a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

describe("plans", () => {
  it.each(withParameters)("of %s give every living temporary bytes of its own", (_, make) => {
    const { plan, programs, batch } = make();
    expect(checkPlan(programs, plan, batch)).toEqual([]);
    const lasting = [...plan.persistent.values()];
    for (const [i, a] of plan.temporaries.entries()) {
      expect(a.offset + a.bytes).toBeLessThanOrEqual(plan.bytes);
      for (const b of lasting) expect(overlap(a, b), `${a.name} and ${b.name}`).toBe(false);
      for (const b of plan.temporaries.slice(i + 1)) {
        const meet = a.program === b.program && a.first <= b.last && b.first <= a.last;
        if (meet) expect(overlap(a, b), `${a.name} and ${b.name} in ${a.program}`).toBe(false);
      }
    }
    for (const [i, a] of lasting.entries()) for (const b of lasting.slice(i + 1)) expect(overlap(a, b)).toBe(false);
  });
});

describe("the checker of plans", () => {
  const { plan, programs, batch } = compile(perceptron([17, 5, 4]), { target: "ts" });
  const step = programs.find(({ name }) => name === "step")!;
  const offsets = plan.offsets.get("step")!;
  const temporaries = step.schedule.values.filter(({ id, home }) => home.kind === "temp" && offsets.has(id));

  const moved = (value: number, to: number): Plan => ({
    ...plan,
    offsets: new Map(plan.offsets).set("step", new Map(offsets).set(value, to)),
  });

  it("finds two temporaries of one time in the same bytes", () => {
    let found = 0;
    const together = plan.temporaries.filter(({ program }) => program === "step");
    for (const a of temporaries) {
      for (const b of temporaries) {
        const [lifeA, lifeB] = [a, b].map(({ id, name }) =>
          together.find((each) => each.name === name && each.offset === offsets.get(id)),
        );
        if (a === b || !lifeA || !lifeB || lifeA.first > lifeB.last || lifeB.first > lifeA.last) continue;
        expect(checkPlan(programs, moved(a.id, offsets.get(b.id)!), batch), `${a.name} on ${b.name}`).not.toEqual([]);
        found++;
      }
    }
    expect(found).toBeGreaterThan(3);
  });

  it("finds a temporary outside the arena, and one on a parameter", () => {
    const [first] = temporaries;
    expect(checkPlan(programs, moved(first!.id, plan.bytes), batch)).not.toEqual([]);
    expect(checkPlan(programs, moved(first!.id, plan.persistent.get("slot:W0")!.offset), batch)).not.toEqual([]);
  });
});
