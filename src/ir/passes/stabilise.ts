// Safe forms: expressions that overflow or lose their digits as written, recognised however they are spelled.
// Runs before differentiation, so that derivatives are those of the safe form.
//
// Before: elaborated graphs with `grad` nodes. After: the same values where the written form is finite; finite in more places.
import type { Graph, NodeId, OpTable } from "../graph.ts";
import { keptShape } from "../ops/build.ts";
import { sameShape, sameType } from "../types.ts";
import {
  axesOf,
  countOver,
  isConstant,
  isCount,
  isSameAlong,
  mean,
  other,
  reduction,
  reductionAgainst,
  sameAxes,
  squareOf,
} from "./patterns.ts";
import { type Applied, type Rewrite, type Rewriter, rewriteGraph } from "./rewrite.ts";

/** -x, without a second sign. */
function negative(r: Rewriter, x: NodeId): NodeId {
  const inner = r.is(x, "neg");
  return inner ? inner.inputs[0]! : r.node("neg", [x]);
}

const inputOf = (r: Rewriter, id: NodeId, op: string): NodeId | undefined => r.is(id, op)?.inputs[0];

/** z, if the node is 1 + exp(z). */
function onePlusExp(r: Rewriter, id: NodeId): NodeId | undefined {
  const sum = r.is(id, "add");
  const found = sum && other(sum, (one) => inputOf(r, one, "exp"));
  return found && isConstant(r, found.rest, 1) ? found.found : undefined;
}

/** Whether the node is the maximum of x over these axes, perhaps cut from the gradient. */
function isMaximumOf(r: Rewriter, id: NodeId, x: NodeId, axes: readonly number[]): boolean {
  const found = reduction(r, uncut(r, id), "max");
  return found !== undefined && uncut(r, found.of) === x && sameAxes(found.axes, axes);
}

const uncut = (r: Rewriter, id: NodeId): NodeId => inputOf(r, id, "stop_gradient") ?? id;

/** z, if the node is z - max(z) over these axes. */
function shifted(r: Rewriter, id: NodeId, axes: readonly number[]): NodeId | undefined {
  const node = r.is(id, "sub");
  if (!node) return undefined;
  const [z, top] = node.inputs as readonly [NodeId, NodeId];
  const lined = isSameAlong(r, top, r.type(z).shape, axes);
  return lined && isMaximumOf(r, top, z, axes) ? z : undefined;
}

/** z, if the node is log(sigmoid(z)), which is written -softplus(-z) by then. */
function logSigmoid(r: Rewriter, id: NodeId): NodeId | undefined {
  const inner = inputOf(r, id, "neg");
  const z = inner === undefined ? undefined : inputOf(r, inner, "softplus");
  return z === undefined ? undefined : negative(r, z);
}

/** y and z, if the node is y * log(sigmoid(z)); z and the sign may be either way. */
function weighted(r: Rewriter, id: NodeId, z?: NodeId): { weight: NodeId; z: NodeId } | undefined {
  const node = r.is(id, "mul");
  const found = node && other(node, (one) => logSigmoid(r, one));
  if (!found || (z !== undefined && found.found !== z)) return undefined;
  return { weight: found.rest, z: found.found };
}

const isOneMinus = (r: Rewriter, id: NodeId, y: NodeId): boolean => {
  const node = r.is(id, "sub");
  return node !== undefined && isConstant(r, node.inputs[0]!, 1) && node.inputs[1] === y;
};

