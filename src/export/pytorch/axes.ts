// Ops over axes as Python expressions: sums, means, extrema, softmax.
import type { Node } from "../../ir/graph.ts";
import { productOf } from "../../ir/types.ts";
import { atom, call, type Expression, level, type Piece, type Site, tensor, within } from "./pieces.ts";
import { pythonTuple } from "./words.ts";

const axesOf = ({ attrs }: Node): readonly number[] => attrs["axes"] as readonly number[];

/** `-1` for the last axis: the one form that reads well. */
function axesText(axes: readonly number[], rank: number): string {
  const shown = axes.map((axis) => (axis === rank - 1 ? -1 : axis));
  return shown.length === 1 ? String(shown[0]) : pythonTuple(shown.map(String));
}

const keepText = ({ attrs }: Node): string => (attrs["keepdims"] ? ", keepdim=True" : "");

/** x.sum(-1, keepdim=True); x.sum() over all axes; a sum of floats can become a mean. */
export function reduction(method: string, site: Site, more = ""): Piece {
  const { node, inputs } = site;
  const rank = inputs[0]!.type.shape.length;
  const axes = axesOf(node);
  const x = tensor(site, 0);
  if (axes.length === 0) return atom(x);
  const all = axes.length === rank && !node.attrs["keepdims"];
  const args = all ? more.replace(/^, /, "") : `${axesText(axes, rank)}${keepText(node)}${more}`;
  const piece = atom(`${x}.${method}(${args})`);
  if (method !== "sum" || node.type.dtype !== "f32" || inputs[0]!.type.dtype !== "f32") return piece;
  const count = productOf(axes.map((axis) => inputs[0]!.type.shape[axis]!));
  return count === undefined ? piece : { ...piece, sumOf: { count, mean: `${x}.mean(${args})` } };
}

/** A helper that takes (x, axes, keepdim). */
export const overAxes =
  (name: string): Expression =>
  (site) =>
    call(
      site.helper(name),
      site.args[0]!.text,
      pythonTuple(axesOf(site.node).map(String)),
      site.node.attrs["keepdims"] ? "True" : "False",
    );

export const along =
  (name: string): Expression =>
  (site) => {
    const axes = axesOf(site.node);
    const x = site.args[0]!.text;
    const dim = axesText(axes, site.inputs[0]!.type.shape.length);
    if (axes.length === 1) return call(`torch.${name}`, x, dim);
    const shifted = `${within(site.args[0]!, level.sum)} - torch.logsumexp(${x}, ${dim}, keepdim=True)`;
    if (name === "softmax") return call("torch.exp", shifted);
    return { text: shifted, level: level.sum, host: false };
  };

export const logSumExp: Expression = ({ node, args, inputs }) =>
  call("torch.logsumexp", args[0]!.text, `${axesText(axesOf(node), inputs[0]!.type.shape.length)}${keepText(node)}`);
