// What masks say: along which diagonals of two of its axes an expression is one known number. `where(k <= i, scores, -infinity)` is
// -infinity where k - i > 0; its exponential is 0 there, and so is every product with that. Knows no stages' order and changes nothing.
import { type Affine, type AxisId, type Expr, isAffine, type ScalarFn, type ValueId } from "../ir/stage.ts";

/** The points of a plane with from <= columns - rows <= to; `rows` < `columns`. Of axes, or of a value's dimensions. */
export interface Diagonals {
  readonly rows: number;
  readonly columns: number;
  readonly from: number;
  readonly to: number;
}

/** One number at all points that are not on the diagonals; of a comparison of places, another one at those that are. */
export interface Masked {
  readonly within: Diagonals;
  readonly beyond: number;
  readonly inside?: number;
}

/** What is known of what an expression reads: by value, over its dimensions; and of its accumulator, over its axes. */
export interface Known {
  readonly values: ReadonlyMap<ValueId, Masked>;
  readonly acc?: Masked | undefined;
}

const everywhere = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** Where numbers that are computed with it are finite: 0 * infinity is taken for 0. */
export function maskedBy(expr: Expr, known: Known): Masked | undefined {
  switch (expr.kind) {
    case "acc":
      return known.acc;
    case "load": {
      const value = expr.guard ? undefined : known.values.get(expr.of);
      const within = value && ofPlaces(value.within, expr.at);
      return within && { ...value, within };
    }
    case "call":
      return comparison(expr.fn, expr.args) ?? ofCall(expr.fn, expr.args, known);
    default:
      return undefined;
  }
}

function ofCall(fn: ScalarFn, args: readonly Expr[], known: Known): Masked | undefined {
  const [a, b, c] = args as [Expr, Expr, Expr];
  if (fn === "where") return chosen(maskedBy(a, known), b, c);
  const [x, y] = args.map((arg) => maskedBy(arg, known));
  if (x && args.length === 1) {
    const image = (of: number | undefined): number | undefined => (of === undefined ? of : images.get(fn)?.get(of));
    const [beyond, inside] = [image(x.beyond), image(x.inside)];
    return beyond === undefined ? undefined : { within: x.within, beyond, ...(inside === undefined ? {} : { inside }) };
  }
  const [zeroX, zeroY] = [zeroBeyond(x), zeroBeyond(y)];
  switch (fn) {
    case "and":
    case "mul":
      if (zeroX && zeroY) return both(zeroX, zeroY) ?? zeroX;
      return zeroX ?? zeroY ?? scaled(x, b) ?? scaled(y, a);
    case "div":
      return zeroX ?? scaled(x, b);
    case "or":
    case "add":
    case "sub":
      if (zeroX && zeroY) return either(zeroX, zeroY);
      return lowestBeyond(x) ?? (fn === "add" ? lowestBeyond(y) : undefined);
    default:
      return undefined;
  }
}

const zeroBeyond = (x: Masked | undefined): Masked | undefined =>
  x && [x, turned(x)].find((side) => side?.beyond === 0);

const lowestBeyond = (x: Masked | undefined): Masked | undefined =>
  x?.beyond === Number.NEGATIVE_INFINITY ? x : undefined;

/** -infinity times or by a number above 0. */
const scaled = (x: Masked | undefined, by: Expr): Masked | undefined =>
  by.kind === "num" && by.value > 0 && by.value < Number.POSITIVE_INFINITY ? lowestBeyond(x) : undefined;

/** What a choice is where its condition is known to pick a number. */
function chosen(condition: Masked | undefined, a: Expr, b: Expr): Masked | undefined {
  for (const known of condition ? [condition, turned(condition)] : []) {
    const picked = known?.beyond === 0 ? b : a;
    if (known && picked.kind === "num") return { within: known.within, beyond: picked.value };
  }
  return undefined;
}

const zeroToZero = new Map([[0, 0]]);

/** What functions of one argument make of a number that masks are made of. */
const images: ReadonlyMap<ScalarFn, ReadonlyMap<number, number>> = new Map<ScalarFn, ReadonlyMap<number, number>>([
  ["exp", new Map([[Number.NEGATIVE_INFINITY, 0]])],
  ["sigmoid", new Map([[Number.NEGATIVE_INFINITY, 0]])],
  [
    "not",
    new Map([
      [0, 1],
      [1, 0],
    ]),
  ],
  ...(["neg", "abs", "sqrt", "expm1", "log1p", "tanh", "sin", "erf", "floor", "sign", "cast"] as const).map(
    (fn) => [fn, zeroToZero] as const,
  ),
]);

/** Of one plane. */
const samePlane = (a: Diagonals, b: Diagonals): boolean => a.rows === b.rows && a.columns === b.columns;

/** Off the diagonals of either. */
const both = (x: Masked, y: Masked): Masked | undefined =>
  samePlane(x.within, y.within) ? together(x, y, intersection) : undefined;

/** Off the diagonals of both. */
const either = (x: Masked, y: Masked): Masked | undefined =>
  samePlane(x.within, y.within) ? together(x, y, union) : undefined;

