// Lists of non-zeros as loops: making one, making one from the other, and running over one.
import { type Affine, isAffine, type ValueId } from "../ir/stage.ts";
import { addIndex } from "./indexes.ts";
import { constantIndex, countedLoop, type Index, indexScalar, type Loop, type Scalar } from "./loops.ts";
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

/** The points of the scan axis at which the body holds, one after the other. */
export function makeList(schedule: Schedule, scalars: KernelScalars, stage: PlacedStage, point: Point): Loop[] {
  const scan = stage.axes.find((a) => a.kind === "scan")!;
  const places = stage.out.at.filter(isAffine);
  const count = scalars.names.unique("count");
  const counted: Scalar = { kind: "var", name: count, dtype: "i32" };
  const entry = entryOf(scalars, stage.out.value, places, point, count);
  const length = scalars.place(stage.filter!.counts, places, point);
  const { value, body } = stage.filter!.beside;
  const beside = entryOf(scalars, value, places, point, count);
  const condition = scalars.scalar(stage.body, point);
  const push: readonly Loop[] = [
    { kind: "store", buffer: entry.buffer, at: entry.place, value: scalars.axis(scan.id), add: false },
    { kind: "store", buffer: beside.buffer, at: beside.place, value: scalars.scalar(body, point), add: false },
  ];
  const variable = scalars.variables.get(scan.id)!;
  const column = bytesInWords(schedule, stage);
  const loops =
    column === undefined
      ? countedLoop(variable, scan.extent, [
          { kind: "if", condition, body: [...push, { kind: "assign", name: count, value: nextOf(count) }] },
        ])
      : wordLoops(schedule, scalars, {
          column,
          places,
          variable,
          point,
          body: [...push, { kind: "assign", name: count, value: countedIf(counted, condition) }],
        });
  return [
    { kind: "let", name: count, mutable: true, value: indexScalar(constantIndex(0)) },
    ...loops,
    { kind: "store", buffer: length.buffer, at: length.place, value: counted, add: false },
  ];
}

interface WordScan {
  readonly column: ValueId;
  readonly places: readonly Affine[];
  readonly variable: string;
  readonly point: Point;
  readonly body: readonly Loop[];
}

/**
 * Looks at the bytes of those words only that are not all zeros. Half of these bytes are zeros in no order that a processor could
 * foresee: all are written to the list, and the next one overwrites what is not counted.
 */
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
  const first: Index = { const: 0, rows: 0, terms: [{ variable: w, mul: 4 }] };
  return countedLoop(w, words, [
    {
      kind: "if",
      condition: { kind: "call", fn: "ne", dtype: "bool", args: [word, { kind: "num", value: 0, dtype: "i32" }] },
      body: [
        {
          kind: "for",
          variable,
          from: indexScalar(first),
          to: indexScalar({ ...first, const: 4 }),
          step: 1,
          body,
        },
      ],
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

/** `count`, one more where the condition holds. */
const countedIf = (count: Scalar, condition: Scalar): Scalar => ({
  kind: "call",
  fn: "add",
  dtype: "i32",
  args: [count, { kind: "call", fn: "cast", dtype: "i32", args: [condition] }],
});

const nextOf = (variable: string): Scalar => indexScalar({ const: 1, rows: 0, terms: [{ variable, mul: 1 }] });
