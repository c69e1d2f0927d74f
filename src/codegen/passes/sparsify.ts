// Zero-skipping: a contraction with a data column that is mostly zeros runs over a list of the column's non-zeros. Contract: exact
// where the other factor is finite (what is left out is 0 * w). Before: a dense reduction. After: list stages, and the same
// reduction over a list. Stays true: the order of summation. Density comes from the data set's descriptor, not from the data, so
// that code and bits can be reproduced; leave this pass out for a dense run.
import { type Affine, type Axis, type AxisId, at, type Expr, type ValueId } from "../../ir/stage.ts";
import { type Dim, dimAt, f32, i32, type TensorType } from "../../ir/types.ts";
import { axisOf, exprsOf, mapStage, sameAffine, visitExpr } from "../expr.ts";
import type { Kernel, PlacedStage, Schedule, Value } from "../schedule.ts";
import { isPlainSum, splitSum } from "../split-sum.ts";
import { isContraction } from "../tileable.ts";
import { asKernel, countWriters, isMap, substitute } from "./inline.ts";

/** Below this share of zeros lists cost more than they save. */
const leastZeros = 0.5;
/** Each list entry must serve this many results to pay for its making. */
const leastResults = 4;
/** Up to so many, a gradient adds to memory for each entry of the row's list, and needs no list for each column. */
const mostAdded = 16;

interface Lists {
  readonly list: ValueId;
  readonly counts: ValueId;
  /** The factors themselves, at the places of the list. */
  readonly factors: ValueId;
}

export function sparsify(schedule: Schedule, zeros: ReadonlyMap<string, number>, batch: number): Schedule {
  const values: Value[] = [...schedule.values];
  const kernels: Kernel[] = [];
  const made = new Map<string, Lists>();
  const makers = new Map(schedule.kernels.map((k) => [k.stages[0]!.out.value, k.stages[0]!]));
  const writers = countWriters(schedule);

  const newValue = (column: Value, name: string, type: TensorType, most?: number): ValueId => {
    const { origins } = column;
    const stored = most !== undefined && most < 2 ** 16 ? { stored: "u16" as const } : {};
    values.push({ id: values.length, name, type, home: { kind: "temp" }, origins, ...stored });
    return values.length - 1;
  };
  /** The list of a factor's non-zeros along one dimension, made once per program. */
  const listsOf = ({ column, along, factor, maker }: SparseFactor): Lists => {
    const key = `${factor}/${along}`;
    const known = made.get(key);
    if (known) return known;
    const { shape } = column.type;
    const outer = shape.map((_, d) => d).filter((d) => d !== along);
    const name = `${column.name.replace(/_bytes$/, "")}_${outer.length === 1 && outer[0] === 0 ? "row" : "column"}`;
    const sizes = outer.map((d) => shape[d]!);
    const most = dimAt(shape[along]!, batch);
    const lists = {
      list: newValue(column, `${name}_nonzeros`, i32(...sizes, shape[along]!), most),
      counts: newValue(column, `${name}_counts`, i32(...sizes), most),
      factors: newValue(column, `${name}_factors`, f32(...sizes, shape[along]!)),
    };
    // The second list of a matrix is cheaper made from the first than from the column: it visits non-zeros only.
    const other = shape.length === 2 ? made.get(`${factor}/${1 - along}`) : undefined;
    const body: Expr = { kind: "load", of: factor, at: shape.map((_, d) => at(d)), dtype: "f32" };
    const stage = listStage(column, along, { ...lists, body }, other);
    kernels.push(asKernel(maker && !other ? substitute(stage, factor, maker)! : stage));
    made.set(key, lists);
    return lists;
  };

  for (const kernel of schedule.kernels) {
    const stage = kernel.stages[0]!;
    const found = sparseFactor(schedule, stage, zeros, makers, writers, batch);
    if (!found) {
      kernels.push(kernel);
      continue;
    }
    const added = byRows(schedule, stage, found);
    const { axis, outer } = added ?? found;
    const { list, counts, factors } = listsOf(added ?? found);
    const position = 1 + Math.max(...stage.axes.map((a) => a.id));
    const beside: Expr = { kind: "load", of: factors, at: [...outer, at(position)], dtype: "f32" };
    const direct = mapStage(stage, (e) => (e.kind === "load" && e.of === found.factor ? beside : e));
    const sparse = { axis, position, list, counts, at: outer };
    if (!added) {
      kernels.push(asKernel({ ...direct, sparse }));
      continue;
    }
    const split = splitSum({ ...schedule, values }, stage, false);
    values.splice(0, values.length, ...split.schedule.values);
    const { reduce: _, epilogue: __, ...sum } = direct;
    const adding = { ...sum, name: `sums_of_${stage.name}`, axes: added.axes, out: split.out, sparse };
    kernels.push(asKernel(adding), ...(split.rest ? [asKernel(split.rest)] : []));
  }
  return { ...schedule, values, kernels };
}

