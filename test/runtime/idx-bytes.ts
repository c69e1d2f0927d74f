// idx files as tests write them: what MNIST comes in.

/** The first bytes: a type (8 is u8) and sizes. */
export function idxHeader(sizes: readonly number[], type = 8): Buffer {
  const head = Buffer.alloc(4 + 4 * sizes.length);
  head[2] = type;
  head[3] = sizes.length;
  for (const [k, size] of sizes.entries()) head.writeUInt32BE(size, 4 + 4 * k);
  return head;
}

/** A whole file; its bytes as they are given, or by their places. */
export function idxBytes(
  sizes: readonly number[],
  data: readonly number[] | ((k: number) => number),
  type = 8,
): Buffer {
  const length = sizes.reduce((a, b) => a * b, 1);
  const bytes = typeof data === "function" ? Array.from({ length }, (_, k) => data(k)) : data;
  return Buffer.concat([idxHeader(sizes, type), Buffer.from(bytes)]);
}
