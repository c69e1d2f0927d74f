// The scalar functions of stages, in float64: what a call means for each dtype. Random functions are not among them.
import { erf, floorMod, sigmoid, softplus, within } from "./math.ts";
import type { ScalarFn } from "./stage.ts";
import type { DType } from "./types.ts";

type Apply = (x: number, y: number, z: number) => number;

/** The function that a call of `fn` with a result of `dtype` applies; arguments it does not have are ignored. */
export function scalarFunction(fn: PureFn, dtype: DType): Apply {
  if (fn === "cast") return casts[dtype];
  return (dtype === "i32" ? integerFunctions[fn] : undefined) ?? floatFunctions[fn];
}

/** A scalar function whose result depends on its arguments alone. */
export type PureFn = Exclude<ScalarFn, "uniform" | "normal">;

const flag = (condition: boolean): number => (condition ? 1 : 0);

const casts: Readonly<Record<DType, Apply>> = {
  f32: (x) => x,
  i32: (x) => x | 0,
  bool: (x) => flag(x !== 0),
};

const floatFunctions: Readonly<Record<Exclude<PureFn, "cast">, Apply>> = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  mod: floorMod,
  pow: (x, y) => x ** y,
  min: (x, y) => Math.min(x, y),
  max: (x, y) => Math.max(x, y),
  neg: (x) => -x,
  abs: Math.abs,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  tanh: Math.tanh,
  sin: Math.sin,
  cos: Math.cos,
  erf,
  floor: Math.floor,
  sign: Math.sign,
  sigmoid,
  softplus,
  eq: (x, y) => flag(x === y),
  ne: (x, y) => flag(x !== y),
  lt: (x, y) => flag(x < y),
  le: (x, y) => flag(x <= y),
  gt: (x, y) => flag(x > y),
  ge: (x, y) => flag(x >= y),
  and: (x, y) => flag(x !== 0 && y !== 0),
  or: (x, y) => flag(x !== 0 || y !== 0),
  not: (x) => flag(x === 0),
  where: (x, y, z) => (x !== 0 ? y : z),
  within,
};

/** Where i32 differs: it wraps at 32 bits. */
const integerFunctions: Partial<Readonly<Record<PureFn, Apply>>> = {
  add: (x, y) => (x + y) | 0,
  sub: (x, y) => (x - y) | 0,
  mul: Math.imul,
  mod: (x, y) => floorMod(x, y) | 0,
  neg: (x) => -x | 0,
  abs: (x) => Math.abs(x) | 0,
};
