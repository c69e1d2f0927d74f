// Which contractions of two are a product of matrices or vectors, as `@` has them. Knows labels only.

export interface Product {
  /** Whether the operands stand in the other order. */
  readonly swapped: boolean;
  readonly transposed: readonly [boolean, boolean];
}

/** How an einsum of two is a product of (batches of) matrices or vectors, if it is one. */
export function productOfTwo({ inputs, output }: { readonly inputs: readonly string[]; readonly output: string }) {
  if (inputs.length !== 2) return undefined;
  const [a, b] = inputs as readonly [string, string];
  return matrixProduct(a, b, output, false) ?? matrixProduct(b, a, output, true);
}

function matrixProduct(a: string, b: string, output: string, swapped: boolean): Product | undefined {
  if ([a, b, output].some((labels) => new Set(labels).size !== labels.length)) return undefined;
  const shared = [...a].filter((label) => b.includes(label) && !output.includes(label));
  if (shared.length !== 1 || [...(a + b)].some((label) => !output.includes(label) && label !== shared[0]))
    return undefined;
  const k = shared[0]!;
  for (const left of a.length === 1 ? [false] : [false, true]) {
    for (const right of b.length === 1 ? [false] : [false, true]) {
      const [x, y] = [left ? flipped(a) : a, right ? flipped(b) : b];
      if (matmulLabels(x, y, k) === output) return { swapped, transposed: [left, right] };
    }
  }
  return undefined;
}

const flipped = (labels: string): string => labels.slice(0, -2) + labels.at(-1) + labels.at(-2);

/** The labels of `x @ y`, or undefined where `@` would not sum over `k` alone. */
function matmulLabels(x: string, y: string, k: string): string | undefined {
  if (x.at(-1) !== k || (y.length === 1 ? y : y.at(-2)) !== k) return undefined;
  const [xBatch, yBatch] = [x.slice(0, -2), y.slice(0, -2)];
  const batch = xBatch.length >= yBatch.length ? xBatch : yBatch;
  if (!batch.endsWith(xBatch) || !batch.endsWith(yBatch)) return undefined;
  const [row, column] = [x.length === 1 ? "" : x.at(-2)!, y.length === 1 ? "" : y.at(-1)!];
  if (row !== "" && row === column) return undefined;
  // A vector on one side of a batch of matrices drops its own axis only.
  return batch + row + column;
}