export const safeForms: readonly Rewrite[] = [
  {
    name: "log of a sum of exponentials",
    before: "log(sum(exp(x), axis=-1))",
    after: "logsumexp(x, axis=-1)",
    ops: ["log"],
    apply(r, { inputs, type }) {
      const total = reduction(r, inputs[0]!, "sum");
      const z = total && inputOf(r, total.of, "exp");
      if (!total || z === undefined) return undefined;
      const keepdims = sameShape(type.shape, keptShape(r.type(z).shape, total.axes));
      const kept = r.node("logsumexp", [z], { axes: total.axes, keepdims });
      return sameType(r.type(kept), type) ? kept : undefined;
    },
  },
  {
    name: "logsumexp shifted by hand",
    before:
      "log(sum(exp(x - max(x, axis=-1, keepdims=true)), axis=-1, keepdims=true)) + max(x, axis=-1, keepdims=true)",
    after: "logsumexp(x, axis=-1, keepdims=true)",
    ops: ["add"],
    apply(r, node) {
      const found = other(node, (one) => reduction(r, one, "logsumexp"));
      if (!found) return undefined;
      const { of, axes, node: inner } = found.found;
      const z = shifted(r, of, axes);
      if (z === undefined || !isMaximumOf(r, found.rest, z, axes)) return undefined;
      const keepdims = sameShape(node.type.shape, keptShape(r.type(z).shape, axes));
      const whole = r.node("logsumexp", [z], { ...inner.attrs, keepdims });
      return sameType(r.type(whole), node.type) ? whole : undefined;
    },
  },
  {
    name: "x - logsumexp(x)",
    before: "x - log(sum(exp(x), axis=-1, keepdims=true))",
    after: "log_softmax(x, axis=-1)",
    ops: ["sub"],
    apply(r, { inputs: [z, total], type }) {
      const found = reductionAgainst(r, total!, "logsumexp");
      if (!found || found.of !== z || !sameType(r.type(z!), type)) return undefined;
      return r.node("log_softmax", [z], { axes: found.axes });
    },
  },
  {
    name: "softmax shifted by hand",
    before: "softmax(x - max(x, axis=-1, keepdims=true), axis=-1)",
    after: "softmax(x, axis=-1)",
    ops: ["softmax", "log_softmax"],
    apply(r, node) {
      const z = shifted(r, node.inputs[0]!, axesOf(node));
      return z === undefined || !sameType(r.type(z), node.type) ? undefined : r.node(node.op, [z], node.attrs);
    },
  },
  {
    name: "exp(log_softmax(x))",
    before: "exp(log_softmax(x, axis=-1))",
    after: "softmax(x, axis=-1)",
    ops: ["exp"],
    apply(r, { inputs }) {
      const inner = r.is(inputs[0]!, "log_softmax");
      return inner && r.node("softmax", inner.inputs, inner.attrs);
    },
  },
  {
    name: "exponentials divided by their sum",
    before: "exp(x) / sum(exp(x), axis=-1, keepdims=true)",
    after: "softmax(x, axis=-1)",
    ops: ["div"],
    apply(r, { inputs: [grown, total], type }) {
      const found = reductionAgainst(r, total!, "sum");
      const z = inputOf(r, grown!, "exp");
      if (!found || z === undefined || found.of !== grown || !sameType(r.type(z), type)) return undefined;
      return r.node("softmax", [z], { axes: found.axes });
    },
  },
  {
    name: "log(softmax(x))",
    before: "log(softmax(x, axis=-1))",
    after: "log_softmax(x, axis=-1)",
    ops: ["log"],
    apply(r, { inputs }) {
      const inner = r.is(inputs[0]!, "softmax");
      return inner && r.node("log_softmax", inner.inputs, inner.attrs);
    },
  },
  {
    name: "log(exp(x))",
    before: "log(exp(x))",
    after: "x",
    ops: ["log"],
    apply: (r, { inputs }) => inputOf(r, inputs[0]!, "exp"),
  },
  {
    name: "log(1 + exp(x))",
    before: "log(1 + exp(x))",
    after: "softplus(x)",
    ops: ["log", "log1p"],
    apply(r, { op, inputs, type }) {
      const z = op === "log" ? onePlusExp(r, inputs[0]!) : inputOf(r, inputs[0]!, "exp");
      return z === undefined || !sameType(r.type(z), type) ? undefined : r.node("softplus", [z]);
    },
  },
  {
    name: "max(x, 0) + softplus(-abs(x))",
    before: "max(x, 0) + log1p(exp(-abs(x)))",
    after: "softplus(x)",
    ops: ["add"],
    apply(r, node) {
      const found = other(node, (one) => {
        const inner = inputOf(r, one, "softplus");
        const magnitude = inner === undefined ? undefined : inputOf(r, inner, "neg");
        return magnitude === undefined ? undefined : inputOf(r, magnitude, "abs");
      });
      if (!found) return undefined;
      const z = found.found;
      const isRelu = (id: NodeId): boolean => {
        const clipped = r.is(id, "maximum");
        return (
          clipped !== undefined &&
          other(clipped, (one) => (one === z ? true : undefined))?.rest !== undefined &&
          clipped.inputs.some((one) => isConstant(r, one, 0))
        );
      };
      if (isRelu(found.rest)) return r.node("softplus", [z]);
      // PyTorch's spelling of binary cross-entropy: max(z, 0) - z * y + log1p(exp(-abs(z))).
      const less = r.is(found.rest, "sub");
      if (!less || !isRelu(less.inputs[0]!)) return undefined;
      const whole = r.node("sub", [r.node("softplus", [z]), less.inputs[1]!]);
      return sameType(r.type(whole), node.type) ? whole : undefined;
    },
  },
  {
    name: "1 / (1 + exp(-x))",
    before: "1 / (1 + exp(-x))",
    after: "sigmoid(x)",
    ops: ["div"],
    apply(r, { inputs: [top, bottom], type }) {
      const z = onePlusExp(r, bottom!);
      if (z === undefined || !sameType(r.type(z), type)) return undefined;
      if (isConstant(r, top!, 1)) return r.node("sigmoid", [negative(r, z)]);
      return inputOf(r, top!, "exp") === z ? r.node("sigmoid", [z]) : undefined;
    },
  },
  {
    name: "1 - sigmoid(x)",
    before: "1 - sigmoid(x)",
    after: "sigmoid(-x)",
    ops: ["sub"],
    apply(r, { inputs: [one, s], type }) {
      const z = inputOf(r, s!, "sigmoid");
      // A gate that is used as it is too costs one exponential, not two.
      if (z === undefined || r.isShared(s!) || !isConstant(r, one!, 1) || !sameType(r.type(z), type)) return undefined;
      return r.node("sigmoid", [negative(r, z)]);
    },
  },
  {
    name: "log(sigmoid(x))",
    before: "log(sigmoid(x))",
    after: "-softplus(-x)",
    ops: ["log"],
    apply(r, { inputs, type }) {
      const z = inputOf(r, inputs[0]!, "sigmoid");
      if (z !== undefined) return r.node("neg", [r.node("softplus", [negative(r, z)])]);
      const rest = r.is(inputs[0]!, "sub");
      const minus = rest && isConstant(r, rest.inputs[0]!, 1) ? inputOf(r, rest.inputs[1]!, "sigmoid") : undefined;
      if (minus === undefined || !sameType(r.type(minus), type)) return undefined;
      return r.node("neg", [r.node("softplus", [minus])]);
    },
  },
  {
    name: "binary cross-entropy of a sigmoid",
    before: "y * log(sigmoid(x)) + (1 - y) * log(1 - sigmoid(x))",
    after: "x * y - softplus(x)",
    ops: ["add"],
    apply(r, node) {
      for (const [one, two] of [node.inputs, [...node.inputs].reverse()] as [NodeId, NodeId][]) {
        const hit = weighted(r, one);
        const miss = hit && weighted(r, two, negative(r, hit.z));
        if (!hit || !miss || !isOneMinus(r, miss.weight, hit.weight)) continue;
        const whole = r.node("sub", [r.node("mul", [hit.z, hit.weight]), r.node("softplus", [hit.z])]);
        return sameType(r.type(whole), node.type) ? whole : undefined;
      }
      return undefined;
    },
  },
  {
    name: "negative binary cross-entropy of a sigmoid",
    before: "-y * log(sigmoid(x)) - (1 - y) * log(1 - sigmoid(x))",
    after: "softplus(x) - x * y",
    ops: ["sub"],
    apply(r, { inputs: [one, two], type }) {
      const hit = weighted(r, one!);
      const miss = hit && weighted(r, two!, negative(r, hit.z));
      const y = hit && inputOf(r, hit.weight, "neg");
      if (!hit || !miss || y === undefined || !isOneMinus(r, miss.weight, y)) return undefined;
      const whole = r.node("sub", [r.node("softplus", [hit.z]), r.node("mul", [hit.z, y])]);
      return sameType(r.type(whole), type) ? whole : undefined;
    },
  },
  {
    name: "variance as a difference of means",
    before: "mean(x ** 2, axis=-1) - mean(x, axis=-1) ** 2",
    after: "mean((x - mean(x, axis=-1, keepdims=true)) ** 2, axis=-1)",
    ops: ["sub"],
    apply(r, { inputs: [left, right], type }) {
      const squares = mean(r, left!);
      const centre = squareOf(r, right!);
      const total = centre === undefined ? undefined : mean(r, centre);
      const x = squares && squareOf(r, squares.of);
      if (!squares || !total || x === undefined || total.of !== x || !sameAxes(squares.axes, total.axes))
        return undefined;
      const { axes } = total;
      const count = r.at(left!).inputs.find((id) => isCount(r, id, countOver(r.type(x).shape, axes)!));
      if (count === undefined) return undefined;
      const centred = r.node("sub", [x, r.node("div", [r.node("sum", [x], { axes, keepdims: true }), count])]);
      const two = r.node("const", [], { value: 2, dtype: "f32" });
      const keepdims = sameShape(type.shape, keptShape(r.type(x).shape, axes));
      const spread = r.node("sum", [r.node("pow", [centred, two])], { axes, keepdims });
      const whole = r.node("div", [spread, count]);
      return sameType(r.type(whole), type) ? whole : undefined;
    },
  },
];

/** The graph in safe forms, and what was rewritten where, for `nnc inspect`. */
export const stabilise = (
  graph: Graph,
  ops: OpTable,
): { readonly graph: Graph; readonly applied: readonly Applied[] } => rewriteGraph(graph, ops, safeForms);
