// WebAssembly text -> bytes by the `wabt` package: what the compiler's own assembler is held to.
import load from "wabt";

const { parseWat } = await load();
const features = { simd: true, threads: true };

export function wabtBytes(text: string): Uint8Array {
  const module = parseWat("kernels.wat", text, features);
  // Its types do not say that it takes them.
  const checked: { validate(taken: typeof features): void } = module;
  try {
    checked.validate(features);
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}
