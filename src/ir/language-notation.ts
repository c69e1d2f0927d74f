// Equations in the language: as people read it, and as a file that the compiler reads again.
import type { Helper, Notation } from "./equations.ts";
import { convolutionText, languagePiece, meanPiece, poolText } from "./notation.ts";
import { call, level, type Piece, type Site, within, word } from "./pieces.ts";
import type { Dim } from "./types.ts";

/** Gradients of windows and of gathers read as calls by their own names. */
export const readable: Notation = {
  name: (name) => word(name),
  piece: languagePiece,
  mean: meanPiece,
  longest: 60,
};

/** Only what the language has: those gradients are spelled as `grad(sum(f(v) * ct), v)`, f being linear or v given. */
export const parsable: Notation = {
  ...readable,
  piece: (site, helper) => derivatives.get(site.node.op)?.(site, helper) ?? languagePiece(site),
};

/** grad(sum(of * ct), by) */
const gradient = (of: string, ct: Piece, by: string): Piece =>
  call("grad", `sum(${of} * ${within(ct, level.power)})`, by);

const derivatives: ReadonlyMap<string, (site: Site, helper: Helper) => Piece> = new Map<
  string,
  (site: Site, helper: Helper) => Piece
>([
  [
    "conv2d_input_grad",
    ({ node, args: [ct, w] }, helper) => {
      const x = helper(node.type.shape);
      return gradient(convolutionText(x, w!.text, node.attrs), ct!, x);
    },
  ],
  [
    "conv2d_weight_grad",
    ({ node, args: [x, ct] }, helper) => {
      const w = helper(node.type.shape);
      return gradient(convolutionText(x!.text, w, node.attrs), ct!, w);
    },
  ],
  [
    "avg_pool_grad",
    ({ node, args: [ct] }, helper) => {
      const x = helper(node.type.shape);
      return gradient(poolText("avg_pool", x, node.attrs), ct!, x);
    },
  ],
  [
    "max_pool_grad",
    // The cotangent may itself be computed from x.
    ({ node, args: [x, ct] }) =>
      gradient(poolText("max_pool", x!.text, node.attrs), call("stop_gradient", ct!.text), x!.text),
  ],
  [
    "max_pool_pick",
    ({ node, args: [x, u] }, helper) => {
      const ct = helper(node.type.shape);
      const inner = gradient(poolText("max_pool", x!.text, node.attrs), word(ct), x!.text);
      return gradient(inner.text, u!, ct);
    },
  ],
  [
    "scatter_add",
    ({ node, args: [ids, values] }, helper) => {
      const table = helper(node.type.shape as readonly Dim[]);
      return gradient(`gather(${table}, ${ids!.text})`, values!, table);
    },
  ],
]);
