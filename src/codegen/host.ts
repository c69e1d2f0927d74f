// The host program: rank-0 numbers (schedules, `1 - beta ** t`, `lr / N`) computed in float64 once per call, and the places of all
// scalars in one Float64Array. Knows no target.
import type { Module } from "../ir/module.ts";
import type { Expr, ValueId } from "../ir/stage.ts";
import { visitExpr } from "./expr.ts";
import type { Procedure, Scalar } from "./loops.ts";
import type { Schedule } from "./schedule.ts";

/** `scalars[place] = value`, in order. */
export interface HostProgram {
  readonly steps: readonly { readonly place: number; readonly value: Scalar; readonly name: string }[];
  /** Where a procedure finds a host value. */
  readonly places: ReadonlyMap<ValueId, number>;
}

/** Places in the scalars array: public names first, numbers of the host programs behind them. */
export class ScalarPlaces {
  readonly names = new Map<string, number>();
  count = 0;

  constructor(module: Module) {
    const names = ["loss", ...module.metrics, ...module.scalars.map((s) => s.name), "step", "epoch", "steps"];
    for (const name of names) if (!this.names.has(name)) this.names.set(name, this.count++);
  }

  /** A place that no name has. */
  hidden(): number {
    return this.count++;
  }
}

export function hostProgram(schedule: Schedule, procedures: readonly Procedure[], scalars: ScalarPlaces): HostProgram {
  const needed = new Set<ValueId>(procedures.flatMap((p) => p.hosts.map((h) => h.value)));
  for (const id of schedule.outputs.values()) if (schedule.values[id]!.home.kind === "host") needed.add(id);
  for (const { value, body } of schedule.host.toReversed()) {
    if (needed.has(value) && body.kind !== "scalar") for (const read of loadsOf(body)) needed.add(read);
  }
  const places = new Map<ValueId, number>();
  const steps: HostProgram["steps"][number][] = [];
  for (const { value, body } of schedule.host) {
    if (!needed.has(value)) continue;
    if (body.kind === "scalar") {
      places.set(value, scalars.names.get(body.name) ?? missing(body.name));
      continue;
    }
    const place = scalars.hidden();
    places.set(value, place);
    steps.push({ place, value: hostScalar(body, places), name: schedule.values[value]!.name });
  }
  return { steps, places };
}

function missing(name: string): never {
  throw new Error(`no place for the scalar ${name}`);
}

function loadsOf(expr: Expr): ValueId[] {
  const loads: ValueId[] = [];
  visitExpr(expr, (e) => {
    if (e.kind === "load") loads.push(e.of);
  });
  return loads;
}

/** A host expression with its reads as elements of `scalars`. bool values are kept as 0 and 1. */
function hostScalar(expr: Expr, places: ReadonlyMap<ValueId, number>): Scalar {
  switch (expr.kind) {
    case "num":
    case "size":
      return expr;
    case "load": {
      const read: Scalar = {
        kind: "var",
        name: `scalars[${places.get(expr.of)!}]`,
        dtype: expr.dtype === "bool" ? "f32" : expr.dtype,
      };
      return expr.dtype === "bool"
        ? { kind: "call", fn: "ne", dtype: "bool", args: [read, { kind: "num", value: 0, dtype: "f32" }] }
        : read;
    }
    case "call":
      return { kind: "call", fn: expr.fn, dtype: expr.dtype, args: expr.args.map((arg) => hostScalar(arg, places)) };
    default:
      throw new Error(`${expr.kind} in a host program`);
  }
}