const together = (x: Masked, y: Masked, join: (a: Diagonals, b: Diagonals) => Diagonals): Masked => ({
  within: join(x.within, y.within),
  beyond: x.beyond,
});

const intersection = (a: Diagonals, b: Diagonals): Diagonals => ({
  ...a,
  from: Math.max(a.from, b.from),
  to: Math.min(a.to, b.to),
});

/** The least diagonals around both, of one plane. */
export const union = (a: Diagonals, b: Diagonals): Diagonals => ({
  ...a,
  from: Math.min(a.from, b.from),
  to: Math.max(a.to, b.to),
});

/** The same, told from the other side, if that is one stretch of diagonals too. */
function turned({ within: { from, to, ...plane }, beyond, inside }: Masked): Masked | undefined {
  if (inside === undefined) return undefined;
  const others = { beyond: inside, inside: beyond };
  if (from === everywhere.from) return { within: { ...plane, from: to + 1, to: everywhere.to }, ...others };
  return to === everywhere.to ? { within: { ...plane, from: everywhere.from, to: from - 1 }, ...others } : undefined;
}

/** Of two places along two axes. */
function comparison(fn: ScalarFn, [a, b]: readonly Expr[]): Masked | undefined {
  const bounds = comparisons.get(fn);
  const [x, y] = bounds ? [placeOf(a!), placeOf(b!)] : [];
  const difference = x && y && distance(x, y);
  if (!bounds || !difference) return undefined;
  // a - b = columns - rows + offset
  const { offset, ...plane } = difference;
  const within = oriented({ ...plane, from: bounds.from - offset, to: bounds.to - offset });
  return { within, beyond: 0, inside: 1 };
}

/** Between which numbers a - b lies where they compare so. */
const comparisons: ReadonlyMap<ScalarFn, { readonly from: number; readonly to: number }> = new Map<
  ScalarFn,
  { readonly from: number; readonly to: number }
>([
  ["le", { ...everywhere, to: 0 }],
  ["lt", { ...everywhere, to: -1 }],
  ["ge", { ...everywhere, from: 0 }],
  ["gt", { ...everywhere, from: 1 }],
  ["eq", { from: 0, to: 0 }],
]);

/** A place, with whole numbers that are added to it. */
function placeOf(expr: Expr): Affine | undefined {
  if (expr.kind === "index") return expr.at;
  if (expr.kind !== "call" || (expr.fn !== "add" && expr.fn !== "sub")) return undefined;
  const [a, b] = expr.args as [Expr, Expr];
  const place = placeOf(a);
  if (b.kind !== "num" || !place) return undefined;
  return { ...place, const: place.const + (expr.fn === "add" ? b.value : -b.value) };
}

/** a - b, where that is one axis less another and a number. */
function distance(a: Affine, b: Affine): { rows: AxisId; columns: AxisId; offset: number } | undefined {
  const [x, y] = [alongOne(a), alongOne(b)];
  if (!x || !y || x.axis === y.axis) return undefined;
  return { rows: y.axis, columns: x.axis, offset: x.offset - y.offset };
}

function alongOne({ const: offset, rows, terms }: Affine): { axis: AxisId; offset: number } | undefined {
  const [term, ...others] = terms;
  return term?.mul === 1 && others.length === 0 && !rows ? { axis: term.axis, offset } : undefined;
}

const oriented = ({ rows, columns, from, to }: Diagonals): Diagonals =>
  rows < columns ? { rows, columns, from, to } : { rows: columns, columns: rows, from: -to, to: -from };

/** Diagonals of a value's dimensions as those of the axes at whose places it is read. */
function ofPlaces({ rows, columns, from, to }: Diagonals, places: readonly Affine[]): Diagonals | undefined {
  const difference = distance(places[columns]!, places[rows]!);
  if (!difference) return undefined;
  const { offset, ...plane } = difference;
  return oriented({ ...plane, from: from - offset, to: to - offset });
}

/** Diagonals of axes as those of the dimensions that run along them. */
export function ofDimensions(
  { rows, columns, from, to }: Diagonals,
  places: readonly (Affine | Expr)[],
): Diagonals | undefined {
  const along = (axis: AxisId): number =>
    places.findIndex((place) => {
      const one = isAffine(place) ? alongOne(place) : undefined;
      return one?.axis === axis && one.offset === 0;
    });
  const [r, c] = [along(rows), along(columns)];
  return r < 0 || c < 0 ? undefined : oriented({ rows: r, columns: c, from, to });
}

/** The same of axes, where the dimensions lie along one each. */
export function ofAxes(
  { rows, columns, from, to }: Diagonals,
  places: readonly (Affine | Expr)[],
): Diagonals | undefined {
  const [r, c] = [places[rows]!, places[columns]!].map((place) => (isAffine(place) ? alongOne(place) : undefined));
  if (!r || !c || r.offset !== 0 || c.offset !== 0 || r.axis === c.axis) return undefined;
  return oriented({ rows: r.axis, columns: c.axis, from, to });
}
