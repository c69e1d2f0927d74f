// Tensors of safetensors files, all at once.
import type { Io } from "../runtime/io.ts";
import { openGiven } from "../runtime/locate.ts";
import {
  encodeSafetensors,
  readHeader,
  readTensor,
  type SafetensorsType,
  type TensorToWrite,
} from "../runtime/safetensors.ts";

export interface GivenTensor {
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export function readTensors(path: string, io: Io): ReadonlyMap<string, GivenTensor> {
  const file = openGiven(path, io);
  try {
    const { tensors } = readHeader(file);
    return new Map(
      [...tensors].map(([name, entry]) => [
        name,
        { dtype: entry.dtype, shape: entry.shape, values: readTensor(file, entry) },
      ]),
    );
  } finally {
    file.close();
  }
}

export const writeTensors = (path: string, tensors: readonly TensorToWrite[], io: Io): void =>
  io.files.write(path, encodeSafetensors(tensors));
