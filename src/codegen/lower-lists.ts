// Lists of non-zeros as loops: making one, making one from the other, and running over one.
import { type Affine, type Axis, at, type Expr, isAffine, type ValueId } from "../ir/stage.ts";
import { addIndex } from "./indexes.ts";
import { constantIndex, countedLoop, type Index, indexScalar, type Loop, type Scalar, variableOf } from "./loops.ts";
import { bytesInWords, type Element, type KernelScalars, type Point } from "./lower-scalars.ts";
import type { PlacedStage, Schedule } from "./schedule.ts";

/** The points of a list, in order; the axis variable is read from it. */
export function overList(
  scalars: KernelScalars,
  { axis, position, list, counts, at }: NonNullable<PlacedStage["sparse"]>,
  point: Point,
  body: readonly Loop[],
): Loop[] {
  const end = scalars.names.unique("end");
  const p = scalars.variables.get(position)!;
  const length = scalars.place(counts, at, point);
  const entry = entryOf(scalars, list, at, point, p);
  const count: Loop = {
    kind: "let",
    name: end,
    mutable: false,
    value: { kind: "load", buffer: length.buffer, at: length.place, dtype: "i32" },
  };
  const which: Scalar = { kind: "load", buffer: entry.buffer, at: entry.place, dtype: "i32" };
  const variable = scalars.variables.get(axis)!;
  return [
    count,
    {
      kind: "for",
      variable: p,
      from: indexScalar(constantIndex(0)),
      to: { kind: "var", name: end, dtype: "i32" },
      step: 1,
      body: [{ kind: "let", name: variable, mutable: false, value: which }, ...body],
    },
  ];
}

/** Place number `position` of the list at `at`: its last dimension. */
function entryOf(
  scalars: KernelScalars,
  list: ValueId,
  at: readonly Affine[],
  point: Point,
  position: string,
): Element {
  const { buffer, place } = scalars.place(list, at, point);
  return {
    buffer,
    place: {
      ...place,
      index: addIndex(place.index, { ...constantIndex(0), terms: [{ variable: position, mul: 1 }] }),
    },
  };
}

/** The points of the scan axis at which the body holds, one after the other. `inLanes`: four of them are looked at together. */
export function makeList(
  schedule: Schedule,
  scalars: KernelScalars,
  stage: PlacedStage,
  point: Point,
  inLanes: boolean,
): Loop[] {
  const scan = stage.axes.find((a) => a.kind === "scan")!;
  const places = stage.out.at.filter(isAffine);
  const count = scalars.names.unique("count");
  const counted: Scalar = { kind: "var", name: count, dtype: "i32" };
  const entry = entryOf(scalars, stage.out.value, places, point, count);
  const length = scalars.place(stage.filter!.counts, places, point);
  const { value, body } = stage.filter!.beside;
  const beside = entryOf(scalars, value, places, point, count);
  const pushed = (which: Scalar, factor: Scalar, lanes?: 4): Loop[] => {
    const wide = lanes ? { lanes } : {};
    return [
      { kind: "store", buffer: entry.buffer, at: entry.place, value: which, add: false, ...wide },
      { kind: "store", buffer: beside.buffer, at: beside.place, value: factor, add: false, ...wide },
    ];
  };
  const advance = (by: Scalar): Loop => ({
    kind: "assign",
    name: count,
    value: { kind: "call", fn: "add", dtype: "i32", args: [counted, by] },
  });
  const one = (at: Point): { readonly holds: Scalar; readonly push: Loop[] } => ({
    holds: scalars.scalar(stage.body, at),
    push: pushed(scalars.scalar(indexOf(scan), at), scalars.scalar(body, at)),
  });
  /** Half of a word's bytes are zeros in no order that a processor could foresee: all are written, and the next ones overwrite. */
  const four = (): Loop[] =>
    [0, 1, 2, 3].flatMap((d) => {
      const { holds, push } = one(new Map([...point, [scan.id, d]]));
      return [...push, advance({ kind: "call", fn: "cast", dtype: "i32", args: [holds] })];
    });
  const together = (): Loop[] => {
    const [held, order] = [scalars.names.unique("held"), scalars.names.unique("order")];
    const holds = scalars.scalar(stage.body, point);
    const ofHeld: Scalar = { kind: "order", of: variableOf(held, holds) };
    const inOrder = (of: Scalar): Scalar => ({ kind: "ordered", of, order: variableOf(order, ofHeld) });
    return [
      { kind: "let", name: held, mutable: false, value: holds },
      { kind: "let", name: order, mutable: false, value: ofHeld },
      ...pushed(inOrder(scalars.scalar(indexOf(scan), point)), inOrder(scalars.scalar(body, point)), 4),
      advance({ kind: "count", of: variableOf(held, holds) }),
    ];
  };
  const column = bytesInWords(schedule, stage);
  const { holds, push } = one(point);
  const variable = scalars.variables.get(scan.id)!;
  const loops =
    column === undefined
      ? countedLoop(variable, scan.extent, [
          { kind: "if", condition: holds, body: [...push, { kind: "assign", name: count, value: nextOf(count) }] },
        ])
      : wordLoops(schedule, scalars, {
          column,
          places,
          variable,
          point,
          body: inLanes ? scalars.inLanes(scan.id, together) : four(),
        });
  return [
    { kind: "let", name: count, mutable: true, value: indexScalar(constantIndex(0)) },
    ...loops,
    { kind: "store", buffer: length.buffer, at: length.place, value: counted, add: false },
  ];
}

