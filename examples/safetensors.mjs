// Reads a safetensors file into a trainer: eight bytes of length, a JSON header, then the numbers.
import { readFileSync } from "node:fs";

/** Writes each parameter of the model from the file; the optimizer's states stay as they are. */
export function loadParameters(trainer, manifest, path) {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = new Map(Object.entries(JSON.parse(file.toString("utf8", 8, start))));
  for (const { name, kind, optimizer } of manifest.slots) {
    if (optimizer) continue;
    const entry = header.get(name);
    if (entry?.dtype !== "F32") throw new Error(`${path} has no F32 tensor ${JSON.stringify(name)} for this ${kind}`);
    const [from, to] = entry.data_offsets;
    // A copy: the numbers may stand at any byte of the file.
    const bytes = Uint8Array.from(file.subarray(start + from, start + to));
    trainer.write(name, new Float32Array(bytes.buffer));
  }
}
