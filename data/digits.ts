// `digits`: 28 x 28 images of handwritten-looking digits, made and not shipped, for machines without MNIST.
// A digit is a few quadratic curves with shaken control points, under a random affine map, drawn with a round soft pen.
// Only + - * / and Math.sqrt are used, which IEEE 754 fixes to the last bit: the same bytes on every platform.
import type { MadeSet } from "../src/runtime/data-set.ts";
import { Integers } from "../src/runtime/integers.ts";

const size = 28;

/** A start, then pairs of a control point and an end, in a box of 100 x 100, y downward. */
type Stroke = readonly number[];

/** For each class the ways to write it. */
const glyphs: readonly (readonly (readonly Stroke[])[])[] = [
  [[[50, 4, 92, 4, 90, 50, 90, 96, 50, 96, 10, 96, 10, 50, 8, 4, 52, 4]]],
  [
    [[50, 4, 50, 50, 50, 96]],
    [[28, 26, 44, 20, 54, 4, 54, 50, 54, 96]],
    [
      [30, 24, 44, 18, 52, 4, 52, 50, 52, 96],
      [26, 96, 50, 96, 78, 96],
    ],
  ],
  [
    [[14, 28, 18, 4, 50, 4, 86, 5, 85, 30, 84, 50, 50, 70, 25, 84, 12, 96, 50, 95, 90, 95]],
    [[14, 22, 30, 4, 54, 4, 84, 8, 82, 32, 76, 62, 34, 88, 14, 100, 12, 84, 22, 70, 48, 90, 66, 100, 90, 88]],
  ],
  [
    [[14, 15, 34, 3, 54, 5, 86, 8, 82, 28, 78, 46, 44, 48, 88, 48, 88, 72, 86, 96, 50, 96, 22, 96, 10, 82]],
    [[14, 6, 50, 6, 84, 6, 64, 24, 44, 42, 90, 44, 88, 70, 86, 96, 48, 96, 22, 96, 10, 84]],
  ],
  [
    [
      [60, 4, 40, 36, 10, 66, 50, 66, 92, 66],
      [70, 34, 70, 66, 68, 97],
    ],
    [
      [20, 5, 14, 40, 17, 54, 50, 56, 84, 52],
      [80, 5, 80, 50, 76, 97],
    ],
  ],
  [
    [[84, 6, 54, 6, 26, 6, 22, 26, 20, 45, 50, 32, 72, 45, 90, 58, 84, 76, 76, 96, 46, 96, 24, 96, 12, 84]],
    [
      [26, 8, 24, 26, 20, 44, 60, 34, 78, 56, 92, 82, 62, 94, 36, 100, 14, 86],
      [26, 8, 54, 10, 86, 5],
    ],
  ],
  [
    [[72, 4, 30, 20, 16, 62, 12, 96, 50, 96, 86, 95, 86, 70, 84, 46, 52, 47, 24, 48, 16, 70]],
    [[46, 4, 14, 40, 14, 70, 16, 96, 50, 96, 84, 94, 82, 72, 78, 54, 52, 56, 28, 58, 16, 76]],
  ],
  [
    [[10, 8, 50, 8, 88, 8, 60, 45, 40, 97]],
    [
      [10, 14, 50, 6, 88, 8, 60, 45, 42, 97],
      [30, 52, 52, 50, 76, 52],
    ],
  ],
  [
    [
      [
        50, 48, 14, 42, 16, 25, 20, 4, 50, 4, 82, 5, 84, 25, 84, 42, 50, 48, 12, 55, 12, 75, 14, 96, 50, 96, 86, 96, 88,
        75, 88, 55, 50, 48,
      ],
    ],
    [[80, 14, 50, -6, 22, 16, 18, 36, 50, 50, 88, 64, 80, 84, 60, 104, 24, 90, 8, 70, 40, 54, 84, 34, 80, 14]],
  ],
  [
    [[84, 32, 82, 56, 50, 56, 14, 53, 15, 30, 18, 4, 52, 4, 86, 5, 85, 36, 84, 70, 68, 97]],
    [[82, 28, 70, 54, 44, 54, 14, 50, 18, 28, 24, 4, 54, 5, 80, 8, 82, 28, 82, 60, 80, 97]],
  ],
];

