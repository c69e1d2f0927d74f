// Names: values that are left after fusion get names of their own, in the order in which they are made. Contract: exact.
import type { ValueId } from "../../ir/stage.ts";
import { readsOf } from "../expr.ts";
import { type Schedule, storageOf } from "../schedule.ts";

export function nameValues(schedule: Schedule): Schedule {
  const order = new Set<ValueId>();
  // Parameters, states and columns keep their names; what is computed yields to them.
  for (const { id, home } of schedule.values) if (home.kind !== "temp" && home.kind !== "host") order.add(id);
  for (const { stages } of schedule.kernels) {
    for (const stage of stages) {
      for (const value of readsOf(stage)) order.add(value).add(storageOf(schedule, value).id);
      order.add(stage.out.value);
    }
  }
  const names = new Map<ValueId, string>();
  const owners = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const id of order) {
    const { name, home } = schedule.values[id]!;
    // The old and the new value of a slot are one thing to a reader.
    const owner = home.kind === "slot" ? `slot:${home.slot}` : `value:${id}`;
    let unique = name;
    while (owners.has(unique) && owners.get(unique) !== owner) {
      counts.set(name, (counts.get(name) ?? 1) + 1);
      unique = `${name}_${counts.get(name)}`;
    }
    owners.set(unique, owner);
    names.set(id, unique);
  }
  return { ...schedule, values: schedule.values.map((v) => ({ ...v, name: names.get(v.id) ?? v.name })) };
}
