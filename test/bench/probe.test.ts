// The probe that says whether threads can be measured here now.
import { expect, test } from "vitest";
import { verdicts } from "../../bench/goals.ts";
import { probe } from "../../bench/probe.ts";

test("two processes count, and so does one", { timeout: 30_000 }, async () => {
  const gain = await probe();
  // How far they come is the machine's affair.
  expect(gain).toBeGreaterThan(0);
  expect(gain).toBeLessThan(Number.POSITIVE_INFINITY);
});

test("two threads are held to one thread; where they were not measured, to nothing", () => {
  const entry = (peer: string, ratio: number) => ({ peer, title: peer, ratio });
  const found = (...entries: ReturnType<typeof entry>[]) =>
    verdicts({ races: [{ workload: "mlp", entries }] }).map((v) => [v.goal, v.found, v.reached]);
  expect(found(entry("wasm", 0.2), entry("wasm-x2", 0.1))).toEqual([["wasm-x2 on mlp: times wasm's speed", 2, true]]);
  expect(found(entry("wasm", 0.2))).toEqual([]);
});
