// Contraction: einsum, the one op behind `@`, dot products, outer products, traces and diagonals.
// Errors: shape/einsum-rank {input, labels, rank}; shape/einsum-size {label, left, right, leftInput, rightInput};
// shape/einsum-output {label, output}; type/operand, type/mixed as in build.ts.
import type { Builder, NodeId } from "../graph.ts";
import type { OpDef, ShapeError } from "../op-def.ts";
import { at, call, type Expr, load, OUT, type Stage } from "../stage.ts";
import {
  type Dim,
  type DType,
  dimAt,
  dimText,
  f32,
  i32,
  rows,
  type Shape,
  sameDim,
  shapeText,
  type TensorType,
} from "../types.ts";
import { checkOneType, checkOperands, given } from "./build.ts";
import { refuse } from "./dims.ts";

export type EinsumAttrs = {
  /** One string per input, one letter per dimension. */
  readonly inputs: readonly string[];
  readonly output: string;
};

/** Sizes by label, in order of first appearance; the first input with a label decides. */
function sizesOf(inputs: readonly TensorType[], attrs: EinsumAttrs): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  attrs.inputs.forEach((labels, input) => {
    [...labels].forEach((label, axis) => {
      if (!sizes.has(label)) sizes.set(label, inputs[input]!.shape[axis]!);
    });
  });
  return sizes;
}

function infer(inputs: readonly TensorType[], attrs: EinsumAttrs): TensorType | ShapeError {
  const wrong = checkOperands("einsum", inputs, ["f32", "i32"]) ?? checkOneType("einsum", inputs);
  if (wrong) return wrong;
  const seen = new Map<string, { size: Dim; input: number }>();
  for (const [input, labels] of attrs.inputs.entries()) {
    const shape = inputs[input]!.shape;
    if (labels.length !== shape.length)
      return refuse(
        "shape/einsum-rank",
        { input: input + 1, labels, rank: shape.length, shape: shapeText(shape) },
        input,
      );
    for (const [axis, label] of [...labels].entries()) {
      const size = shape[axis]!;
      const known = seen.get(label);
      if (!known) seen.set(label, { size, input });
      else if (!sameDim(known.size, size)) {
        const facts = {
          label,
          left: dimText(known.size),
          right: dimText(size),
          leftInput: known.input + 1,
          rightInput: input + 1,
          leftShape: shapeText(inputs[known.input]!.shape),
          rightShape: shapeText(shape),
        };
        return refuse("shape/einsum-size", facts, input, known.input);
      }
    }
  }
  for (const [i, label] of [...attrs.output].entries()) {
    if (!seen.has(label) || attrs.output.indexOf(label) !== i)
      return refuse("shape/einsum-output", { label, output: attrs.output });
  }
  return { dtype: inputs[0]!.dtype, shape: [...attrs.output].map((label) => seen.get(label)!.size) };
}

/** One stage: output labels are parallel axes in their order, the others are summed, in order of first appearance. */
function contraction(inputs: readonly TensorType[], attrs: EinsumAttrs, dtype: DType): Stage {
  const sizes = sizesOf(inputs, attrs);
  const summed = [...sizes.keys()].filter((label) => !attrs.output.includes(label));
  const order = [...attrs.output, ...summed];
  const places = (labels: string) => [...labels].map((label) => at(order.indexOf(label)));
  const factors = attrs.inputs.map((labels, input): Expr => load(input, places(labels), dtype));
  return {
    axes: order.map((name, id) => ({
      id,
      name,
      extent: sizes.get(name)!,
      kind: id < attrs.output.length ? "parallel" : "reduce",
    })),
    ...(summed.length > 0 ? { reduce: { op: "add", dtype } } : {}),
    body: factors.reduce((product, factor) => call("mul", dtype, product, factor)),
    out: { value: OUT, at: places(attrs.output), mode: "set" },
  };
}

/** The size that N stands for when the order of a chain of contractions is chosen. */
const typicalRows = 64;

