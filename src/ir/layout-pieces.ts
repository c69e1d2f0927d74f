// Ops that move elements, as expressions of the language.
import { call, level, numberPiece, type Piece, type Site, within, word } from "./pieces.ts";
import { type Dim, dimText, isStatic, type Shape, sameDim, sameShape, shapeText } from "./types.ts";

export function transposePiece({ node, args }: Site): Piece {
  const perm = node.attrs["perm"] as readonly number[];
  const last = perm.length - 1;
  const swapsLast =
    last >= 1 && perm.every((from, to) => from === (to === last ? last - 1 : to === last - 1 ? last : to));
  if (swapsLast) return word(`${within(args[0]!, level.postfix)}.T`);
  return call("transpose", args[0]!.text, `[${perm.join(", ")}]`);
}

/** `x[1:3, :, 0:2]`; slices along N, which the language has no spelling for, are reshaped to whole runs of N first. */
export function slicePiece({ graph, node, args }: Site): Piece {
  const { starts, sizes } = node.attrs as unknown as { readonly starts: Shape; readonly sizes: Shape };
  const { shape } = graph.nodes[node.inputs[0]!]!.type;
  const items: string[] = [];
  const runs: Dim[] = [];
  for (const [axis, size] of shape.entries()) {
    const [start, count] = [starts[axis]!, sizes[axis]!];
    if (sameDim(size, count)) items.push(":");
    else if (isStatic(size)) items.push(`${dimText(start)}:${Number(start) + Number(count)}`);
    else {
      const from = isStatic(start) ? start : start.perRow;
      const to = from + (isStatic(count) ? count : count.perRow);
      items.push(`${from}:${to}`, ":");
      runs.push(size.perRow);
    }
    runs.push(isStatic(size) || sameDim(size, count) ? size : { perRow: 1 });
  }
  const isSplit = runs.length > shape.length;
  const from = isSplit ? call("reshape", args[0]!.text, shapeText(runs)) : args[0]!;
  const of = within(from, level.postfix);
  const part = partPiece(of, items);
  return isSplit ? call("reshape", part.text, shapeText(sizes)) : { ...part, part: { of, items } };
}

/** `x[1:3, :, 0]` */
function partPiece(of: string, items: readonly string[]): Piece {
  const last = items.findLastIndex((item) => item !== ":");
  return word(`${of}[${items.slice(0, last + 1).join(", ")}]`);
}

/** A reshape; one that drops the axes of which a slice took a single place is the index there: `x[:, 3]`. */
export function reshapePiece({ graph, node, args }: Site): Piece {
  const part = args[0]!.part;
  if (part) {
    const { sizes } = graph.nodes[node.inputs[0]!]!.attrs as unknown as { readonly sizes: Shape };
    const isSingle = (axis: number): boolean => sizes[axis] === 1 && part.items[axis] !== ":";
    if (
      sameShape(
        sizes.filter((_, axis) => !isSingle(axis)),
        node.type.shape,
      )
    ) {
      return partPiece(
        part.of,
        part.items.map((item, axis) => (isSingle(axis) ? item.split(":")[0]! : item)),
      );
    }
  }
  return call("reshape", args[0]!.text, shapeText(node.type.shape));
}

/** `pad(x, …)`; along N, which `pad` does not take, blocks of the value are put beside. */
export function padPiece({ graph, node, args }: Site): Piece {
  const pairs = node.attrs["pairs"] as readonly (readonly [Dim, Dim])[];
  const value = numberPiece(Number(node.attrs["value"])).text;
  let text = args[0]!.text;
  const fixed = pairs.map(([low, high]) => (isStatic(low) && isStatic(high) ? `[${low}, ${high}]` : "[0, 0]"));
  if (fixed.some((pair) => pair !== "[0, 0]")) {
    text = call("pad", text, `[${fixed.join(", ")}]`, value === "0" ? undefined : `value=${value}`).text;
  }
  const shape = [...graph.nodes[node.inputs[0]!]!.type.shape];
  for (const [axis, [low, high]] of pairs.entries()) {
    if (isStatic(low) && isStatic(high)) shape[axis] = node.type.shape[axis]!;
  }
  for (const [axis, [low, high]] of pairs.entries()) {
    if (isStatic(low) && isStatic(high)) continue;
    const block = (size: Dim): string[] =>
      sameDim(size, 0) ? [] : [`broadcast(${value}, ${shapeText(shape.with(axis, size))})`];
    text = call("concat", `[${[...block(low), text, ...block(high)].join(", ")}]`, `axis=${axis}`).text;
    shape[axis] = node.type.shape[axis]!;
  }
  return word(text);
}
