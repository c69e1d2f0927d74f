// Loop bounds in place of guards: where a guard fails the body adds nothing, so the loop need not go there.
import type { AxisId, Expr, Guard, ReduceOp } from "../ir/stage.ts";
import type { DType } from "../ir/types.ts";
import { addIndex, negate } from "./indexes.ts";
import { constantIndex, dimIndex, type Index, indexScalar, type Scalar } from "./loops.ts";
import type { PlacedStage } from "./schedule.ts";

/** What a reduction starts from. */
export function identityOf(op: ReduceOp, dtype: DType): number {
  if (op === "add") return 0;
  if (op === "mul") return 1;
  const low = op === "max" || op === "argmax";
  if (dtype === "i32") return low ? -2147483648 : 2147483647;
  return low ? -Infinity : Infinity;
}

/**
 * Guards of the body that an inner loop's bounds can stand for: the body is 0 (for a sum) or the identity (for max, min) where
 * the guard fails, and the guard counts an inner axis. Returns the body without them.
 */
export function clippable(
  stage: PlacedStage,
  folded: readonly AxisId[],
): { guards: { axis: AxisId; guard: Guard }[]; body: Expr } {
  const guards: { axis: AxisId; guard: Guard }[] = [];
  if (folded.length === 0 || stage.axes.some((a) => a.kind === "scan") || stage.reduce?.index)
    return { guards, body: stage.body };
  const strip = (e: Expr): Expr => {
    if (e.kind === "call" && e.fn === "mul" && stage.reduce?.op === "add") return { ...e, args: e.args.map(strip) };
    if (
      e.kind !== "load" ||
      !e.guard ||
      e.otherwise !== (stage.reduce?.op === "add" ? 0 : identityOf(stage.reduce!.op, e.dtype))
    )
      return e;
    const kept = e.guard.filter((guard) => {
      const inner = folded.findLast((axis) => guard.at.terms.some((t) => t.axis === axis));
      const mul = guard.at.terms.find((t) => t.axis === inner)?.mul;
      if (inner === undefined || typeof mul !== "number") return true;
      guards.push({ axis: inner, guard });
      return false;
    });
    const { guard: _, ...bare } = e;
    return kept.length > 0 ? { ...bare, guard: kept } : bare;
  };
  return { body: strip(stage.body), guards };
}

/** Bounds of an axis t within which 0 <= rest + mul * t < extent; `rest` is the guard's place without t. */
export function clip(guard: Guard, mul: number, rest: Index): { from: Scalar; to: Scalar } {
  const end = dimIndex(guard.extent);
  const step = Math.abs(mul);
  // mul > 0: t from ceil(-rest / mul) to below ceil((extent - rest) / mul).
  if (mul > 0) return { from: ceilDivide(negate(rest), step), to: ceilDivide(addIndex(end, negate(rest)), step) };
  // mul < 0: t from above (rest - extent) / step to rest / step; both as the ceiling of a number larger by one.
  const one = constantIndex(1);
  return {
    from: ceilDivide(addIndex(addIndex(rest, negate(end)), one), step),
    to: ceilDivide(addIndex(rest, one), step),
  };
}

/** ceil(a / b) where it counts: below 0 any number that is not above 0 will do, and division toward zero gives one. */
function ceilDivide(a: Index, b: number): Scalar {
  if (b === 1) return indexScalar(a);
  const sum = indexScalar(addIndex(a, constantIndex(b - 1)));
  return { kind: "call", fn: "div", dtype: "i32", args: [sum, { kind: "num", value: b, dtype: "i32" }] };
}

export const constantOf = (s: Scalar): number | undefined =>
  s.kind === "index" && s.index.rows === 0 && s.index.terms.length === 0 ? s.index.const : undefined;

export function maxOf(a: Scalar, b: Scalar): Scalar {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== undefined && y !== undefined) return indexScalar(constantIndex(Math.max(x, y)));
  return { kind: "call", fn: "max", dtype: "i32", args: [a, b] };
}

export function minOf(a: Scalar, b: Scalar): Scalar {
  const x = constantOf(a);
  const y = constantOf(b);
  if (x !== undefined && y !== undefined) return indexScalar(constantIndex(Math.min(x, y)));
  return { kind: "call", fn: "min", dtype: "i32", args: [a, b] };
}
