// Reference files: reading, and comparing by the rule that stands beside them.
import { fileURLToPath } from "node:url";
import { type GivenTensor, readTensors } from "../../src/cli/tensor-files.ts";
import { nodeIo } from "../../src/runtime/node-io.ts";
import { encodeSafetensors, type TensorToWrite } from "../../src/runtime/safetensors.ts";

/** A folder of the reference numbers; it need not be there. */
export const fixtures = (path: string): string =>
  fileURLToPath(new URL(`../../../shared/fixtures/${path}`, import.meta.url));

export const tensorsOf = (path: string): ReadonlyMap<string, GivenTensor> => readTensors(path, nodeIo());

export const safetensors = (tensors: readonly TensorToWrite[]): Uint8Array => Buffer.concat(encodeSafetensors(tensors));

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  readonly rel_l2?: number;
}

/** What is wrong with `got`; undefined where it is within the tolerance. `atols` replaces atol, element by element. */
export function misfit(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { rtol, atol, rel_l2 }: Tolerance,
  atols?: ArrayLike<number>,
): string | undefined {
  if (got.length !== want.length) return `${got.length} elements, not ${want.length}`;
  let error = 0;
  let norm = 0;
  let slack = 0;
  for (let i = 0; i < want.length; i++) {
    const a = got[i]!;
    const b = want[i]!;
    const bound = atols?.[i] ?? atol;
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= bound + rtol * Math.abs(b))) return `element ${i} is ${a}, not ${b}`;
    error += (a - b) ** 2;
    slack = Math.max(slack, bound);
  }
  for (let i = 0; i < want.length; i++) norm += want[i]! ** 2;
  if (rel_l2 === undefined || Math.sqrt(error) <= slack || Math.sqrt(error) <= rel_l2 * Math.sqrt(norm))
    return undefined;
  return `off by ${Math.sqrt(error / norm)} of its norm`;
}
