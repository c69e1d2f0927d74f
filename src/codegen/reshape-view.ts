// Reshapes as reading: which are views of the same elements, which lie as they are, which need a copy over common axes.
import { type Affine, type Axis, type AxisId, fixed } from "../ir/stage.ts";
import { type Dim, mulDims, type Shape, sameDim } from "../ir/types.ts";
import { axesOf } from "./axes.ts";

/** Elements lie without gaps for every N: N, if anywhere, is the outermost size that counts. */
export function isDense(shape: Shape): boolean {
  const first = shape.findIndex((dim) => dim !== 1);
  return shape.every((dim, i) => typeof dim === "number" || i <= Math.max(first, 0));
}

/** The input's places in terms of the result's axes, if each input size is a product of whole result sizes. */
export function reshapeView(from: Shape, to: Shape): Affine[] | undefined {
  const places: Affine[] = [];
  let next = 0;
  for (const dim of from) {
    if (dim === 1) {
      places.push(fixed(0));
      continue;
    }
    let product: Dim | undefined = 1;
    const group: AxisId[] = [];
    while (next < to.length && product !== undefined && !sameDim(product, dim)) {
      if (to[next] !== 1) {
        group.push(next);
        product = mulDims(product, to[next]!);
      }
      next++;
    }
    if (product === undefined || !sameDim(product, dim)) return undefined;
    const terms: { axis: AxisId; mul: Dim }[] = [];
    let stride: Dim = 1;
    for (const axis of group.toReversed()) {
      terms.unshift({ axis, mul: stride });
      const wider = mulDims(stride, to[axis]!);
      if (wider === undefined && axis !== group[0]) return undefined;
      stride = wider ?? stride;
    }
    places.push({ const: 0, terms });
  }
  return to.slice(next).every((dim) => dim === 1) ? places : undefined;
}

/** Axes that both shapes are made of: [a, b * c] and [a * b, c] are both made of a, b, c. */
export function commonRefinement(from: Shape, to: Shape): { axes: Axis[]; from: Affine[]; to: Affine[] } | undefined {
  const pieces: Dim[] = [];
  const cut = (a: Dim[], b: Dim[]): boolean => {
    while (a.length > 0 || b.length > 0) {
      if (a.at(-1) === 1) {
        a.pop();
        continue;
      }
      if (b.at(-1) === 1) {
        b.pop();
        continue;
      }
      const x = a.pop();
      const y = b.pop();
      if (x === undefined || y === undefined) return false;
      if (sameDim(x, y)) pieces.unshift(x);
      else {
        const xOverY = divideDims(x, y);
        const yOverX = divideDims(y, x);
        if (xOverY !== undefined) {
          pieces.unshift(y);
          a.push(xOverY);
        } else if (yOverX !== undefined) {
          pieces.unshift(x);
          b.push(yOverX);
        } else return false;
      }
    }
    return true;
  };
  if (!cut([...from], [...to])) return undefined;
  const fromView = reshapeView(from, pieces);
  const toView = reshapeView(to, pieces);
  return fromView && toView ? { axes: axesOf(pieces), from: fromView, to: toView } : undefined;
}

function divideDims(a: Dim, b: Dim): Dim | undefined {
  const whole = (x: number): number | undefined => (Number.isInteger(x) && x > 0 ? x : undefined);
  if (typeof b === "number") {
    if (typeof a === "number") return whole(a / b);
    const k = whole(a.perRow / b);
    return k === undefined ? undefined : { perRow: k };
  }
  return typeof a === "number" ? undefined : whole(a.perRow / b.perRow);
}
