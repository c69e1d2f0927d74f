// WebAssembly text -> bytes, by the `wabt` package, which is loaded when first needed.

/** The text is the compiler's own: where it is wrong, the compiler is. */
export async function assemble(text: string): Promise<Uint8Array> {
  return (await loadAssembler())(text);
}

const features = { simd: true, threads: true };

export async function loadAssembler(): Promise<(text: string) => Uint8Array> {
  const { default: load } = await import("wabt");
  const { parseWat } = await load();
  return (text) => {
    const module = parseWat("kernels.wat", text, features);
    // Its types do not say that it takes them.
    const checked: { validate(taken: typeof features): void } = module;
    try {
      checked.validate(features);
      return module.toBinary({ write_debug_names: true }).buffer;
    } finally {
      module.destroy();
    }
  };
}
