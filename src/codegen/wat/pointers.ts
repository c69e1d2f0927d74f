// Which addresses of an innermost loop move by a constant per round: a pointer for each costs one addition per round, in place of a
// multiplication and some additions per access. Measured on a 64x784x128 product: 44 in place of 40 GFLOP/s. Prints nothing.
import type { Buffer, Index, Loop, Place, Scalar } from "../loops.ts";
import { partsOf } from "../loops.ts";
import { bytesPer } from "../plan.ts";

export type For = Extract<Loop, { kind: "for" }>;

/** One pointer: an index in bytes without its constant part, which goes into the instructions. */
export interface Pointer {
  readonly key: string;
  /** Of the buffer it begins at, where that is an argument. */
  readonly argument?: string;
  readonly index: Index;
  /** Bytes per round. */
  readonly step: number;
}

/** More would take registers that the values need. */
const mostPointers = 4;

/** What tells the pointers of a loop apart; undefined where an address is computed from other numbers than indices. */
export function pointerKey(
  { name, storage }: Buffer,
  isArgument: boolean,
  { index, computed }: Place,
): string | undefined {
  if (computed.length > 0) return undefined;
  const bytes = bytesPer(storage);
  const terms = index.terms.map(({ variable, mul }) =>
    typeof mul === "number" ? `${variable}*${mul * bytes}` : `${variable}*N*${mul.perRow * bytes}`,
  );
  return [isArgument ? name : "", index.rows * bytes, ...terms.sort()].join("+");
}

/**
 * The pointers of a loop without inner loops; none where there would be too many. An index that may be negative has none: its
 * constant part must be added to it before it is an address.
 */
export function pointersOf(
  loop: For,
  buffers: ReadonlyMap<string, Buffer>,
  isArgument: (buffer: string) => boolean,
  isNatural: (index: Index) => boolean,
): Pointer[] {
  const { variable, body, step } = loop;
  const own = new Set<string>();
  const places: { readonly buffer: Buffer; readonly place: Place }[] = [];
  const visit = (scalar: Scalar): void => {
    if (scalar.kind === "load") places.push({ buffer: buffers.get(scalar.buffer)!, place: scalar.at });
    partsOf(scalar).forEach(visit);
  };
  /** Whether there is no loop in it. */
  const isInnermost = (loops: readonly Loop[]): boolean =>
    loops.every((inner) => {
      if (inner.kind === "for") return false;
      if (inner.kind === "let" || inner.kind === "assign") {
        own.add(inner.name);
        visit(inner.value);
      }
      if (inner.kind === "store") {
        places.push({ buffer: buffers.get(inner.buffer)!, place: inner.at });
        for (const { value } of inner.at.computed) visit(value);
        visit(inner.value);
      }
      if (inner.kind !== "if") return true;
      visit(inner.condition);
      return isInnermost(inner.body);
    });
  if (!isInnermost(body)) return [];
  const found = new Map<string, Pointer>();
  for (const { buffer, place } of places) {
    const { index } = place;
    const mul = index.terms.find((term) => term.variable === variable)?.mul;
    const key = pointerKey(buffer, isArgument(buffer.name), place);
    if (key === undefined || typeof mul !== "number" || index.terms.some((term) => own.has(term.variable))) continue;
    const bytes = bytesPer(buffer.storage);
    const terms = index.terms.map((term) => ({
      variable: term.variable,
      mul: typeof term.mul === "number" ? term.mul * bytes : { perRow: term.mul.perRow * bytes },
    }));
    found.set(key, {
      key,
      ...(isArgument(buffer.name) ? { argument: buffer.name } : {}),
      index: { const: 0, rows: index.rows * bytes, terms },
      step: mul * bytes * step,
    });
  }
  return found.size > mostPointers ? [] : [...found.values()].filter(({ index }) => isNatural(index));
}
