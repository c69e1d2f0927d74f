// Rules of contraction: transposes and broadcasts become labels, and an einsum that is something simpler becomes that.
import type { Node, NodeId } from "../../graph.ts";
import { sameDim, sameShape } from "../../types.ts";
import { axesOf, isScalar } from "../patterns.ts";
import type { Rewrite, Rewriter } from "../rewrite.ts";

const inputsOf = (node: Node): readonly string[] => node.attrs["inputs"] as readonly string[];
const outputOf = (node: Node): string => node.attrs["output"] as string;

/** The einsum with input `i` read as `id` under `labels`. */
function withInput(r: Rewriter, node: Node, i: number, id: NodeId, labels: string): NodeId {
  const inputs = node.inputs.map((input, k) => (k === i ? id : input));
  const texts = inputsOf(node).map((text, k) => (k === i ? labels : text));
  return r.node("einsum", inputs, { inputs: texts, output: outputOf(node) });
}

export const contractRules: readonly Rewrite[] = [
  {
    name: "transposes into labels",
    before: "x.T @ y",
    after: 'einsum("ji,jk->ik", x, y)',
    ops: ["einsum"],
    apply(r, node) {
      const i = node.inputs.findIndex((id) => r.is(id, "transpose"));
      if (i === -1) return undefined;
      const inner = r.at(node.inputs[i]!);
      const perm = inner.attrs["perm"] as readonly number[];
      const labels = perm.map((_, axis) => inputsOf(node)[i]![perm.indexOf(axis)]!).join("");
      return withInput(r, node, i, inner.inputs[0]!, labels);
    },
  },
  {
    name: "transpose of a contraction",
    before: "(x @ y.T).T",
    after: 'einsum("ik,jk->ji", x, y)',
    ops: ["transpose"],
    apply(r, node) {
      const inner = r.is(node.inputs[0]!, "einsum");
      if (!inner || r.isShared(inner.id)) return undefined;
      const perm = node.attrs["perm"] as readonly number[];
      const output = perm.map((axis) => outputOf(inner)[axis]!).join("");
      return r.node("einsum", inner.inputs, { inputs: inputsOf(inner), output });
    },
  },
  {
    name: "sum of a contraction",
    before: "sum(x @ y.T, axis=0)",
    after: 'einsum("ik,jk->j", x, y)',
    ops: ["sum"],
    apply(r, node) {
      const inner = r.is(node.inputs[0]!, "einsum");
      if (!inner || r.isShared(inner.id) || node.attrs["keepdims"] === true) return undefined;
      const output = [...outputOf(inner)].filter((_, axis) => !axesOf(node).includes(axis)).join("");
      return r.node("einsum", inner.inputs, { inputs: inputsOf(inner), output });
    },
  },
  {
    // Each label that another input has too is read there; the broadcast along it need not exist.
    name: "broadcasts into labels",
    before: 'einsum("ij,ij->i", x, broadcast(y[0], [3, 4]))',
    after: 'einsum("ij,j->i", x, y[0])',
    ops: ["einsum"],
    apply(r, node) {
      for (const [i, id] of node.inputs.entries()) {
        const spread = r.is(id, "broadcast");
        if (!spread) continue;
        const small = r.type(spread.inputs[0]!).shape;
        const labels = inputsOf(node)[i]!;
        const others = inputsOf(node)
          .filter((_, k) => k !== i)
          .join("");
        const lead = labels.length - small.length;
        const repeats = (axis: number) => axis < lead || !sameDim(small[axis - lead]!, spread.type.shape[axis]!);
        const dropped = [...labels].map((label, axis) => repeats(axis) && others.includes(label));
        if (!dropped.includes(true) || [...labels].some((_, axis) => repeats(axis) && !dropped[axis])) continue;
        const shape = small.filter((_, axis) => !dropped[lead + axis]);
        const bare = sameShape(shape, small) ? spread.inputs[0]! : r.node("reshape", [spread.inputs[0]!], { shape });
        return withInput(r, node, i, bare, [...labels].filter((_, axis) => !dropped[axis]).join(""));
      }
      return undefined;
    },
  },
  {
    name: "an einsum of one input",
    before: 'einsum("ij->ji", x)',
    after: "x.T",
    ops: ["einsum"],
    apply(r, node) {
      const [labels] = inputsOf(node) as readonly [string];
      const output = outputOf(node);
      if (node.inputs.length !== 1 || new Set(labels).size !== labels.length) return undefined;
      const axes = [...labels].flatMap((label, axis) => (output.includes(label) ? [] : [axis]));
      const kept = [...labels].filter((label) => output.includes(label)).join("");
      const summed = axes.length === 0 ? node.inputs[0]! : r.node("sum", node.inputs, { axes, keepdims: false });
      const perm = [...output].map((label) => kept.indexOf(label));
      return perm.every((axis, i) => axis === i) ? summed : r.node("transpose", [summed], { perm });
    },
  },
  {
    name: "contraction with a number",
    before: 'einsum(",ij->ij", sum(y), x)',
    after: "x * sum(y)",
    ops: ["einsum"],
    apply(r, node) {
      const i = node.inputs.findIndex((id) => isScalar(r, id));
      if (i === -1 || node.inputs.length < 2) return undefined;
      const rest = node.inputs.filter((_, k) => k !== i);
      const inputs = inputsOf(node).filter((_, k) => k !== i);
      const contracted = r.node("einsum", rest, { inputs, output: outputOf(node) });
      return r.node("mul", [contracted, node.inputs[i]!]);
    },
  },
];
