// Scaled values: a tensor times a number, however the number is spread over neg, mul and div, taken apart and put together.
// Numbers are constants, sizes and run-time scalars; the number of a training step's loss ends up in one place.
import type { NodeId } from "../graph.ts";
import { sameType } from "../types.ts";
import { constantOf, isScalar } from "./patterns.ts";
import type { Rewriter } from "./rewrite.ts";

/** top / bottom * the scalars `over` / the scalars `under`; sizes `rows` (multiples of N) apart, since they cancel safely. */
export interface Factor {
  readonly top: number;
  readonly bottom: number;
  readonly over: readonly NodeId[];
  readonly under: readonly NodeId[];
  readonly rowsOver: readonly number[];
  readonly rowsUnder: readonly number[];
}

/** core * factor; a core of null is the number 1. */
export interface Scaled {
  readonly core: NodeId | null;
  readonly factor: Factor;
}

/** More scalars than this are left as they are. */
const maxScalars = 16;

/** Collects a factor, one number after another. */
class Collector {
  top = 1;
  bottom = 1;
  over: NodeId[] = [];
  under: NodeId[] = [];
  rowsOver: number[] = [];
  rowsUnder: number[] = [];

  /** Multiplies by a constant, or divides by it. */
  constant(value: number, divides: boolean): void {
    if (divides) this.bottom *= value;
    else this.top *= value;
  }

  /** Multiplies by a scalar node, or divides by it; products and quotients of scalars are taken apart. */
  scalar(r: Rewriter, id: NodeId, divides: boolean): void {
    const work: [NodeId, boolean][] = [[id, divides]];
    for (let next = work.pop(); next; next = work.pop()) {
      const [at, under] = next;
      const node = r.at(at);
      const value = node.op === "const" ? (node.attrs["value"] as number) : undefined;
      const full = this.over.length + this.under.length + work.length >= maxScalars;
      if (value !== undefined && Number.isFinite(value) && !(value === 0 && under)) this.constant(value, under);
      else if (node.op === "rows") (under ? this.rowsUnder : this.rowsOver).push(node.attrs["multiple"] as number);
      else if (node.op === "neg" && isScalar(r, at)) {
        this.constant(-1, false);
        work.push([node.inputs[0]!, under]);
      } else if ((node.op === "mul" || node.op === "div") && isScalar(r, at) && !full) {
        work.push([node.inputs[1]!, node.op === "div" ? !under : under], [node.inputs[0]!, under]);
      } else (under ? this.under : this.over).push(at);
    }
  }

  finish(): Factor {
    const [rowsOver, rowsUnder] = [this.rowsOver.sort(byNumber), this.rowsUnder.sort(byNumber)];
    while (rowsOver.length > 0 && rowsUnder.length > 0) {
      this.top *= rowsOver.pop()!;
      this.bottom *= rowsUnder.pop()!;
    }
    const [top, bottom] = reduced(this.top, this.bottom, rowsUnder);
    return { top, bottom, over: this.over.sort(byNumber), under: this.under.sort(byNumber), rowsOver, rowsUnder };
  }
}

/** top / bottom in lowest terms, `rowsUnder` keeping what stays below: 784 / (784 * N) is 1 / N, 6 / (4 * N) is 3 / (2 * N). */
function reduced(top: number, bottom: number, rowsUnder: number[]): readonly [top: number, bottom: number] {
  const last = rowsUnder.length - 1;
  if (last >= 0 && Number.isSafeInteger(bottom * rowsUnder[last]!)) {
    bottom *= rowsUnder[last]!;
    rowsUnder[last] = 1;
  }
  if (bottom < 0) [top, bottom] = [-top, -bottom];
  const quotient = bottom / Math.abs(top);
  if (Number.isInteger(quotient)) [top, bottom] = [Math.sign(top), quotient];
  else if (Number.isSafeInteger(top) && Number.isSafeInteger(bottom)) {
    const divisor = greatestDivisor(Math.abs(top), bottom);
    [top, bottom] = [top / divisor, bottom / divisor];
  }
  if (last >= 0 && Number.isSafeInteger(bottom * rowsUnder[last]!)) {
    rowsUnder[last]! *= bottom;
    bottom = 1;
  }
  return Math.abs(top) !== 1 && bottom !== 1 ? [top / bottom, 1] : [top, bottom];
}

function greatestDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

const byNumber = (a: number, b: number): number => a - b;

/** The factor 1. */
export const one: Factor = { top: 1, bottom: 1, over: [], under: [], rowsOver: [], rowsUnder: [] };

