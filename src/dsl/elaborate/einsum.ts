// `einsum("bij,bjk->bik", a, b)`: one-letter labels, `...` for axes that broadcast.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { type Dim, type Shape, sameDim, typeText } from "../../ir/types.ts";
import { poison, type Value } from "../values.ts";
import { type BuiltinCall, builtin } from "./builtin.ts";
import { report } from "./context.ts";
import { promote } from "./make.ts";
import { reshaped } from "./operators.ts";

const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];

interface Term {
  /** Labels left and right of `...`; without it all are left. */
  readonly left: string;
  readonly right: string;
  readonly open: boolean;
}

function parseTerm(text: string): Term | undefined {
  const [left, right, ...more] = text.replace(/ /g, "").split("...");
  const ok = more.length === 0 && /^[A-Za-z]*$/.test(left!) && /^[A-Za-z]*$/.test(right ?? "");
  return ok ? { left: left!, right: right ?? "", open: right !== undefined } : undefined;
}

/** NumPy's rule without `->`: the labels that stand once, in alphabetical order. */
function impliedOutput(terms: readonly Term[]): Term {
  const all = terms.map((term) => term.left + term.right).join("");
  const once = [...new Set(all)].filter((label) => all.split(label).length === 2).sort();
  return { left: "", right: once.join(""), open: terms.some((term) => term.open) };
}

function build(call: BuiltinCall): Value {
  const text = call.text("labels");
  if (text === undefined) return poison;
  const wrong = (problem: string): Value =>
    report(call.frame, diagnose(types, "type/einsum", call.operand("labels").span, { text, problem }));
  const [inputText, outputText, ...more] = text.split("->");
  const terms = inputText!.split(",").map(parseTerm);
  const output = outputText === undefined ? impliedOutput(terms.flatMap((t) => t ?? [])) : parseTerm(outputText);
  if (more.length > 0 || !output || terms.some((term) => !term)) {
    return wrong("labels are single letters, `...`, commas and one `->`");
  }
  if (terms.length !== call.rest.length) {
    return wrong(`it has ${terms.length} terms for ${call.rest.length} tensors`);
  }
  const nodes = promote(call, call.rest, "a tensor of einsum", "i32");
  if (!nodes) return poison;
  const shapesOf = nodes.map((node) => call.type(node).shape);
  const used = new Set((terms as Term[]).flatMap((term) => [...term.left, ...term.right]));
  const free = letters.filter((letter) => !used.has(letter));
  for (const [i, term] of (terms as Term[]).entries()) {
    const named = term.left.length + term.right.length;
    const rank = shapesOf[i]!.length;
    if (term.open ? rank >= named : rank === named) continue;
    const facts = { input: i + 1, labels: term.left + (term.open ? "..." : "") + term.right, rank };
    return report(call.frame, diagnose(shapes, "shape/einsum-rank", call.rest[i]!.span, facts));
  }
  const openRank = Math.max(
    0,
    ...(terms as Term[]).map((term, i) => (term.open ? shapesOf[i]!.length - term.left.length - term.right.length : 0)),
  );
  if (openRank > free.length) return report(call.frame, diagnose(shapes, "shape/rank", call.span, { rank: openRank }));
  const batch = free.slice(0, openRank);
  // The sizes that `...` has in all tensors together: an axis of 1 stretches, by leaving its label out.
  const together = new Map<string, Dim>();
  const openLabels = (term: Term, shape: Shape): readonly string[] => {
    const count = term.open ? shape.length - term.left.length - term.right.length : 0;
    return batch.slice(openRank - count);
  };
  for (const [i, term] of (terms as Term[]).entries()) {
    for (const [k, label] of openLabels(term, shapesOf[i]!).entries()) {
      const size = shapesOf[i]![term.left.length + k]!;
      const known = together.get(label) ?? 1;
      if (known !== 1 && size !== 1 && !sameDim(known, size)) {
        const facts = { op: "einsum", left: typeText(call.type(nodes[0]!)), right: typeText(call.type(nodes[i]!)) };
        return report(
          call.frame,
          diagnose(shapes, "shape/broadcast", call.span, { ...facts, leftSize: "", rightSize: "" }),
        );
      }
      together.set(label, known === 1 ? size : known);
    }
  }
  const inputs: string[] = [];
  const operands = nodes.map((node, i) => {
    const term = terms[i] as Term;
    const shape = shapesOf[i]!;
    const labels = [...term.left, ...openLabels(term, shape), ...term.right];
    const kept = labels.map((label, d) => !(shape[d] === 1 && together.has(label) && together.get(label) !== 1));
    inputs.push(labels.filter((_, d) => kept[d]).join(""));
    return reshaped(
      call,
      node,
      shape.filter((_, d) => kept[d]),
    );
  });
  const result = output.left + (output.open ? batch.join("") : "") + output.right;
  const unknown = [...result].find((label) => !inputs.some((term) => term.includes(label)));
  if (unknown) return wrong(`\`${unknown}\` stands after \`->\` and in no term before it`);
  if (new Set(result).size !== result.length) return wrong("a label stands twice after `->`");
  const spans = call.rest.map(({ span }) => span);
  return call.make("einsum", operands, { inputs, output: result }, spans);
}

export const einsum = builtin(
  "einsum(labels, *tensors)",
  "Products summed over the labels that are not after `->`: any contraction, diagonal or outer product.",
  build,
);
