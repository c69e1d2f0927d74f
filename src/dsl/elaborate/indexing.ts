// `x[:, 0:10]`, `xs[-1]`: elements and slices of tensors and of lists. Numbers drop the axis; bounds must fit.
import { diagnose } from "../../base/diagnostic.ts";
import { shapes } from "../../base/diagnostics/shapes.ts";
import { types } from "../../base/diagnostics/types.ts";
import { type Span, textOf } from "../../base/span.ts";
import { type Dim, dimText, isStatic, type Shape, shapeText } from "../../ir/types.ts";
import { describe, list, poison, tensorValue, type Value } from "../values.ts";
import { report, shorten } from "./context.ts";
import { factsOf, make, type Operand, type Site, toTensor } from "./make.ts";
import { reshaped } from "./operators.ts";

/** An evaluated item: `..` is the rest, else a value: a number, or a range. */
export type IndexItem =
  | { readonly kind: "rest"; readonly span: Span }
  | { readonly kind: "value"; readonly value: Value; readonly span: Span };

export function indexValue(site: Site, operand: Operand, items: readonly IndexItem[]): Value {
  const { value } = operand;
  if (value.kind === "poison" || items.some((item) => item.kind === "value" && item.value.kind === "poison"))
    return poison;
  if (value.kind === "list") return indexList(site, value, items);
  if (value.kind === "tensor") return indexTensor(site, operand, items);
  return report(site.frame, diagnose(types, "type/index", operand.span, { got: describe(value) }));
}

/** Python's reading: from the end where negative. */
const fromEnd = (index: number, size: number): number => (index < 0 ? index + size : index);

function whole(site: Site, item: IndexItem & { kind: "value" }, value: Value): number | undefined {
  if (value.kind === "number" && Number.isInteger(value.value)) return value.value;
  const facts = { what: "an index", got: describe(value), text: shorten(textOf(item.span)) };
  report(site.frame, diagnose(types, "type/whole", item.span, facts));
  return undefined;
}

function indexList(site: Site, value: Value & { kind: "list" }, items: readonly IndexItem[]): Value {
  const [item] = items;
  if (items.length !== 1 || item?.kind !== "value") {
    return report(site.frame, diagnose(types, "type/list-index", site.span, { count: items.length }));
  }
  const size = value.items.length;
  const outside = (from: number, to: number): Value =>
    report(
      site.frame,
      diagnose(shapes, "shape/list-index", item.span, { index: shorten(textOf(item.span)), from, to, size }),
    );
  if (item.value.kind === "range") {
    const from = fromEnd(item.value.from ?? 0, size);
    const to = fromEnd(item.value.to ?? size, size);
    return from < 0 || to > size || from > to ? outside(from, to) : list(value.items.slice(from, to));
  }
  const index = whole(site, item, item.value);
  if (index === undefined) return poison;
  return value.items[fromEnd(index, size)] ?? outside(index, index);
}

function indexTensor(site: Site, operand: Operand, items: readonly IndexItem[]): Value {
  const node = toTensor(site, operand, "an indexed value");
  if (node === undefined) return poison;
  const { builder } = site.frame.pass;
  const { shape } = builder.type(node);
  const rests = items.filter((item) => item.kind === "rest").length;
  const used = items.length - rests;
  if (rests > 1 || used > shape.length) {
    const facts = { text: shorten(textOf(operand.span)), shape: shapeText(shape), used, rank: shape.length, rests };
    const notes = factsOf(builder, node, operand.span);
    return report(site.frame, diagnose(shapes, "shape/index-rank", site.span, facts, notes));
  }
  const starts: number[] = [];
  const sizes: Dim[] = [];
  const kept: Dim[] = [];
  const keepWhole = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const size = shape[starts.length]!;
      starts.push(0);
      sizes.push(size);
      kept.push(size);
    }
  };
  for (const item of items) {
    if (item.kind === "rest") {
      keepWhole(shape.length - used);
      continue;
    }
    const axis = starts.length;
    const size = shape[axis]!;
    const { value } = item;
    if (value.kind === "range" && value.from === null && value.to === null) {
      keepWhole(1);
      continue;
    }
    if (!isStatic(size)) {
      return report(site.frame, diagnose(shapes, "shape/index-rows", item.span, { axis, size: dimText(size) }));
    }
    const outside = (): Value => {
      const facts = { index: shorten(textOf(item.span)), axis, size, shape: shapeText(shape) };
      return report(
        site.frame,
        diagnose(shapes, "shape/index", item.span, facts, factsOf(builder, node, operand.span)),
      );
    };
    if (value.kind === "range") {
      const from = fromEnd(value.from ?? 0, size);
      const to = fromEnd(value.to ?? size, size);
      if (from < 0 || to > size || from >= to) return outside();
      starts.push(from);
      sizes.push(to - from);
      kept.push(to - from);
      continue;
    }
    if (value.kind === "tensor") {
      return report(site.frame, diagnose(types, "type/index-tensor", item.span, { text: shorten(textOf(item.span)) }));
    }
    const index = whole(site, item, value);
    if (index === undefined) return poison;
    const place = fromEnd(index, size);
    if (place < 0 || place >= size) return outside();
    starts.push(place);
    sizes.push(1);
  }
  keepWhole(shape.length - starts.length);
  return sliced(site, operand, starts, sizes, kept);
}

function sliced(site: Site, operand: Operand, starts: readonly number[], sizes: Shape, kept: Shape): Value {
  const node = toTensor(site, operand, "an indexed value")!;
  const cut = make(site, "slice", [node], { starts, sizes }, [operand.span]);
  return cut.kind === "tensor" ? tensorValue(cut.builder, reshaped(site, cut.node, kept)) : cut;
}
