// Primitives that are more than a function of their values: gradients, sums over parameters, files.
import { diagnose } from "../../base/diagnostic.ts";
import { model } from "../../base/diagnostics/model.ts";
import { types } from "../../base/diagnostics/types.ts";
import { textOf } from "../../base/span.ts";
import type { Builder, NodeId } from "../../ir/graph.ts";
import { typeText } from "../../ir/types.ts";
import { describe, list, poison, tensorValue, type Value } from "../values.ts";
import { type BuiltinCall, builtin } from "./builtin.ts";
import { report, shorten, userSpan } from "./context.ts";
import { cast, constant, here, type Operand, toTensor } from "./make.ts";

/** Whether `to` is among what `from` is computed from. */
function dependsOn(b: Builder, from: NodeId, to: NodeId): boolean {
  const seen = new Set<NodeId>([from]);
  const work = [from];
  for (let id = work.pop(); id !== undefined; id = work.pop()) {
    if (id === to) return true;
    for (const input of b.at(id).inputs) {
      if (input < to || seen.has(input)) continue;
      seen.add(input);
      work.push(input);
    }
  }
  return false;
}

/** A name, or a list of names: an expression in its place has a value, but nothing was computed from that value. */
const namesOnly = /^(?:\(*\w+\)*|[[(][\s\w,]*[\])])$/;

export const grad = builtin(
  "grad(e, v)",
  "The gradient of a scalar e with respect to a binding v (or a list of them), of v's shape.",
  (call) => {
    const operand = call.operand("e");
    const node = toTensor(call, operand, "e of grad");
    if (node === undefined) return poison;
    const type = call.type(node);
    if (type.shape.length > 0 || type.dtype !== "f32") {
      const facts = { text: shorten(textOf(operand.span)), got: typeText(type) };
      return report(call.frame, diagnose(types, "type/grad-scalar", operand.span, facts));
    }
    const v = call.operand("v");
    const text = textOf(v.span);
    if (!namesOnly.test(text)) {
      return report(call.frame, diagnose(types, "type/grad-target", v.span, { text, got: "an expression" }));
    }
    if (v.value.kind !== "list") return gradientOf(call, node, v);
    return list(v.value.items.map((value) => gradientOf(call, node, { value, span: v.span })));
  },
);

function gradientOf(call: BuiltinCall, e: NodeId, v: Operand): Value {
  if (v.value.kind === "poison") return poison;
  const b = call.frame.pass.builder;
  const text = shorten(textOf(v.span));
  if (v.value.kind !== "tensor" || b.type(v.value.node).dtype !== "f32") {
    return report(call.frame, diagnose(types, "type/grad-target", v.span, { text, got: describe(v.value) }));
  }
  const target = here(call, v)!;
  if (!dependsOn(b, e, target)) {
    const facts = { text, of: shorten(textOf(call.operand("e").span)) };
    return report(call.frame, diagnose(types, "type/grad-unreached", v.span, facts));
  }
  return call.make("grad", [e, target], {}, call.spans("e", "v"));
}

export const stopGradient = builtin(
  "stop_gradient(x)",
  "The same value as a constant for gradients; of a function, the function with its parameters as constants.",
  (call) => stopped(call, call.operand("x")),
);

function stopped(call: BuiltinCall, operand: Operand): Value {
  const { value } = operand;
  if (value.kind === "function") return { ...value, frozen: true };
  if (value.kind === "list") return list(value.items.map((item) => stopped(call, { value: item, span: operand.span })));
  if (value.kind !== "tensor") return value;
  const node = here(call, operand);
  return node === undefined ? poison : call.make("stop_gradient", [node]);
}

export const load = builtin("load(file, name=)", "A constant read from an .npy or .safetensors file.", (call) => {
  const file = call.text("file");
  const tensor = call.has("name") ? call.text("name") : "";
  if (file === undefined || tensor === undefined) return poison;
  const span = userSpan(call.frame, call.operand("file").span);
  const { tensorFile } = call.frame.pass.session.options;
  if (!tensorFile)
    return report(call.frame, diagnose(model, "model/load", span, { file, problem: "no files can be read here" }));
  const found = tensorFile(file, tensor === "" ? undefined : tensor, span);
  if ("code" in found) {
    call.frame.pass.session.report(found);
    return poison;
  }
  return call.make("load", [], { file, tensor, dtype: found.dtype, shape: found.shape });
});

/**
 * The sum of a scalar over all parameters of the optimizer's entry. It needs the value for every parameter, so the
 * optimizer is evaluated in rounds: a place met for the first time is collected, and known in the next round.
 */
export const total = builtin(
  "total(e, *, groups=)",
  "In an optimizer: the scalar e summed over all parameters of its entry; over all trained ones with `groups = all`.",
  (call) => {
    const operand = call.operand("e");
    const site = call.frame.optimizer;
    if (!site) return report(call.frame, diagnose(model, "model/total", call.span, {}));
    const everywhere = call.has("groups");
    const groups = call.optional("groups")?.value;
    if (groups && !(groups.kind === "string" && groups.value === "all")) {
      const facts = { what: "groups of total", expected: "all", got: describe(groups) };
      return report(call.frame, diagnose(types, "type/expected", call.operand("groups").span, facts));
    }
    const node = toTensor(call, operand, "e of total");
    if (node === undefined) return poison;
    const type = call.type(node);
    if (type.shape.length > 0) {
      const facts = { text: shorten(textOf(operand.span)), got: typeText(type) };
      return report(call.frame, diagnose(types, "type/total-scalar", operand.span, facts));
    }
    const b = call.frame.pass.builder;
    const base = [...call.frame.path.slice(site.base), "total"].join(".");
    const count = site.seen.get(base) ?? 0;
    site.seen.set(base, count + 1);
    const place = `${base}_${count}`;
    const known = site.totals.known.get(place);
    if (known !== undefined) return tensorValue(b, known);
    const found = site.totals.found.get(place) ?? { values: [], everywhere, clean: true, span: call.span };
    site.totals.found.set(place, found);
    found.values.push(cast(call, node, "f32"));
    found.clean &&= !site.stopped;
    site.stopped = true;
    return tensorValue(b, constant(call, 0, "f32"));
  },
);
