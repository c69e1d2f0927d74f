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
  if (folded.size === 0) return view;
  const groupOf = (node: ViewNode): string | undefined => {
    if (!isFoldable(node)) return undefined;
    for (let depth = 1; depth <= node.path.length; depth++) {
      const key = keyOf(node, depth);
      if (folded.has(key)) return key;
    }
    return undefined;
  };
  const groups = acyclicGroups(view, new Map(view.nodes.map((node) => [node.id, groupOf(node)])));
  const members = new Map<string, ViewNode[]>();
  for (const node of view.nodes) {
    const group = groups.get(node.id);
    if (group !== undefined) members.set(group, [...(members.get(group) ?? []), node]);
  }
  const isGroup = (id: string): string | undefined => {
    const group = groups.get(id);
    return group !== undefined && members.get(group)!.length > 1 ? group : undefined;
  };
  const shown = new Set<string>();
  const nodes = view.nodes.flatMap((node): ViewNode[] => {
    const group = isGroup(node.id);
    if (group === undefined) return [node];
    if (shown.has(group)) return [];
    shown.add(group);
    return [groupBox(group, members.get(group)!)];
  });
  const seen = new Set<string>();
  const edges = view.edges.flatMap(({ from, to, type }): ViewEdge[] => {
    const edge = { from: isGroup(from) ?? from, to: isGroup(to) ?? to, type };
    const key = `${edge.from} ${edge.to}`;
    if (edge.from === edge.to || seen.has(key)) return [];
    seen.add(key);
    return [edge];
  });
  return { nodes, edges };
}

/** A group whose value leaves it and comes back would be read by itself: what lies after the way back is a group of its own. */
function acyclicGroups(
  view: GraphView,
  groups: ReadonlyMap<string, string | undefined>,
): ReadonlyMap<string, string | undefined> {
  const inputs = new Map<string, string[]>();
  for (const { from, to } of view.edges) inputs.set(to, [...(inputs.get(to) ?? []), from]);
  /** How many times the way to a node has left its group. */
  const rounds = new Map<string, ReadonlyMap<string, number>>();
  const result = new Map<string, string | undefined>();
  for (const { id } of view.nodes) {
    const own = groups.get(id);
    const reached = new Map<string, number>();
    for (const from of inputs.get(id) ?? []) {
      const group = groups.get(from);
      for (const [key, round] of rounds.get(from) ?? []) {
        // Coming from outside into a group that was left before opens the next round.
        const next = key === own && group !== own ? round + 1 : round;
        reached.set(key, Math.max(reached.get(key) ?? 0, next));
      }
    }
    if (own !== undefined) reached.set(own, reached.get(own) ?? 0);
    rounds.set(id, reached);
    const round = own === undefined ? 0 : reached.get(own)!;
    result.set(id, own === undefined ? undefined : round === 0 ? own : `${own}/${round}`);
  }
  return result;
}

function groupBox(key: string, members: readonly ViewNode[]): ViewNode {
  const last = members.at(-1)!;
  const name = key.slice(key.indexOf(":") + 1).replace(/\/\d+$/, "");
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
