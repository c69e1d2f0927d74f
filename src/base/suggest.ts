// "Did you mean": the known name closest to a mistyped one. Knows nothing of what is named.

/** More edits than this are another word. */
const mostEdits = 4;

/** The closest of `known`, the first where several are as close; undefined where none is close enough. */
export function suggest(name: string, known: Iterable<string>): string | undefined {
  const lower = name.toLowerCase();
  let best: string | undefined;
  // One letter for another says nothing where the name is one letter.
  let limit = Math.min(mostEdits, Math.max(name.length > 1 ? 1 : 0, Math.floor(name.length * 0.4))) + 1;
  for (const candidate of known) {
    if (candidate === name) continue;
    // Another case counts as half an edit, so that `Relu` finds `relu` before `gelu`.
    const other = candidate.toLowerCase();
    const distance = other === lower ? 0.5 : editDistance(lower, other, Math.ceil(limit) - 1);
    if (distance < limit) {
      best = candidate;
      limit = distance;
    }
  }
  return best;
}

/** The closest few, best first, for "one of …" where nothing is close. */
export function closest(name: string, known: Iterable<string>, count: number): string[] {
  const cap = 32;
  const ranked = [...known].map((candidate) => ({
    candidate,
    distance: editDistance(name.slice(0, cap).toLowerCase(), candidate.slice(0, cap).toLowerCase(), cap),
  }));
  ranked.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return ranked.slice(0, count).map(({ candidate }) => candidate);
}

/**
 * Edits (insert, remove, replace, swap of neighbours) that lead from one text to the other, or more than `limit`
 * where it is more. Three rows of memory; cells farther than `limit` from the diagonal are not visited.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  const far = limit + 1;
  let beforeLast = new Array<number>(b.length + 1).fill(far);
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  let row = new Array<number>(b.length + 1).fill(far);
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    row[from - 1] = from === 1 ? i : far;
    let smallest = row[from - 1]!;
    for (let j = from; j <= to; j++) {
      const same = a[i - 1] === b[j - 1];
      // The cell above the band's last one was not visited.
      const above = j === i + limit ? far : last[j]!;
      let edits = Math.min(above + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, beforeLast[j - 2]! + 1);
      }
      row[j] = edits;
      smallest = Math.min(smallest, edits);
    }
    if (smallest > limit) return far;
    [beforeLast, last, row] = [last, row, beforeLast];
  }
  return Math.min(last[b.length]!, far);
}
