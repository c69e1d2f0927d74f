// What values are called in pictures: as short as they can be told apart. Knows no boxes.
import type { Graph, Node } from "../ir/graph.ts";

interface Called {
  /** `dlogits`. */
  readonly short: string;
  /** `dlog_softmax_0.logits`. */
  readonly long: string;
}

function calledOf({ attrs, origins }: Node): Called | undefined {
  if (typeof attrs["name"] === "string") return { short: attrs["name"], long: attrs["name"] };
  const origin = origins.find(({ label }) => label !== undefined);
  if (!origin) return undefined;
  const mark = origin.role === "backward" ? "d" : "";
  return { short: `${mark}${origin.label}`, long: `${mark}${[...(origin.path ?? []), origin.label].join(".")}` };
}

/** By node id; undefined for what has no name of its own. */
export function viewNames({ nodes }: Graph): (string | undefined)[] {
  const called = nodes.map(calledOf);
  const owners = new Map<string, Set<string>>();
  for (const each of called) {
    if (each) owners.set(each.short, (owners.get(each.short) ?? new Set()).add(each.long));
  }
  // Slots and columns first: their names are theirs even where a value before them has the same.
  const leavesFirst = [...nodes].sort((a, b) => Number("name" in b.attrs) - Number("name" in a.attrs));
  const taken = new Set<string>();
  const names: (string | undefined)[] = [];
  for (const { id } of leavesFirst) {
    const each = called[id];
    if (!each) continue;
    const name = owners.get(each.short)!.size === 1 ? each.short : each.long;
    if (taken.has(name)) continue;
    taken.add(name);
    names[id] = name;
  }
  return names;
}
