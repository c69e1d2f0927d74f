// The benchmark's numbers as tables for a terminal.
import type { CompileRow } from "./compile-cost.ts";
import type { Verdict } from "./goals.ts";
import type { JobRow } from "./jobs.ts";
import type { KernelResult } from "./kernels.ts";
import type { Entry, RaceResult } from "./race.ts";
import { digits, megabytes, table, timeText } from "./table.ts";
import { reference } from "./targets.ts";
import type { Workload } from "./workloads.ts";

export function raceTable(workload: Workload, { entries }: RaceResult): string {
  const { steps, name } = workload.unit;
  const rows = entries.map((e) =>
    e.seconds === undefined
      ? [e.title, e.failed?.startsWith("not measurable") ? e.failed : `fails: ${e.failed ?? "no rounds"}`]
      : [
          e.title,
          timeText(e.seconds),
          `± ${Math.round(100 * (e.spread ?? 0))} %`,
          timeText(e.seconds * steps),
          e.ratio === undefined ? "" : `${digits(e.ratio)} x`,
          String(e.steps),
          checkText(e),
          e.peakBytes === undefined ? "" : megabytes(e.peakBytes),
        ],
  );
  const head = [
    `${workload.name}: ${workload.title}`,
    "a step",
    "spread",
    name,
    `by ${reference}`,
    "steps",
    "losses",
    "peak",
  ];
  return [failuresApart(head, rows), busy(entries)].filter((line) => line !== "").join("\n");
}

/** Rows of failures do not widen the columns. */
function failuresApart(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const good = rows.filter((row) => row.length > 2);
  const bad = rows.filter((row) => row.length <= 2).map((row) => row.join("  "));
  return [table(head, good), ...bad].join("\n");
}

function checkText({ check }: Entry): string {
  if (check === undefined) return "unchecked";
  return `${check.agrees ? "agree" : "DIFFER"} ${check.difference.toExponential(0)} in ${check.steps}`;
}

function busy(entries: readonly Entry[]): string {
  const worst = Math.max(...entries.map((e) => e.wait ?? 1));
  return worst > 1.1
    ? `the machine was busy: processes waited ${digits(worst)} x their CPU time; --clock cpu counts the latter`
    : "";
}

export function kernelTable({ rows }: KernelResult): string {
  const speed = (value: number): string => `${digits(value / 1e9)} GF`;
  const lines = rows.map(({ target, name, speed: value, ceilings, neighbour }) => {
    const round = rows.find((r) => r.target === target && r.name === neighbour);
    return [
      `${target}: ${name}`,
      speed(value),
      digits(value / ceilings.scalar),
      digits(value / ceilings.simd),
      round ? `${digits(round.speed / value)} x of ${round.name}` : "",
    ];
  });
  const most = (kind: "scalar" | "simd"): string => speed(Math.max(...rows.map(({ ceilings }) => ceilings[kind])));
  const peaks = `ceilings of this core, the most that was seen: ${most("scalar")} scalar, ${most("simd")} in 128-bit vectors`;
  return `${peaks}\n${table(["kernel", "speed", "of scalar", "of 128-bit", "time per operation"], lines)}`;
}

export const compileTable = (rows: readonly CompileRow[]): string =>
  table(
    ["compiling", "wall", "CPU", "emitted", "kernels", "arena"],
    rows.map((r) => [
      r.name,
      timeText(r.wall),
      timeText(r.cpu),
      `${digits(r.bytes / 1e3)} kB`,
      String(r.kernels),
      megabytes(r.arenaBytes),
    ]),
  );

export function jobTable(rows: readonly JobRow[]): string {
  const cells = rows.map((r) =>
    r.wall === undefined
      ? [r.name, `fails: ${r.failed}`]
      : [r.name, timeText(r.wall), timeText(r.cpu!), megabytes(r.peakBytes!)],
  );
  return failuresApart(["whole jobs", "wall", "CPU", "peak"], cells);
}

/** What was measured, once for all tables. */
export function versions(results: readonly RaceResult[]): string {
  const found = results.flatMap(({ entries }) =>
    entries.flatMap((e) => (e.version ? [`${e.title}: ${e.version}`] : [])),
  );
  return [...new Set(found)].join("\n");
}

export const goalTable = (found: readonly Verdict[]): string =>
  table(
    ["goals", "found", "wanted", ""],
    found.map((v) => [
      v.goal,
      digits(v.found),
      `${v.atLeast ? ">=" : "<="} ${digits(v.wanted)}`,
      v.reached ? "reached" : "MISSED",
    ]),
  );
