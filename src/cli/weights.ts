// Trained parameters and states of a model from a safetensors file, for outputs that carry them.
import type { Module } from "../ir/module.ts";
import type { Io } from "../runtime/io.ts";
import type { SlotManifest } from "../runtime/library.ts";
import { loadFrom } from "../runtime/parameters.ts";

/** Bytes by name, little-endian, row-major; those of the optimizer are left out. All of the model's must be in the file. */
export function weightsOf(module: Module, path: string, io: Io): ReadonlyMap<string, Uint8Array> {
  const slots = module.slots.map(({ name, kind, type, trained, optimizer }): SlotManifest => {
    return { name, kind, dtype: type.dtype, shape: type.shape, trained, optimizer };
  });
  const known = new Map(slots.map((slot) => [slot.name, slot]));
  const found = new Map<string, Uint8Array>();
  const write = (name: string, values: ArrayLike<number>): void => {
    const { dtype, optimizer } = known.get(name)!;
    if (optimizer) return;
    const typed =
      dtype === "f32" ? Float32Array.from(values) : dtype === "i32" ? Int32Array.from(values) : Uint8Array.from(values);
    found.set(name, new Uint8Array(typed.buffer));
  };
  loadFrom(path, { write }, { slots }, io);
  return found;
}
