// Tensors of safetensors files by name.
import type { Values } from "../runtime/elements.ts";
import type { Io, OpenFile } from "../runtime/io.ts";
import { openGiven } from "../runtime/locate.ts";
import {
  encodeSafetensors,
  readHeader,
  readTensor,
  type SafetensorsType,
  type TensorEntry,
  type TensorToWrite,
} from "../runtime/safetensors.ts";

export interface GivenTensor {
  readonly dtype: SafetensorsType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** All tensors of a file. Numbers are read when they are first asked for: by then it is known that the model takes them. */
export function readTensors(path: string, io: Io): ReadonlyMap<string, GivenTensor> {
  const opened = <T>(read: (file: OpenFile) => T): T => {
    const file = openGiven(path, io);
    try {
      return read(file);
    } finally {
      file.close();
    }
  };
  const given = (entry: TensorEntry): GivenTensor => {
    let values: Values | undefined;
    return {
      dtype: entry.dtype,
      shape: entry.shape,
      get values() {
        values ??= opened((file) => readTensor(file, entry));
        return values;
      },
    };
  };
  return new Map([...opened(readHeader).tensors].map(([name, entry]) => [name, given(entry)]));
}

export const writeTensors = (path: string, tensors: readonly TensorToWrite[], io: Io): void =>
  io.files.write(path, encodeSafetensors(tensors));