/** Contracts the pair with the smallest result first, until one pair is left. */
function pairwise(b: Builder, inputs: readonly NodeId[], attrs: EinsumAttrs): NodeId {
  const terms = attrs.inputs.map((labels, i) => ({ labels, id: inputs[i]! }));
  const sizes = sizesOf(
    inputs.map((id) => b.type(id)),
    attrs,
  );
  while (terms.length > 2) {
    let best = { i: 0, j: 1, labels: "", cost: Number.POSITIVE_INFINITY };
    for (let i = 0; i < terms.length; i++) {
      for (let j = i + 1; j < terms.length; j++) {
        const others = terms.filter((_, k) => k !== i && k !== j).map((term) => term.labels);
        const needed = others.join("") + attrs.output;
        const labels = [...new Set(terms[i]!.labels + terms[j]!.labels)].filter((l) => needed.includes(l)).join("");
        const cost = [...labels].reduce((product, label) => product * dimAt(sizes.get(label)!, typicalRows), 1);
        if (cost < best.cost) best = { i, j, labels, cost };
      }
    }
    const [left, right] = [terms[best.i]!, terms[best.j]!];
    const id = b.node("einsum", [left.id, right.id], { inputs: [left.labels, right.labels], output: best.labels });
    terms.splice(best.j, 1);
    terms.splice(best.i, 1, { labels: best.labels, id });
  }
  return b.node(
    "einsum",
    terms.map((term) => term.id),
    { inputs: terms.map((term) => term.labels), output: attrs.output },
  );
}

/** `value`, whose dimensions are `labels`, spread over `all` (which may repeat labels) of shape `shape`, off-diagonal places zero. */
function spread(b: Builder, value: NodeId, labels: string, all: string, shape: Shape): NodeId {
  const first = [...new Set(all)];
  let spreadOut = value;
  if (labels.length < all.length) {
    // Where a label repeats, the value varies along its first dimension; the mask below picks the diagonal.
    const shown = (label: string, axis: number) => all.indexOf(label) === axis && labels.includes(label);
    const kept = [...all].map((label, axis): Dim => (shown(label, axis) ? shape[axis]! : 1));
    spreadOut = b.node("broadcast", [b.node("reshape", [value], { shape: kept })], { shape });
  }
  for (const label of first) {
    const axes = [...all].flatMap((other, axis) => (other === label ? [axis] : []));
    for (const axis of axes.slice(1)) {
      const on = (where: number) => {
        const count = shape[where]!;
        const line = b.node("iota", [], { count });
        return b.node("reshape", [line], { shape: [...all].map((_, other): Dim => (other === where ? count : 1)) });
      };
      const diagonal = b.node("eq", [on(axes[0]!), on(axis)]);
      spreadOut = b.node("where", [diagonal, spreadOut, b.node("const", [], { value: 0, dtype: "f32" })]);
    }
  }
  return spreadOut;
}

