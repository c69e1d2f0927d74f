// Bands: the blocks along a diagonal of two axes that a stage visits, where a mask rules out the others. Along either axis a block is
// a round number of vectors and of every tile's width, so that a tile lies in one block. Chooses nothing.
import type { Axis, AxisId, Band } from "../ir/stage.ts";
import { dimAt } from "../ir/types.ts";
import { constantOf, maxOf, minOf } from "./bounds.ts";
import { addIndex } from "./indexes.ts";
import { constantIndex, type Index, type Scalar } from "./loops.ts";
import type { PlacedStage } from "./schedule.ts";

/** Points of a block along an axis. */
export const block = 8;

/** Whether tiles of a width lie in one block each. */
export const fitsBlocks = (stages: readonly Banded[], axis: AxisId, width: number): boolean =>
  block % width === 0 || !stages.some(({ band }) => band?.rows === axis || band?.columns === axis);

/** A stage's axes, and which of their points it visits. */
export type Banded = Pick<PlacedStage, "axes" | "band">;

/** From which to which of its blocks an axis runs, counted from the one in which another axis is. */
export interface Bound {
  readonly by: Axis;
  readonly from?: number;
  readonly to?: number;
}

export function boundOf({ axes, band }: Banded, axis: AxisId): Bound | undefined {
  const isRows = band?.rows === axis;
  const by =
    band && (isRows || band.columns === axis) && axes.find((a) => a.id === (isRows ? band.columns : band.rows));
  if (!by) return undefined;
  const { from, to } = isRows ? turned(band) : band;
  return { by, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

const turned = ({ from, to }: Band): Pick<Band, "from" | "to"> => ({
  ...(to === undefined ? {} : { from: 0 - to }),
  ...(from === undefined ? {} : { to: 0 - from }),
});

/** Where a loop begins and where it ends. */
export interface Ends {
  readonly from: Scalar;
  readonly to: Scalar;
}

/** The part of a stretch that lies within bounds, counted from the block of a place. */
export function withinBlocks(place: Index, { by, from, to }: Bound, stretch: Ends): Ends {
  const last = block * Math.floor((dimAt(by.extent, 1) - 1) / block);
  const isNeeded = (end: Scalar, beyond: (end: number) => boolean): boolean => {
    const constant = constantOf(end);
    return constant === undefined || beyond(constant);
  };
  const ends = { ...stretch };
  if (from !== undefined) {
    const start = startOfBlock(place, from);
    ends.from = isNeeded(stretch.from, (end) => end > block * from) ? maxOf(stretch.from, start) : start;
  }
  if (to !== undefined) {
    const end = startOfBlock(place, to + 1);
    ends.to = isNeeded(stretch.to, (whole) => whole < last + block * (to + 1)) ? minOf(stretch.to, end) : end;
  }
  return ends;
}

/** Where the block begins that lies so many after the one of a place. */
function startOfBlock(place: Index, blocks: number): Scalar {
  const after = constantIndex(block * blocks);
  if (blocks >= 0) return { kind: "whole", of: addIndex(place, after), tile: block };
  const own: Scalar = { kind: "whole", of: place, tile: block };
  return { kind: "call", fn: "add", dtype: "i32", args: [own, { kind: "num", value: after.const, dtype: "i32" }] };
}

/** `k up to i in blocks of 8`; undefined where all points are visited. */
export function bandText({ axes, band }: Banded): string | undefined {
  const [rows, columns] = [band?.rows, band?.columns].map((id) => axes.find((a) => a.id === id)?.name);
  if (!band || rows === undefined || columns === undefined) return undefined;
  const { from, to } = band;
  const place = (blocks: number): string =>
    blocks === 0 ? rows : `${rows} ${blocks < 0 ? "-" : "+"} ${block * Math.abs(blocks)}`;
  const ends = [
    ...(from === undefined ? [] : [`from ${place(from)}`]),
    ...(to === undefined ? [] : [`up to ${place(to)}`]),
  ];
  return `${columns} ${ends.join(" ")} in blocks of ${block}`;
}

/** The share of its points that a stage visits. */
export function shareOf({ axes, band }: Banded): number {
  if (!band) return 1;
  const [rows, columns] = [band.rows, band.columns].map((id) => axes.find((a) => a.id === id)?.extent);
  return rows === undefined || columns === undefined ? 1 : shareOfPlane(band, dimAt(rows, 1), dimAt(columns, 1));
}

/** The share of a plane's points that lie in a band. */
export function shareOfPlane({ from, to }: Pick<Band, "from" | "to">, rows: number, columns: number): number {
  let points = 0;
  for (let row = 0; row < rows; row += block) {
    const start = from === undefined ? 0 : Math.max(0, row + block * from);
    const end = to === undefined ? columns : Math.min(columns, row + block * (to + 1));
    points += Math.max(0, end - start) * Math.min(block, rows - row);
  }
  return points / (rows * columns);
}
