// The core primitives, each one record. All else of the library is written in the language (std/*.nn).
import type { Builtin } from "./builtin.ts";
import * as math from "./builtins-math.ts";
import * as tensors from "./builtins-tensors.ts";
import { grad, load, stopGradient, total } from "./effects.ts";
import { einsum } from "./einsum.ts";
import { reshape } from "./reshape.ts";

const all: readonly Builtin[] = [
  math.unary("exp", "exp", "e to the x.", Math.exp),
  math.unary("expm1", "expm1", "exp(x) - 1, exact near 0.", Math.expm1),
  math.unary("log", "log", "The natural logarithm.", Math.log),
  math.unary("log1p", "log1p", "log(1 + x), exact near 0.", Math.log1p),
  math.unary("sqrt", "sqrt", "The square root.", Math.sqrt),
  math.unary("rsqrt", "rsqrt", "1 / sqrt(x).", (x) => 1 / Math.sqrt(x)),
  math.unary("tanh", "tanh", "The hyperbolic tangent.", Math.tanh),
  math.unary("sin", "sin", "The sine, of radians.", Math.sin),
  math.unary("cos", "cos", "The cosine, of radians.", Math.cos),
  math.unary("erf", "erf", "The error function."),
  math.unary("abs", "abs", "The absolute value.", Math.abs, "i32"),
  math.unary("floor", "floor", "The largest whole number that is not above x.", Math.floor),
  math.unary("sign", "sign", "-1, 0 or 1.", Math.sign, "i32"),
  math.extreme("max", Math.max),
  math.extreme("min", Math.min),
  math.where,
  math.conversion("f32"),
  math.conversion("i32"),
  math.conversion("bool"),
  math.reducer("sum", "The sum over `axis`, or over all elements."),
  math.reducer("prod", "The product over `axis`, or over all elements."),
  math.mean,
  math.reducer("argmax", "The place of the largest element along `axis`: i32, the first of equals."),
  math.reducer("argmin", "The place of the smallest element along `axis`: i32, the first of equals."),
  math.cumsum,
  einsum,
  math.conv2d,
  math.pool(
    "max_pool",
    "max_pool(x, k, stride=k, padding=0)",
    "The largest element of each window of images [n, c, h, w].",
  ),
  math.pool(
    "avg_pool",
    "avg_pool(x, k, stride=k, padding=0, count_padding=true)",
    "The mean of each window of images [n, c, h, w].",
  ),
  reshape,
  tensors.transpose,
  tensors.broadcast,
  tensors.pad,
  tensors.concat,
  tensors.flip,
  tensors.gather,
  tensors.pick,
  tensors.oneHot,
  tensors.iota,
  tensors.tensor,
  tensors.random("uniform", "Random numbers in 0 <= u < 1, new ones at each step."),
  tensors.random("normal", "Random numbers of mean 0 and variance 1, new ones at each step."),
  tensors.rank,
  tensors.shape,
  tensors.size,
  tensors.len,
  tensors.isList,
  load,
  total,
  grad,
  stopGradient,
];

export const builtins: ReadonlyMap<string, Builtin> = new Map(all.map((entry) => [entry.name, entry]));
