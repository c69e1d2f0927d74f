// The four models that exports are held to, on rows that the tests make: so that they need no data set.
import { readFileSync } from "node:fs";
import { keyHash, normalAt } from "../../src/base/random.ts";
import type { Module } from "../../src/ir/module.ts";
import { countAt, dimAt } from "../../src/ir/types.ts";
import { Integers } from "../../src/runtime/integers.ts";
import { encodeSafetensors } from "../../src/runtime/safetensors.ts";

export interface ModelCase {
  readonly name: string;
  readonly text: string;
  /** Largest relative difference of 200 losses; a relu network with momentum magnifies the last bits. */
  readonly tolerance: number;
}

const read = (path: string): string => readFileSync(path, "utf8");

/** The file's own data replaced by made rows. */
const onMadeRows = (text: string): string =>
  text
    .replace(/^ *data +=.*\n/m, "")
    .replace(
      /train \{\n/,
      'train {\n  data      = safetensors("rows.safetensors", train = 0:3200, valid = 3200:3300)\n',
    );

export const models: readonly ModelCase[] = [
  { name: "logistic", text: onMadeRows(read("models/mnist_logistic.nn")), tolerance: 1e-4 },
  { name: "mlp", text: onMadeRows(read("models/mnist_mlp.nn")), tolerance: 1e-4 },
  { name: "cnn", text: onMadeRows(read("test/models/fixture-models/cnn_momentum.nn")), tolerance: 1e-3 },
  { name: "transformer", text: onMadeRows(read("test/models/fixture-models/transformer_adamw.nn")), tolerance: 1e-4 },
].map((each) => ({ ...each, text: each.text.replace(/^import .*\n/m, "") }));

/** Rows of data that can be learnt: the class of a row shows in its numbers. */
export function madeRows(
  module: Module,
  count = 3300,
): Map<string, { shape: number[]; values: number[]; whole: boolean }> {
  const numbers = new Integers(7, 0);
  const labels = Array.from({ length: count }, () => numbers.below(10));
  return new Map(
    module.columns.map(({ name, type, classes }) => {
      const width = countAt(type.shape, 1);
      const shape = [count, ...type.shape.slice(1).map((dim) => dimAt(dim, 1))];
      const whole = type.dtype === "i32";
      const value = (row: number, k: number): number => {
        if (!whole) return Math.fround(((labels[row]! * (k + 3)) % 11) / 44 + numbers.between(-0.5, 0.25));
        if (width === 1) return (numbers.below(3) === 0 ? numbers.below(10) : labels[row]!) % (classes ?? 10);
        return (labels[row]! * k + numbers.below(3)) % (classes ?? 17);
      };
      const values = Array.from({ length: count * width }, (_, i) => value(Math.floor(i / width), i % width));
      return [name, { shape, values, whole }];
    }),
  );
}

/** Start values that no symmetry holds back. */
export const madeStart = (module: Module): Map<string, { shape: number[]; values: number[] }> =>
  new Map(
    module.slots
      .filter(({ optimizer }) => !optimizer)
      .map(({ name, kind, type }) => {
        const shape = type.shape as number[];
        const scale =
          1 /
          Math.sqrt(
            Math.max(
              1,
              shape.slice(1).reduce((a, b) => a * b, 1),
            ),
          );
        const values = Array.from(
          { length: countAt(shape, 1) },
          (_, i) => normalAt(1, 0, keyHash(name), i) * scale,
        ).map(
          // States are running means of squares, too.
          (value) => (kind === "state" ? Math.abs(value) + 0.1 : value),
        );
        return [name, { shape, values: Array.from(Float32Array.from(values)) }];
      }),
  );

export function safetensors(
  tensors: ReadonlyMap<string, { shape: number[]; values: number[]; whole?: boolean }>,
): Uint8Array {
  const parts = encodeSafetensors(
    [...tensors].map(([name, { shape, values, whole }]) => ({
      name,
      dtype: whole ? ("I32" as const) : ("F32" as const),
      shape,
      values: whole ? Int32Array.from(values) : Float32Array.from(values),
    })),
  );
  return Buffer.concat(parts);
}
