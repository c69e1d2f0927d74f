// Folds calls of functions into single boxes. Before: a view of nodes. After: each folded call is one box per side of the step.
// Stays true: the edges between what is left; a graph without cycles stays one.
import type { GraphView, ViewEdge, ViewNode } from "./graph-view.ts";

/** Leaves stand outside of the calls that read them. */
const isFoldable = ({ kind }: ViewNode): boolean => kind === "value";

const keyOf = (node: ViewNode, depth: number): string => `${node.side}:${node.path.slice(0, depth).join(".")}`;

/** Calls that can be folded, outermost first, each by the name that `fold` knows it by: `forward:block_0`. */
export function foldableCalls({ nodes }: GraphView): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const node of nodes) {
    if (!isFoldable(node)) continue;
    for (let depth = 1; depth <= node.path.length; depth++) {
      const key = keyOf(node, depth);
      sizes.set(key, (sizes.get(key) ?? 0) + 1);
    }
  }
  return new Map(
    [...sizes].filter(([, size]) => size > 1).sort(([a], [b]) => a.split(".").length - b.split(".").length),
  );
}

/** Past this many boxes a picture is folded unless someone says otherwise. */
export const fewBoxes = 60;

/** The outermost calls, where the whole does not fit a screen. */
export function presetFolds(view: GraphView): ReadonlySet<string> {
  if (view.nodes.length <= fewBoxes) return new Set();
  return new Set([...foldableCalls(view).keys()].filter((key) => !key.includes(".")));
}

export function fold(view: GraphView, folded: ReadonlySet<string>): GraphView {
  let chosen = folded;
  for (;;) {
    const result = foldAll(view, chosen);
    // Two calls whose operations were shared may read each other: then neither is one box.
    const knotted = new Set(cyclicNodes(result).filter((id) => chosen.has(id)));
    if (knotted.size === 0) return result;
    chosen = new Set([...chosen].filter((key) => !knotted.has(key)));
  }
}

function foldAll(view: GraphView, folded: ReadonlySet<string>): GraphView {
  if (folded.size === 0) return view;
  const members = new Map<string, ViewNode[]>();
  for (const node of view.nodes) {
    const group = groupOf(node, folded);
    if (group !== undefined) members.set(group, [...(members.get(group) ?? []), node]);
  }
  const boxes = new Map(
    [...members].flatMap(([key, nodes]) => (nodes.length > 1 ? nodes.map(({ id }) => [id, key]) : [])) as [
      string,
      string,
    ][],
  );
  const shown = new Set<string>();
  const nodes = view.nodes.flatMap((node): ViewNode[] => {
    const group = boxes.get(node.id);
    if (group === undefined) return [node];
    if (shown.has(group)) return [];
    shown.add(group);
    return [groupBox(group, members.get(group)!)];
  });
  const seen = new Set<string>();
  const edges = view.edges.flatMap(({ from, to, type }): ViewEdge[] => {
    const edge = { from: boxes.get(from) ?? from, to: boxes.get(to) ?? to, type };
    const key = `${edge.from} ${edge.to}`;
    if (edge.from === edge.to || seen.has(key)) return [];
    seen.add(key);
    return [edge];
  });
  return { nodes, edges };
}

/** The outermost folded call that a node is in. */
function groupOf(node: ViewNode, folded: ReadonlySet<string>): string | undefined {
  if (!isFoldable(node)) return undefined;
  for (let depth = 1; depth <= node.path.length; depth++) {
    const key = keyOf(node, depth);
    if (folded.has(key)) return key;
  }
  return undefined;
}

/** Nodes on cycles, and between cycles: what is left when nodes that nothing leads to, or that lead to nothing, are taken away. */
function cyclicNodes({ nodes, edges }: GraphView): string[] {
  const trim = (left: ReadonlySet<string>, from: "from" | "to", to: "from" | "to"): ReadonlySet<string> => {
    const kept = edges.filter((edge) => left.has(edge.from) && left.has(edge.to));
    const counts = new Map([...left].map((id) => [id, 0]));
    const next = new Map<string, string[]>();
    for (const edge of kept) {
      counts.set(edge[to], counts.get(edge[to])! + 1);
      next.set(edge[from], [...(next.get(edge[from]) ?? []), edge[to]]);
    }
    const ready = [...counts].filter(([, count]) => count === 0).map(([id]) => id);
    for (const id of ready) {
      for (const other of next.get(id) ?? []) {
        counts.set(other, counts.get(other)! - 1);
        if (counts.get(other) === 0) ready.push(other);
      }
    }
    const gone = new Set(ready);
    return new Set([...left].filter((id) => !gone.has(id)));
  };
  return [...trim(trim(new Set(nodes.map(({ id }) => id)), "from", "to"), "to", "from")];
}

function groupBox(key: string, members: readonly ViewNode[]): ViewNode {
  const last = members.at(-1)!;
  const name = key.slice(key.indexOf(":") + 1);
  return {
    id: key,
    name: last.side === "backward" ? `d${name}` : name,
    text: `${members.length} operations`,
    op: "call",
    type: last.type,
    side: last.side,
    kind: "group",
    place: last.place,
    origins: members.flatMap(({ origins }) => origins),
    path: last.path.slice(0, -1),
    size: members.length,
  };
}