interface SparseFactor {
  readonly factor: ValueId;
  /** The column that is 0 wherever the factor is. */
  readonly column: Value;
  /** How the factor is made of it, where it is not the column itself. */
  readonly maker: PlacedStage | undefined;
  /** The dimension of the column that the reduction runs along. */
  readonly along: number;
  readonly axis: AxisId;
  readonly outer: readonly Affine[];
  /** How many results each element of the column goes into. */
  readonly results: number;
}

/** The same sum, added up row by row: the summed axis outside, and for each of its points the list along the other dimension. */
function byRows(
  schedule: Schedule,
  stage: PlacedStage,
  found: SparseFactor,
): (SparseFactor & { readonly axes: readonly Axis[] }) | undefined {
  const isAlongRows = found.along === 0 && found.outer.length === 1;
  if (!isAlongRows || found.results > mostAdded || !isPlainSum(schedule, stage)) return undefined;
  const listed = axisOf(found.outer[0]!)!;
  const named = (id: AxisId): Axis => ({ ...stage.axes.find((a) => a.id === id)!, kind: "parallel" });
  const others = stage.axes.filter((a) => a.id !== found.axis && a.id !== listed);
  const axes = [named(found.axis), ...others, named(listed)];
  return { ...found, along: 1, axis: listed, outer: [at(found.axis)], axes };
}

/** A factor of the stage's products that is 0 wherever a sparse column is. */
function sparseFactor(
  schedule: Schedule,
  stage: PlacedStage,
  zeros: ReadonlyMap<string, number>,
  makers: ReadonlyMap<ValueId, PlacedStage>,
  writers: ReadonlyMap<ValueId, number>,
  batch: number,
): SparseFactor | undefined {
  const folded = stage.axes.filter((a) => a.kind === "reduce");
  if (!isContraction(stage) || stage.reduce?.op !== "add" || folded.length !== 1) return undefined;
  for (const factor of factorsOf(stage.body)) {
    if (factor.kind !== "load" || factor.guard) continue;
    const maker = makers.get(factor.of);
    const column = columnOf(schedule, factor.of, maker, writers);
    if (column?.home.kind !== "column" || (zeros.get(column.home.name) ?? 0) < leastZeros) continue;
    if (!sameEverywhere(stage, factor)) continue;
    const axes = factor.at.map(axisOf);
    const along = axes.indexOf(folded[0]!.id);
    const outer = factor.at.filter((_, d) => d !== along);
    const parallel = stage.axes.filter((a) => a.kind === "parallel");
    const outerAxes = axes.filter((_, d) => d !== along);
    if (along < 0 || !outerAxes.every((a) => parallel.some((p) => p.id === a))) continue;
    const results = parallel.filter((p) => !outerAxes.includes(p.id)).reduce((k, p) => k * dimAt(p.extent, batch), 1);
    if (results < leastResults) continue;
    const own = maker && factor.of !== column.id ? maker : undefined;
    return { factor: factor.of, column, maker: own, along, axis: folded[0]!.id, outer, results };
  }
  return undefined;
}

