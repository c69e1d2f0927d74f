// A data set that is made, as the four files of MNIST's form: images and labels, to train on and to test with.
import type { MadeSet } from "../runtime/data-set.ts";

/** An idx file of bytes: two zeros, the element type, the rank, then the sizes, big-endian. */
function idxHeader(shape: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  view.setUint8(2, 8);
  view.setUint8(3, shape.length);
  for (const [k, size] of shape.entries()) view.setUint32(4 + 4 * k, size);
  return new Uint8Array(view.buffer);
}

/** Names of files and their parts, in order. */
export function imageFiles(set: MadeSet): [name: string, parts: readonly Uint8Array[]][] {
  const { shape } = set.columns[0]!;
  const width = shape.reduce((a, b) => a * b, 1);
  const [from, to] = set.test;
  if (to !== set.rows) throw new Error(`the test rows of ${set.name} are not its last`);
  return [
    { part: "train", first: 0, rows: from },
    { part: "t10k", first: from, rows: to - from },
  ].flatMap(({ part, first, rows }) => {
    const images = new Uint8Array(rows * width);
    const labels = new Uint8Array(rows);
    for (let i = 0; i < rows; i++) labels[i] = set.draw(first + i, images, i * width);
    return [
      [`${part}-images-idx3-ubyte`, [idxHeader([rows, ...shape]), images]],
      [`${part}-labels-idx1-ubyte`, [idxHeader([rows]), labels]],
    ] as [string, readonly Uint8Array[]][];
  });
}
