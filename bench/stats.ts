// Medians and spreads of samples. Knows nothing of what was measured.

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the ordered samples. */
export function quantile(values: readonly number[], share: number): number {
  const ordered = [...values].sort((a, b) => a - b);
  const at = (ordered.length - 1) * share;
  const low = Math.floor(at);
  const high = Math.min(low + 1, ordered.length - 1);
  return ordered[low]! + (ordered[high]! - ordered[low]!) * (at - low);
}

/** Half the distance between the quartiles, as a share of the median: 0.03 is ± 3 %. */
export const spread = (values: readonly number[]): number =>
  (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);
