// Convolution and pooling of random geometries against plain loops written from the definition, and gradients by the
// identity that says what a transpose is: <u, A x> = <A' u, x>.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runOp } from "../../src/ir/interpret.ts";
import type { Attrs } from "../../src/ir/op-def.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { f32, type TensorType } from "../../src/ir/types.ts";
import { expectClose } from "./differentiate-helpers.ts";

type Image = [n: number, c: number, h: number, w: number];
type Tensor = { shape: Image; values: number[] };

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
/** Distinct values in a scrambled order. */
const filled = (shape: Image, seed: number): Tensor => ({
  shape,
  values: Array.from({ length: count(shape) }, (_, i) => (((i + seed) * 7919) % 1009) / 500 - 1),
});
const at = ({ shape: [, c, h, w], values }: Tensor, n: number, ch: number, y: number, x: number): number | undefined =>
  y < 0 || x < 0 || y >= h || x >= w ? undefined : values[((n * c + ch) * h + y) * w + x]!;
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);

const typeOf = ({ shape }: Tensor): TensorType => f32(...shape);
const run = (op: string, inputs: readonly Tensor[], attrs: Attrs): Tensor => {
  const found = runOp(
    opTable.get(op)!,
    inputs.map((t) => ({ type: typeOf(t), values: t.values })),
    attrs,
  );
  return { shape: found.type.shape as unknown as Image, values: Array.from(found.data) };
};

/** Every place of an image of this shape. */
function build(shape: Image, value: (n: number, c: number, y: number, x: number) => number): Tensor {
  const values: number[] = [];
  const [N, C, H, W] = shape;
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) values.push(value(n, c, y, x));
  return { shape, values };
}

const sizes = (line: { size: number; k: number; stride: number; padding: number; dilation: number }) =>
  Math.floor((line.size + 2 * line.padding - line.dilation * (line.k - 1) - 1) / line.stride) + 1;
const lineOf = fc
  .record({
    size: fc.integer({ min: 1, max: 7 }),
    k: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 4 }),
    padding: fc.integer({ min: 0, max: 3 }),
    dilation: fc.integer({ min: 1, max: 3 }),
  })
  .filter((line) => sizes(line) >= 1);

const geometry = fc.record({
  down: lineOf,
  across: lineOf,
  groups: fc.integer({ min: 1, max: 3 }),
  perGroup: fc.integer({ min: 1, max: 2 }),
  filters: fc.integer({ min: 1, max: 2 }),
  rows: fc.integer({ min: 1, max: 2 }),
});

describe("convolution of any geometry", () => {
  it("is the sum of its definition, and its gradients are its transposes", () => {
    fc.assert(
      fc.property(geometry, ({ down, across, groups, perGroup, filters, rows }) => {
        const attrs = {
          stride: [down.stride, across.stride],
          padding: [down.padding, across.padding],
          dilation: [down.dilation, across.dilation],
          groups,
        };
        const x = filled([rows, groups * perGroup, down.size, across.size], 3);
        const w = filled([groups * filters, perGroup, down.k, across.k], 11);
        const wanted = build([rows, groups * filters, sizes(down), sizes(across)], (n, o, oy, ox) => {
          let sum = 0;
          const group = Math.floor(o / filters);
          for (let i = 0; i < perGroup; i++)
            for (let ky = 0; ky < down.k; ky++)
              for (let kx = 0; kx < across.k; kx++) {
                const y = oy * down.stride - down.padding + ky * down.dilation;
                const column = ox * across.stride - across.padding + kx * across.dilation;
                sum += (at(x, n, group * perGroup + i, y, column) ?? 0) * at(w, o, i, ky, kx)!;
              }
          return sum;
        });
        const y = run("conv2d", [x, w], attrs);
        expect(y.shape).toEqual(wanted.shape);
        expectClose(y.values, wanted.values, 1e-12, "conv2d");
        const u = filled(y.shape, 5);
        const dx = run("conv2d_input_grad", [u, w], { ...attrs, size: [down.size, across.size] });
        const dw = run("conv2d_weight_grad", [x, u], { ...attrs, size: [down.k, across.k] });
        const product = dot(u.values, y.values);
        expectClose([dot(dx.values, x.values), dot(dw.values, w.values)], [product, product], 1e-11, "transposes");
      }),
      { numRuns: 150, seed: 1 },
    );
  });
});

const poolLine = lineOf
  .map((line) => ({ ...line, dilation: 1, padding: Math.min(line.padding, line.k - 1) }))
  .filter((line) => sizes(line) >= 1);

describe("pooling of any geometry", () => {
  it("takes the maximum and the mean of each window, and spreads gradients back", () => {
    fc.assert(
      fc.property(poolLine, poolLine, fc.boolean(), (down, across, count_padding) => {
        const attrs = {
          k: [down.k, across.k],
          stride: [down.stride, across.stride],
          padding: [down.padding, across.padding],
        };
        const x = filled([2, 2, down.size, across.size], 1);
        const shape: Image = [2, 2, sizes(down), sizes(across)];
        const windowOf = (n: number, c: number, oy: number, ox: number): number[] => {
          const inside: number[] = [];
          for (let ky = 0; ky < down.k; ky++)
            for (let kx = 0; kx < across.k; kx++) {
              const v = at(x, n, c, oy * down.stride - down.padding + ky, ox * across.stride - across.padding + kx);
              if (v !== undefined) inside.push(v);
            }
          return inside;
        };
        const wantedMax = build(shape, (...place) => Math.max(...windowOf(...place)));
        const wantedMean = build(shape, (...place) => {
          const inside = windowOf(...place);
          return inside.reduce((a, b) => a + b, 0) / (count_padding ? down.k * across.k : inside.length);
        });
        const top = run("max_pool", [x], attrs);
        expectClose(top.values, wantedMax.values, 1e-15, "max_pool");
        const mean = run("avg_pool", [x], { ...attrs, count_padding });
        expectClose(mean.values, wantedMean.values, 1e-12, "avg_pool");
        const u = filled(shape, 9);
        const back = run("avg_pool_grad", [u], { ...attrs, count_padding, size: [down.size, across.size] });
        expectClose([dot(back.values, x.values)], [dot(u.values, mean.values)], 1e-11, "avg_pool_grad");
        // Each window gives its cotangent to the place of its maximum, and picking there reads the maximum.
        const given = run("max_pool_grad", [x, u], attrs);
        expectClose([dot(given.values, x.values)], [dot(u.values, top.values)], 1e-11, "max_pool_grad");
        expect(run("max_pool_pick", [x, x], attrs).values).toEqual(top.values);
      }),
      { numRuns: 150, seed: 2 },
    );
  });

  it("a window of -inf alone picks its first place inside or none, and never a stranger", () => {
    const low = Number.NEGATIVE_INFINITY;
    const x: Tensor = { shape: [1, 1, 2, 2], values: [low, low, low, low] };
    const attrs = { k: [2, 2], stride: [1, 1], padding: [1, 1] };
    const u = build([1, 1, 3, 3], (_, __, y, column) => (y === 1 && column === 0 ? 1 : 0));
    // Window (1, 0) covers the left column and padding: the right column must get nothing of it.
    const { values } = run("max_pool_grad", [x, u], attrs);
    expect([values[1], values[3]]).toEqual([0, 0]);
  });
});
