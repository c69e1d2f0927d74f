// Algebra on places and expressions: compose, rename, visit, cost. Knows no values and no targets.
import type { Affine, AxisId, Expr, Guard, ScalarFn, Stage, ValueId } from "../ir/stage.ts";
import { call, isAffine, num } from "../ir/stage.ts";
import { type Dim, type DType, mulDims, sameDim } from "../ir/types.ts";

const addMul = (a: Dim, b: Dim): Dim | undefined => {
  if (typeof a === "number") return typeof b === "number" ? a + b : a === 0 ? b : undefined;
  if (typeof b === "number") return b === 0 ? a : undefined;
  return { perRow: a.perRow + b.perRow };
};

/** Replaces axes by places; undefined where the result would not be affine (N * N, or N and a constant on one axis). */
export function compose(place: Affine, by: ReadonlyMap<AxisId, Affine>): Affine | undefined {
  let constant = place.const;
  let rows = place.rows ?? 0;
  const terms = new Map<AxisId, Dim>();
  const add = (axis: AxisId, mul: Dim): boolean => {
    const sum = addMul(terms.get(axis) ?? 0, mul);
    if (sum === undefined) return false;
    if (sum === 0) terms.delete(axis);
    else terms.set(axis, sum);
    return true;
  };
  for (const { axis, mul } of place.terms) {
    const inner = by.get(axis);
    if (!inner) {
      if (!add(axis, mul)) return undefined;
      continue;
    }
    if (typeof mul === "number") {
      constant += mul * inner.const;
      rows += mul * (inner.rows ?? 0);
    } else {
      rows += mul.perRow * inner.const;
      if (inner.rows) return undefined;
    }
    for (const term of inner.terms) {
      const product = mulDims(mul, term.mul);
      if (product === undefined || !add(term.axis, product)) return undefined;
    }
  }
  const list = [...terms].map(([axis, mul]) => ({ axis, mul }));
  return rows === 0 ? { const: constant, terms: list } : { const: constant, rows, terms: list };
}

/** The axis, if a place is exactly one axis. */
export function axisOf(place: Affine | Expr): AxisId | undefined {
  if (!isAffine(place) || place.const !== 0 || place.rows || place.terms.length !== 1) return undefined;
  const term = place.terms[0]!;
  return term.mul === 1 ? term.axis : undefined;
}

export const sameAffine = (a: Affine, b: Affine): boolean =>
  a.const === b.const &&
  (a.rows ?? 0) === (b.rows ?? 0) &&
  a.terms.length === b.terms.length &&
  a.terms.every((t) => b.terms.some((u) => u.axis === t.axis && sameDim(t.mul, u.mul)));

/** 0 <= at < extent, as a bool expression. */
export function guardCondition(guards: readonly Guard[]): Expr {
  const tests = guards.flatMap(({ at, extent }) => [
    call("ge", "bool", { kind: "index", at }, num(0, "i32")),
    call("lt", "bool", { kind: "index", at }, { kind: "index", at: dimPlace(extent) }),
  ]);
  return tests.reduce((a, b) => call("and", "bool", a, b));
}

/** A size as a place. */
export const dimPlace = (dim: Dim): Affine =>
  typeof dim === "number" ? { const: dim, terms: [] } : { const: 0, rows: dim.perRow, terms: [] };

/** Rebuilds an expression bottom-up; `visit` may replace a node whose parts are already replaced. */
export function mapExpr(expr: Expr, visit: (e: Expr) => Expr): Expr {
  if (expr.kind === "call") return visit({ ...expr, args: expr.args.map((arg) => mapExpr(arg, visit)) });
  if (expr.kind === "gather") {
    return visit({ ...expr, at: expr.at.map((place) => (isAffine(place) ? place : mapExpr(place, visit))) });
  }
  return visit(expr);
}

/** Every node, parts first. */
export function visitExpr(expr: Expr, visit: (e: Expr) => void): void {
  if (expr.kind === "call") for (const arg of expr.args) visitExpr(arg, visit);
  if (expr.kind === "gather") for (const place of expr.at) if (!isAffine(place)) visitExpr(place, visit);
  visit(expr);
}

