// Arithmetic on linear indices: sums, multiples. Knows loops' indices and nothing else.
import { type Dim, mulDims } from "../ir/types.ts";
import type { Index } from "./loops.ts";

export function addIndex(a: Index, b: Index): Index {
  const terms = [...a.terms];
  for (const term of b.terms) {
    const i = terms.findIndex((t) => t.variable === term.variable);
    if (i < 0) {
      terms.push(term);
      continue;
    }
    const mul = sumDims(terms[i]!.mul, term.mul);
    if (mul === 0) terms.splice(i, 1);
    else terms[i] = { variable: term.variable, mul };
  }
  return { const: a.const + b.const, rows: a.rows + b.rows, terms };
}

function sumDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (typeof a !== "number" && typeof b !== "number") return { perRow: a.perRow + b.perRow };
  throw new Error("N and a constant along one variable");
}

export function scaleIndex(index: Index, by: Dim): Index {
  if (typeof by === "number") {
    return {
      const: index.const * by,
      rows: index.rows * by,
      terms: index.terms.map((t) => ({ variable: t.variable, mul: mulDims(t.mul, by)! })),
    };
  }
  if (index.rows !== 0) throw new Error("N * N in an index");
  return {
    const: 0,
    rows: index.const * by.perRow,
    terms: index.terms.map((t) => {
      const mul = mulDims(t.mul, by);
      if (mul === undefined) throw new Error("N * N in an index");
      return { variable: t.variable, mul };
    }),
  };
}

/** An index where one of its variables is another index. */
export function substituteIndex(index: Index, variable: string, by: Index): Index {
  const at = index.terms.filter((t) => t.variable === variable);
  if (at.length === 0) return index;
  const rest: Index = { ...index, terms: index.terms.filter((t) => t.variable !== variable) };
  return at.reduce((sum, { mul }) => addIndex(sum, scaleIndex(by, mul)), rest);
}

export const negate = (index: Index): Index => scaleIndex(index, -1);
