// Goals are judged by paired ratios and by ceilings of the same run; a target that did not run is not judged.
import { expect, test } from "vitest";
import { verdicts } from "../../bench/goals.ts";

const entry = (peer: string, ratio: number) => ({ peer, title: peer, ratio });

test("a race's goal is the peer's time by the target's", () => {
  const races = [{ workload: "mlp", entries: [entry("ts", 1), entry("tfjs-cpu", 11), entry("jax-js", 0.7)] }];
  expect(verdicts({ races }).map((v) => [v.goal, v.found, v.reached])).toEqual([
    ["ts on mlp: times tfjs-cpu's speed", 11, true],
    ["ts on mlp: times jax-js's speed", 0.7, false],
  ]);
  const wasm = [{ workload: "mlp", entries: [entry("ts", 1), entry("wasm", 0.1), entry("torch-tuned", 0.2)] }];
  expect(verdicts({ races: wasm }).map((v) => [v.goal, v.found, v.reached])).toEqual([
    ["wasm on mlp: times torch-tuned's speed", 2, true],
  ]);
});

test("kernels are held to a share of the ceiling, odd sizes to their neighbours", () => {
  const ceilings = { scalar: 10, simd: 40 };
  const rows = [
    { target: "ts", name: "[64, 64] @ [64, 64]", speed: 5, ceilings },
    { target: "ts", name: "[512, 512] @ [512, 512]", speed: 3, ceilings },
    { target: "ts", name: "odd", speed: 2, ceilings, neighbour: "[64, 64] @ [64, 64]" },
  ];
  const found = verdicts({ races: [], kernels: { rows } });
  expect(found.map((v) => [v.found, v.wanted, v.atLeast, v.reached])).toEqual([
    [0.5, 0.4, true, true],
    [0.3, 0.4, true, false],
    [2.5, 1.4, false, false],
  ]);
});

test("whole jobs are held to CPU and memory; a failed one is not judged", () => {
  const jobs = [{ name: "nnc train models/m.nn", wall: 9, cpu: 1.1, peakBytes: 160e6 }];
  expect(verdicts({ races: [], jobs }).map((v) => [v.found, v.reached])).toEqual([
    [1.1, true],
    [160, false],
  ]);
  expect(verdicts({ races: [], jobs: [{ name: "nnc train models/m.nn", failed: "no data" }] })).toEqual([]);
});
