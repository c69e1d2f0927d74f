// Parameters and states to and from safetensors files, by name and in their logical shapes.
import type { Io, OpenFile } from "./io.ts";
import type { Manifest, SlotManifest, Storage, Trainer } from "./library.ts";
import { openGiven } from "./locate.ts";
import { encodeSafetensors, readHeader, readTensor, type TensorEntry, type TensorToWrite } from "./safetensors.ts";
import { count, quoted, UserError } from "./user-error.ts";

const fileTypes: Readonly<Record<Storage, TensorToWrite["dtype"]>> = { f32: "F32", i32: "I32", bool: "BOOL", u8: "U8" };

/** Slots have no N in their shapes. */
export const sizesOf = (slot: SlotManifest): number[] =>
  slot.shape.map((dim) => (typeof dim === "number" ? dim : Number.NaN));

/** All parameters and states as a safetensors file, in parts. */
export function encodeSlots(
  trainer: Trainer,
  manifest: Manifest,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  const tensors = manifest.slots.map((slot) => ({
    name: slot.name,
    dtype: fileTypes[slot.dtype],
    shape: sizesOf(slot),
    values: trainer.read(slot.name),
  }));
  return encodeSafetensors(tensors, metadata);
}

/** Where the tensors of a file are not those of the slots; states of the optimizer may be absent. */
export function slotFaults(
  slots: readonly SlotManifest[],
  found: ReadonlyMap<string, TensorEntry>,
): { readonly faults: readonly string[]; readonly onlyShapes: boolean } {
  const known = new Map(slots.map((slot) => [slot.name, slot]));
  const missing = slots.filter((slot) => !slot.optimizer && !found.has(slot.name));
  // PyTorch's batch normalisation counts its batches; nothing here reads that.
  const extra = [...found.keys()].filter((name) => !known.has(name) && !name.endsWith(".num_batches_tracked"));
  const misshapen = slots.filter((slot) => {
    const entry = found.get(slot.name);
    return entry !== undefined && entry.shape.join() !== sizesOf(slot).join();
  });
  const faults = [
    ...missing.map((slot) => `${quoted(slot.name)} [${sizesOf(slot).join(", ")}] is missing`),
    ...extra.map((name) => `${quoted(name)} is no parameter or state of the model`),
    ...misshapen.map(
      (slot) =>
        `${quoted(slot.name)} is [${found.get(slot.name)!.shape.join(", ")}] there and [${sizesOf(slot).join(", ")}] in the model`,
    ),
  ];
  return { faults, onlyShapes: misshapen.length === faults.length };
}

/**
 * Fills the slots below `prefix` ("" for all) from a file whose names are relative to it, or all begin with it.
 * Parameters and the model's states must be there; states of the optimizer may be. Nothing is written unless all fits.
 */
export function loadSlots(
  trainer: Pick<Trainer, "write">,
  manifest: Pick<Manifest, "slots">,
  file: OpenFile,
  prefix = "",
): void {
  const { tensors } = readHeader(file);
  const found = prefix === "" ? tensors : belowPrefix(tensors, `${prefix}.`);
  const slots = manifest.slots.filter((slot) => prefix === "" || slot.name.startsWith(`${prefix}.`));
  const { faults, onlyShapes } = slotFaults(slots, found);
  if (faults.length > 0) {
    const code = onlyShapes ? "params/shape" : "params/names";
    const rest = faults.length > 5 ? `, and ${count(faults.length - 5, "more difference")}` : "";
    throw new UserError(
      code,
      `${quoted(file.path)} does not fit the model: ${faults.slice(0, 5).join("; ")}${rest}`,
      "Take a file that was saved from this model.",
    );
  }
  const values = slots.flatMap((slot) => {
    const entry = found.get(slot.name);
    return entry ? [{ slot, values: checked(slot, readTensor(file, entry), file) }] : [];
  });
  for (const { slot, values: numbers } of values) trainer.write(slot.name, numbers);
}

function belowPrefix(tensors: ReadonlyMap<string, TensorEntry>, prefix: string): ReadonlyMap<string, TensorEntry> {
  const full = [...tensors.keys()].every((name) => name.startsWith(prefix));
  return full ? tensors : new Map([...tensors].map(([name, entry]) => [prefix + name, entry]));
}

/** Whole-number slots take whole numbers only. */
function checked(slot: SlotManifest, values: ArrayLike<number>, file: OpenFile): ArrayLike<number> {
  if (slot.dtype === "f32") return values;
  const high = slot.dtype === "bool" ? 1 : 2 ** 31 - 1;
  const low = slot.dtype === "bool" ? 0 : -(2 ** 31);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value >= low && value <= high && Math.floor(value) === value) continue;
    throw new UserError(
      "params/value",
      `${quoted(slot.name)} in ${quoted(file.path)} holds ${value}, and it is ${slot.dtype} in the model`,
      "Take a file that was saved from this model.",
    );
  }
  return values;
}

/** `--init FILE`. */
export function loadFrom(
  path: string,
  trainer: Pick<Trainer, "write">,
  manifest: Pick<Manifest, "slots">,
  io: Io,
): void {
  const file = openGiven(path, io);
  try {
    loadSlots(trainer, manifest, file);
  } finally {
    file.close();
  }
}

const allFinite = (values: ArrayLike<number>): boolean => {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
};

/** The first parameter that holds a number that is none: then no step will mend it. States may well be infinite. */
export const firstBrokenParameter = (trainer: Trainer, manifest: Manifest): string | undefined =>
  manifest.slots.find((slot) => slot.kind === "param" && slot.dtype === "f32" && !allFinite(trainer.read(slot.name)))
    ?.name;

/** After a step diverged, the first tensor that holds a number that is none: data before parameters, then states. */
export function firstNonFinite(trainer: Trainer, manifest: Manifest, rows: number): string | undefined {
  const column = manifest.columns.find(({ name, dtype, shape }) => {
    const count = shape.reduce<number>((k, dim) => k * (typeof dim === "number" ? dim : dim.perRow * rows), 1);
    return dtype === "f32" && !allFinite((trainer.inputs[name] as Float32Array).subarray(0, count));
  });
  if (column) return column.name;
  const state = manifest.slots.find(
    (slot) => slot.kind === "state" && slot.dtype === "f32" && !allFinite(trainer.read(slot.name)),
  );
  return firstBrokenParameter(trainer, manifest) ?? state?.name;
}