/** The node as core and factor. A scaled value that others read too is itself the core of what is made of it. */
export function takeApart(r: Rewriter, id: NodeId): Scaled {
  const factor = new Collector();
  if (isScalar(r, id)) {
    factor.scalar(r, id, false);
    return { core: null, factor: factor.finish() };
  }
  let core = id;
  const { type } = r.at(id);
  for (;;) {
    const node = r.at(core);
    const isOpen = core === id || node.op === "neg" || !r.isShared(core);
    if (!isOpen) break;
    if (node.op === "neg") {
      factor.constant(-1, false);
      core = node.inputs[0]!;
      continue;
    }
    if (node.op !== "mul" && node.op !== "div") break;
    const [left, right] = node.inputs as readonly [NodeId, NodeId];
    if (isNumber(r, right) && sameType(r.type(left), type)) {
      absorb(r, factor, right, node.op === "div");
      core = left;
    } else if (node.op === "mul" && isNumber(r, left) && sameType(r.type(right), type)) {
      absorb(r, factor, left, false);
      core = right;
    } else break;
  }
  return { core, factor: factor.finish() };
}

/** Whether the node is one number everywhere, of which a factor can be made; 0 and infinities stay what they are. */
function isNumber(r: Rewriter, id: NodeId): boolean {
  const value = constantOf(r, id);
  return value === undefined ? isScalar(r, id) : Number.isFinite(value) && value !== 0;
}

function absorb(r: Rewriter, factor: Collector, id: NodeId, divides: boolean): void {
  const value = constantOf(r, id);
  if (value === undefined) factor.scalar(r, id, divides);
  else factor.constant(value, divides);
}

/** a * b, or a / b. */
export function combine(r: Rewriter, a: Factor, b: Factor, divides: boolean): Factor {
  const factor = new Collector();
  for (const [part, under] of [
    [a, false],
    [b, divides],
  ] as const) {
    factor.constant(part.top, under);
    factor.constant(part.bottom, !under);
    for (const id of part.over) factor.scalar(r, id, under);
    for (const id of part.under) factor.scalar(r, id, !under);
    (under ? factor.rowsUnder : factor.rowsOver).push(...part.rowsOver);
    (under ? factor.rowsOver : factor.rowsUnder).push(...part.rowsUnder);
  }
  return factor.finish();
}

export const isPlain = ({ top, bottom, over, under, rowsOver, rowsUnder }: Factor): boolean =>
  Math.abs(top) === 1 && bottom === 1 && over.length + under.length + rowsOver.length + rowsUnder.length === 0;

/** Whether the constant part is an ordinary f32: merged constants must not overflow where the steps between did not. */
export function isOrdinary({ top, bottom }: Factor): boolean {
  const size = Math.abs(top / bottom);
  return size > 1e-37 && size < 1e38;
}

/** A text that is equal for factors of equal size, whatever their signs. */
export const magnitude = ({ top, ...rest }: Factor): string => JSON.stringify({ top: Math.abs(top), ...rest });

/** The factor with its sign, or the other one. */
export const withSign = (factor: Factor, sign: number): Factor => ({ ...factor, top: sign * Math.abs(factor.top) });

/** core * factor in its one form: `x / n`, `-(x / n)`, `x * (2 / n)`, `b - a` for -(a - b). */
export function putTogether(r: Rewriter, { core, factor }: Scaled): NodeId {
  if (core === null) return scalarOf(r, factor);
  const { top, bottom, over, under, rowsOver, rowsUnder } = factor;
  const difference = r.is(core, "sub");
  if (top < 0 && difference && !r.isShared(core)) {
    const [a, b] = difference.inputs as readonly [NodeId, NodeId];
    return putTogether(r, { core: r.b.node("sub", [b, a]), factor: withSign(factor, 1) });
  }
  if (isPlain(factor)) return top < 0 ? r.b.node("neg", [core]) : core;
  if (Math.abs(top) === 1 && over.length + rowsOver.length === 0) {
    const by = scalarOf(r, { top: bottom, bottom: 1, over: under, under: [], rowsOver: rowsUnder, rowsUnder: [] });
    const quotient = r.b.node("div", [core, by]);
    return top < 0 ? r.b.node("neg", [quotient]) : quotient;
  }
  return r.b.node("mul", [core, scalarOf(r, factor)]);
}

/** The factor as a scalar node. */
function scalarOf(r: Rewriter, { top, bottom, over, under, rowsOver, rowsUnder }: Factor): NodeId {
  const constant = (value: number): NodeId => r.b.node("const", [], { value, dtype: "f32" });
  const sizes = (list: readonly number[]): NodeId[] => list.map((multiple) => r.b.node("rows", [], { multiple }));
  const product = (coefficient: number, list: readonly NodeId[]): NodeId | undefined => {
    const all = coefficient === 1 ? list : [constant(coefficient), ...list];
    return all.length === 0 ? undefined : all.reduce((left, right) => r.b.node("mul", [left, right]));
  };
  const scalars = [...over, ...sizes(rowsOver)];
  const negated = top === -1 && scalars.length > 0;
  const numerator = product(negated ? 1 : top, scalars);
  const denominator = product(bottom, [...under, ...sizes(rowsUnder)]);
  if (denominator === undefined) {
    const whole = numerator ?? constant(1);
    return negated ? r.b.node("neg", [whole]) : whole;
  }
  const quotient = r.b.node("div", [numerator ?? constant(1), denominator]);
  return negated ? r.b.node("neg", [quotient]) : quotient;
}