const indexOf = ({ id }: Axis): Expr => ({ kind: "index", at: at(id) });

interface WordScan {
  readonly column: ValueId;
  readonly places: readonly Affine[];
  readonly variable: string;
  readonly point: Point;
  readonly body: readonly Loop[];
}

/** Four bytes of a row after the other, but for those that are all zeros. */
function wordLoops(
  schedule: Schedule,
  scalars: KernelScalars,
  { column, places, variable, point, body }: WordScan,
): Loop[] {
  const { shape } = schedule.values[column]!.type;
  const words = (shape.at(-1) as number) / 4;
  const w = scalars.names.unique("w");
  const row = scalars.place(column, [...places, { const: 0, terms: [] }], point).place.index;
  const inWords: Index = {
    const: row.const / 4,
    rows: 0,
    terms: [...row.terms.map((t) => ({ variable: t.variable, mul: (t.mul as number) / 4 })), { variable: w, mul: 1 }],
  };
  const word: Scalar = {
    kind: "load",
    buffer: scalars.words(column).name,
    at: { index: inWords, computed: [] },
    dtype: "i32",
  };
  const first = indexScalar({ const: 0, rows: 0, terms: [{ variable: w, mul: 4 }] });
  return countedLoop(w, words, [
    {
      kind: "if",
      condition: { kind: "call", fn: "ne", dtype: "bool", args: [word, { kind: "num", value: 0, dtype: "i32" }] },
      body: [{ kind: "let", name: variable, mutable: false, value: first }, ...body],
    },
  ]);
}

/** The same from the list along the other dimension: visits only what is in it. */
export function transposeList(scalars: KernelScalars, stage: PlacedStage, point: Point): Loop[] {
  const scan = stage.axes.find((a) => a.kind === "scan")!;
  const parallel = stage.axes.find((a) => a.kind === "parallel")!;
  const places = stage.out.at.filter(isAffine);
  const count = scalars.names.unique("count");
  const length = scalars.place(stage.filter!.counts, places, point);
  const entry = entryOf(scalars, stage.out.value, places, point, count);
  const { value, body } = stage.filter!.beside;
  const beside = entryOf(scalars, value, places, point, count);
  const zero: Loop = {
    kind: "store",
    buffer: length.buffer,
    at: length.place,
    value: { kind: "num", value: 0, dtype: "i32" },
    add: false,
  };
  const push: Loop[] = [
    {
      kind: "let",
      name: count,
      mutable: false,
      value: { kind: "load", buffer: length.buffer, at: length.place, dtype: "i32" },
    },
    { kind: "store", buffer: entry.buffer, at: entry.place, value: scalars.axis(scan.id), add: false },
    { kind: "store", buffer: beside.buffer, at: beside.place, value: scalars.scalar(body, point), add: false },
    { kind: "store", buffer: length.buffer, at: length.place, value: nextOf(count), add: false },
  ];
  return [
    ...countedLoop(scalars.variables.get(parallel.id)!, parallel.extent, [zero]),
    ...countedLoop(scalars.variables.get(scan.id)!, scan.extent, overList(scalars, stage.sparse!, point, push)),
  ];
}

const nextOf = (variable: string): Scalar => indexScalar({ const: 1, rows: 0, terms: [{ variable, mul: 1 }] });
