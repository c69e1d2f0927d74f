// The benchmark's own honesty: peers that compute something else, fail or die are found out; ratios are paired by round.
import { describe, expect, test } from "vitest";
import type { PeerKind } from "../../bench/peer.ts";
import { type Entry, type RaceOptions, race } from "../../bench/race.ts";
import { median, quantile, spread } from "../../bench/stats.ts";
import { digits, table, timeText } from "../../bench/table.ts";
import type { Workload } from "../../bench/workloads.ts";

const workload: Workload = {
  name: "fake",
  title: "",
  model: "",
  data: "images",
  rows: 1,
  unit: { steps: 1, name: "step" },
  tolerance: 1e-3,
};

const options: RaceOptions = {
  rounds: 4,
  round: 0.01,
  patience: 10,
  check: { steps: 3, seconds: 1 },
  clock: "wall",
  say: () => {},
  hasSecondCore: async () => true,
};

/** A peer whose answers are made up: `losses` and seconds per step, by round. */
function fake(
  name: string,
  behaviour: { losses: readonly number[]; perStep: string; dies?: "time" | "ready" },
): PeerKind {
  const script = `
    const { losses, dies } = ${JSON.stringify(behaviour)};
    const fail = () => { console.error("Error: no such kernel\\n    at somewhere"); process.exit(1); };
    if (dies === "ready") fail();
    const say = (value) => console.log(JSON.stringify(value));
    say({ version: "1" });
    let timed = 0;
    for await (const line of (await import("node:readline")).createInterface({ input: process.stdin })) {
      const { do: what, steps } = JSON.parse(line);
      if (what === "losses") say({ losses });
      else if (what === "time") {
        if (dies === "time") fail();
        const round = timed++;
        const seconds = steps * (${behaviour.perStep});
        say({ wall: seconds, cpu: seconds });
      } else { say({ peak: 1000 }); process.exit(0); }
    }`;
  return {
    name,
    title: name,
    family: "ours",
    command: process.execPath,
    args: () => ["--input-type=module", "-e", script],
  };
}

const honest = { losses: [3, 2, 1], perStep: "0.01" };

const run = async (...kinds: PeerKind[]): Promise<Map<string, Entry>> => {
  const { entries } = await race(workload, "", kinds, "ours", options);
  return new Map(entries.map((entry) => [entry.peer, entry]));
};

describe("a race", () => {
  test("compares losses with PyTorch's, ours among them", async () => {
    const entries = await run(
      fake("ours", { ...honest, losses: [3, 2, 1.5] }),
      fake("torch", honest),
      fake("near", { ...honest, losses: [3.0005, 2, 1] }),
      fake("nan", { ...honest, losses: [3, Number.NaN, 1] }),
      fake("short", { ...honest, losses: [3, 2] }),
    );
    const check = (name: string) => entries.get(name)!.check!;
    expect(check("ours")).toEqual({ steps: 3, difference: 0.5, agrees: false });
    expect(check("torch")).toEqual({ steps: 3, difference: 0, agrees: true });
    expect(check("near").agrees).toBe(true);
    expect(check("nan").agrees).toBe(false);
    expect(check("short")).toEqual({ steps: 2, difference: 0, agrees: true });
  });

  test("counts rounds of threads only where the machine had a second core before and after them", async () => {
    const peers = [fake("ours", honest), { ...fake("two", honest), threads: 2 }];
    const asked = async (answers: boolean[]): Promise<Entry> => {
      const rest = [...answers];
      const hasSecondCore = async () => rest.shift() ?? true;
      const { entries } = await race(workload, "", peers, "ours", { ...options, hasSecondCore });
      expect(entries.find((e) => e.peer === "ours")!.samples).toHaveLength(4);
      return entries.find((e) => e.peer === "two")!;
    };
    expect((await asked([])).samples).toHaveLength(4);
    // The second round is not timed; the third one is timed and thrown away.
    expect((await asked([true, true, false, true, false])).failed).toMatch(/not measurable: .* in 2 of 4 rounds/);
    expect((await asked([true, true, false])).samples).toHaveLength(3);
    expect((await asked(Array(8).fill(false))).failed).toMatch(/in 0 of 4 rounds/);
  });

  test("pairs rounds, so that a slow spell of the machine cancels", async () => {
    const spell = "timed % 2 === 0 ? 0.01 : 0.1";
    const entries = await run(
      fake("ours", { ...honest, perStep: spell }),
      fake("double", { ...honest, perStep: `2 * (${spell})` }),
    );
    expect(entries.get("double")!.ratio).toBeCloseTo(2, 10);
    expect(entries.get("ours")!.ratio).toBe(1);
    expect(entries.get("ours")!.samples).toHaveLength(4);
    expect(entries.get("ours")!.peakBytes).toBe(1000);
  });

  test("gives the reason of a peer that fails, and goes on", async () => {
    const entries = await run(
      fake("ours", honest),
      fake("late", { ...honest, dies: "time" }),
      fake("early", { ...honest, dies: "ready" }),
    );
    expect(entries.get("late")).toEqual({ peer: "late", title: "late", failed: "Error: no such kernel" });
    expect(entries.get("early")!.failed).toBe("Error: no such kernel");
    expect(entries.get("ours")!.seconds).toBeCloseTo(0.01, 10);
  });

  test("a program that is not there fails too", async () => {
    const entries = await run(fake("ours", honest), { ...fake("absent", honest), command: "/no/such/program" });
    expect(entries.get("absent")!.failed).toContain("/no/such/program");
  });

  test("a slow peer takes fewer rounds than patience allows, but two", async () => {
    const entries = await run(fake("ours", honest), fake("slow", { ...honest, perStep: "9" }));
    expect(entries.get("slow")!.samples).toHaveLength(2);
    expect(entries.get("slow")!.ratio).toBeCloseTo(900, 6);
  });
});

test("medians, quartiles and spread", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10], 0.25)).toBe(2.5);
  expect(spread([1, 2, 3, 4, 5])).toBeCloseTo(1 / 3, 12);
});

test("three digits that count, and columns that line up", () => {
  expect([0.0123, 0.123, 1.234, 12.34, 123.4, 1234, 0].map(digits)).toEqual([
    "0.0123",
    "0.123",
    "1.23",
    "12.3",
    "123",
    "1234",
    "0",
  ]);
  expect([5e-5, 0.0123, 2].map(timeText)).toEqual(["50.0 us", "12.3 ms", "2.00 s"]);
  expect(table(["a", "bb"], [["long", "1"]])).toBe("a     bb\n----  --\nlong   1");
});