/** a * b * c as its factors. */
function factorsOf(body: Expr): Expr[] {
  return body.kind === "call" && body.fn === "mul" ? body.args.flatMap(factorsOf) : [body];
}

/** The column behind a value: itself, or through an elementwise stage that maps 0 to 0 (`byte / 255`). */
function columnOf(
  schedule: Schedule,
  id: ValueId,
  maker: PlacedStage | undefined,
  writers: ReadonlyMap<ValueId, number>,
): Value | undefined {
  const value = schedule.values[id]!;
  if (value.home.kind === "column") return value;
  if (!maker || writers.get(id) !== 1 || !isMap(maker)) return undefined;
  const read = keepsZero(maker.body);
  const column = read && schedule.values[read.of]!;
  const liesAlike = read?.at.every((place, d) => sameAffine(place, maker.out.at[d] as Affine)) ?? false;
  return column?.home.kind === "column" && liesAlike ? column : undefined;
}

/** What an expression reads, if that is one value and the expression is 0 wherever it is. */
function keepsZero(e: Expr): Extract<Expr, { kind: "load" }> | undefined {
  if (e.kind === "load" && !e.guard) return e;
  if (e.kind !== "call") return undefined;
  if (e.fn === "neg" || e.fn === "cast") return keepsZero(e.args[0]!);
  const [value, by] = e.args;
  // 0 / 0 and 0 * inf are no numbers.
  const isZero = by?.kind === "num" && (e.fn === "div" ? 0 / by.value : e.fn === "mul" ? 0 * by.value : 1) === 0;
  if (isZero) return keepsZero(value!);
  return undefined;
}

/** Whether the stage reads the factor at one place only. */
function sameEverywhere(stage: PlacedStage, factor: Extract<Expr, { kind: "load" }>): boolean {
  let same = true;
  for (const expr of exprsOf(stage)) {
    visitExpr(expr, (e) => {
      if ((e.kind === "gather" || e.kind === "load") && e.of === factor.of) {
        same &&= e.kind === "load" && e.at.every((place, d) => sameAffine(place, factor.at[d]!));
      }
    });
  }
  return same;
}

/** For every other index of the column: the indices along one dimension at which it is not 0, in order. */
function listStage(
  column: Value,
  along: number,
  lists: Lists & { readonly body: Expr },
  other: Lists | undefined,
): PlacedStage {
  const { shape } = column.type;
  const letters = ["n", "k", "i", "j"];
  const axis = (d: number, kind: Axis["kind"]): Axis => ({
    id: d,
    name: letters[d] ?? `axis${d}`,
    extent: shape[d] as Dim,
    kind,
  });
  const outer = shape.map((_, d) => d).filter((d) => d !== along);
  const position = shape.length;
  const fromOther: Expr | undefined = other && {
    kind: "load",
    of: other.factors,
    at: [at(along), at(position)],
    dtype: "f32",
  };
  const read: Expr = { kind: "load", of: column.id, at: shape.map((_, d) => at(d)), dtype: "f32" };
  return {
    name: `nonzeros_of_${column.name}`,
    axes: [...outer.map((d) => axis(d, "parallel")), axis(along, "scan")],
    body: { kind: "call", fn: "ne", dtype: "bool", args: [read, { kind: "num", value: 0, dtype: "f32" }] },
    filter: { counts: lists.counts, beside: { value: lists.factors, body: fromOther ?? lists.body } },
    ...(other
      ? { sparse: { axis: outer[0]!, position, list: other.list, counts: other.counts, at: [at(along)] } }
      : {}),
    out: { value: lists.list, at: outer.map((d) => at(d)), mode: "set" },
    origins: column.origins,
  };
}