export const einsum: OpDef<EinsumAttrs> = {
  name: "einsum",
  doc: {
    summary: "Products of elements that share labels, summed over every label that the result does not have.",
    math: "y[output] = sum over the other labels of x1[labels1] * x2[labels2] * …",
    derivative: "dx1 = einsum of ct and the other inputs to the labels of x1: the gradient of a matmul is two matmuls.",
    example: 'einsum("ij,kj->ik", x, y)',
    conventions:
      "A label twice in one input reads the diagonal; labels that only one input has and the result lacks are summed.",
  },
  infer,
  // f(A, B) = sum_k A_ik B_kj;  dA = sum_j ct_ij B_kj, dB = sum_i A_ik ct_ij: einsum again, with ct in the input's place.
  vjp(b, ct, { inputs, attrs }) {
    return inputs.map((input, i) => {
      const others = inputs.flatMap((id, j) => (j === i ? [] : [{ id, labels: attrs.inputs[j]! }]));
      const own = attrs.inputs[i]!;
      const known = attrs.output + others.map((other) => other.labels).join("");
      const labels = [...new Set(own)].filter((label) => known.includes(label)).join("");
      const type = b.type(input);
      // The cotangent stands where the input stood, so that `x.T @ dy` and `dy @ W.T` come out in the textbook's order.
      const terms = attrs.inputs.map((text, j) =>
        j === i ? { id: ct, labels: attrs.output } : { id: inputs[j]!, labels: text },
      );
      const contracted = b.node(
        "einsum",
        terms.map((term) => term.id),
        { inputs: terms.map((term) => term.labels), output: labels },
      );
      return spread(b, contracted, labels, own, type.shape);
    });
  },
  lower: (inputs, attrs, out) =>
    inputs.length > 2
      ? { kind: "expand", build: (b, ids) => pairwise(b, ids, attrs) }
      : { kind: "stages", stages: [contraction(inputs, attrs, out.dtype as DType)] },
  samples: [
    {
      inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6), given(f32(3, 2), 1, 0, -1, 2, 0.5, 1)],
      attrs: { inputs: ["nk", "km"], output: "nm" },
      expect: [0.5, 7, 2, 16],
    },
    {
      inputs: [given(f32(rows(), 2), 1, 2, 3, 4, 5, 6), given(f32(rows(), 2), 1, 1, 2, 0, 0, -1)],
      attrs: { inputs: ["nk", "nj"], output: "kj" },
      rows: 3,
      expect: [7, -4, 10, -4],
    },
    {
      inputs: [given(f32(2, 1, 2), 1, 2, 3, 4), given(f32(2, 2, 1), 5, 6, 7, 8)],
      attrs: { inputs: ["bik", "bkj"], output: "bij" },
      expect: [17, 53],
    },
    { inputs: [given(f32(2, 2), 1, 2, 3, 4)], attrs: { inputs: ["ii"], output: "" }, expect: [5] },
    { inputs: [given(f32(2, 2), 1, 2, 3, 4)], attrs: { inputs: ["ii"], output: "i" }, expect: [1, 4] },
    {
      inputs: [given(f32(2, 3), 1, 2, 3, 4, 5, 6)],
      attrs: { inputs: ["ij"], output: "j" },
      expect: [5, 7, 9],
    },
    {
      inputs: [given(f32(), 3), given(f32(2), 1, -2)],
      attrs: { inputs: ["", "i"], output: "i" },
      expect: [3, -6],
    },
    {
      inputs: [given(f32(2), 1, 2), given(f32(2, 2), 1, 2, 3, 4), given(f32(2), 3, -1)],
      attrs: { inputs: ["i", "ij", "j"], output: "" },
      expect: [11],
    },
    {
      inputs: [given(f32(2, 2), 0.5, 2, -1, 4), given(f32(2, 3), 1, 2, 3, 4, 5, 6)],
      // `j` is in one input only and summed away; `ii` is a diagonal.
      attrs: { inputs: ["ii", "ij"], output: "i" },
      expect: [3, 60],
    },
    {
      inputs: [given(i32(2), 2147483647, 1), given(i32(2), 1, 1)],
      attrs: { inputs: ["i", "i"], output: "" },
      expect: [-2147483648],
    },
  ],
  errors: [
    { inputs: [f32(2, 784), f32(748, 3)], attrs: { inputs: ["nk", "km"], output: "nm" }, code: "shape/einsum-size" },
    { inputs: [f32(2, rows()), f32(2, 3)], attrs: { inputs: ["nk", "km"], output: "nm" }, code: "shape/einsum-size" },
    { inputs: [f32(2)], attrs: { inputs: ["ij"], output: "i" }, code: "shape/einsum-rank" },
    { inputs: [f32(2)], attrs: { inputs: ["i"], output: "j" }, code: "shape/einsum-output" },
    { inputs: [f32(2)], attrs: { inputs: ["i"], output: "ii" }, code: "shape/einsum-output" },
    { inputs: [i32(2), f32(2)], attrs: { inputs: ["i", "i"], output: "" }, code: "type/mixed" },
  ],
};
