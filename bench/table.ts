// Tables for a terminal: columns as wide as they need, numbers to the right. Knows no measurement.

export function table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const widths = head.map((h, c) => Math.max(h.length, ...rows.map((row) => row[c]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, c) => (c < left ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((w) => "-".repeat(w))), ...rows.map(line)].join("\n");
}

export function timeText(seconds: number): string {
  if (seconds < 1e-3) return `${digits(seconds * 1e6)} us`;
  if (seconds < 1) return `${digits(seconds * 1e3)} ms`;
  return `${digits(seconds)} s`;
}

/** Three digits that count: 0.123, 1.23, 12.3, 123. */
export function digits(value: number): string {
  if (value === 0) return "0";
  return value.toFixed(Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(Math.abs(value))))));
}

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
