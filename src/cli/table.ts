// Columns of text, lined up.

/** Lines of cells; columns whose index is in `right` are flush right. */
export function tableText(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [k, cell] of row.entries()) widths[k] = Math.max(widths[k] ?? 0, cell.length);
  }
  return rows
    .map((row) =>
      row
        .map((cell, k) => (right.includes(k) ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!)))
        .join("  ")
        .trimEnd()
        .concat("\n"),
    )
    .join("");
}

/** Six digits, for people. */
export const numberText = (value: number): string => String(Number(value.toPrecision(6)));
