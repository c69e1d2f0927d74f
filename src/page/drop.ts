// Files dropped on the page: idx files, packed or not, inputs before labels; or a checkpoint to go on from.
import type { Training } from "./training.ts";

/** Unpacked bytes of all files; more would not fit beside a trainer. */
const limit = 1024 * 1024 * 1024;

export function mountDrop(training: Training): void {
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) void use(files, training);
  });
}

async function use(files: readonly File[], training: Training): Promise<void> {
  try {
    const read = await Promise.all(
      files.map(async (file) => [file.name.replace(/\.gz$/, ""), await bytesOf(file)] as const),
    );
    const [first] = read;
    if (read.length === 1 && first![0].endsWith(".safetensors")) {
      training.resume(...first!);
      return;
    }
    // Images have more dimensions than labels: the header's fourth byte counts them.
    training.useFiles(read.sort((a, b) => (b[1][3] ?? 0) - (a[1][3] ?? 0)));
  } catch (error) {
    training.problem = `The dropped files cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function bytesOf(file: File): Promise<Uint8Array> {
  const stream = file.name.endsWith(".gz") ? file.stream().pipeThrough(new DecompressionStream("gzip")) : file.stream();
  const reader = stream.getReader();
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > limit) throw new Error(`${file.name} holds more than 1 GiB`);
    pieces.push(next.value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