/** Composes every place in an expression; undefined where one would not be affine. */
export function composeExpr(expr: Expr, by: ReadonlyMap<AxisId, Affine>): Expr | undefined {
  let fits = true;
  const place = (p: Affine): Affine => {
    const composed = compose(p, by);
    if (!composed) fits = false;
    return composed ?? p;
  };
  const result = mapExpr(expr, (e) => {
    if (e.kind === "index") return { ...e, at: place(e.at) };
    if (e.kind === "load") {
      const moved = { ...e, at: e.at.map(place) };
      return e.guard ? { ...moved, guard: e.guard.map((g) => ({ ...g, at: place(g.at) })) } : moved;
    }
    if (e.kind === "gather") return { ...e, at: e.at.map((p) => (isAffine(p) ? place(p) : p)) };
    return e;
  });
  return fits ? result : undefined;
}

/** The expressions of a stage that are evaluated per element: body, epilogue, index, computed places. */
export function exprsOf(stage: Stage): Expr[] {
  const list = [stage.body];
  if (stage.reduce?.index) list.push(stage.reduce.index);
  if (stage.epilogue) list.push(stage.epilogue);
  if (stage.filter) list.push(stage.filter.beside.body);
  for (const place of stage.out.at) if (!isAffine(place)) list.push(place);
  return list;
}

/** Rebuilds all expressions of a stage. */
export function mapStage<S extends Stage>(stage: S, visit: (e: Expr) => Expr): S {
  const { filter } = stage;
  const reduce = stage.reduce?.index ? { ...stage.reduce, index: mapExpr(stage.reduce.index, visit) } : stage.reduce;
  return {
    ...stage,
    body: mapExpr(stage.body, visit),
    ...(reduce ? { reduce } : {}),
    ...(stage.epilogue ? { epilogue: mapExpr(stage.epilogue, visit) } : {}),
    ...(filter
      ? { filter: { ...filter, beside: { ...filter.beside, body: mapExpr(filter.beside.body, visit) } } }
      : {}),
    out: { ...stage.out, at: stage.out.at.map((p) => (isAffine(p) ? p : mapExpr(p, visit))) },
  };
}

/** The stage with other ids for its axes. */
export function renameAxes<S extends Stage>(stage: S, names: ReadonlyMap<AxisId, AxisId>): S {
  const by = new Map([...names].map(([from, to]) => [from, { const: 0, terms: [{ axis: to, mul: 1 }] } as Affine]));
  const expr = (e: Expr): Expr => composeExpr(e, by)!;
  const { reduce, epilogue } = stage;
  return {
    ...stage,
    axes: stage.axes.map((a) => ({ ...a, id: names.get(a.id) ?? a.id })),
    body: expr(stage.body),
    ...(reduce?.index ? { reduce: { ...reduce, index: expr(reduce.index) } } : {}),
    ...(epilogue ? { epilogue: expr(epilogue) } : {}),
    out: { ...stage.out, at: stage.out.at.map((p) => (isAffine(p) ? compose(p, by)! : expr(p))) },
  };
}

/** Every value a stage reads, once each. */
export function readsOf(stage: Stage): ValueId[] {
  const seen = new Set<ValueId>();
  for (const expr of exprsOf(stage)) {
    visitExpr(expr, (e) => {
      if (e.kind === "load" || e.kind === "gather") seen.add(e.of);
    });
  }
  if (stage.sparse) seen.add(stage.sparse.list).add(stage.sparse.counts);
  return [...seen];
}

/** Every value a stage writes. */
export const writesOf = (stage: Stage): ValueId[] =>
  stage.filter ? [stage.out.value, stage.filter.beside.value, stage.filter.counts] : [stage.out.value];

/** An index is an i32, a size an f32. */
export const dtypeOfExpr = (expr: Expr): DType =>
  "dtype" in expr ? expr.dtype : expr.kind === "index" ? "i32" : "f32";

/** About how many simple operations one evaluation takes, loads not counted. */
export function costOf(expr: Expr): number {
  let cost = 0;
  visitExpr(expr, (e) => {
    if (e.kind === "call") cost += costOfFn(e.fn);
    if (e.kind === "load" && e.guard) cost += 2 * e.guard.length;
  });
  return cost;
}

/** About how many simple operations one call takes. */
export const costOfFn = (fn: ScalarFn): number => costs.get(fn) ?? 1;

const costs = new Map<string, number>([
  ["cast", 0],
  ["div", 4],
  ["mod", 6],
  ["sqrt", 4],
  ["rsqrt", 6],
  ["exp", 20],
  ["expm1", 30],
  ["log", 20],
  ["log1p", 30],
  ["tanh", 30],
  ["sin", 25],
  ["cos", 25],
  ["erf", 40],
  ["pow", 40],
  ["sigmoid", 25],
  ["softplus", 45],
  ["uniform", 15],
  ["normal", 60],
]);
