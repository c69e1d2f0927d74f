// Curves over steps as SVG, with their scale. Knows neither models nor training; colours are whoever shows it's.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Curve {
  readonly points: readonly Point[];
  readonly kind: string;
}

const numberText = (value: number): string =>
  value === 0
    ? "0"
    : Math.abs(value) >= 1000 || Math.abs(value) < 0.01
      ? value.toExponential(0)
      : String(Number(value.toPrecision(2)));

/** Curves over one another with their scale; `low` and `high` are fixed where they are given. */
export function curvesText(
  curves: readonly Curve[],
  size: { readonly width: number; readonly height: number },
  range: { readonly low?: number; readonly high?: number } = {},
  axes = true,
): string {
  const { width, height } = size;
  const isShown = ({ y }: Point): boolean => Number.isFinite(y);
  const shown = curves.map(({ points, kind }) => ({ kind, points: thinned(points.filter(isShown), 2 * width) }));
  const points = shown.flatMap((curve) => curve.points);
  if (points.length === 0) return `<svg viewBox="0 0 ${width} ${height}"></svg>`;
  const low = range.low ?? Math.min(...points.map(({ y }) => y));
  const high = Math.max(range.high ?? Math.max(...points.map(({ y }) => y)), low + 1e-9);
  const last = Math.max(1, ...points.map(({ x }) => x));
  const left = axes ? 34 : 1;
  const below = axes ? 16 : 2;
  const x = (at: number): string => (left + (at / last) * (width - left - 4)).toFixed(1);
  const y = (at: number): string =>
    (4 + (1 - (Math.min(high, at) - low) / (high - low)) * (height - below - 6)).toFixed(1);
  const scale = axes
    ? [low, (low + high) / 2, high]
        .map(
          (value) =>
            `<path class="rule" d="M${left} ${y(value)}H${width}"/><text x="${left - 4}" y="${Number(y(value)) + 4}" class="end">${numberText(value)}</text>`,
        )
        .join("")
    : "";
  const end = axes
    ? `<text x="${width - 4}" y="${height - 2}" class="end">${last} ${last === 1 ? "step" : "steps"}</text>`
    : "";
  const paths = shown.map(
    ({ points: own, kind }) =>
      `<path class="curve ${kind}" d="${own
        .map((point, k) => `${k === 0 ? "M" : "L"}${x(point.x)} ${y(point.y)}`)
        .join("")}"/>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${scale}${end}${paths.join("")}</svg>`;
}

/** At most `most` points, of any number: of each stretch its lowest and its highest, and the last of all. */
export function thinned(points: readonly Point[], most: number): readonly Point[] {
  if (points.length <= most) return points;
  const stretches = Math.max(1, Math.floor((most - 1) / 2));
  const kept: Point[] = [];
  for (let k = 0; k < stretches; k++) {
    const from = Math.floor((k * points.length) / stretches);
    const to = Math.floor(((k + 1) * points.length) / stretches);
    let low = points[from]!;
    let high = low;
    for (let i = from; i < to; i++) {
      const point = points[i]!;
      if (point.y < low.y) low = point;
      if (point.y > high.y) high = point;
    }
    kept.push(...(low.x <= high.x ? [low, high] : [high, low]));
  }
  return [...kept, points.at(-1)!];
}

/** A running mean: each point of the curve is the mean of about the last `over`. */
export function smoothed(points: readonly Point[], over: number): Point[] {
  let mean = points[0]?.y ?? 0;
  return points.map(({ x, y }, k) => {
    mean += (y - mean) / Math.min(k + 1, over);
    return { x, y: mean };
  });
}
