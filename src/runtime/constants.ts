// `load("f.npy")`, `load("f.safetensors", "name")`: constants of a model. Types are read when it is compiled, numbers
// when a trainer starts.
import { decode, type ElementType, elementBytes, type Values, valuesFor } from "./elements.ts";
import type { OpenFile } from "./io.ts";
import type { Manifest, Trainer } from "./library.ts";
import { openNamed, type Places } from "./locate.ts";
import { readNpyHeader } from "./npy.ts";
import { readHeader, readTensor } from "./safetensors.ts";
import { quoted, UserError } from "./user-error.ts";

export interface ConstantFacts {
  readonly dtype: "f32" | "i32" | "bool";
  readonly shape: readonly number[];
}

const dtypeOf = (element: ElementType): ConstantFacts["dtype"] =>
  element === "bool" ? "bool" : element.includes("f") ? "f32" : "i32";

/** Type and shape, from the header alone. */
export function constantFacts(file: OpenFile, tensor?: string): ConstantFacts {
  const { element, shape } = find(file, tensor);
  return { dtype: dtypeOf(element), shape };
}

function find(
  file: OpenFile,
  tensor: string | undefined,
): { element: ElementType; shape: readonly number[]; read(): Values } {
  if (tensor === undefined) {
    const { element, shape, offset } = readNpyHeader(file);
    return {
      element,
      shape,
      read() {
        const size = shape.reduce((a, b) => a * b, 1);
        const bytes = new Uint8Array(size * elementBytes[element]);
        file.read(offset, bytes);
        const values = valuesFor(element, size);
        decode(element, bytes, values, size, quoted(file.path));
        return values;
      },
    };
  }
  const entry = readHeader(file).tensors.get(tensor);
  if (!entry)
    throw new UserError(
      "params/names",
      `${quoted(file.path)} has no tensor ${quoted(tensor)}`,
      "Name one that is there: `nnc params` lists them.",
    );
  return { element: entry.element, shape: entry.shape, read: () => readTensor(file, entry) };
}

/** Reads the numbers of all constants into the trainer. */
export function loadConstants(
  trainer: Pick<Trainer, "write">,
  manifest: Pick<Manifest, "loads">,
  places: Places,
): void {
  for (const load of manifest.loads ?? []) {
    const file = openNamed(load.file, places);
    try {
      const found = find(file, load.tensor);
      if (found.shape.join() !== load.shape.join() || dtypeOf(found.element) !== load.dtype) {
        throw new UserError(
          "params/shape",
          `${quoted(load.file)} now holds ${dtypeOf(found.element)}[${found.shape.join(", ")}]; the model was compiled with ${load.dtype}[${load.shape.join(", ")}]`,
          "Compile the model again.",
        );
      }
      trainer.write(load.name, found.read());
    } finally {
      file.close();
    }
  }
}
