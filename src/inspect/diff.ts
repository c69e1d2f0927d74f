// What a pass changed: two graphs as one list of lines, kept, gone and new. Nodes are the same where they compute the same.
import { attrsKey, type Graph, type Node, type NodeId } from "../ir/graph.ts";
import { printGraph } from "../ir/print.ts";

export interface DiffLine {
  readonly mark: " " | "-" | "+";
  readonly text: string;
}

export function diffGraphs(before: Graph, after: Graph): DiffLine[] {
  const classes = new Map<string, number>();
  const classesOf = ({ nodes }: Graph): number[] => {
    const list: number[] = [];
    for (const { op, inputs, attrs } of nodes) {
      const key = `${op}(${inputs.map((id) => list[id]).join(",")})${attrsKey(attrs)}`;
      if (!classes.has(key)) classes.set(key, classes.size);
      list.push(classes.get(key)!);
    }
    return list;
  };
  const [old, fresh] = [classesOf(before), classesOf(after)];
  const inAfter = new Set(fresh);
  const kept = new Set(old.filter((of) => inAfter.has(of)));
  const joined = join({ graph: before, classes: old }, { graph: after, classes: fresh }, kept);
  return [...nodeLines(joined), ...resultLines(joined, before, old, after, fresh)];
}

interface Sided {
  readonly graph: Graph;
  /** By node: equal numbers for equal computations, in both graphs. */
  readonly classes: readonly number[];
}

interface Joined {
  readonly nodes: Node[];
  readonly marks: DiffLine["mark"][];
  /** The joined node of a class. */
  readonly place: ReadonlyMap<number, NodeId>;
}

/** One list in which every node follows its inputs; both graphs keep their order as far as they agree. */
function join(before: Sided, after: Sided, kept: ReadonlySet<number>): Joined {
  const nodes: Node[] = [];
  const marks: DiffLine["mark"][] = [];
  const place = new Map<number, NodeId>();
  const emit = ({ graph, classes }: Sided, id: NodeId, mark: DiffLine["mark"]): void => {
    const node = graph.nodes[id]!;
    if (place.has(classes[id]!)) return;
    place.set(classes[id]!, nodes.length);
    nodes.push({ ...node, id: nodes.length, inputs: node.inputs.map((input) => place.get(classes[input]!)!) });
    marks.push(mark);
  };
  let next = 0;
  const emitAfter = (): number => {
    const of = after.classes[next]!;
    emit(after, next, kept.has(of) ? " " : "+");
    next++;
    return of;
  };
  for (const { id } of before.graph.nodes) {
    const of = before.classes[id]!;
    if (!kept.has(of)) emit(before, id, "-");
    // Up to the same node of the other graph, unless it has passed already.
    else if (!place.has(of)) while (emitAfter() !== of);
  }
  while (next < after.graph.nodes.length) emitAfter();
  return { nodes, marks, place };
}

function nodeLines({ nodes, marks }: Joined): DiffLine[] {
  const lines = printGraph({ nodes, outputs: new Map(), updates: [] }).trimEnd().split("\n");
  // Constants are printed where they are used, and not on lines of their own.
  const shown = marks.filter((_, id) => nodes[id]!.op !== "const");
  return shown.map((mark, k) => ({ mark, text: lines[k]! }));
}

function resultLines(
  { nodes, place }: Joined,
  before: Graph,
  old: readonly number[],
  after: Graph,
  fresh: readonly number[],
): DiffLine[] {
  const textsOf = (graph: Graph, classes: readonly number[]): string[] => {
    const at = (id: NodeId): NodeId => place.get(classes[id]!)!;
    const outputs = new Map([...graph.outputs].map(([name, id]) => [name, at(id)]));
    const updates = graph.updates.map(({ slot, next }) => ({ slot: at(slot), next: at(next) }));
    return printGraph({ nodes, outputs, updates })
      .trimEnd()
      .split("\n")
      .slice(nodes.filter(({ op }) => op !== "const").length);
  };
  const [was, is] = [textsOf(before, old), textsOf(after, fresh)];
  return [
    ...was.map((text): DiffLine => ({ mark: is.includes(text) ? " " : "-", text })),
    ...is.filter((text) => !was.includes(text)).map((text): DiffLine => ({ mark: "+", text })),
  ];
}

/** Two lists of lines as one. Equal lines are the same, first with first. */
export function diffTexts(before: readonly string[], after: readonly string[]): DiffLine[] {
  const keysOf = (lines: readonly string[]): string[] => {
    const counts = new Map<string, number>();
    return lines.map((line) => {
      const count = counts.get(line) ?? 0;
      counts.set(line, count + 1);
      return `${count} ${line}`;
    });
  };
  const [old, fresh] = [keysOf(before), keysOf(after)];
  const [inBefore, inAfter] = [new Set(old), new Set(fresh)];
  const passed = new Set<string>();
  const lines: DiffLine[] = [];
  let next = 0;
  const emitAfter = (): string => {
    const key = fresh[next]!;
    lines.push({ mark: inBefore.has(key) ? " " : "+", text: after[next]! });
    passed.add(key);
    next++;
    return key;
  };
  for (const [k, key] of old.entries()) {
    if (!inAfter.has(key)) lines.push({ mark: "-", text: before[k]! });
    else if (!passed.has(key)) while (emitAfter() !== key);
  }
  while (next < fresh.length) emitAfter();
  return lines;
}
