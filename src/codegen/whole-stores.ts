// Loops -> loops: four vectors whose lanes go to four rows, number by number, are turned over in registers and stored row by row.
// Contract: exact. Before: sixteen stores of one number each. After: eight exchanges between vectors and four stores.
// Stays true: what is stored where; nothing reads the buffer in between, and no block stores to one place twice.
import { type Loop, partsOf, type Scalar, variableOf } from "./loops.ts";

type Store = Extract<Loop, { kind: "store" }>;

/** A vector of which each lane is stored by itself. */
interface Column {
  readonly vector: Scalar;
  /** By lane. */
  readonly stores: readonly Store[];
}

/** `name` gives one that is not taken. */
export function storeWhole(body: readonly Loop[], name: (base: string) => string): Loop[] {
  const block = body.map(
    (loop): Loop => (loop.kind === "for" || loop.kind === "if" ? { ...loop, body: storeWhole(loop.body, name) } : loop),
  );
  return neighboursIn(block).reduce((left, columns) => turned(left, columns, name), block);
}

/** Columns of a block, four by four, that lie side by side in memory. */
function neighboursIn(block: readonly Loop[]): Column[][] {
  const groups = new Map<string, Column[]>();
  for (const column of columnsIn(block)) {
    const { index } = column.stores[0]!.at;
    const steps = column.stores.map((s) => s.at.index.const - index.const);
    const key = JSON.stringify([column.stores[0]!.buffer, column.stores[0]!.add, index.rows, index.terms, steps]);
    groups.set(key, [...(groups.get(key) ?? []), column]);
  }
  return [...groups.values()].flatMap((columns) => {
    const sorted = columns.toSorted((a, b) => first(a) - first(b));
    const found: Column[][] = [];
    for (let i = 0; i + 4 <= sorted.length; ) {
      const four = sorted.slice(i, i + 4);
      const isRun = four.every((column, k) => first(column) === first(four[0]!) + k);
      if (isRun) found.push(four);
      i += isRun ? 4 : 1;
    }
    return found;
  });
}

const first = ({ stores }: Column): number => stores[0]!.at.index.const;

function columnsIn(block: readonly Loop[]): Column[] {
  const byVector = new Map<string, Store[]>();
  for (const loop of block) {
    if (loop.kind !== "store" || loop.value.kind !== "lane" || loop.at.computed.length > 0) continue;
    const { of, lane } = loop.value;
    if (of.kind !== "var") continue;
    const key = `${of.name} ${loop.buffer}`;
    const stores = byVector.get(key) ?? [];
    stores[lane] = loop;
    byVector.set(key, stores);
  }
  const isWhole = (stores: readonly Store[]): boolean => [0, 1, 2, 3].every((lane) => stores[lane] !== undefined);
  return [...byVector.values()].filter(isWhole).map((stores) => ({
    vector: (stores[0]!.value as Extract<Scalar, { kind: "lane" }>).of,
    stores,
  }));
}

/** The block with the stores of four columns as four of rows, where the last of them was. */
function turned(block: readonly Loop[], columns: readonly Column[], name: (base: string) => string): Loop[] {
  const stores = new Set<Loop>(columns.flatMap((column) => column.stores));
  const places = [...block.keys()].filter((k) => stores.has(block[k]!));
  const last = places.at(-1)!;
  const { buffer, add } = columns[0]!.stores[0]!;
  if (block.slice(places[0], last).some((loop) => mayRead(loop, buffer))) return [...block];
  const [a, b, c, d] = columns.map((column) => column.vector) as [Scalar, Scalar, Scalar, Scalar];
  const pairs: Loop[] = [];
  const pair = (x: Scalar, y: Scalar, half: 0 | 1): Scalar => {
    const value: Scalar = { kind: "zip", of: [x, y], width: 1, half };
    const variable = variableOf(name("pair"), value);
    pairs.push({ kind: "let", name: variable.name, value, mutable: false });
    return variable;
  };
  const rows = ([0, 1] as const).flatMap((half) => {
    const [ab, cd] = [pair(a, b, half), pair(c, d, half)];
    return ([0, 1] as const).map((h): Scalar => ({ kind: "zip", of: [ab, cd], width: 2, half: h }));
  });
  const whole = rows.map(
    (value, lane): Store => ({ kind: "store", buffer, at: columns[0]!.stores[lane]!.at, value, add, lanes: 4 }),
  );
  return block.flatMap((loop, k) => (k === last ? [...pairs, ...whole] : stores.has(loop) ? [] : [loop]));
}

/** Whether a statement may look at a buffer, change a variable, or be more than one statement. */
function mayRead(loop: Loop, buffer: string): boolean {
  const reads = (scalar: Scalar): boolean =>
    (scalar.kind === "load" && scalar.buffer === buffer) || partsOf(scalar).some(reads);
  switch (loop.kind) {
    case "let":
      return reads(loop.value);
    case "store":
      return reads(loop.value) || loop.at.computed.some((c) => reads(c.value));
    case "comment":
      return false;
    default:
      return true;
  }
}
