// Rules of layout: movements that cancel or join, and broadcasts that elementwise ops do by themselves.
import type { Node, NodeId } from "../../graph.ts";
import { addDims, sameCount } from "../../ops/dims.ts";
import { type Dim, type Shape, sameDim, sameShape } from "../../types.ts";
import { elementwiseOps } from "../patterns.ts";
import type { Rewrite, Rewriter } from "../rewrite.ts";

const shapeOf = (r: Rewriter, id: NodeId): Shape => r.type(id).shape;
const dims = (node: Node, name: string): readonly Dim[] => node.attrs[name] as readonly Dim[];
const numbers = (node: Node, name: string): readonly number[] => node.attrs[name] as readonly number[];
type Pairs = readonly (readonly [Dim, Dim])[];
const pairsOf = (node: Node): Pairs => node.attrs["pairs"] as unknown as Pairs;

/** What an elementwise op may read in place of `id`: without its broadcast, and without leading dimensions of 1. */
function unspread(r: Rewriter, id: NodeId): NodeId {
  let inner = id;
  for (;;) {
    const node = r.at(inner);
    if (node.op !== "broadcast" && !(node.op === "reshape" && addsLeadingOnes(r, node))) return inner;
    inner = node.inputs[0]!;
  }
}

function addsLeadingOnes(r: Rewriter, node: Node): boolean {
  const from = shapeOf(r, node.inputs[0]!);
  const lead = node.type.shape.length - from.length;
  return (
    lead > 0 && node.type.shape.slice(0, lead).every((d) => d === 1) && sameShape(node.type.shape.slice(lead), from)
  );
}

/** x as it is before it is spread, if all its elements are one. */
function single(r: Rewriter, id: NodeId): NodeId | undefined {
  const node = r.is(id, "broadcast");
  return node && sameCount(shapeOf(r, node.inputs[0]!), []) ? node.inputs[0] : undefined;
}

/** The one axis on which a padding of zeros adds something, if there is just one. */
function paddedAxis(node: Node): number | undefined {
  if (node.attrs["value"] !== 0) return undefined;
  const axes = pairsOf(node).flatMap(([low, high], axis) => (low === 0 && high === 0 ? [] : [axis]));
  return axes.length === 1 ? axes[0] : undefined;
}