/** Straight pieces that stand for one curve. */
const pieces = 5;

function drawDigit(row: number, pixels: Uint8Array, at: number): number {
  const numbers = new Integers(0x6d6e6e63, row);
  const label = numbers.below(10);
  const ways = glyphs[label]!;
  const strokes = ways[numbers.below(ways.length)]!;

  // A sum of two uniforms: small distortions are common, large ones rare.
  const spread = (reach: number) => numbers.between(-reach / 2, reach / 2) + numbers.between(-reach / 2, reach / 2);
  // The tangent of half the angle gives sine and cosine without a series.
  const half = spread(0.32);
  const cosine = (1 - half * half) / (1 + half * half);
  const sine = (2 * half) / (1 + half * half);
  const shear = spread(0.4);
  const wide = 0.14 + spread(0.045);
  const high = 0.18 + spread(0.045);
  const left = size / 2 + spread(3);
  const top = size / 2 + spread(3);
  const radius = 0.75 + numbers.between(0, 0.55) + numbers.between(0, 0.55);
  const soft = numbers.between(0.45, 1.0);
  const ink = numbers.between(190, 256);

  const place = (x: number, y: number): readonly [number, number] => {
    const u = (x - 50 + spread(9)) * wide;
    const v = (y - 50 + spread(9)) * high;
    const slanted = u - shear * v;
    return [left + slanted * cosine - v * sine, top + slanted * sine + v * cosine];
  };

  for (const stroke of strokes) {
    let [fromX, fromY] = place(stroke[0]!, stroke[1]!);
    for (let k = 2; k < stroke.length; k += 4) {
      const [midX, midY] = place(stroke[k]!, stroke[k + 1]!);
      const [toX, toY] = place(stroke[k + 2]!, stroke[k + 3]!);
      let x = fromX;
      let y = fromY;
      for (let piece = 1; piece <= pieces; piece++) {
        const t = piece / pieces;
        const nextX = (1 - t) * (1 - t) * fromX + 2 * t * (1 - t) * midX + t * t * toX;
        const nextY = (1 - t) * (1 - t) * fromY + 2 * t * (1 - t) * midY + t * t * toY;
        drawLine(pixels, at, x, y, nextX, nextY, radius, soft, ink);
        x = nextX;
        y = nextY;
      }
      fromX = toX;
      fromY = toY;
    }
  }
  return label;
}

/** Adds a line by a round pen: full ink up to `radius - soft` from it, none past `radius + soft`. */
function drawLine(
  pixels: Uint8Array,
  at: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  radius: number,
  soft: number,
  ink: number,
): void {
  const reach = radius + soft;
  const inner = radius > soft ? radius - soft : 0;
  const fromX = Math.max(0, Math.ceil(Math.min(x0, x1) - reach));
  const toX = Math.min(size - 1, Math.floor(Math.max(x0, x1) + reach));
  const fromY = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
  const toY = Math.min(size - 1, Math.floor(Math.max(y0, y1) + reach));
  const dx = x1 - x0;
  const dy = y1 - y0;
  const length2 = dx * dx + dy * dy;
  for (let y = fromY; y <= toY; y++) {
    for (let x = fromX; x <= toX; x++) {
      const along = length2 > 0 ? ((x - x0) * dx + (y - y0) * dy) / length2 : 0;
      const t = along < 0 ? 0 : along > 1 ? 1 : along;
      const awayX = x - x0 - t * dx;
      const awayY = y - y0 - t * dy;
      const away2 = awayX * awayX + awayY * awayY;
      if (away2 >= reach * reach) continue;
      const share = away2 <= inner * inner ? 1 : (reach - Math.sqrt(away2)) / (reach - inner);
      const value = Math.floor(ink * share);
      const place = at + y * size + x;
      if (value > pixels[place]!) pixels[place] = value;
    }
  }
}

export const digits: MadeSet = {
  kind: "made",
  name: "digits",
  title: "digits (made, not MNIST)",
  summary: "28 x 28 pixels, drawn by a generator of curves; an aid where MNIST is absent, not MNIST",
  columns: [
    { storage: "u8", shape: [size, size], zeros: 0.79 },
    { storage: "i32", shape: [], classes: 10 },
  ],
  test: [60000, 70000],
  rows: 70000,
  draw: drawDigit,
};
