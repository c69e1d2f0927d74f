// The axes of stages: named as in papers, none of extent 1, and stages called by what they do and how big they are.
import { type Affine, type Axis, type Expr, fixed, isAffine, type Stage } from "../ir/stage.ts";
import type { Dim, Shape } from "../ir/types.ts";
import { compose, composeExpr } from "./expr.ts";

/** One parallel axis per dimension; letters as in papers, the batch called n. */
export function axesOf(shape: Shape): Axis[] {
  const letters = "ijklpqrstuvw";
  return shape.map((extent, id) => ({
    id,
    name: id === 0 && typeof extent !== "number" ? "n" : (letters[id] ?? `i${id}`),
    extent,
    kind: "parallel",
  }));
}

/** Parallel axes first, none of extent 1, named as in papers: the batch n, then i, j, k. */
export function tidyAxes(stage: Stage): Stage {
  const single = new Map(stage.axes.filter((a) => a.extent === 1).map((a) => [a.id, fixed(0)]));
  const kept = stage.axes.filter((a) => !single.has(a.id));
  const axes = [...kept.filter((a) => a.kind === "parallel"), ...kept.filter((a) => a.kind !== "parallel")];
  const letters = ["i", "j", "k", "l", "p", "q", "r", "s", "t", "u", "v", "w"];
  const taken = new Set<string>();
  const named = axes.map((axis): Axis => {
    const wanted =
      typeof axis.extent !== "number" ? "n" : /^[a-z]+$/.test(axis.name) && axis.name !== "n" ? axis.name : undefined;
    const name =
      wanted !== undefined && !taken.has(wanted) ? wanted : (letters.find((l) => !taken.has(l)) ?? `axis${axis.id}`);
    taken.add(name);
    return { ...axis, name };
  });
  if (single.size === 0) return { ...stage, axes: named };
  const place = (p: Affine): Affine => compose(p, single)!;
  const expr = (e: Expr): Expr => composeExpr(e, single)!;
  const { reduce, epilogue } = stage;
  // A sum over nothing but single elements is those elements.
  const folds = named.some((a) => a.kind !== "parallel");
  return {
    axes: named,
    body: expr(stage.body),
    ...(reduce && (folds || reduce.index)
      ? { reduce: reduce.index ? { ...reduce, index: expr(reduce.index) } : reduce }
      : {}),
    ...(epilogue ? { epilogue: expr(epilogue) } : {}),
    out: { ...stage.out, at: stage.out.at.map((p) => (isAffine(p) ? place(p) : expr(p))) },
  };
}

const sizeText = (dim: Dim): string =>
  typeof dim === "number" ? String(dim) : dim.perRow === 1 ? "N" : `${dim.perRow}N`;

/** `einsum` stages with two operands are what people call a matmul. */
export function stageName(op: string, stage: Stage): string {
  const sizes = stage.axes.map((a) => sizeText(a.extent)).join("x");
  const base = op === "einsum" ? (stage.reduce ? "matmul" : "outer") : op;
  return sizes === "" ? base : `${base}_${sizes}`;
}