export const layoutRules: readonly Rewrite[] = [
  {
    name: "elementwise before broadcast",
    before: "x + broadcast(y[0], [3, 4])",
    after: "x + y[0]",
    ops: elementwiseOps,
    apply(r, { op, inputs, attrs, type }) {
      const bare = inputs.map((id) => unspread(r, id));
      if (bare.every((id, i) => id === inputs[i])) return undefined;
      const small = r.node(op, bare, attrs);
      return sameShape(shapeOf(r, small), type.shape) ? small : r.node("broadcast", [small], { shape: type.shape });
    },
  },
  {
    name: "broadcast to the same shape, or twice",
    before: "broadcast(broadcast(x[0], [3, 4]), [2, 3, 4])",
    after: "broadcast(x[0], [2, 3, 4])",
    ops: ["broadcast"],
    apply(r, { inputs, type }) {
      const bare = unspread(r, inputs[0]!);
      if (sameShape(shapeOf(r, bare), type.shape)) return bare;
      return bare === inputs[0] ? undefined : r.node("broadcast", [bare], { shape: type.shape });
    },
  },
  {
    name: "one value moved about",
    before: "reshape(broadcast(sum(x), [3, 4]), [2, 6])",
    after: "broadcast(sum(x), [2, 6])",
    ops: ["reshape", "transpose", "slice", "flip"],
    apply(r, { inputs, type }) {
      const value = single(r, inputs[0]!);
      if (value === undefined) return undefined;
      const scalar = shapeOf(r, value).length === 0 ? value : r.node("reshape", [value], { shape: [] });
      return type.shape.length === 0 ? scalar : r.node("broadcast", [scalar], { shape: type.shape });
    },
  },
  {
    name: "reshape to the same shape, or twice",
    before: "reshape(reshape(x, [2, 6]), [3, 4])",
    after: "x",
    ops: ["reshape"],
    apply(r, { inputs, type }) {
      if (sameShape(shapeOf(r, inputs[0]!), type.shape)) return inputs[0];
      const inner = r.is(inputs[0]!, "reshape");
      return inner && r.node("reshape", inner.inputs, { shape: type.shape });
    },
  },
  {
    name: "transpose of nothing, or twice",
    before: "x.T.T",
    after: "x",
    ops: ["transpose"],
    apply(r, node) {
      const perm = numbers(node, "perm");
      if (perm.every((axis, i) => axis === i)) return node.inputs[0];
      const inner = r.is(node.inputs[0]!, "transpose");
      if (!inner) return undefined;
      const first = numbers(inner, "perm");
      return r.node("transpose", inner.inputs, { perm: perm.map((axis) => first[axis]!) });
    },
  },
  {
    name: "flip twice",
    before: "flip(flip(x, axis=0), axis=0)",
    after: "x",
    ops: ["flip"],
    apply(r, node) {
      const axes = numbers(node, "axes");
      if (axes.length === 0) return node.inputs[0];
      const inner = r.is(node.inputs[0]!, "flip");
      if (!inner) return undefined;
      const before = numbers(inner, "axes");
      const once = [...axes.filter((a) => !before.includes(a)), ...before.filter((a) => !axes.includes(a))];
      return r.node("flip", inner.inputs, { axes: once.sort((a, b) => a - b) });
    },
  },
  {
    name: "slice of all, or of a slice",
    before: "x[0:2][1:2]",
    after: "x[1:2]",
    ops: ["slice"],
    apply(r, node) {
      if (sameShape(shapeOf(r, node.inputs[0]!), node.type.shape)) return node.inputs[0];
      const inner = r.is(node.inputs[0]!, "slice");
      if (!inner) return undefined;
      const first = dims(inner, "starts");
      const starts = dims(node, "starts").map((start, axis) => addDims(start, first[axis]!)!);
      return r.node("slice", inner.inputs, { starts, sizes: dims(node, "sizes") });
    },
  },
  {
    name: "slice of the part of a concat",
    before: "concat([x, y], axis=0)[3:6]",
    after: "y",
    ops: ["slice"],
    apply(r, node) {
      const whole = r.is(node.inputs[0]!, "concat");
      if (!whole) return undefined;
      const axis = whole.attrs["axis"] as number;
      let offset: Dim = 0;
      for (const part of whole.inputs) {
        const here = dims(node, "starts").every((start, d) => sameDim(start, d === axis ? offset : 0));
        if (here && sameShape(shapeOf(r, part), node.type.shape)) return part;
        offset = addDims(offset, shapeOf(r, part)[axis]!)!;
      }
      return undefined;
    },
  },
  {
    name: "the middle of a padding",
    before: "pad(x, [[1, 2], [0, 1]])[1:4, 0:4]",
    after: "x",
    ops: ["slice"],
    apply(r, node) {
      const padded = r.is(node.inputs[0]!, "pad");
      const x = padded?.inputs[0];
      if (!padded || x === undefined || !sameShape(shapeOf(r, x), node.type.shape)) return undefined;
      return pairsOf(padded).every(([low], axis) => sameDim(low, dims(node, "starts")[axis]!)) ? x : undefined;
    },
  },
  {
    name: "pad by nothing, or twice",
    before: "pad(pad(x, [[1, 0], [0, 0]]), [[0, 1], [2, 0]])",
    after: "pad(x, [[1, 1], [2, 0]])",
    ops: ["pad"],
    apply(r, node) {
      if (sameShape(shapeOf(r, node.inputs[0]!), node.type.shape)) return node.inputs[0];
      const inner = r.is(node.inputs[0]!, "pad");
      if (!inner || !Object.is(inner.attrs["value"], node.attrs["value"])) return undefined;
      const outer = pairsOf(node);
      const pairs = pairsOf(inner).map(([low, high], axis): [Dim, Dim] => [
        addDims(low, outer[axis]![0])!,
        addDims(high, outer[axis]![1])!,
      ]);
      return r.node("pad", inner.inputs, { ...node.attrs, pairs });
    },
  },
  {
    name: "concat of one, or of a concat",
    before: "concat([concat([x, y], axis=0), z], axis=0)",
    after: "concat([x, y, z], axis=0)",
    ops: ["concat"],
    apply(r, { inputs, attrs }) {
      if (inputs.length === 1) return inputs[0];
      const isPart = (id: NodeId) => !r.isShared(id) && r.is(id, "concat")?.attrs["axis"] === attrs["axis"];
      if (!inputs.some(isPart)) return undefined;
      const parts = inputs.flatMap((id) => (isPart(id) ? r.at(id).inputs : [id]));
      return r.node("concat", parts, attrs);
    },
  },
  {
    // The gradient of `split`: each part arrives padded with zeros to the whole.
    name: "parts padded to the whole and added",
    before: "pad(x, [[0, 3], [0, 0]]) + pad(y, [[3, 0], [0, 0]])",
    after: "concat([x, y], axis=0)",
    ops: ["add"],
    apply(r, { inputs }) {
      const [left, right] = inputs.map((id) => (r.isShared(id) ? undefined : r.is(id, "pad")));
      const axis = left && paddedAxis(left);
      if (!left || !right || axis === undefined || paddedAxis(right) !== axis) return undefined;
      for (const [first, second] of [
        [left, right],
        [right, left],
      ] as const) {
        const end = addDims(pairsOf(first)[axis]![0], shapeOf(r, first.inputs[0]!)[axis]!)!;
        if (!sameDim(end, pairsOf(second)[axis]![0])) continue;
        const joined = r.node("concat", [first.inputs[0]!, second.inputs[0]!], { axis });
        const pairs = pairsOf(first).map(([low], d): [Dim, Dim] =>
          d === axis ? [low, pairsOf(second)[d]![1]] : [0, 0],
        );
        return r.node("pad", [joined], { pairs, value: 0 });
      }
      return undefined;
    },
  },
];
