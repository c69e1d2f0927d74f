// `reshape(x, shape)`: the same elements in another shape; one size may be -1, and k * N counts as N does.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { textOf } from "../../base/span.ts";
import { type Dim, isStatic, type Shape, shapeText } from "../../ir/types.ts";
import { poison, tensorValue, type Value } from "../values.ts";
import { asSize, type BuiltinCall, builtin } from "./builtin.ts";
import { report, shorten } from "./context.ts";
import { factsOf, standIn } from "./make.ts";
import { reshaped } from "./operators.ts";

/** Number of elements as constant * N ** power. */
interface Count {
  readonly constant: number;
  readonly power: number;
}

const countOf = (shape: Shape): Count => ({
  constant: shape.reduce<number>((product, dim) => product * (isStatic(dim) ? dim : dim.perRow), 1),
  power: shape.filter((dim) => !isStatic(dim)).length,
});

/** The size that makes up for what is missing, if one does. */
function missing(whole: Count, rest: Count): Dim | undefined {
  const constant = whole.constant / rest.constant;
  if (!Number.isInteger(constant)) return undefined;
  const power = whole.power - rest.power;
  return power === 0 ? constant : power === 1 ? { perRow: constant } : undefined;
}

function build(call: BuiltinCall): Value {
  const x = call.tensor("x");
  const members = call.members("shape");
  if (x === undefined || !members) return poison;
  const from = call.type(x).shape;
  const isOpen = (value: Value): boolean => value.kind === "number" && value.value === -1;
  const to: (Dim | undefined)[] = [];
  for (const member of members) {
    if (isOpen(member.value)) {
      to.push(undefined);
      continue;
    }
    const size = asSize(call, member, "a size of reshape");
    if (size === undefined) return poison;
    to.push(size);
  }
  const known = to.filter((dim) => dim !== undefined);
  const open = to.length - known.length;
  const filled = open === 1 ? missing(countOf(from), countOf(known)) : undefined;
  const shape = to.map((dim) => dim ?? filled);
  const complete = shape.filter((dim) => dim !== undefined);
  const whole = countOf(from);
  const result = countOf(complete);
  if (complete.length === shape.length && whole.constant === result.constant && whole.power === result.power) {
    return tensorValue(call.frame.pass.builder, reshaped(call, x, complete));
  }
  const text = `[${to.map((dim) => (dim === undefined ? "-1" : shapeText([dim]).slice(1, -1))).join(", ")}]`;
  const facts = { from: shapeText(from), to: text, text: shorten(textOf(call.operand("x").span)), open };
  const notes = factsOf(call.frame.pass.builder, x, call.operand("x").span);
  report(call.frame, diagnose(shapes, "shape/reshape", call.span, facts, notes));
  return complete.length === shape.length ? standIn(call, { dtype: call.type(x).dtype, shape: complete }) : poison;
}

export const reshape = builtin(
  "reshape(x, shape)",
  "The same elements, in the same order, in another shape; one size may be -1.",
  build,
);
